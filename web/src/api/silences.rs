//! `GET` and `POST /api/v1/silences`, `POST /api/v1/silences/{id}/end`.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use chrono::{DateTime, SecondsFormat, Utc};
use repute_query::{Dimension, Silence};
use serde_json::{Map, Value, json};

use super::schema::{MadeSilence as MadeSilenceReport, SilenceReport, SilenceRequest, SilencesParameters};
use crate::access::Act;
use crate::alerting::{MadeSilence, SilenceWish};
use crate::failure::{ApiFailure, Failure};
use crate::filters::read_dimension;
use crate::moment::parse_duration;
use crate::pages::{end_made_silence, make_wished_silence};
use crate::parameters::Parameters;
use crate::state::AppState;

/// Silences: those of the configuration, and those that somebody made.
#[utoipa::path(
    get, path = "/api/v1/silences", tag = "alerts", params(SilencesParameters),
    responses((status = 200, description = "Those of the configuration, then those that were made, the latest first.", body = Vec<SilenceReport>)),
)]
pub(crate) async fn silences(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiFailure> {
    let parameters = Parameters::strict(query.as_deref(), &["state"], |_| false)?;
    let all = match parameters.one("state")? {
        None | Some("holding") => false,
        Some("all") => true,
        Some(text) => {
            return Err(Failure::parameter("state", format!("`state` is `{text}`; known are holding, all")).into());
        }
    };
    let (now, options, remembered) = (state.now(), state.options(), state.remembered());
    let of_file =
        options.silences.iter().filter(|silence| all || now < silence.until).map(|silence| of_file(silence, now));
    let made = remembered.silences.iter().filter(|made| all || made.holds(now)).map(|made| report(made, now));
    Ok(Json(of_file.chain(made).collect()))
}

/// Makes a silence, which holds from now on: for checks, their messages and the dashboard alike.
///
/// For people and tokens with the role `operator`. It lasts 30 days at most; its author is whoever asks.
#[utoipa::path(
    post, path = "/api/v1/silences", tag = "alerts", request_body = SilenceRequest,
    responses((status = 201, description = "It holds.", body = MadeSilenceReport)),
)]
pub(crate) async fn make_silence(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    Act { visitor, form }: Act<Value>,
) -> Result<(StatusCode, Json<Value>), ApiFailure> {
    Parameters::strict(query.as_deref(), &[], |_| false)?;
    let now = state.now();
    let wish = read_wish(&form, &visitor.name, now)?;
    let id = make_wished_silence(&state, wish, now).await.map_err(Failure::from)?;
    Ok((StatusCode::CREATED, Json(json!({"id": id}))))
}

/// Ends a silence now. It stays among those that are over, with who ended it.
///
/// For people and tokens with the role `operator`.
#[utoipa::path(
    post, path = "/api/v1/silences/{id}/end", tag = "alerts",
    params(("id" = String, Path, description = "Its name.")),
    responses(
        (status = 204, description = "It is over."),
        (status = 404, description = "There is no such silence, or it is over already."),
    ),
)]
pub(crate) async fn end_silence(
    State(state): State<AppState>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    Act { visitor, .. }: Act<Value>,
) -> Result<StatusCode, ApiFailure> {
    Parameters::strict(query.as_deref(), &[], |_| false)?;
    end_made_silence(&state, &id, &visitor.name, state.now()).await.map_err(Failure::from)?;
    Ok(StatusCode::NO_CONTENT)
}

const FIELDS: [&str; 6] = ["rule", "only", "total", "until", "for", "reason"];

