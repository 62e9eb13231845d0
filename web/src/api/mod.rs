//! The JSON API: the command line's reports over HTTP, and what else the pages show.
//!
//! A noun's handler lives in the file of its name, and what it takes and answers is described in the file of the same name below
//! `schema`. A handler's doc comment is its text in the OpenAPI document, the first line its summary. What every operation may answer
//! beside what it says itself (problems), and who may ask, is added by `document`.

mod answer;
mod document;
mod problems;
mod question;
mod schema;

mod bounces;
mod check;
mod delays;
mod engagement;
mod health;
mod imports;
mod incidents;
mod messages;
mod objects;
mod quarantine;
mod rates;
mod reputation;
mod rules;
mod silences;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub use document::document;

/// The routes of the API, described.
fn described() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(document::frame())
        .routes(routes!(rates::rates))
        .routes(routes!(bounces::bounces))
        .routes(routes!(reputation::reputation))
        .routes(routes!(check::check))
        .routes(routes!(rules::rules))
        .routes(routes!(rules::rule_preview))
        .routes(routes!(incidents::incidents))
        .routes(routes!(silences::silences, silences::make_silence))
        .routes(routes!(silences::end_silence))
        .routes(routes!(imports::imports))
        .routes(routes!(objects::objects))
        .routes(routes!(quarantine::quarantine))
        .routes(routes!(quarantine::bad_record))
        .routes(routes!(quarantine::retry))
        .routes(routes!(health::health))
        .routes(routes!(messages::messages))
        .routes(routes!(engagement::engagement))
        .routes(routes!(delays::delays))
        .routes(routes!(problems::problems))
        .routes(routes!(problems::problem))
        .routes(routes!(document::openapi))
}

/// The routes of the API, with their paths.
pub(crate) fn routes() -> (axum::Router<AppState>, Vec<String>) {
    let (router, description) = described().split_for_parts();
    (router, description.paths.paths.into_keys().collect())
}
