//! `GET /api/v1/objects`.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use repute_query::{BookedObject, ObjectFilter, ObjectList, ObjectState, Table};
use serde_json::{Value, json};

use super::answer::csv;
use super::question::{read_format, read_number, read_range};
use super::schema::{ObjectsParameters, ObjectsReport};
use crate::access::Visitor;
use crate::failure::{ApiFailure, Failure};
use crate::parameters::Parameters;
use crate::state::AppState;

/// Objects of an answer, at most and unless said otherwise.
pub(super) const MOST: usize = 1_000;
pub(super) const USUAL: usize = 100;

const PARAMETERS: [&str; 8] = ["since", "until", "zone", "name", "state", "limit", "after", "format"];

/// Imported objects, newest first.
///
/// With sums over all that fit, in which every record is accounted for: read = events + duplicates + quarantined + ignored.
#[utoipa::path(
    get, path = "/api/v1/objects", tag = "import", params(ObjectsParameters),
    responses((status = 200, description = "A page of the ledger, and sums over all of it that fits.",
        content((ObjectsReport = "application/json"), (String = "text/csv")))),
)]
pub(crate) async fn objects(
    State(state): State<AppState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiFailure> {
    let parameters = Parameters::strict(query.as_deref(), &PARAMETERS, |_| false)?;
    let (since, until) = read_range(&parameters, state.now())?;
    let filter = ObjectFilter {
        since,
        until,
        name: parameters.one("name")?.unwrap_or_default().to_owned(),
        state: parameters.one("state")?.map(read_state).transpose()?,
    };
    let limit = read_number(&parameters, "limit", (1, MOST), USUAL)?;
    let after = read_cursor(&parameters)?;
    let as_csv = read_format(&parameters)?;
    let reader = state.current()?;
    let books = reader.books().ok_or(Failure::NoLake)?;
    let list = books.objects.list(&filter, after, limit);
    let list = list.map_err(|error| Failure::Unanswerable(error.to_string()))?;
    if as_csv {
        return Ok(csv("objects", &table(&list))?);
    }
    Ok(Json(visitor.json(report(&list))).into_response())
}

fn read_state(text: &str) -> Result<ObjectState, Failure> {
    ObjectState::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
        let known = ObjectState::ALL.map(ObjectState::as_str).join(", ");
        Failure::parameter("state", format!("`state` is `{text}`; known are {known}"))
    })
}

/// Reads `after`: a time of import in microseconds and sixteen hexadecimal digits.
fn read_cursor(parameters: &Parameters) -> Result<Option<&str>, Failure> {
    let Some(text) = parameters.one("after")? else { return Ok(None) };
    let is_hexadecimal = |text: &str| text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let is_number = |text: &str| (1..=18).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    match text.split_once('-') {
        Some((at, key)) if is_number(at) && is_hexadecimal(key) => Ok(Some(text)),
        _ => Err(Failure::parameter("after", format!("`after` is `{text}`; give the `next` of an answer before"))),
    }
}

/// A time as programs read it.
pub(super) fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn report(list: &ObjectList) -> Value {
    let sums = &list.sums;
    json!({
        "objects": list.objects.iter().map(object).collect::<Vec<_>>(),
        "next": list.next,
        "sums": {
            "objects": sums.objects,
            "bytes": sums.bytes,
            "records": {
                "read": sums.records,
                "events": sums.events,
                "duplicates": sums.duplicates,
                "quarantined": sums.quarantined,
                "ignored": sums.ignored,
            },
            "rows": sums.rows,
            "conserved": sums.is_conserved(),
        },
    })
}

fn object(booked: &BookedObject) -> Value {
    let object = &booked.object;
    json!({
        "name": object.key.name,
        "etag": object.key.etag,
        "state": booked.state.as_str(),
        "size": object.size,
        "records": {
            "read": object.records,
            "events": object.events,
            "duplicates": object.duplicates,
            "quarantined": object.quarantined,
            "ignored": object.ignored,
        },
        "rows": object.rows,
        "first_event": object.span.map(|(first, _)| time(first)),
        "last_event": object.span.map(|(_, last)| time(last)),
        "imported_at": time(object.imported_at),
        "imported_by": booked.imported_by,
    })
}

fn table(list: &ObjectList) -> Table {
    let header = [
        "name",
        "etag",
        "state",
        "size",
        "records",
        "events",
        "duplicates",
        "quarantined",
        "ignored",
        "rows",
        "first_event",
        "last_event",
        "imported_at",
        "imported_by",
    ];
    let row = |booked: &BookedObject| {
        let object = &booked.object;
        let numbers = [
            object.size,
            object.records,
            object.events,
            object.duplicates,
            object.quarantined,
            object.ignored,
            object.rows,
        ];
        let mut cells = vec![object.key.name.clone(), object.key.etag.clone(), booked.state.as_str().to_owned()];
        cells.extend(numbers.map(|number| number.to_string()));
        cells.extend(
            [object.span.map(|(first, _)| first), object.span.map(|(_, last)| last)]
                .map(|at| at.map(time).unwrap_or_default()),
        );
        cells.extend([time(object.imported_at), booked.imported_by.clone()]);
        cells
    };
    Table { header: header.map(str::to_owned).into(), rows: list.objects.iter().map(row).collect() }
}
