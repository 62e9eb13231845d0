//! `GET /api/v1/rates`.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use repute_query::{LocalDays, Rates, Reader, Selection, Stepping, rates_report, rates_table, rates_text, thousands};

use super::answer::csv;
use super::question::{is_dimension, read_exact_zone, read_format, read_selection};
use super::schema::{RatesParameters, RatesRow};
use crate::access::Visitor;
use crate::failure::{ApiFailure, Failure};
use crate::parameters::Parameters;
use crate::state::AppState;
use crate::zone::Zone;

/// An answer with more rows is refused.
const MOST_ROWS: usize = 100_000;

/// In microseconds.
const DAY: i64 = 86_400_000_000;

pub(super) const RATES: [&str; 7] = ["window", "since", "until", "by", "clock", "zone", "format"];

/// Counts and rates per window and group.
///
/// The same as `repute rates --format json` or `csv`, ordered by window and group. An answer of more than 100,000 rows is refused.
#[utoipa::path(
    get, path = "/api/v1/rates", tag = "rates", params(RatesParameters),
    responses((status = 200, description = "One row per window and group that has any event.",
        content((Vec<RatesRow> = "application/json"), (String = "text/csv")))),
)]
pub(crate) async fn rates(
    State(state): State<AppState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiFailure> {
    let parameters = Parameters::strict(query.as_deref(), &RATES, is_dimension)?;
    let selection = read_selection(&parameters, state.now())?;
    let stepping = read_stepping(&parameters, &selection)?;
    let as_csv = read_format(&parameters)?;
    let width = selection.width.filter(|_| stepping == Stepping::Tumbling);
    let selection = Selection { width, ..selection };
    let reader = state.current()?;
    refuse_beyond(windows(&reader, &selection).await?, "windows")?;
    let rows = repute_query::rates(&reader, &selection, stepping).await?;
    refuse_beyond(rows.len(), "rows")?;
    if as_csv {
        return Ok(csv("rates", &rates_table(&rows, &selection.by, false))?);
    }
    let text = rates_text(&rows, &selection.by);
    // Written as text where no address can stand in it, which is quicker; else value by value, by who may see them.
    if text.contains('@') {
        return Ok(Json(visitor.json(rates_report(&rows, &selection.by, false))).into_response());
    }
    let json = [(CONTENT_TYPE, "application/json")];
    Ok((json, text).into_response())
}

/// How many windows there are, at most, in the days that hold any event: known before anything is counted.
async fn windows(reader: &Reader, selection: &Selection) -> Result<usize, Failure> {
    let Some(width) = selection.width.filter(|width| *width < DAY) else { return Ok(0) };
    // The same question whatever is asked for, so that it is answered once for a version of the lake.
    let by_day = Selection { clock: selection.clock, width: Some(DAY), ..Selection::default() };
    let days = repute_query::rates(reader, &by_day, Stepping::Tumbling).await?;
    let is_asked = |day: &&Rates| {
        day.window_end.zip(selection.since).is_none_or(|(end, since)| since < end)
            && day.window_start.zip(selection.until).is_none_or(|(start, until)| start < until)
    };
    let length = selection.since.zip(selection.until).and_then(|(since, until)| (until - since).num_microseconds());
    let windows = |length: i64| usize::try_from(length / width + 1).unwrap_or(usize::MAX);
    let of_days = windows(DAY).saturating_mul(days.iter().filter(is_asked).count());
    Ok(length.map_or(of_days, |length| of_days.min(windows(length))))
}

fn refuse_beyond(number: usize, of: &str) -> Result<(), Failure> {
    if number <= MOST_ROWS {
        return Ok(());
    }
    let (number, most) = (thousands(number as u64), thousands(MOST_ROWS as u64));
    let what = format!("{number} {of}, more than {most}; choose a wider window, a shorter range or fewer groups");
    Err(Failure::Unanswerable(what))
}

/// Windows of whole days follow the zone's midnights; others are the same everywhere.
pub(super) fn read_stepping(parameters: &Parameters, selection: &Selection) -> Result<Stepping, Failure> {
    let zone = read_exact_zone(parameters)?;
    if parameters.one("zone")?.is_none() || zone == Zone::UTC || selection.width.is_none() {
        return Ok(Stepping::Tumbling);
    }
    let days = selection.width.filter(|width| width % DAY == 0).and_then(|width| u32::try_from(width / DAY).ok());
    days.map(|days| Stepping::Days(LocalDays { zone: zone.0, days })).ok_or_else(|| {
        let what = "`zone` needs a `window` of whole days such as `1d`; shorter ones are the same everywhere";
        Failure::Unanswerable(what.to_owned())
    })
}
