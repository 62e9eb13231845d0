//! What sign-in was set up, and what is known of it while the server runs.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use url::Url;

use super::audit::Audit;
use super::hashing::Hashing;
use super::limits::Limits;
use super::oidc::{OidcSettings, Provider};
use super::proxy::Proxy;
use super::secret::Key;
use super::sessions::Sessions;
use super::tokens::Tokens;
use super::users::Users;
use crate::state::Now;

/// What sign-in is set up.
pub struct AccessSettings {
    /// The time, of which sessions and tokens expire; also where pages are as of another time.
    pub clock: Now,
    /// Where audit lines go; nowhere without.
    pub audit: Option<Audit>,
    /// Where people reach the server, if that is not where it listens.
    pub base_url: Option<Url>,
    /// Whether people come by TLS, here or at a proxy: then cookies are sent over nothing else.
    pub is_secure: bool,
    /// People who sign in with a password.
    pub users: Option<Users>,
    /// Programs that send a token.
    pub tokens: Option<Tokens>,
    /// A proxy in front.
    pub proxy: Option<Proxy>,
    /// Where else people may sign in.
    pub oidc: Option<OidcSettings>,
    /// Unused for so long, a session ends.
    pub idle: TimeDelta,
    /// A session lasts no longer.
    pub longest: TimeDelta,
}

impl AccessSettings {
    /// No sign-in: whoever can reach the server may do everything.
    pub fn open(clock: Now) -> Self {
        Self {
            clock,
            audit: None,
            base_url: None,
            is_secure: false,
            users: None,
            tokens: None,
            proxy: None,
            oidc: None,
            idle: TimeDelta::hours(8),
            longest: TimeDelta::days(7),
        }
    }
}

/// Who may do what; shared by all requests.
pub struct Access {
    pub(super) clock: Now,
    pub(super) audit: Option<Audit>,
    base_url: Option<Url>,
    pub(super) is_secure: bool,
    users: watch::Sender<Option<Arc<Users>>>,
    tokens: watch::Sender<Option<Arc<Tokens>>>,
    proxy: Option<Proxy>,
    provider: Option<Provider>,
    pub(super) sessions: Sessions,
    pub(super) limits: Limits,
    pub(super) hashing: Hashing,
    pub(super) key: Key,
}

impl Access {
    /// Sets it up.
    pub fn new(settings: AccessSettings) -> Self {
        Self {
            clock: settings.clock,
            audit: settings.audit,
            base_url: settings.base_url,
            is_secure: settings.is_secure,
            users: watch::Sender::new(settings.users.map(Arc::new)),
            tokens: watch::Sender::new(settings.tokens.map(Arc::new)),
            proxy: settings.proxy,
            provider: settings.oidc.map(Provider::new),
            sessions: Sessions::new(settings.idle, settings.longest),
            limits: Limits::new(),
            hashing: Hashing::new(),
            key: Key::new(),
        }
    }

    /// Lets the users from now on be these. Whoever is not among them any more, or has another password, is signed out.
    pub fn replace_users(&self, users: Users) {
        self.users.send_replace(Some(Arc::new(users)));
    }

    /// Lets the tokens from now on be these.
    pub fn replace_tokens(&self, tokens: Tokens) {
        self.tokens.send_replace(Some(Arc::new(tokens)));
    }

    /// Whether nobody needs to sign in.
    pub fn is_open(&self) -> bool {
        let is_told = self.proxy.as_ref().is_some_and(|proxy| proxy.user.is_some());
        self.users().is_none() && self.tokens().is_none() && self.provider.is_none() && !is_told
    }

    /// Reads what the identity provider says of itself, as soon as it can be reached.
    pub async fn reach_provider(&self) {
        if let Some(provider) = &self.provider {
            provider.reach(self).await;
        }
    }

    pub(super) fn provider(&self) -> Option<&Provider> {
        self.provider.as_ref()
    }

    pub(super) fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    pub(super) fn users(&self) -> Option<Arc<Users>> {
        self.users.borrow().clone()
    }

    pub(super) fn tokens(&self) -> Option<Arc<Tokens>> {
        self.tokens.borrow().clone()
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// Where our own pages come from, if that was said.
    pub(crate) fn origin(&self) -> Option<String> {
        self.base_url.as_ref().map(|url| url.origin().ascii_serialization())
    }

    /// The host people reach the server by, if that was said, with its port where it is an unusual one.
    pub(crate) fn host(&self) -> Option<String> {
        let url = self.base_url.as_ref()?;
        let host = url.host_str()?;
        Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    }

    /// Whether browsers are told to come by TLS only.
    pub(crate) fn is_secure(&self) -> bool {
        self.is_secure
    }
}
