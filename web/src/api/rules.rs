//! `GET /api/v1/rules` and `GET /api/v1/rules/{name}/preview`.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use chrono::SecondsFormat;
use repute_query::{Compare, Confidence, Counting, Dimension, Missing, Rule, Window, backtest_report, explain_rule};
use serde_json::{Map, Value, json};

use super::schema::{PreviewParameters, RuleDescription, RulePreview};
use crate::alerting::{RULE_KEYS, RuleChanges};
use crate::failure::{ApiFailure, Failure};
use crate::pages::{RuleOrigin, preview};
use crate::parameters::Parameters;
use crate::state::AppState;

/// Every alert rule in force.
///
/// What each finds is told by `/api/v1/check`.
#[utoipa::path(
    get, path = "/api/v1/rules", tag = "alerts",
    responses((status = 200, description = "The rules, the default ones first.", body = Vec<RuleDescription>)),
)]
pub(crate) async fn rules(State(state): State<AppState>, RawQuery(query): RawQuery) -> Result<Json<Value>, ApiFailure> {
    Parameters::strict(query.as_deref(), &[], |_| false)?;
    let options = state.options();
    Ok(Json(options.rules.iter().map(|rule| described(rule, RuleOrigin::of(rule, options.last_sends))).collect()))
}

fn described(rule: &Rule, origin: RuleOrigin) -> Value {
    let only = rule.only.iter().map(|(dimension, value)| (dimension.to_string(), json!(value)));
    let watches = explain_rule(rule).into_iter().find(|(label, _)| *label == "watches").map(|(_, what)| what);
    let (window, last_sends) = match rule.window {
        Window::Minutes(minutes) => (Some(minutes), None),
        Window::LastSends(sends) => (None, Some(sends)),
    };
    json!({
        "name": rule.name,
        "watches": watches,
        "origin": origin.as_str(),
        "metric": rule.metric.as_str(),
        "counting": match rule.counting {
            Counting::Aws => "aws",
            Counting::Plain => "plain",
        },
        "clock": rule.clock.as_str(),
        "window_minutes": window,
        "last_sends": last_sends,
        "by": rule.by.iter().map(Dimension::to_string).collect::<Vec<_>>(),
        "only": only.collect::<Map<_, _>>(),
        "total": rule.total,
        "compare": match rule.compare {
            Compare::Above => "above",
            Compare::Below => "below",
        },
        "warn": rule.warn,
        "critical": rule.critical,
        "min_sends": rule.min_sends,
        "min_events": rule.min_events,
        "confidence": match rule.confidence {
            Confidence::Rate => "rate",
            Confidence::Interval => "interval",
            Confidence::IntervalOfGroups => "interval of groups",
        },
        "for_minutes": rule.pending_minutes,
        "keep_firing_for_minutes": rule.keep_minutes,
        "hits": [rule.hits.0, rule.hits.1],
        "no_data": match rule.missing {
            Missing::NoData => "no_data",
            Missing::Keep => "keep",
            Missing::Ok => "ok",
            Missing::Warning => "warning",
            Missing::Critical => "critical",
        },
        "look_back_minutes": rule.look_back_minutes,
    })
}

/// A rule with other thresholds, played through the last 30 days beside the one in force.
///
/// Values are written as in `repute.toml`. Nothing is changed by it. Rules over the last sends, and those that are read off once, are
/// looked at once a day.
#[utoipa::path(
    get, path = "/api/v1/rules/{name}/preview", tag = "alerts",
    params(("name" = String, Path, description = "The rule's name."), PreviewParameters),
    responses(
        (status = 200, description = "When either would have fired.", body = RulePreview),
        (status = 404, description = "There is no such rule."),
    ),
)]
pub(crate) async fn rule_preview(
    State(state): State<AppState>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiFailure> {
    let known: Vec<&str> = RULE_KEYS.into_iter().chain(["without"]).collect();
    let parameters = Parameters::strict(query.as_deref(), &known, |_| false)?;
    let changes = read_changes(&parameters)?;
    let options = state.options();
    let missing = || Failure::Missing(format!("there is no rule `{name}`"));
    let rule = options.rules.iter().find(|rule| rule.name == name).ok_or_else(missing)?;
    let desk =
        state.desk().ok_or_else(|| Failure::Unanswerable("this server has no configuration to try".to_owned()))?;
    let tried = desk.tried(rule, &changes).await.map_err(Failure::from)?;
    let reader = state.current()?;
    let now = state.now();
    let compared = preview::compare(&reader, rule, &tried.rule, now, options.reset).await?;
    let compared = compared.ok_or(Failure::TooSlow(preview::LIMIT))?;
    let time = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    Ok(Json(json!({
        "rule": name,
        "since": time(now - preview::BACK),
        "until": time(now),
        "in_force": backtest_report(&compared.present),
        "changed": backtest_report(&compared.changed),
        "toml": tried.toml,
    })))
}

fn read_changes(parameters: &Parameters) -> Result<RuleChanges, Failure> {
    let mut changes = RuleChanges::new();
    for key in RULE_KEYS {
        if let Some(value) = parameters.one(key)? {
            changes.push((key.to_owned(), value.to_owned()));
        }
    }
    for key in parameters.list("without") {
        if !RULE_KEYS.contains(&key) {
            let what = format!("`without` holds `{key}`; known are {}", RULE_KEYS.join(", "));
            return Err(Failure::parameter("without", what));
        }
        if changes.iter().any(|(of, _)| of == key) {
            let what = format!("`{key}` is given a value and left out, or left out twice");
            return Err(Failure::Unfit("without".to_owned(), what));
        }
        changes.push((key.to_owned(), String::new()));
    }
    Ok(changes)
}
