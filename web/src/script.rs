//! The one script, part of the executable, served like the stylesheet. Pages work without it.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;

use crate::stylesheet::fnv1a;

/// The theme comes first, so that it is set before anything is painted.
const SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\n",
    include_str!("../static/theme.js"),
    include_str!("../static/loading.js"),
    include_str!("../static/morph.js"),
    include_str!("../static/live.js"),
    include_str!("../static/chart.js"),
    "})();\n",
);

static PATH: LazyLock<String> = LazyLock::new(|| format!("/static/live-{:016x}.js", fnv1a(SCRIPT.as_bytes())));

/// Where it is served.
pub(crate) fn path() -> &'static str {
    &PATH
}

/// Serves it, to be kept as long as the browser likes: another version has another name.
pub(crate) async fn serve() -> impl IntoResponse {
    let headers =
        [(CONTENT_TYPE, "text/javascript; charset=utf-8"), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, SCRIPT)
}
