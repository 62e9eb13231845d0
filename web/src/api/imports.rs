//! `GET /api/v1/imports`.

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{Books, DayFiles, ImportRun, LogStanding, RollupStanding, TableStatistics};
use serde_json::{Value, json};

use super::objects::time;
use super::question::read_range;
use super::schema::{ImportsParameters, ImportsReport};
use crate::access::Visitor;
use crate::chart::Lags;
use crate::failure::{ApiFailure, Failure};
use crate::parameters::Parameters;
use crate::state::AppState;
use crate::watched::Watched;

const PARAMETERS: [&str; 3] = ["since", "until", "zone"];

/// How fresh the lake is, and what imports did.
///
/// Lags, the imports that found something new, and what the lake takes on the disk.
#[utoipa::path(
    get, path = "/api/v1/imports", tag = "import", params(ImportsParameters),
    responses((status = 200, description = "Freshness, lags, imports and sizes.", body = ImportsReport)),
)]
pub(crate) async fn imports(
    State(state): State<AppState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiFailure> {
    let parameters = Parameters::strict(query.as_deref(), &PARAMETERS, |_| false)?;
    let now = state.now();
    let (since, until) = read_range(&parameters, now)?;
    let reader = state.current()?;
    let books = reader.books().ok_or(Failure::NoLake)?;
    let newest = reader.newest_event(now).await?;
    let is_in = |run: &&ImportRun| {
        since.is_none_or(|since| run.span.1 >= since) && until.is_none_or(|until| run.span.0 < until)
    };
    let runs = state.runs();
    let mut report = json!({
        "newest_event": newest.map(time),
        "newest_import": books.objects.totals().last_import.map(time),
        "is_stale": newest.is_none_or(|newest| now - newest > state.options().max_age),
        "max_age_seconds": state.options().max_age.num_seconds(),
        "lag": lag(books, since, until),
        "watched": state.watched().iter().map(watched).collect::<Vec<_>>(),
        "imports": runs.iter().filter(is_in).map(run).collect::<Vec<_>>(),
    });
    report["sizes"] = sizes(books, reader.rollup_standing().await.as_ref());
    Ok(Json(visitor.json(report)))
}

/// Lags of objects by their oldest and by their newest event, in seconds.
fn lag(books: &Books, since: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>) -> Value {
    let lags = |of: fn([DateTime<Utc>; 3]) -> TimeDelta| Lags::of(books.objects.spans(since, until).map(of).collect());
    let seconds = |lag: TimeDelta| lag.num_milliseconds() as f64 / 1_000.0;
    let report = |lags: Option<Lags>| {
        lags.map(|lags| json!({"p50": seconds(lags.p50), "p95": seconds(lags.p95), "max": seconds(lags.max)}))
    };
    let oldest = lags(|[at, first, _]| at - first);
    json!({
        "objects": oldest.map_or(0, |lags| lags.objects),
        "oldest_event_seconds": report(oldest),
        "newest_event_seconds": report(lags(|[at, _, last]| at - last)),
    })
}

fn run(run: &ImportRun) -> Value {
    json!({
        "began": time(run.span.0),
        "ended": time(run.span.1),
        "sources": run.sources,
        "objects": {"listed": run.listed, "imported": run.imported, "skipped": run.skipped, "failed": run.failed},
        "failures": run.failures.iter().map(|failed| json!({"object": failed.object, "reason": failed.reason})).collect::<Vec<_>>(),
        "error": run.error,
    })
}

fn watched(one: &Watched) -> Value {
    json!({
        "source": one.source,
        "last_success": one.last_success.map(time),
        "last_import": one.last_import.map(time),
        "lag_seconds": one.lag.map(|lag| lag.num_milliseconds() as f64 / 1_000.0),
        "imported": one.imported,
        "failures": one.failures,
        "trouble": one.trouble,
        "unreadable": one.unreadable,
        "messages": one.messages.map(|messages| json!({
            "received": messages.received, "deleted": messages.deleted, "refused": messages.refused,
        })),
    })
}

fn sizes(books: &Books, rollups: Option<&RollupStanding>) -> Value {
    let table = |table: &TableStatistics| {
        json!({
            "table": table.table, "version": table.version, "rows": table.rows, "files": table.files,
            "small_files": table.small_files, "bytes": table.bytes,
        })
    };
    let day = |day: &DayFiles| {
        let kept = rollups.and_then(|kept| kept.by_date.get(&day.date));
        json!({
            "date": day.date.to_string(), "rows": day.rows, "files": day.files, "small_files": day.small_files,
            "bytes": day.bytes, "rollup_bytes": kept,
        })
    };
    let log = |log: &LogStanding| json!({"table": log.table, "version": log.version, "checkpoint": log.checkpoint, "entries_behind": log.entries});
    json!({
        "tables": books.tables.iter().map(table).collect::<Vec<_>>(),
        "rollups": rollups.map(|kept| json!({
            "files": kept.files, "bytes": kept.bytes, "dates": kept.dates, "counted_dates": kept.counted_dates,
            "rows_behind": kept.rows_behind,
        })),
        "dates": books.days.iter().map(day).collect::<Vec<_>>(),
        "logs": books.logs.iter().map(log).collect::<Vec<_>>(),
        "compaction_due": {"files": books.compaction_due.0, "bytes": books.compaction_due.1},
    })
}
