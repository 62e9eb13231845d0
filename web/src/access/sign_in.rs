//! The page to sign in, and what its forms do.

use std::time::Duration;

use askama::Template;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::{HeaderName, LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use url::form_urlencoded;

use super::act::receive;
use super::admit::{Refusal, is_look, with};
use super::audit::What;
use super::cookie::SESSION;
use super::oidc;
use super::password::MOST;
use super::sessions::Origin;
use super::settings::Access;
use super::users::User;
use super::visitor::How;
use crate::failure::Failure;
use crate::pages::Shell;
use crate::state::AppState;

/// Where the page is.
pub(crate) const PATH: &str = "/sign-in";

/// Name, password and where to go are no longer.
const MOST_BYTES: usize = 16 << 10;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    shell: Shell,
    /// Whether people sign in with a password here.
    with_password: bool,
    /// The identity provider's name, and where signing in there begins.
    provider: Option<(String, String)>,
    name: String,
    /// Where to go then.
    to: String,
    /// What went wrong, or was done.
    word: Option<Word>,
}

struct Word {
    text: String,
    is_bad: bool,
}

#[derive(Template)]
#[template(path = "onward.html")]
struct OnwardPage {
    shell: Shell,
    to: String,
}

/// `GET /sign-in`.
pub(crate) async fn show_sign_in(State(state): State<AppState>, RawQuery(query): RawQuery) -> Response {
    let parameter = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
        pairs.find(|(one, _)| one == name).map(|(_, value)| value.into_owned())
    };
    let word = parameter("out").map(|_| Word { text: "You are signed out.".to_owned(), is_bad: false });
    page(state.access(), StatusCode::OK, "", &local_path(parameter("to").as_deref()), word)
}

/// What somebody sees who asks for a page and has not signed in.
pub(super) fn instead_of(access: &Access, request: &Request, refusal: &Refusal) -> Response {
    let to = match request.uri().path_and_query() {
        Some(to) if is_look(request.method()) => local_path(Some(to.as_str())),
        _ => "/".to_owned(),
    };
    if matches!(refusal, Refusal::Nobody) && comes_by_link(request) {
        return onward(StatusCode::UNAUTHORIZED, &to);
    }
    match refusal {
        Refusal::Nobody => page(access, StatusCode::UNAUTHORIZED, "", &to, None),
        Refusal::Wrong(what) => page(access, StatusCode::UNAUTHORIZED, "", &to, Some(bad(what))),
        Refusal::NotAllowed(name) => {
            Failure::Forbidden(format!("`{name}` is signed in, but is not let in here")).into_page()
        }
        Refusal::TooOften(wait) => too_often(access, "", &to, *wait),
    }
}

/// Whether the request follows a link of another site, such as a web mailer's: then the browser has kept the session's cookie to
/// itself, and sends it once our own page asks again.
fn comes_by_link(request: &Request) -> bool {
    const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
    let is = |name, values: &[&str]| request.headers().get(name).is_some_and(|v| values.iter().any(|one| v == one));
    is_look(request.method()) && is(SITE, &["cross-site", "same-site"]) && is(MODE, &["navigate"])
}

/// A page that goes on by itself.
pub(super) fn onward(status: StatusCode, to: &str) -> Response {
    let page = OnwardPage { shell: Shell::bare(), to: to.to_owned() };
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => Failure::from(error).into_page(),
    }
}

fn page(access: &Access, status: StatusCode, name: &str, to: &str, word: Option<Word>) -> Response {
    let page = SignInPage {
        shell: Shell::bare(),
        with_password: access.users().is_some(),
        provider: access.provider().map(|provider| (provider.label().to_owned(), start_at(to))),
        name: crate::format::printable(name),
        to: to.to_owned(),
        word,
    };
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => Failure::from(error).into_page(),
    }
}

/// Where signing in at the provider begins, to go to an address then.
fn start_at(to: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("to", to).finish();
    format!("{}?{query}", oidc::START)
}

fn bad(text: &str) -> Word {
    Word { text: text.to_owned(), is_bad: true }
}

fn too_often(access: &Access, name: &str, to: &str, wait: Duration) -> Response {
    let seconds = wait.as_secs() + 1;
    let word = bad(&format!("Too many attempts. Try again in {seconds} seconds."));
    with(page(access, StatusCode::TOO_MANY_REQUESTS, name, to, Some(word)), RETRY_AFTER, &seconds.to_string())
}

/// What the form sends.
struct Attempt {
    name: String,
    password: String,
    to: String,
}

impl Attempt {
    fn read(bytes: &[u8]) -> Self {
        let field = |name: &str| {
            let value = form_urlencoded::parse(bytes).find(|(one, _)| one == name).map(|(_, value)| value.into_owned());
            value.unwrap_or_default()
        };
        Self { name: field("user").trim().to_owned(), password: field("password"), to: local_path(Some(&field("to"))) }
    }
}

