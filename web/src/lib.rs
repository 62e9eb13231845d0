//! The dashboard and JSON API of repute.
//!
//! ```text
//! request ── problem, guard (headers, Host, time) ── access ── admission ──> parameters ──> filters
//!                                                             │ one question to repute-query
//!                                                             ├──> pages    HTML, with charts inlined
//!                                                             ├──> chart    data -> SVG
//!                                                             └──> api      JSON, the same as the command line's
//! ```
//! Beside those guards stand the live routes (`ingest`), whose senders prove themselves.
//! Nothing but a `POST` changes anything, and only an operator's (`access`). Every text that came with an event is somebody else's,
//! and leaves here through an escaping template, the SVG writer or the URL encoder.

pub mod access;
mod admission;
pub mod alerting;
mod guard;
pub mod ingest;
mod mend;
mod routes;
mod state;
mod watched;

mod failure;
mod moment;
mod parameters;
mod problem;

mod checks;
mod filters;
mod history;
pub mod measure;
mod outlook;
mod sight;
mod zone;

pub mod chart;
mod format;
pub mod image;

mod api;
mod metrics;
mod pages;
mod script;
mod stylesheet;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use tower_http::compression::CompressionLayer;

use routes::Routes;

pub use admission::Capacity;
pub use api::document as openapi;
pub use mend::{Mended, Mender, Retry, StillBad};
pub use routes::Audience;
pub use state::{AppState, Now, Options};
pub use watched::{Messages, Watched};

/// Asks what the overview asks, so that its answers are there when somebody opens it; a failure is only logged.
pub async fn warm_up(state: &AppState) {
    pages::warm_up(state).await;
}

/// The one list of routes.
fn routes() -> Routes {
    let (api, paths) = api::routes();
    Routes::new()
        .route("/", get(pages::overview))
        .route("/rates", get(pages::rates_page))
        .route("/providers", get(pages::providers))
        .route("/campaigns", get(pages::campaigns))
        .route("/bounces", get(pages::bounces))
        .route("/alerts", get(pages::alerts))
        .route("/alerts/{rule}", get(pages::alert_rule).post(pages::save_rule))
        .route("/silences", get(pages::silences).post(pages::make_silence))
        .route("/silences/{id}/end", post(pages::end_silence))
        .route("/import", get(pages::imports))
        .route("/import/quarantine", get(pages::quarantine))
        .route("/import/quarantine/retry", axum::routing::post(pages::retry))
        .route("/import/quarantine/{id}", get(pages::bad_record))
        .route("/health", get(pages::health))
        .route("/charts/{file}", get(pages::chart))
        .route("/engagement", get(pages::engagement_page))
        .route("/charts/engagement/{file}", get(pages::engagement_chart))
        .route("/delays", get(pages::delays))
        .route("/messages", get(pages::messages))
        .route("/messages/{id}", get(pages::message))
        .merge(api, paths)
        .route("/metrics", get(metrics::metrics))
        .closed("/sign-out", post(access::leave))
        .open("/sign-in", get(access::show_sign_in).post(access::sign_in))
        .open(access::OIDC_START, get(access::start_oidc))
        .open(access::OIDC_DONE, get(access::end_oidc))
        .open("/healthz", get(async || "ok"))
        .open(stylesheet::path(), get(stylesheet::serve))
        .open(script::path(), get(script::serve))
        .deliveries(ingest::routes(), [ingest::FIREHOSE, ingest::SNS])
}

/// Paths of all routes as they are written, such as `/charts/{file}`, and who may ask for them: for tests that try each.
pub fn route_list() -> Vec<(String, Audience)> {
    routes().paths()
}

