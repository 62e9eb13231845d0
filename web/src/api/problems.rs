//! `GET /api/v1/problems`: what the types of problems mean.

use axum::Json;
use axum::extract::{Path, RawQuery};
use serde_json::{Value, json};

use super::schema::{ProblemName, ProblemTypeDescription};
use crate::failure::{ApiFailure, Failure};
use crate::parameters::Parameters;
use crate::problem::ProblemType;

/// All types of problems.
///
/// Every answer that is no success is a problem document (RFC 9457) of one of these types.
#[utoipa::path(
    get, path = "/api/v1/problems", tag = "description",
    responses((status = 200, description = "The types, by status.", body = Vec<ProblemTypeDescription>)),
)]
pub(crate) async fn problems(RawQuery(query): RawQuery) -> Result<Json<Value>, ApiFailure> {
    Parameters::strict(query.as_deref(), &[], |_| false)?;
    Ok(Json(ProblemType::ALL.into_iter().map(describe).collect()))
}

/// One type of problems: where the member `type` of a problem points.
#[utoipa::path(
    get, path = "/api/v1/problems/{name}", tag = "description",
    params(("name" = inline(ProblemName), Path, description = "The last part of the type's URI.")),
    responses(
        (status = 200, description = "The type.", body = ProblemTypeDescription),
        (status = 404, description = "There is no such type."),
    ),
)]
pub(crate) async fn problem(Path(name): Path<String>, RawQuery(query): RawQuery) -> Result<Json<Value>, ApiFailure> {
    Parameters::strict(query.as_deref(), &[], |_| false)?;
    let kind = ProblemType::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or(Failure::NotFound)?;
    Ok(Json(describe(kind)))
}

fn describe(kind: ProblemType) -> Value {
    json!({"type": kind.uri(), "title": kind.title(), "status": kind.status().as_u16(), "meaning": kind.meaning()})
}
