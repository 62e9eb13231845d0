//! `GET /api/v1/delays`.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use repute_query::{DelayRows, Delays, DelaysQuery, delays_report, delays_table};

use super::answer::csv;
use super::question::{is_dimension, read_format, read_number, read_selection};
use super::rates::read_stepping;
use super::schema::{DelaysParameters, DelaysReport, LIMITS, USUAL_LIMIT};
use crate::access::Visitor;
use crate::failure::{ApiFailure, Failure};
use crate::parameters::Parameters;
use crate::sight;
use crate::state::AppState;

const DELAYS: [&str; 9] = ["since", "until", "clock", "window", "zone", "by", "limit", "rows", "format"];

/// How long deliveries took, what was put off, what still waits.
///
/// The same as `repute delays --format json` or `csv`; what waits is that of now. Whoever may not see addresses gets recipients as
/// `a***@example.com`.
#[utoipa::path(
    get, path = "/api/v1/delays", tag = "delays", params(DelaysParameters),
    responses((status = 200, description = "Times of deliveries, in all and divided, and delays.",
        content((DelaysReport = "application/json"), (String = "text/csv")))),
)]
pub(crate) async fn delays(
    State(state): State<AppState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiFailure> {
    let parameters = Parameters::strict(query.as_deref(), &DELAYS, is_dimension)?;
    let now = state.now();
    let selection = read_selection(&parameters, now)?;
    let stepping = read_stepping(&parameters, &selection)?;
    let limit = read_number(&parameters, "limit", LIMITS, USUAL_LIMIT)?;
    let query = DelaysQuery { selection, stepping, groups: limit, reasons: limit };
    let rows = match parameters.one("rows")? {
        None => DelayRows::usual(&query),
        Some(text) => DelayRows::ALL.into_iter().find(|rows| rows.as_str() == text).ok_or_else(|| {
            let known = DelayRows::ALL.map(DelayRows::as_str).join(", ");
            Failure::parameter("rows", format!("`rows` is `{text}`; known are {known}"))
        })?,
    };
    let as_csv = read_format(&parameters)?;
    let reader = state.current()?;
    let found = repute_query::delays(&reader, &query).await?;
    let found = shown(&visitor, &found);
    let by = &query.selection.by;
    if as_csv {
        return Ok(csv("delays", &delays_table(&found, by, rows))?);
    }
    Ok(Json(visitor.json(delays_report(&found, by, now, limit))).into_response())
}

fn shown(visitor: &Visitor, found: &Delays) -> Delays {
    let mut found = found.clone();
    let delayed = &mut found.delayed;
    let undecided = std::mem::take(&mut delayed.undecided);
    delayed.undecided = undecided.into_iter().map(|one| sight::undecided(visitor, one)).collect();
    let reasons = std::mem::take(&mut delayed.reasons);
    delayed.reasons = reasons.into_iter().map(|reason| sight::delay_reason(visitor, reason)).collect();
    found
}