/// The server.
pub fn app(state: AppState) -> Router {
    let place = from_fn_with_state(state.clone(), admission::admit);
    let admit = from_fn_with_state(state.clone(), access::admit);
    let (pages, deliveries) = routes()
        .into_routers(|answers| answers.layer(place), |closed| closed.fallback(failure::not_found).layer(admit));
    pages
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(state.clone(), guard::limit_time))
        .layer(from_fn_with_state(state.clone(), access::refuse_foreign))
        .layer(from_fn_with_state(state.clone(), guard::allow_host))
        .layer(from_fn(problem::tell))
        .merge(deliveries)
        .layer(from_fn_with_state(state.clone(), guard::set_headers))
        .with_state(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use axum::body::{Body, to_bytes};
    use axum::http::{HeaderMap, Request, StatusCode};
    use serde_json::{Value, json};
    use tower::ServiceExt;

    struct Answer {
        status: StatusCode,
        headers: HeaderMap,
        text: String,
    }

    /// Asks a server that has no lake yet.
    async fn ask(path: &str, host: Option<&str>) -> Answer {
        let now = Arc::new(|| "2026-11-01T12:00:00Z".parse().unwrap());
        let state = AppState::new("/srv/<lake>".to_owned(), now, Options::default())
            .with_hosts(vec!["ses.example.com".to_owned()]);
        let mut request = Request::get(path);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let response = app(state).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    async fn get(path: &str) -> Answer {
        ask(path, Some("localhost:8025")).await
    }

    #[tokio::test]
    async fn every_answer_has_the_security_headers() {
        let paths = ["/", "/healthz", "/nowhere", "/?range=x", "/charts/bounce-rate.svg", "/api/v1/rates"]
            .into_iter()
            .chain([stylesheet::path(), script::path()]);
        for (path, host) in paths.map(|path| (path, "localhost")).chain([("/", "evil.example")]) {
            let headers = ask(path, Some(host)).await.headers;
            assert_eq!(
                headers["content-security-policy"],
                "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
                 form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
                "{path}"
            );
            assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
            assert_eq!(headers["referrer-policy"], "same-origin", "{path}");
            let kept = [stylesheet::path(), script::path()].contains(&path);
            assert_eq!(headers["cache-control"], if kept { "public, max-age=31536000, immutable" } else { "no-store" });
        }
    }

    #[tokio::test]
    async fn strangers_names_are_refused() {
        for host in [Some("evil.example"), Some("localhost.evil.example"), Some(""), None] {
            let answer = ask("/", host).await;
            assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{host:?}");
            assert!(!answer.text.contains("lake"), "{}", answer.text);
        }
        for host in ["127.0.0.1:8025", "[::1]:8025", "localhost", "ses.example.com"] {
            assert_eq!(ask("/", Some(host)).await.status, StatusCode::OK, "{host}");
        }
    }

    #[tokio::test]
    async fn without_a_lake_the_page_says_what_to_run() {
        let answer = get("/").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.text.contains("<h1 id=\"what\">No events yet</h1>"), "{}", answer.text);
        assert!(answer.text.contains("repute import ./ses-events --lake /srv/&#60;lake&#62;"), "{}", answer.text);
        assert_eq!(get("/healthz").await.text, "ok");
        assert_eq!(get("/charts/complaint-rate.svg").await.status, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn a_wrong_value_is_a_page_that_says_so() {
        for (path, what) in [
            ("/?range=fortnight", "`range` is `fortnight`; known are 24h, 7d, 21d, 90d, all"),
            ("/?from=%3Cb%3E", "`from` is `&#60;b&#62;`, which is no time"),
            ("/charts/bounce-rate.svg?to=never", "`to` is `never`, which is no time"),
        ] {
            let answer = get(path).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
            assert!(answer.text.contains(what), "{path}: {}", answer.text);
        }
        assert_eq!(get("/nowhere").await.status, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn the_api_answers_with_problems() {
        for (path, status, detail) in [
            ("/api/v1/rates?clock=wall", 400, "`clock` is `wall`; known are event, sent"),
            ("/api/v1/check?window=1h", 400, "unknown parameter `window`; none is known here"),
            ("/api/v1/rates?since=24h", 503, "no events have been imported yet"),
            ("/api/v1/reputation", 503, "no events have been imported yet"),
            ("/api/v1/nothing", 404, "nothing is served under this address"),
        ] {
            let answer = get(path).await;
            assert_eq!(answer.headers["content-type"], "application/problem+json", "{path}");
            let problem: Value = serde_json::from_str(&answer.text).unwrap();
            assert_eq!(
                (problem["status"].clone(), problem["detail"].clone()),
                (json!(status), json!(detail)),
                "{path}"
            );
        }
    }

    #[tokio::test]
    async fn the_page_names_the_stylesheet_and_the_script_that_are_served() {
        let page = get("/").await.text;
        assert!(page.contains(&format!("href=\"{}\"", stylesheet::path())));
        let style = get(stylesheet::path()).await;
        assert_eq!(style.headers["content-type"], "text/css; charset=utf-8");
        assert!(style.text.contains("light-dark("));
        assert!(page.contains(&format!("src=\"{}\"", script::path())));
        let script = get(script::path()).await;
        assert_eq!(script.headers["content-type"], "text/javascript; charset=utf-8");
    }
}
