//! `GET /api/v1/health`.

use axum::Json;
use axum::extract::{RawQuery, State};
use repute_query::doctor_report;
use serde_json::Value;

use super::schema::HealthReport;
use crate::access::Visitor;
use crate::failure::ApiFailure;
use crate::pages::advice;
use crate::parameters::Parameters;
use crate::state::AppState;

/// Why something is empty, impossible or not what it seems.
///
/// The doctor's findings, as `repute doctor --lake L --format json` has them. A lake that is missing or damaged is a finding, too.
#[utoipa::path(
    get, path = "/api/v1/health", tag = "health",
    responses((status = 200, description = "Findings, the worst first.", body = HealthReport)),
)]
pub(crate) async fn health(
    State(state): State<AppState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiFailure> {
    Parameters::strict(query.as_deref(), &[], |_| false)?;
    Ok(Json(visitor.json(doctor_report(&advice(&state).await?))))
}
