//! The OpenAPI document: generated from the handlers, and completed with what holds for all of them.
//!
//! ```text
//! frame (title, tags, security) ── handlers with their schemas ──> described ── problems, closed objects ──> document
//! ```

use std::sync::OnceLock;

use axum::extract::RawQuery;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::schema::ProblemDocument;
use crate::failure::ApiFailure;
use crate::parameters::Parameters;
use crate::problem::{PROBLEM_JSON, ProblemType};

/// What stands before any route is known. An operation's tag must be one of these.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "repute",
        description = "Bounce and complaint rates as Amazon SES counts them, and what else the dashboard shows.\n\n\
            Rates are fractions or null, never 0 where there is no data; counts are of recipient rows; times are RFC 3339 in UTC. \
            Parameters are taken to the letter: an unknown, empty or repeated one is refused. Every failure is a problem document \
            (RFC 9457). Answers are for programs, not for other sites' pages: no CORS headers are sent.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        version = env!("CARGO_PKG_VERSION"),
    ),
    servers((url = "/", description = "The server that serves this document")),
    components(schemas(ProblemDocument)),
    tags(
        (name = "rates", description = "Counts and rates over time and by dimension"),
        (name = "reputation", description = "The rates AWS judges by"),
        (name = "bounces", description = "Why mail bounced"),
        (name = "messages", description = "Single messages and their events"),
        (name = "engagement", description = "Opens and clicks"),
        (name = "delays", description = "How long deliveries take"),
        (name = "alerts", description = "Rules, their states, silences and history"),
        (name = "import", description = "Imported objects, and records that could not be read"),
        (name = "health", description = "Why something is empty or old"),
        (name = "description", description = "The API itself"),
    ),
)]
struct Frame;

/// The document without routes.
pub(super) fn frame() -> utoipa::openapi::OpenApi {
    Frame::openapi()
}

/// This document.
///
/// OpenAPI 3.1. Clients can be generated from it.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "description",
    responses((status = 200, description = "An OpenAPI document.", body = serde_json::Value)),
)]
pub(crate) async fn openapi(RawQuery(query): RawQuery) -> Result<Response, ApiFailure> {
    static TEXT: OnceLock<String> = OnceLock::new();
    Parameters::strict(query.as_deref(), &[], |_| false)?;
    let text = match TEXT.get() {
        Some(text) => text,
        None => {
            let text = document().map_err(anyhow::Error::from)?.to_string();
            TEXT.get_or_init(|| text)
        }
    };
    Ok(([(CONTENT_TYPE, "application/json")], text.as_str()).into_response())
}

/// The OpenAPI document of the API.
///
/// # Errors
/// Those of its writer.
pub fn document() -> Result<Value, serde_json::Error> {
    let mut document = serde_json::to_value(super::described().into_openapi())?;
    for (name, schema) in members(&mut document["components"]["schemas"]) {
        // Its values are anybody's.
        if name != "Value" {
            close(schema);
        }
    }
    document["components"]["responses"] = problem_responses();
    document["components"]["securitySchemes"] = json!({
        "session": {"type": "apiKey", "in": "cookie", "name": "repute-session", "description": "Set by the sign-in page."},
        "token": {"type": "http", "scheme": "bearer", "description": "An API token, as the server's configuration names it."},
    });
    // Without sign-in the server listens on loopback only, and answers whoever asks.
    document["security"] = json!([{"token": []}, {"session": []}, {}]);
    for (path, item) in members(&mut document["paths"]) {
        for (method, operation) in members(item) {
            add_problems(path, method, operation);
        }
    }
    Ok(document)
}

fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

/// Objects have the properties that are described, and no others.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            if keywords.contains_key("properties") && !keywords.contains_key("additionalProperties") {
                keywords.insert("additionalProperties".to_owned(), false.into());
            }
            keywords.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Which operations may answer a status, beside those that say so themselves. A method that is not there (405) is no operation.
const PROBLEMS: [(u16, Of); 15] = [
    (400, Of::All),
    (401, Of::All),
    (403, Of::All),
    (404, Of::One),
    (409, Of::Change),
    (413, Of::Change),
    (414, Of::All),
    (415, Of::Change),
    (421, Of::All),
    (422, Of::All),
    (429, Of::All),
    (431, Of::All),
    (500, Of::All),
    (503, Of::All),
    (504, Of::All),
];

/// Which operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    All,
    /// Those whose address names something.
    One,
    /// Those that change something.
    Change,
}

/// Problems by status, each with the types it can be.
fn problem_responses() -> Value {
    let mut responses = serde_json::Map::new();
    for kind in ProblemType::ALL {
        let status = kind.status();
        let types = ProblemType::ALL.into_iter().filter(|other| other.status() == status);
        let lines: Vec<String> = types.map(|kind| format!("- `{}`: {}", kind.uri(), kind.meaning())).collect();
        let mut response = json!({
            "description": format!("{}\n\n{}", kind.title(), lines.join("\n")),
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        });
        if [429, 503].contains(&status.as_u16()) {
            let seconds = json!({"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}});
            response["headers"] = json!({"Retry-After": seconds});
        }
        responses.insert(status.as_u16().to_string(), response);
    }
    responses.into()
}

/// What any request may be answered, beside what the operation says itself. A problem that it describes in its own words has the body
/// that all have.
fn add_problems(path: &str, method: &str, operation: &mut Value) {
    let applies = |of| match of {
        Of::All => true,
        Of::One => path.contains('{'),
        Of::Change => method != "get",
    };
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (status, of) in PROBLEMS {
        let name = status.to_string();
        if let Some(own) = responses.get_mut(&name) {
            own["content"] = json!({PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}});
        } else if applies(of) {
            let shared = json!({"$ref": format!("#/components/responses/{name}")});
            responses.insert(name, shared);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn operations(document: &Value) -> Vec<(String, Value)> {
        let paths = document["paths"].as_object().unwrap().iter();
        let of = |(path, item): (&String, &Value)| {
            let operations = item.as_object().unwrap().iter();
            operations.map(|(method, operation)| (format!("{method} {path}"), operation.clone())).collect::<Vec<_>>()
        };
        paths.flat_map(of).collect()
    }

    #[test]
    fn every_operation_says_who_it_is() {
        let document = document().unwrap();
        let tags = document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].clone()).collect::<Vec<_>>();
        let mut names = BTreeSet::new();
        for (name, operation) in operations(&document) {
            for text in ["operationId", "summary"] {
                assert!(operation[text].as_str().is_some_and(|text| !text.is_empty()), "{name} has no {text}");
            }
            assert!(names.insert(operation["operationId"].to_string()), "{name}");
            assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{name}");
            assert!(tags.contains(&operation["tags"][0]), "{name}: {}", operation["tags"]);
            let responses = operation["responses"].as_object().unwrap();
            let has_success = responses.iter().any(|(status, response)| {
                status.starts_with('2') && response["description"].as_str().is_some_and(|text| !text.is_empty())
            });
            assert!(has_success, "{name}");
            for status in ["400", "401", "403", "500", "503", "504"] {
                assert!(responses.contains_key(status), "{name} says nothing of {status}");
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{name}: {parameter}");
            }
        }
    }

    #[test]
    fn objects_are_closed_and_put_together_of_nothing() {
        let document = document().unwrap();
        assert_eq!(document["components"]["schemas"]["Counts"]["additionalProperties"], false);
        let group = &document["components"]["schemas"]["RatesRow"]["additionalProperties"]["type"];
        assert_eq!(*group, json!(["string", "null"]));
        assert!(!document.to_string().contains("allOf"), "a flattened struct cannot be closed");
    }
}
