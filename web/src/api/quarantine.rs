//! `GET /api/v1/quarantine`, `GET /api/v1/quarantine/{id}`, `POST /api/v1/quarantine/retry`.
//!
//! Whoever may not see addresses gets places and classes; messages and bytes are null, and `refused` says why.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use repute_query::{BadFilter, KeptRecord, Table};
use serde_json::{Value, json};

use super::answer::csv;
use super::objects::{MOST, USUAL, time};
use super::question::{read_format, read_number, read_range};
use super::schema::{BadRecordReport, MendedReport, QuarantineParameters, QuarantineReport, RetryRequest};
use crate::access::{Act, Visitor};
use crate::failure::{ApiFailure, Failure};
use crate::mend::{Mended, Retry};
use crate::pages::{REFUSED, mend};
use crate::parameters::Parameters;
use crate::state::AppState;

/// A record of so many bytes is only the beginning of one.
const KEPT: usize = 64 << 10;

const PARAMETERS: [&str; 9] = ["since", "until", "zone", "class", "object", "resolved", "limit", "after", "format"];

/// Records that could not be read, newest first.
///
/// With the classes of the whole lake. Whoever may not see addresses gets places and classes only.
#[utoipa::path(
    get, path = "/api/v1/quarantine", tag = "import", params(QuarantineParameters),
    responses((status = 200, description = "A page of bad records, and all classes.",
        content((QuarantineReport = "application/json"), (String = "text/csv")))),
)]
pub(crate) async fn quarantine(
    State(state): State<AppState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiFailure> {
    let parameters = Parameters::strict(query.as_deref(), &PARAMETERS, |_| false)?;
    let (since, until) = read_range(&parameters, state.now())?;
    let with_resolved = match parameters.one("resolved")? {
        None | Some("no") => false,
        Some("yes") => true,
        Some(text) => {
            return Err(Failure::parameter("resolved", format!("`resolved` is `{text}`; known are yes, no")).into());
        }
    };
    let filter = BadFilter {
        since,
        until,
        class: parameters.one("class")?.map(str::to_owned),
        object: parameters.one("object")?.unwrap_or_default().to_owned(),
        with_resolved,
    };
    let limit = read_number(&parameters, "limit", (1, MOST), USUAL)?;
    let after = parameters.one("after")?.map(|text| read_id(text).map(|()| text)).transpose()?;
    let as_csv = read_format(&parameters)?;
    let reader = state.current()?;
    let books = reader.books().ok_or(Failure::NoLake)?;
    let list = books.bad.list(&filter, after, limit).await.map_err(anyhow::Error::from)?;
    let list = list.map_err(|error| Failure::Unanswerable(error.to_string()))?;
    if as_csv {
        return Ok(csv("quarantine", &table(&list.records, &visitor))?);
    }
    let classes = books.bad.classes().into_iter().map(|class| {
        json!({"class": class.class, "bad": class.open, "made_good": class.resolved, "newest": time(class.newest)})
    });
    let report = json!({
        "classes": classes.collect::<Vec<_>>(),
        "records": list.records.iter().map(|record| record_json(record, &visitor)).collect::<Vec<_>>(),
        "total": list.total,
        "next": list.next,
        "refused": refused(&visitor),
    });
    Ok(Json(report).into_response())
}

/// One record that could not be read.
///
/// With the bytes that were kept, 64 KiB at most. Whoever may not see addresses gets place and class only.
#[utoipa::path(
    get, path = "/api/v1/quarantine/{id}", tag = "import",
    params(("id" = String, Path, description = "The record's `id`.", pattern = "^[0-9a-f]{16}$")),
    responses(
        (status = 200, description = "The record.", body = BadRecordReport),
        (status = 404, description = "No bad record has that id."),
    ),
)]
pub(crate) async fn bad_record(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiFailure> {
    Parameters::strict(query.as_deref(), &[], |_| false)?;
    let reader = state.current()?;
    let books = reader.books().ok_or(Failure::NoLake)?;
    let kept = books.bad.record(&id).await.map_err(anyhow::Error::from)?.ok_or(Failure::NotFound)?;
    let mut report = record_json(&kept, &visitor);
    let raw = &kept.record.raw;
    report["raw_base64"] = visitor.reveals().then(|| STANDARD.encode(raw)).into();
    report["raw_is_cut"] = (raw.len() >= KEPT).into();
    report["refused"] = refused(&visitor).into();
    Ok(Json(report))
}

/// Read bad records again.
///
/// Those that can be read now are imported; the others stay. Needs the role `operator`. At most 5,000 records of a class at once.
#[utoipa::path(
    post, path = "/api/v1/quarantine/retry", tag = "import", request_body = RetryRequest,
    responses(
        (status = 200, description = "What became of each record.", body = MendedReport),
        (status = 404, description = "No bad record has that id."),
    ),
)]
pub(crate) async fn retry(
    State(state): State<AppState>,
    act: Act<BTreeMap<String, String>>,
) -> Result<Json<Value>, ApiFailure> {
    let Act { visitor, form } = act;
    let which = match (form.get("id"), form.get("class")) {
        (Some(id), None) => {
            read_id(id)?;
            Retry::One(id.clone())
        }
        (None, Some(class)) => Retry::Class(class.clone()),
        _ => return Err(Failure::BadRequest("give an `id` or a `class` to retry".to_owned()).into()),
    };
    Ok(Json(mended_json(&mend(&state, which).await?, &visitor)))
}

