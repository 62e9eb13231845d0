//! The charts on their own, to be put into a mail, a chat or another page.

use axum::extract::{RawQuery, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use repute_query::JudgedRate;

use crate::chart::{Colours, Series, Size, Span, rate_chart};
use crate::failure::PageFailure;
use crate::filters::Filters;
use crate::format;
use crate::history::{History, history};
use crate::parameters::Parameters;
use crate::state::AppState;

/// A document of its own may bring its own style, but nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox",
);

/// `GET /charts/bounce-rate.svg`, with the filters of the overview.
pub(crate) async fn bounce_chart(state: State<AppState>, query: RawQuery) -> Result<Response, PageFailure> {
    chart(&state, query.0.as_deref(), JudgedRate::BounceRate).await
}

/// `GET /charts/complaint-rate.svg`, with the filters of the overview.
pub(crate) async fn complaint_chart(state: State<AppState>, query: RawQuery) -> Result<Response, PageFailure> {
    chart(&state, query.0.as_deref(), JudgedRate::ComplaintRate).await
}

/// The title of a chart.
pub(super) fn chart_title(metric: JudgedRate, filters: &Filters) -> String {
    let rate = format!("{} as AWS counts", format::sentence_case(metric.words()));
    match &filters.configuration_set {
        None => rate,
        Some(None) => format!("{rate}, mail without a configuration set"),
        Some(Some(set)) => format!("{rate}, configuration set {}", format::printable(set)),
    }
}

async fn chart(state: &AppState, query: Option<&str>, metric: JudgedRate) -> Result<Response, PageFailure> {
    let now = state.now();
    let filters = Filters::from_query(&Parameters::lenient(query), now)?;
    let reader = state.current()?;
    let empty = History { span: Span::cut(now, now), windows: Vec::new() };
    let found = history(&reader, &filters, now).await?.unwrap_or(empty);
    let series = Series::new(metric, found.span, &found.windows);
    let svg = rate_chart(&series, &chart_title(metric, &filters), metric.as_str(), Size::Wide, Colours::Own)?;
    let headers = [(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml")), (CONTENT_SECURITY_POLICY, POLICY)];
    Ok((headers, svg).into_response())
}
