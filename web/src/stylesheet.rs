//! The one stylesheet, part of the executable, served under a name that changes with its content.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;

const STYLE: &str = include_str!("../static/style.css");

/// As it is sent: what is there for its authors alone weighs on nobody.
static SENT: LazyLock<String> = LazyLock::new(|| plain(STYLE));

static PATH: LazyLock<String> = LazyLock::new(|| format!("/static/style-{:016x}.css", fnv1a(STYLE.as_bytes())));

/// Where it is served.
pub(crate) fn path() -> &'static str {
    &PATH
}

/// Serves it, to be kept as long as the browser likes: another version has another name.
pub(crate) async fn serve() -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, SENT.as_str())
}

/// The same rules without comments, indents and empty lines; no text of ours holds the signs of a comment.
fn plain(style: &str) -> String {
    let mut parts = style.split("/*");
    let first = parts.next().unwrap_or_default();
    let rules: String = std::iter::once(first).chain(parts.filter_map(|part| Some(part.split_once("*/")?.1))).collect();
    rules.lines().map(str::trim).filter(|line| !line.is_empty()).flat_map(|line| [line, "\n"]).collect()
}

/// FNV-1a, 64 bits: stable across builds.
pub(crate) const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn comments_are_left_out() {
        assert_eq!(plain("/* a */\n\nb { c: d; }\n  e { } /* f\n g */\n"), "b { c: d; }\ne { }\n");
        assert!(!SENT.contains("/*"));
    }
}
