//! Lets nobody in who may not, and tells handlers who it is.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_DISPOSITION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::Response;

use super::audit::{Entry, What};
use super::cookie::SESSION;
use super::peer::Peer;
use super::proxy::Disbelief;
use super::rights::Rights;
use super::sessions::Origin;
use super::settings::Access;
use super::sign_in;
use super::visitor::{CURRENT, Found, How, Visitor};
use crate::failure::Failure;
use crate::problem::{TYPES, is_api};
use crate::state::AppState;

/// Where the API is described, which is no data.
const DESCRIPTION: &str = "/api/v1/openapi.json";

/// Why somebody is not let in.
pub(super) enum Refusal {
    /// They have not signed in, or not any more.
    Nobody,
    /// What they sent is wrong: why.
    Wrong(&'static str),
    /// They are somebody, who is not let in.
    NotAllowed(String),
    /// They were wrong too often.
    TooOften(Duration),
}

/// Lets nobody in who may not, and tells handlers who it is.
pub(crate) async fn admit(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let access = state.access();
    let peer = access.peer(&request);
    let found = match identify(access, request.headers(), request.uri(), peer) {
        Ok(found) => found,
        Err(refusal) => return refuse(access, &request, &refusal),
    };
    let visitor = Visitor::new(found, request.uri(), peer.client, access.audit.as_ref(), &access.clock);
    request.extensions_mut().insert(visitor.clone());
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    if is_export(&path, &response)
        && let Err(failure) = visitor.note(What::Export)
    {
        return told(failure, is_for_programs(&path));
    }
    response
}

/// Lets the frame of the page know who it is for. Closest to the handler, which may run in a task of its own.
pub(crate) async fn introduce(request: Request, next: Next) -> Response {
    match request.extensions().get::<Visitor>().cloned() {
        Some(visitor) => CURRENT.scope(visitor, next.run(request)).await,
        None => next.run(request).await,
    }
}

/// Whether a program asks: it gets problem documents, and may send a token.
pub(super) fn is_for_programs(path: &str) -> bool {
    is_api(path) || path == "/metrics"
}

pub(super) fn told(failure: Failure, is_for_programs: bool) -> Response {
    if is_for_programs { failure.into_problem() } else { failure.into_page() }
}

/// Whether an answer takes data away. The description of the API is none, and metrics hold nobody's.
fn is_export(path: &str, response: &Response) -> bool {
    let is_data = is_api(path) && path != DESCRIPTION && !path.starts_with(TYPES);
    response.status().is_success() && (is_data || response.headers().contains_key(CONTENT_DISPOSITION))
}

fn identify(access: &Access, headers: &HeaderMap, uri: &Uri, peer: Peer) -> Result<Found, Refusal> {
    if access.is_open() {
        let token = access.key.sign("form local");
        return Ok(Found { name: "local".into(), how: How::Local, rights: Rights::ALL, token });
    }
    if let Some(found) = by_proxy(access, headers, uri, peer)? {
        return Ok(found);
    }
    if is_for_programs(uri.path()) && headers.contains_key(AUTHORIZATION) {
        return by_token(access, headers, uri, peer.client);
    }
    by_session(access, headers).ok_or(Refusal::Nobody)
}

fn by_proxy(access: &Access, headers: &HeaderMap, uri: &Uri, peer: Peer) -> Result<Option<Found>, Refusal> {
    let Some(proxy) = access.proxy() else { return Ok(None) };
    match proxy.read(peer.socket, headers) {
        Ok(None) => Ok(None),
        Ok(Some((name, rights))) => {
            let token = access.key.sign(&format!("form proxy {name}"));
            Ok(Some(Found { name: name.into(), how: How::Proxy, rights, token }))
        }
        Err(disbelief) => {
            let (who, refusal) = match disbelief {
                Disbelief::Wrong(why) => (None, Refusal::Wrong(why)),
                Disbelief::NotAllowed(name) => (Some(name.clone()), Refusal::NotAllowed(name)),
            };
            access.limits.failure(peer.client).map_err(Refusal::TooOften)?;
            access.note(&access.entry(who.as_deref(), How::Proxy, peer.client, What::SignInFailed, uri));
            Err(refusal)
        }
    }
}

fn by_token(access: &Access, headers: &HeaderMap, uri: &Uri, client: Option<IpAddr>) -> Result<Found, Refusal> {
    let mut given = headers.get_all(AUTHORIZATION).into_iter();
    let token = given.next().and_then(|header| bearer(header.to_str().ok()?)).filter(|_| given.next().is_none());
    let tokens = access.tokens();
    let found = token.and_then(|token| tokens.as_ref()?.find(token, uri.path(), access.now()));
    let Some(found) = found else {
        access.limits.failure(client).map_err(Refusal::TooOften)?;
        access.note(&access.entry(None, How::Token, client, What::SignInFailed, uri));
        return Err(Refusal::Wrong("the token is unknown, has expired, or is not good for this address"));
    };
    let token = access.key.sign(&format!("form token {}", found.name));
    Ok(Found { name: found.name.as_str().into(), how: How::Token, rights: found.rights, token })
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn by_session(access: &Access, headers: &HeaderMap) -> Option<Found> {
    let id = SESSION.read(headers, access.is_secure)?;
    let session = access.sessions.find(&id, access.now())?;
    let (how, rights) = match session.origin {
        Origin::Oidc(rights) => (How::Oidc, Some(rights)),
        Origin::Password { stamp } => {
            let users = access.users();
            let user = users.as_ref().and_then(|users| users.find(&session.name));
            (How::Password, user.filter(|user| user.password.stamp() == stamp).map(|user| user.rights))
        }
    };
    let Some(rights) = rights else {
        access.sessions.end(&id);
        return None;
    };
    Some(Found { name: session.name, how, rights, token: access.key.sign(&format!("form session {id}")) })
}

fn refuse(access: &Access, request: &Request, refusal: &Refusal) -> Response {
    let path = request.uri().path();
    if !is_for_programs(path) {
        return sign_in::instead_of(access, request, refusal);
    }
    if let Refusal::NotAllowed(name) = refusal {
        return Failure::Forbidden(format!("`{name}` is not let in here")).into_problem();
    }
    let (what, wait) = match refusal {
        Refusal::Nobody | Refusal::NotAllowed(_) => ("send a token as `Authorization: Bearer`, or sign in", None),
        Refusal::Wrong(what) => (*what, None),
        Refusal::TooOften(wait) => ("wrong too often", Some(*wait)),
    };
    match wait {
        Some(wait) => too_often(wait, true),
        None => {
            with(Failure::Unauthorized(what.to_owned()).into_problem(), WWW_AUTHENTICATE, "Bearer realm=\"repute\"")
        }
    }
}

/// The answer to somebody who was wrong too often.
pub(super) fn too_often(wait: Duration, is_for_programs: bool) -> Response {
    let seconds = wait.as_secs() + 1;
    let response = told(Failure::TooOften(seconds), is_for_programs);
    with(response, RETRY_AFTER, &seconds.to_string())
}

pub(super) fn with(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

impl Access {
    /// Where a request comes from.
    pub(super) fn peer(&self, request: &Request) -> Peer {
        let is_listed = |address| self.proxy().is_some_and(|proxy| proxy.is_listed(address));
        Peer::of(request.extensions(), request.headers(), is_listed)
    }

    pub(super) fn entry<'a>(
        &self,
        who: Option<&'a str>,
        how: How,
        peer: Option<IpAddr>,
        what: What,
        uri: &'a Uri,
    ) -> Entry<'a> {
        let (path, query) = (uri.path(), uri.query().unwrap_or_default());
        Entry { time: self.now(), who, how: how.as_str(), peer, what, path, query }
    }

    /// Leaves a trace of what is refused or over anyway, whether or not that can be written.
    pub(super) fn note(&self, entry: &Entry<'_>) {
        if let Err(error) = self.try_note(entry) {
            tracing::error!(%error, "cannot write the audit log");
        }
    }

    pub(super) fn try_note(&self, entry: &Entry<'_>) -> std::io::Result<()> {
        self.audit.as_ref().map_or(Ok(()), |audit| audit(entry))
    }
}

/// Whether a request only looks.
pub(super) fn is_look(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}