/// Sixteen hexadecimal digits.
fn read_id(text: &str) -> Result<(), Failure> {
    if text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(());
    }
    Err(Failure::BadRequest(format!("`{text}` is no id of a bad record")))
}

fn refused(visitor: &Visitor) -> Option<&'static str> {
    (!visitor.sees_addresses).then_some(REFUSED)
}

fn record_json(kept: &KeptRecord, visitor: &Visitor) -> Value {
    let record = &kept.record;
    json!({
        "id": kept.id,
        "quarantined_at": time(record.quarantined_at),
        "class": record.class,
        "object": record.object.name,
        "etag": record.object.etag,
        "byte_offset": record.byte_offset,
        "line": record.line,
        "part": record.part,
        "message": visitor.reveals().then_some(&record.message),
        "resolved_at": kept.resolved.as_ref().map(|(at, _)| time(*at)),
        "resolution": kept.resolved.as_ref().map(|(_, outcome)| outcome),
    })
}

fn table(records: &[KeptRecord], visitor: &Visitor) -> Table {
    let header = ["id", "quarantined_at", "class", "object", "byte_offset", "line", "part", "message", "resolution"];
    let row = |kept: &KeptRecord| {
        let record = &kept.record;
        vec![
            kept.id.clone(),
            time(record.quarantined_at),
            record.class.clone(),
            record.object.name.clone(),
            record.byte_offset.to_string(),
            record.line.to_string(),
            record.part.to_string(),
            if visitor.reveals() { record.message.clone() } else { String::new() },
            kept.resolved.as_ref().map(|(_, outcome)| outcome.clone()).unwrap_or_default(),
        ]
    };
    Table { header: header.map(str::to_owned).into(), rows: records.iter().map(row).collect() }
}

fn mended_json(mended: &Mended, visitor: &Visitor) -> Value {
    let still_bad = mended
        .still_bad
        .iter()
        .map(|bad| json!({"id": bad.id, "class": bad.class, "message": visitor.reveals().then_some(&bad.message)}));
    json!({
        "retried": mended.tried(),
        "resolved": mended.resolved,
        "still_bad": still_bad.collect::<Vec<_>>(),
        "cut": mended.cut,
        "resolved_before": mended.before,
        "left": mended.left,
        "records": {"events": mended.events, "duplicates": mended.duplicates},
        "rows": mended.rows,
        "failure": mended.failure,
    })
}
