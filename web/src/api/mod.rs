//! The JSON API: the command line's reports over HTTP, and what else the pages show.

mod bounces;
mod check;
mod rates;
mod reputation;

use axum::Json;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{Clock, Dimension, Selection, Table, csv_cell};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::failure::Failure;
use crate::filters::{read_dimension, read_only, read_zone};
use crate::moment::{parse_duration, parse_moment};
use crate::parameters::Parameters;
use crate::state::AppState;

#[derive(OpenApi)]
#[openapi(info(
    title = "repute",
    description = "Bounce and complaint rates as Amazon SES counts them, and what else the dashboard shows.",
    license(name = "Apache-2.0", identifier = "Apache-2.0"),
    version = env!("CARGO_PKG_VERSION"),
))]
struct Description;

/// The routes of the API, and `GET /api/v1/openapi.json`, which describes them.
pub(crate) fn routes() -> axum::Router<AppState> {
    let (router, description) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(rates::rates))
        .routes(routes!(bounces::bounces))
        .routes(routes!(reputation::reputation))
        .routes(routes!(check::check))
        .split_for_parts();
    let description = std::sync::Arc::new(description);
    router.route("/api/v1/openapi.json", axum::routing::get(async move || Json(description.as_ref().clone())))
}

fn is_dimension(name: &str) -> bool {
    name.parse::<Dimension>().is_ok()
}

/// Whether CSV is asked for.
fn read_format(parameters: &Parameters) -> Result<bool, Failure> {
    match parameters.one("format")? {
        None | Some("json") => Ok(false),
        Some("csv") => Ok(true),
        Some(text) => Err(Failure::BadRequest(format!("`format` is `{text}`; known are json, csv"))),
    }
}

/// A table as a file to keep, with cells that a spreadsheet does not take for formulas.
fn csv(name: &str, table: &Table) -> anyhow::Result<Response> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&table.header)?;
    for row in &table.rows {
        writer.write_record(row.iter().map(|cell| csv_cell(cell).into_owned()))?;
    }
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")),
    ];
    Ok((headers, writer.into_inner()?).into_response())
}

fn read_selection(parameters: &Parameters, now: DateTime<Utc>) -> Result<Selection, Failure> {
    let zone = read_zone(parameters)?;
    let moment = |name| {
        let read = |text: &str| {
            let refuse = || {
                let remedy =
                    "an RFC 3339 time such as `2026-10-31T12:00:00Z` or a duration back from now such as `24h`";
                Failure::BadRequest(format!("`{name}` is `{text}`; give {remedy}"))
            };
            parse_moment(text, zone, now).ok_or_else(refuse)
        };
        parameters.one(name)?.map(read).transpose()
    };
    let (since, until) = (moment("since")?, moment("until")?);
    if since.zip(until).is_some_and(|(since, until)| since >= until) {
        return Err(Failure::BadRequest("`since` must be before `until`".to_owned()));
    }
    Ok(Selection {
        clock: read_clock(parameters.one("clock")?)?,
        since,
        until,
        as_of: Some(now + TimeDelta::microseconds(1)),
        width: parameters.one("window")?.map(read_window).transpose()?,
        by: parameters.list("by").into_iter().map(read_dimension).collect::<Result<_, _>>()?,
        only: read_only(parameters)?,
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
    use super::rates::RATES_PARAMETERS;
    use super::*;

    fn read(query: &str) -> Result<Selection, String> {
        let now: DateTime<Utc> = "2026-11-01T12:00:00Z".parse().unwrap();
        let parameters = Parameters::strict(Some(query), &RATES_PARAMETERS, is_dimension);
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
