//! Requests that another site's page makes a browser send.

use axum::extract::{Request, State};
use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;

use super::admit::{is_for_programs, told};
use crate::failure::Failure;
use crate::state::AppState;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what would change something at the wish of another site's page: browsers say where such a request comes from.
pub(crate) async fn refuse_foreign(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if !is_safe && is_foreign(request.headers(), state.access().origin().as_deref()) {
        let what = "the request comes from a page of another site".to_owned();
        return told(Failure::Forbidden(what), is_for_programs(request.uri().path()));
    }
    next.run(request).await
}

/// Whether a page of another site, or of another host of this site, has caused the request. Programs say nothing of that.
fn is_foreign(headers: &HeaderMap, own: Option<&str>) -> bool {
    let site = headers.get_all(FETCH_SITE).into_iter();
    if site.into_iter().any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none")) {
        return true;
    }
    let hosts: Vec<&str> = headers.get_all(HOST).into_iter().filter_map(|host| host.to_str().ok()).collect();
    headers.get_all(ORIGIN).into_iter().any(|origin| {
        let Some(origin) = origin.to_str().ok() else { return true };
        let is_own = own.is_some_and(|own| own.eq_ignore_ascii_case(origin));
        // Behind a proxy that ends TLS the scheme is another one than ours.
        let authority = origin.strip_prefix("https://").or(origin.strip_prefix("http://"));
        let is_host = authority.is_some_and(|authority| hosts.iter().any(|host| host.eq_ignore_ascii_case(authority)));
        !is_own && !is_host
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(headers: &[(&'static str, &'static str)]) -> bool {
        let pairs = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        is_foreign(&pairs.collect(), Some("https://ses.example.com"))
    }

    #[test]
    fn only_our_own_pages_are_let_through() {
        const OURS: (&str, &str) = ("host", "127.0.0.1:8025");
        for own in [
            &[OURS][..],
            &[OURS, ("origin", "http://127.0.0.1:8025")],
            &[OURS, ("origin", "https://127.0.0.1:8025")],
            &[OURS, ("origin", "https://ses.example.com")],
            &[OURS, ("sec-fetch-site", "same-origin")],
            &[OURS, ("sec-fetch-site", "none")],
        ] {
            assert!(!foreign(own), "{own:?}");
        }
        for other in [
            ("origin", "https://evil.example"),
            ("origin", "http://127.0.0.1"),
            ("origin", "http://127.0.0.1:80"),
            ("origin", "https://ses.example.com.evil.example"),
            ("origin", "null"),
            ("origin", ""),
            ("origin", "127.0.0.1:8025"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "Same-Origin"),
        ] {
            assert!(foreign(&[OURS, other]), "{other:?}");
        }
        assert!(foreign(&[OURS, ("origin", "http://127.0.0.1:8025"), ("sec-fetch-site", "cross-site")]));
        assert!(foreign(&[("origin", "http://127.0.0.1:8025")]), "no host to compare with");
    }
}
