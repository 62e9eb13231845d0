//! `GET /api/v1/engagement`.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use repute_query::{
    Clock, Engagement, EngagementQuery, EngagementRows, Selection, engagement_report, engagement_table,
};

use super::answer::csv;
use super::question::{is_dimension, read_format, read_number, read_selection};
use super::rates::read_stepping;
use super::schema::{EngagementParameters, EngagementReport, LIMITS, USUAL_LIMIT};
use crate::access::Visitor;
use crate::failure::{ApiFailure, Failure};
use crate::parameters::Parameters;
use crate::sight;
use crate::state::AppState;

const ENGAGEMENT: [&str; 9] = ["since", "until", "clock", "window", "zone", "by", "limit", "rows", "format"];

/// Opens and clicks, likely bots apart.
///
/// The same as `repute engagement --format json` or `csv`. Unless told otherwise the range is that in which mail was sent, and its opens
/// and clicks count up to now.
#[utoipa::path(
    get, path = "/api/v1/engagement", tag = "engagement", params(EngagementParameters),
    responses((status = 200, description = "Opens and clicks, in all and divided.",
        content((EngagementReport = "application/json"), (String = "text/csv")))),
)]
pub(crate) async fn engagement(
    State(state): State<AppState>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiFailure> {
    let parameters = Parameters::strict(query.as_deref(), &ENGAGEMENT, is_dimension)?;
    let selection = read_selection(&parameters, state.now())?;
    let clock = if parameters.one("clock")?.is_none() { Clock::Sent } else { selection.clock };
    let stepping = read_stepping(&parameters, &selection)?;
    let limit = read_number(&parameters, "limit", LIMITS, USUAL_LIMIT)?;
    let query = EngagementQuery { selection: Selection { clock, ..selection }, stepping, groups: limit, links: limit };
    let rows = match parameters.one("rows")? {
        None => EngagementRows::usual(&query),
        Some(text) => EngagementRows::ALL.into_iter().find(|rows| rows.as_str() == text).ok_or_else(|| {
            let known = EngagementRows::ALL.map(EngagementRows::as_str).join(", ");
            Failure::parameter("rows", format!("`rows` is `{text}`; known are {known}"))
        })?,
    };
    let as_csv = read_format(&parameters)?;
    let reader = state.current()?;
    let found = repute_query::engagement(&reader, &query).await?;
    let found = shown(&visitor, &found);
    let by = &query.selection.by;
    if as_csv {
        return Ok(csv("engagement", &engagement_table(&found, by, rows))?);
    }
    Ok(Json(visitor.json(engagement_report(&found, by))).into_response())
}

/// Links may hold addresses.
fn shown(visitor: &Visitor, found: &Engagement) -> Engagement {
    let mut found = found.clone();
    found.links = found.links.into_iter().map(|link| sight::link(visitor, link)).collect();
    for value in found.groups.iter_mut().flat_map(|group| &mut group.group).flatten() {
        *value = sight::text(visitor, value).into_owned();
    }
    found
}
