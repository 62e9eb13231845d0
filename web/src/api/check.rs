//! `GET /api/v1/check`.

use std::time::Duration;

use axum::Json;
use axum::extract::{RawQuery, State};
use repute_query::{attribute_alarms, check_report};
use serde_json::Value;
use tokio::time::Instant;

use super::schema::CheckReport;
use crate::access::Visitor;
use crate::failure::ApiFailure;
use crate::parameters::Parameters;
use crate::state::AppState;

/// Where alarms come from is looked into for so long.
const ATTRIBUTION_LIMIT: Duration = Duration::from_secs(5);

/// Every alert rule, judged now.
///
/// The same as `repute check --format json`, by the server's rules. The state is in the body; a warning is no failure of the request.
#[utoipa::path(
    get, path = "/api/v1/check", tag = "alerts",
    responses((status = 200, description = "The state, and every finding, the worst first.", body = CheckReport)),
)]
pub(crate) async fn check(
    State(state): State<AppState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiFailure> {
    Parameters::strict(query.as_deref(), &[], |_| false)?;
    let reader = state.current()?;
    let options = state.options();
    let now = state.now();
    let mut result = repute_query::check(&reader, &options.rules, &options.check(now)).await?;
    let deadline = Some(Instant::now() + ATTRIBUTION_LIMIT);
    attribute_alarms(&reader, &options.rules, options.attribute.as_deref(), &mut result, now, deadline).await;
    Ok(Json(visitor.json(check_report(&result))))
}
