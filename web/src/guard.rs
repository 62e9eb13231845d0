//! What every request passes: security headers, the list of allowed hosts, and a limit of time.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::failure::Failure;
use crate::state::AppState;

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 8] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    // Addresses of pages may hold recipients: other sites get none. Our own forms have to say where they come from.
    (REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (CACHE_CONTROL, "no-store"),
];

/// Browsers that have once come by TLS come by nothing else for a year.
const ONLY_TLS: &str = "max-age=31536000";

/// Adds the headers that a handler has not set itself.
pub(crate) async fn set_headers(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if state.access().is_secure() {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(ONLY_TLS));
    }
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Refuses requests that came under a name which is not this server's: a page of somebody else's whose domain was pointed
/// here (DNS rebinding) sends its own name.
pub(crate) async fn allow_host(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let base = state.access().host();
    let is_base = |host: &str| base.as_deref().is_some_and(|base| base.eq_ignore_ascii_case(host));
    if !is_meant_for(&request, |host| is_allowed(host, state.hosts()) || is_base(host)) {
        let text = "this server does not answer under that host name; add it to the allowed hosts if it should\n";
        return (StatusCode::MISDIRECTED_REQUEST, text).into_response();
    }
    next.run(request).await
}

/// Gives up on requests that take too long.
pub(crate) async fn limit_time(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let limit = state.admission().time;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) if is_api => Failure::TooSlow(limit).into_problem(),
        Err(_) => Failure::TooSlow(limit).into_page(),
    }
}

fn is_meant_for(request: &Request, is_ours: impl Fn(&str) -> bool) -> bool {
    let headers = request.headers().get_all(HOST).into_iter().map(|host| host.to_str().unwrap_or_default());
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let named: Vec<&str> = headers.chain(authority).collect();
    !named.is_empty() && named.into_iter().all(is_ours)
}

fn is_allowed(host: &str, allowed: &[String]) -> bool {
    let name = name_of(host);
    let is_loopback = name.eq_ignore_ascii_case("localhost")
        || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_loopback || allowed.iter().any(|one| one.eq_ignore_ascii_case(host) || one.eq_ignore_ascii_case(name))
}

/// The host without its port. An IPv6 address keeps its brackets.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_are_allowed_with_any_port() {
        for host in ["localhost", "LOCALHOST:8025", "127.0.0.1", "127.0.0.1:80", "127.9.9.9:1", "[::1]", "[::1]:8025"] {
            assert!(is_allowed(host, &[]), "{host}");
        }
        for host in
            ["", "example.com", "localhost.example.com", "127.0.0.1.nip.io", "0.0.0.0", "10.0.0.1:8025", "[::2]:1"]
        {
            assert!(!is_allowed(host, &[]), "{host}");
        }
    }

    #[test]
    fn configured_names_are_allowed_with_the_port_they_name() {
        let allowed = ["ses.example.com".to_owned(), "other.example.com:8443".to_owned()];
        assert!(is_allowed("ses.example.com", &allowed));
        assert!(is_allowed("SES.example.com:8025", &allowed));
        assert!(is_allowed("other.example.com:8443", &allowed));
        assert!(!is_allowed("other.example.com:8444", &allowed));
        assert!(!is_allowed("example.com", &allowed));
    }
}
