//! The JSON API: the command line's reports over HTTP.

use std::time::Duration;

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{
    Clock, Dimension, ReputationQuery, Selection, Stepping, attribute_alarms, check_report, rates_report,
    reputation_report,
};
use serde_json::Value;
use tokio::time::Instant;

use crate::failure::{ApiFailure, Failure};
use crate::filters::read_set;
use crate::moment::{parse_duration, parse_moment};
use crate::parameters::Parameters;
use crate::state::AppState;

/// An answer with more rows is refused.
const MOST_ROWS: usize = 100_000;

const RATES_PARAMETERS: [&str; 6] = ["window", "since", "until", "by", "clock", "configuration_set"];

/// `GET /api/v1/rates`: `window`, `since`, `until`, `by`, `clock`, `configuration_set`.
pub(crate) async fn rates(State(state): State<AppState>, RawQuery(query): RawQuery) -> Result<Json<Value>, ApiFailure> {
    let selection = read_selection(&Parameters::strict(query.as_deref(), &RATES_PARAMETERS)?, state.now())?;
    let reader = state.current()?;
    let rows = repute_query::rates(&reader, &selection, Stepping::Tumbling).await?;
    if rows.len() > MOST_ROWS {
        let what = format!(
            "{} rows, more than {MOST_ROWS}; choose a wider window, a shorter range or fewer groups",
            rows.len()
        );
        return Err(Failure::BadRequest(what).into());
    }
    Ok(Json(rates_report(&rows, &selection.by, false)))
}

/// `GET /api/v1/reputation`: as of now, over the server's volume and from its reset date.
pub(crate) async fn reputation(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiFailure> {
    Parameters::strict(query.as_deref(), &[])?;
    let reader = state.current()?;
    let options = state.options();
    let query = ReputationQuery { last_sends: options.last_sends, since: options.reset, as_of: Some(state.now()) };
    let rows = repute_query::reputation(&reader, &query).await?;
    Ok(Json(reputation_report(&rows, options.last_sends, reader.rules())))
}

/// Where alarms come from is looked into for so long.
const ATTRIBUTION_LIMIT: Duration = Duration::from_secs(5);

/// `GET /api/v1/check`: the server's rules as of now. The state is in the body; a warning is no failure of the request.
pub(crate) async fn check(State(state): State<AppState>, RawQuery(query): RawQuery) -> Result<Json<Value>, ApiFailure> {
    Parameters::strict(query.as_deref(), &[])?;
    let reader = state.current()?;
    let options = state.options();
    let now = state.now();
    let mut result = repute_query::check(&reader, &options.rules, &options.check(now)).await?;
    let deadline = Some(Instant::now() + ATTRIBUTION_LIMIT);
    attribute_alarms(&reader, &options.rules, options.attribute.as_deref(), &mut result, now, deadline).await;
    Ok(Json(check_report(&result)))
}

fn read_selection(parameters: &Parameters, now: DateTime<Utc>) -> Result<Selection, Failure> {
    let moment = |name| {
        let read = |text: &str| {
            let refuse = || {
                let remedy =
                    "an RFC 3339 time such as `2026-10-31T12:00:00Z` or a duration back from now such as `24h`";
                Failure::BadRequest(format!("`{name}` is `{text}`; give {remedy}"))
            };
            parse_moment(text, now).ok_or_else(refuse)
        };
        parameters.one(name)?.map(read).transpose()
    };
    let (since, until) = (moment("since")?, moment("until")?);
    if since.zip(until).is_some_and(|(since, until)| since >= until) {
        return Err(Failure::BadRequest("`since` must be before `until`".to_owned()));
    }
    let dimension = |name: &&str| name.parse::<Dimension>().map_err(|error| Failure::BadRequest(error.to_string()));
    let by = parameters.list("by").iter().map(dimension).collect::<Result<_, _>>()?;
    let set = read_set(parameters)?;
    Ok(Selection {
        clock: read_clock(parameters.one("clock")?)?,
        since,
        until,
        as_of: Some(now + TimeDelta::microseconds(1)),
        width: parameters.one("window")?.map(read_window).transpose()?,
        by,
        only: set.into_iter().map(|set| (Dimension::CONFIGURATION_SET, set)).collect(),
        ..Selection::default()
    })
}

fn read_clock(text: Option<&str>) -> Result<Clock, Failure> {
    match text {
        None | Some("event") => Ok(Clock::Event),
        Some("sent") => Ok(Clock::Sent),
        Some(text) => Err(Failure::BadRequest(format!("`clock` is `{text}`; known are event, sent"))),
    }
}

fn read_window(text: &str) -> Result<i64, Failure> {
    let width = parse_duration(text).filter(|width| *width >= TimeDelta::minutes(1));
    width.and_then(|width| width.num_microseconds()).ok_or_else(|| {
        Failure::BadRequest(format!("`window` is `{text}`; give a duration of a minute or more such as `1h` or `1d`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Selection, String> {
        let now: DateTime<Utc> = "2026-11-01T12:00:00Z".parse().unwrap();
        let parameters = Parameters::strict(Some(query), &RATES_PARAMETERS);
        parameters.and_then(|parameters| read_selection(&parameters, now)).map_err(|failure| match failure {
            Failure::BadRequest(what) => what,
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn a_question_is_read() {
        let selection = read("window=1h&since=24h&until=2026-11-01T00:00:00Z&by=configuration_set&by=provider&clock=sent&configuration_set=a").unwrap();
        assert_eq!(selection.width, Some(3_600_000_000));
        assert_eq!(selection.since.unwrap().to_rfc3339(), "2026-10-31T12:00:00+00:00");
        assert_eq!(selection.until.unwrap().to_rfc3339(), "2026-11-01T00:00:00+00:00");
        assert_eq!(selection.by, [Dimension::CONFIGURATION_SET, Dimension::Provider]);
        assert_eq!(selection.clock, Clock::Sent);
        assert_eq!(selection.only, [(Dimension::CONFIGURATION_SET, Some("a".to_owned()))]);
    }

    #[test]
    fn mistakes_are_named() {
        assert!(read("since=never").unwrap_err().starts_with("`since` is `never`; give an RFC 3339 time"));
        assert_eq!(
            read("window=1s").unwrap_err(),
            "`window` is `1s`; give a duration of a minute or more such as `1h` or `1d`"
        );
        assert_eq!(read("clock=wall").unwrap_err(), "`clock` is `wall`; known are event, sent");
        assert_eq!(read("since=1h&until=2h").unwrap_err(), "`since` must be before `until`");
        assert!(read("by=colour").unwrap_err().starts_with("unknown dimension `colour`; known are configuration_set"));
        assert!(read("group=a").unwrap_err().starts_with("unknown parameter `group`"));
    }
}