/// What a body asks for; nothing that is not known may stand in it.
fn read_wish(body: &Value, author: &str, now: DateTime<Utc>) -> Result<SilenceWish, Failure> {
    let wrong = |field: &str, what: &str| Failure::parameter(field, format!("`{field}` {what}"));
    let unfit = |field: &str, what: &str| Failure::Unfit(field.to_owned(), format!("`{field}` {what}"));
    let Some(body) = body.as_object() else {
        return Err(Failure::BadRequest(
            "send an object, such as {\"rule\": \"a\", \"for\": \"4h\", \"reason\": \"b\"}".to_owned(),
        ));
    };
    // The token of a form, where one is sent.
    if let Some(name) = body.keys().find(|name| !FIELDS.contains(&name.as_str()) && *name != "token") {
        return Err(Failure::parameter(name, format!("unknown property `{name}`; known are {}", FIELDS.join(", "))));
    }
    let text = |field: &str| match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(wrong(field, "is no string")),
    };
    let until = match (text("until")?, text("for")?) {
        (Some(_), Some(_)) => return Err(unfit("for", "and `until` exclude each other; keep one")),
        (None, None) => return Err(unfit("until", "is missing; give it, or `for`")),
        (Some(until), None) => DateTime::parse_from_rfc3339(until)
            .map(|until| until.to_utc())
            .map_err(|_| wrong("until", "is no time; write it as 2026-10-31T12:00:00Z"))?,
        (None, Some(lasting)) => parse_duration(lasting)
            .and_then(|lasting| now.checked_add_signed(lasting))
            .ok_or_else(|| wrong("for", "is no duration; write it as 4h"))?,
    };
    let total = match body.get("total") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(total)) => *total,
        Some(_) => return Err(wrong("total", "is neither true nor false")),
    };
    Ok(SilenceWish {
        rule: text("rule")?.map(str::to_owned),
        only: read_only(body.get("only"))?,
        total,
        until,
        reason: text("reason")?.ok_or_else(|| wrong("reason", "is missing; say why"))?.to_owned(),
        author: author.to_owned(),
    })
}

fn read_only(only: Option<&Value>) -> Result<Vec<(Dimension, Option<String>)>, Failure> {
    let wrong = || Failure::parameter("only", "`only` is no object of dimensions and their values".to_owned());
    let only = match only {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(only) => only.as_object().ok_or_else(wrong)?,
    };
    let value = |value: &Value| match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(wrong()),
    };
    let read = |(name, found): (&String, &Value)| {
        let dimension = read_dimension(name).map_err(|failure| match failure {
            Failure::BadRequest(what) | Failure::BadParameter(_, what) => Failure::Unfit("only".to_owned(), what),
            other => other,
        })?;
        Ok((dimension, value(found)?))
    };
    only.iter().map(read).collect()
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn common(silence: &Silence) -> Map<String, Value> {
    let only = silence.only.iter().map(|(dimension, value)| (dimension.to_string(), json!(value)));
    let mut object = Map::new();
    object.insert("rule".to_owned(), json!(silence.rule));
    object.insert("only".to_owned(), Value::Object(only.collect()));
    object.insert("total".to_owned(), json!(silence.total));
    object.insert("from".to_owned(), json!(silence.from.map(time)));
    object.insert("until".to_owned(), json!(time(silence.until)));
    object.insert("reason".to_owned(), json!(silence.reason));
    object
}

fn of_file(silence: &Silence, now: DateTime<Utc>) -> Value {
    let mut object = common(silence);
    for name in ["id", "author", "ended", "ended_by"] {
        object.insert(name.to_owned(), Value::Null);
    }
    object.insert("in_file".to_owned(), json!(true));
    object.insert("holds".to_owned(), json!(now < silence.until));
    Value::Object(object)
}

fn report(made: &MadeSilence, now: DateTime<Utc>) -> Value {
    let mut object = common(&made.silence);
    object.insert("id".to_owned(), json!(made.id));
    object.insert("author".to_owned(), json!(made.author));
    object.insert("ended".to_owned(), json!(made.ended.as_ref().map(|(at, _)| time(*at))));
    object.insert("ended_by".to_owned(), json!(made.ended.as_ref().map(|(_, by)| by)));
    object.insert("in_file".to_owned(), json!(false));
    object.insert("holds".to_owned(), json!(made.holds(now)));
    Value::Object(object)
}
