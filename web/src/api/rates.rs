//! `GET /api/v1/rates`.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use repute_query::{LocalDays, Selection, Stepping, rates_report, rates_table};

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
    let rows = repute_query::rates(&reader, &selection, stepping).await?;
    if rows.len() > MOST_ROWS {
        let what = format!(
            "{} rows, more than {MOST_ROWS}; choose a wider window, a shorter range or fewer groups",
            rows.len()
        );
        return Err(Failure::Unanswerable(what).into());
    }
    if as_csv {
        return Ok(csv("rates", &visitor.table(rates_table(&rows, &selection.by, false)))?);
    }
    Ok(Json(visitor.json(rates_report(&rows, &selection.by, false))).into_response())
}

/// Windows of whole days follow the zone's midnights; others are the same everywhere.
pub(super) fn read_stepping(parameters: &Parameters, selection: &Selection) -> Result<Stepping, Failure> {
    const DAY: i64 = 86_400_000_000;
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
