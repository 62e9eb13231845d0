//! `GET /api/v1/incidents`.

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::question::read_range;
use super::schema::{IncidentReport, IncidentsParameters};
use crate::alerting::Incident;
use crate::failure::{ApiFailure, Failure};
use crate::parameters::Parameters;
use crate::state::AppState;

const PARAMETERS: [&str; 5] = ["since", "until", "zone", "rule", "state"];

/// Incidents that checks remember: what is wrong, and what was.
///
/// An incident is a rule that is WARNING or CRITICAL for an account or group, from when a check first sees it until one sees that it is
/// over. `repute check` writes them down; there are none where it does not run.
#[utoipa::path(
    get, path = "/api/v1/incidents", tag = "alerts", params(IncidentsParameters),
    responses((status = 200, description = "Those that are open, then those that are over, the latest end first.", body = Vec<IncidentReport>)),
)]
pub(crate) async fn incidents(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiFailure> {
    let parameters = Parameters::strict(query.as_deref(), &PARAMETERS, |_| false)?;
    let (since, until) = read_range(&parameters, state.now())?;
    let rule = parameters.one("rule")?;
    let is_open = match parameters.one("state")? {
        None | Some("all") => None,
        Some("open") => Some(true),
        Some("over") => Some(false),
        Some(text) => {
            return Err(Failure::parameter("state", format!("`state` is `{text}`; known are open, over, all")).into());
        }
    };
    let wanted = |incident: &&Incident| {
        let end = incident.end.as_ref().map(|(at, _)| *at);
        until.is_none_or(|until| incident.since < until)
            && since.is_none_or(|since| end.is_none_or(|end| end >= since))
            && rule.is_none_or(|rule| incident.rule == rule)
            && is_open.is_none_or(|is_open| end.is_none() == is_open)
    };
    Ok(Json(state.remembered().incidents.iter().filter(wanted).map(report).collect()))
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn report(incident: &Incident) -> Value {
    let group = incident.group.iter().map(|(dimension, value)| (dimension.to_string(), json!(value)));
    json!({
        "id": incident.id,
        "rule": incident.rule,
        "of_rule": incident.is_of_rule,
        "account_id": incident.account_id,
        "group": group.collect::<Map<_, _>>(),
        "metric": incident.metric.map(|metric| metric.as_str()),
        "state": incident.severity.as_str(),
        "worst": incident.worst.as_str(),
        "sentence": incident.sentence,
        "value": incident.value,
        "why": incident.why,
        "since": time(incident.since),
        "seen": time(incident.seen),
        "muted": incident.is_muted,
        "ended": incident.end.as_ref().map(|(at, _)| time(*at)),
        "ending": incident.end.as_ref().map(|(_, why)| why),
        "told": incident.told,
    })
}
