//! Sign-in at an identity provider: OpenID Connect's code flow with PKCE.
//!
//! ```text
//! GET /sign-in/oidc       ─> to the provider, with state, nonce and the challenge; the browser keeps them in a cookie
//! GET /sign-in/oidc/done  <─ back with a code ─> token and user info ─> claims ─> who it is, and what they may do
//! ```
//! The session's cookie is strict, so browsers do not send it along with the way back from the provider; the page that ends this
//! goes on by itself.

mod claims;
mod http;
mod provider;
mod transaction;

use axum::extract::{RawQuery, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use url::{Url, form_urlencoded};

use self::claims::person;
pub(super) use self::provider::Provider;
use self::transaction::{TRANSACTION, Transaction};
use super::admit::with;
use super::audit::What;
use super::cookie::SESSION;
use super::grants::Grants;
use super::secret::equal;
use super::sessions::Origin;
use super::settings::Access;
use super::sign_in::{begin, local_path, onward, see_other};
use super::visitor::How;
use crate::failure::Failure;
use crate::state::AppState;

/// Where signing in at the provider begins, and where it comes back.
pub(crate) const START: &str = "/sign-in/oidc";
pub(crate) const DONE: &str = "/sign-in/oidc/done";

/// An identity provider.
#[derive(Clone)]
pub struct OidcSettings {
    /// Its name, which its discovery document and tokens have as well.
    pub issuer: Url,
    /// Under which we are known there.
    pub client_id: String,
    /// What proves that it is us.
    pub client_secret: Option<String>,
    /// Where it comes back to: the server's own address, with this path.
    pub redirect: Url,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that names who it is.
    pub name_claim: String,
    /// The claim that lists their groups.
    pub groups_claim: String,
    /// Whether an address counts that the provider does not say it has verified.
    pub trust_email: bool,
    /// What the page to sign in calls it.
    pub label: String,
    /// Who may do what.
    pub grants: Grants,
    /// Asks it.
    pub http: reqwest::Client,
}

impl OidcSettings {
    /// The path that the provider is told to come back to.
    pub const RETURN_PATH: &'static str = DONE;
}

/// `GET /sign-in/oidc`.
pub(crate) async fn start(State(state): State<AppState>, RawQuery(query): RawQuery) -> Response {
    let access = state.access();
    let Some(provider) = access.provider() else { return Failure::NotFound.into_page() };
    let Some(found) = provider.found(access).await else { return out_of_reach() };
    let to = parameter(query.as_deref(), "to");
    let (url, transaction) = found.send(&provider.settings, local_path(to.as_deref()), access.now());
    match TRANSACTION.set(&transaction.seal(&access.key), access.is_secure) {
        Ok(cookie) => see_other(url.as_str(), [cookie]),
        Err(error) => Failure::from(error).into_page(),
    }
}

fn out_of_reach() -> Response {
    let what = "the identity provider cannot be reached; try again in a moment".to_owned();
    with(Failure::Unavailable(what).into_page(), axum::http::header::RETRY_AFTER, "5")
}

/// Why somebody who comes back is not let in.
enum Denied {
    /// What they bring is not what they were sent for: why.
    Stale(&'static str),
    /// The provider did not sign them in: its word for why.
    Refused(String),
    /// What the provider says cannot be believed, or it cannot be asked.
    Failed(anyhow::Error),
    /// They are somebody, but nobody who is let in.
    NotAllowed(String),
}

/// `GET /sign-in/oidc/done`.
pub(crate) async fn done(State(state): State<AppState>, request: Request) -> Response {
    let access = state.access();
    let client = access.peer(&request).client;
    let (uri, headers) = (request.uri().clone(), request.headers().clone());
    let response = match finish(access, &uri, &headers).await {
        Ok((name, origin, to)) => {
            let here = Uri::from_static(DONE);
            let entry = access.entry(Some(&name), How::Oidc, client, What::SignIn, &here);
            if let Err(error) = access.try_note(&entry) {
                return Failure::Failed(anyhow::Error::from(error).context("cannot write the audit log")).into_page();
            }
            let before = SESSION.read(&headers, access.is_secure);
            match begin(access, before.as_deref(), &name, origin) {
                Ok(cookie) => {
                    let mut response = onward(StatusCode::OK, &to);
                    response.headers_mut().append(SET_COOKIE, cookie);
                    response
                }
                Err(failure) => failure.into_page(),
            }
        }
        Err(denied) => {
            if let Err(wait) = access.limits.failure(client) {
                return super::admit::too_often(wait, false);
            }
            let who = if let Denied::NotAllowed(name) = &denied { Some(name.as_str()) } else { None };
            access.note(&access.entry(who, How::Oidc, client, What::SignInFailed, &Uri::from_static(DONE)));
            refuse(denied)
        }
    };
    match TRANSACTION.remove(access.is_secure) {
        Ok(cookie) => {
            let mut response = response;
            response.headers_mut().append(SET_COOKIE, cookie);
            response
        }
        Err(_) => response,
    }
}

async fn finish(access: &Access, uri: &Uri, headers: &HeaderMap) -> Result<(String, Origin, String), Denied> {
    let Some(provider) = access.provider() else { return Err(Denied::Stale("no identity provider is set up")) };
    let settings = &provider.settings;
    let sealed = TRANSACTION.read(headers, access.is_secure);
    let transaction = sealed.and_then(|sealed| Transaction::open(&sealed, &access.key, access.now()));
    let transaction = transaction.ok_or(Denied::Stale("it took too long, or began in another browser"))?;
    let given = |name: &str| parameter(uri.query(), name);
    if !given("state").is_some_and(|state| equal(&state, &transaction.state)) {
        return Err(Denied::Stale("the answer belongs to another attempt"));
    }
    // RFC 9207: an answer that another provider gave.
    if given("iss").is_some_and(|issuer| issuer.trim_end_matches('/') != settings.issuer.as_str().trim_end_matches('/'))
    {
        return Err(Denied::Stale("the answer is another provider's"));
    }
    if let Some(error) = given("error") {
        let detail = given("error_description").unwrap_or_default();
        return Err(Denied::Refused(format!("{error} {detail}")));
    }
    let code = given("code").ok_or(Denied::Stale("the answer has no code"))?;
    let found = provider.found(access).await;
    let found = found.ok_or_else(|| Denied::Failed(anyhow::anyhow!("the identity provider cannot be reached")))?;
    let claims = found.receive(provider, access, code, &transaction).await.map_err(Denied::Failed)?;
    let person = person(&claims, settings).map_err(Denied::Failed)?;
    match settings.grants.rights(&person) {
        Some(rights) => Ok((person.name, Origin::Oidc(rights), transaction.to)),
        None => Err(Denied::NotAllowed(person.name)),
    }
}

fn refuse(denied: Denied) -> Response {
    match denied {
        Denied::Stale(why) => {
            Failure::Forbidden(format!("signing in came to no end: {why}; begin again at /sign-in")).into_page()
        }
        Denied::Refused(word) => {
            let word: String = word.trim().chars().take(300).collect();
            Failure::Forbidden(format!("the identity provider did not sign you in: {word}")).into_page()
        }
        Denied::NotAllowed(name) => {
            Failure::Forbidden(format!("`{name}` is signed in at the identity provider, but is not let in here"))
                .into_page()
        }
        Denied::Failed(error) => {
            tracing::warn!("sign-in failed: {}", crate::format::printable(&format!("{error:#}")));
            let what = "the identity provider's answer cannot be believed; the server's log says why".to_owned();
            Failure::Forbidden(what).into_page()
        }
    }
}

fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.find(|(one, _)| one == name).map(|(_, value)| value.into_owned())
}
