//! The dashboard and JSON API of repute.
//!
//! ```text
//! request ── guard (headers, Host, time) ──> parameters ──> filters
//!                                                             │ one question to repute-query
//!                                                             ├──> pages    HTML, with charts inlined
//!                                                             ├──> chart    data -> SVG
//!                                                             └──> api      JSON, the same as the command line's
//! ```
//! Reads only: no request changes anything. Every text that came with an event is somebody else's, and leaves here through
//! an escaping template, the SVG writer or the URL encoder.

mod guard;
mod state;

mod failure;
mod moment;
mod parameters;

mod filters;
mod history;

pub mod chart;
mod format;

mod api;
mod pages;
mod stylesheet;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower_http::compression::CompressionLayer;

pub use state::{AppState, Now, Options};

/// Asks what the overview asks, so that its answers are there when somebody opens it; a failure is only logged.
pub async fn warm_up(state: &AppState) {
    pages::warm_up(state).await;
}

/// The one list of routes.
pub fn app(state: AppState) -> Router {
    Router::new()
        .route("/", get(pages::overview))
        .route("/charts/bounce-rate.svg", get(pages::bounce_chart))
        .route("/charts/complaint-rate.svg", get(pages::complaint_chart))
        .route("/api/v1/rates", get(api::rates))
        .route("/api/v1/reputation", get(api::reputation))
        .route("/api/v1/check", get(api::check))
        .route("/healthz", get(async || "ok"))
        .route(stylesheet::path(), get(stylesheet::serve))
        .fallback(failure::not_found)
        .layer(CompressionLayer::new())
        .layer(from_fn(guard::limit_time))
        .layer(from_fn_with_state(state.clone(), guard::allow_host))
        .layer(from_fn(guard::set_headers))
        .with_state(state)
}
