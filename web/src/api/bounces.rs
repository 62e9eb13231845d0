//! `GET /api/v1/bounces`.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use repute_query::{BounceClass, BounceQuery, MOST_REASONS, bounces_report, bounces_table};

use super::{csv, is_dimension, read_format, read_selection};
use crate::failure::{ApiFailure, Failure};
use crate::parameters::Parameters;
use crate::state::AppState;

const BOUNCES_PARAMETERS: [&str; 6] = ["since", "until", "by", "class", "limit", "format"];

/// `GET /api/v1/bounces`: `since`, `until`, `by`, `class`, `limit`, `format`, and any dimension by its name.
#[utoipa::path(get, path = "/api/v1/bounces", summary = "Why mail bounced: equal reasons together", responses((status = 200)))]
pub(crate) async fn bounces(State(state): State<AppState>, RawQuery(query): RawQuery) -> Result<Response, ApiFailure> {
    let parameters = Parameters::strict(query.as_deref(), &BOUNCES_PARAMETERS, is_dimension)?;
    let selection = read_selection(&parameters, state.now())?;
    let classes = parameters.list("class").into_iter().map(str::parse::<BounceClass>).collect::<Result<_, _>>();
    let limit = match parameters.one("limit")? {
        None => 50,
        Some(text) => text.parse().ok().filter(|limit| (1..=MOST_REASONS).contains(limit)).ok_or_else(|| {
            Failure::BadRequest(format!("`limit` is `{text}`; give a number from 1 to {MOST_REASONS}"))
        })?,
    };
    let query = BounceQuery {
        since: selection.since,
        until: selection.until,
        by: selection.by,
        only: selection.only,
        classes: classes.map_err(|error: repute_query::UnknownClass| Failure::BadRequest(error.to_string()))?,
        limit,
        with_addresses: false,
    };
    let as_csv = read_format(&parameters)?;
    let reader = state.current()?;
    let found = repute_query::bounce_reasons(&reader, &query).await?;
    if as_csv {
        return Ok(csv("bounces", &bounces_table(&found, &query.by))?);
    }
    Ok(Json(bounces_report(&found, &query.by)).into_response())
}
