//! `GET /api/v1/reputation`.

use axum::Json;
use axum::extract::{RawQuery, State};
use repute_query::{ReputationQuery, reputation_report};
use serde_json::Value;

use super::schema::ReputationReport;
use crate::failure::ApiFailure;
use crate::parameters::Parameters;
use crate::state::AppState;

/// The rates AWS judges by.
///
/// The same as `repute reputation --format json`, as of now, over the server's volume and from its reset date.
#[utoipa::path(
    get, path = "/api/v1/reputation", tag = "reputation",
    responses((status = 200, description = "Every account and configuration set.", body = ReputationReport)),
)]
pub(crate) async fn reputation(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiFailure> {
    Parameters::strict(query.as_deref(), &[], |_| false)?;
    let reader = state.current()?;
    let options = state.options();
    let query = ReputationQuery { last_sends: options.last_sends, since: options.reset, as_of: Some(state.now()) };
    let rows = repute_query::reputation(&reader, &query).await?;
    Ok(Json(reputation_report(&rows, options.last_sends, reader.rules())))
}