/// `POST /sign-in`.
pub(crate) async fn sign_in(State(state): State<AppState>, request: Request) -> Response {
    let access = state.access();
    let Some(users) = access.users() else { return Failure::NotFound.into_page() };
    let client = access.peer(&request).client;
    let before = SESSION.read(request.headers(), access.is_secure);
    let uri = Uri::from_static(PATH);
    let Ok(bytes) = axum::body::to_bytes(request.into_body(), MOST_BYTES).await else {
        let word = bad("That is too much for a name and a password.");
        return page(access, StatusCode::PAYLOAD_TOO_LARGE, "", "/", Some(word));
    };
    let Attempt { name, password, to } = Attempt::read(&bytes);
    if password.len() > MOST {
        let word = bad(&format!("A password has at most {MOST} bytes."));
        return page(access, StatusCode::BAD_REQUEST, &name, &to, Some(word));
    }
    if let Err(wait) = access.limits.attempt(client, &name) {
        return too_often(access, &name, &to, wait);
    }
    let known = users.find(&name).map(|user| user.name.clone());
    let Ok(found) = access.hashing.find(&users, &name, password).await else {
        let word = bad("Too many people are signing in right now. Try again in a moment.");
        return with(page(access, StatusCode::SERVICE_UNAVAILABLE, &name, &to, Some(word)), RETRY_AFTER, "2");
    };
    let Some(user) = found else {
        access.note(&access.entry(known.as_deref(), How::Password, client, What::SignInFailed, &uri));
        return page(access, StatusCode::UNAUTHORIZED, &name, &to, Some(bad("Name or password is wrong.")));
    };
    let entry = access.entry(Some(&user.name), How::Password, client, What::SignIn, &uri);
    if let Err(error) = access.try_note(&entry) {
        return Failure::Failed(anyhow::Error::from(error).context("cannot write the audit log")).into_page();
    }
    let User { name, password, .. } = &user;
    match begin(access, before.as_deref(), name, Origin::Password { stamp: password.stamp() }) {
        Ok(cookie) => see_other(&to, [cookie]),
        Err(failure) => failure.into_page(),
    }
}

/// Begins a session in place of the one before, and gives its cookie.
pub(super) fn begin(access: &Access, before: Option<&str>, name: &str, origin: Origin) -> Result<HeaderValue, Failure> {
    if let Some(before) = before {
        access.sessions.end(before);
    }
    let id = access.sessions.begin(name, origin, access.now());
    Ok(SESSION.set(&id, access.is_secure)?)
}

/// `POST /sign-out`.
pub(crate) async fn leave(State(state): State<AppState>, request: Request) -> Response {
    let access = state.access();
    let id = SESSION.read(request.headers(), access.is_secure);
    let (visitor, body) = match receive(request, &state).await {
        Ok(received) => received,
        Err(response) => return response,
    };
    // A form without further fields.
    if let Err(failure) = body.read::<Vec<(String, String)>>(&visitor) {
        return failure.into_page();
    }
    if let Some(id) = id {
        access.sessions.end(&id);
    }
    if let Err(failure) = visitor.note(What::SignOut) {
        return failure.into_page();
    }
    match SESSION.remove(access.is_secure) {
        Ok(cookie) => see_other("/sign-in?out=1", [cookie]),
        Err(error) => Failure::from(error).into_page(),
    }
}

pub(super) fn see_other<const N: usize>(to: &str, cookies: [HeaderValue; N]) -> Response {
    let mut response = with(StatusCode::SEE_OTHER.into_response(), LOCATION, to);
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// A path on this server to go to, which the address of another one is not: browsers take `//host` and `/\host` for those.
pub(super) fn local_path(to: Option<&str>) -> String {
    let is_local = |to: &&str| {
        let is_page = !to.split(['?', '#']).next().is_some_and(|path| path == PATH || path.starts_with("/sign-"));
        to.starts_with('/')
            && !to.starts_with("//")
            && !to.contains('\\')
            && to.bytes().all(|byte| byte.is_ascii_graphic())
            && is_page
    };
    to.filter(is_local).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_stay_on_this_server() {
        for path in ["/", "/rates?range=7d&zone=Europe%2FBerlin", "/messages?recipient=a%40b.example"] {
            assert_eq!(local_path(Some(path)), path);
        }
        for path in [
            "",
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/a\r\nSet-Cookie: x=y",
            "/a b",
            "javascript:alert(1)",
            "evil.example",
            "/sign-in?to=/",
            "/sign-out",
        ] {
            assert_eq!(local_path(Some(path)), "/", "{path:?}");
        }
        assert_eq!(local_path(None), "/");
    }
}
