//! `GET /api/v1/bounces`.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use repute_query::{BounceQuery, MOST_REASONS, bounces_report, bounces_table};

use super::answer::csv;
use super::question::{is_dimension, read_by, read_filters, read_format, read_names, read_number, read_range};
use super::schema::{BouncesParameters, BouncesReport};
use crate::access::Visitor;
use crate::failure::ApiFailure;
use crate::parameters::Parameters;
use crate::state::AppState;

const BOUNCES: [&str; 6] = ["since", "until", "by", "class", "limit", "format"];

/// Why mail bounced: equal reasons together.
///
/// The same as `repute bounces --format json` or `csv`. Addresses in examples are hidden from those without the right to see them.
#[utoipa::path(
    get, path = "/api/v1/bounces", tag = "bounces", params(BouncesParameters),
    responses((status = 200, description = "Bounces by class and by reason, the largest first.",
        content((BouncesReport = "application/json"), (String = "text/csv")))),
)]
pub(crate) async fn bounces(
    State(state): State<AppState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiFailure> {
    let parameters = Parameters::strict(query.as_deref(), &BOUNCES, is_dimension)?;
    let (since, until) = read_range(&parameters, state.now())?;
    let query = BounceQuery {
        since,
        until,
        by: read_by(&parameters)?,
        only: read_filters(&parameters)?,
        classes: read_names(&parameters, "class")?,
        limit: read_number(&parameters, "limit", (1, MOST_REASONS), 50)?,
        with_addresses: visitor.sees_addresses,
    };
    let as_csv = read_format(&parameters)?;
    let reader = state.current()?;
    let found = repute_query::bounce_reasons(&reader, &query).await?;
    if as_csv {
        return Ok(csv("bounces", &bounces_table(&found, &query.by))?);
    }
    Ok(Json(visitor.json(bounces_report(&found, &query.by))).into_response())
}
