//! What leaves a trace: who signed in, saw addresses, took data away or changed something.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};

/// What somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Signed in.
    SignIn,
    /// Tried to, with a wrong name, password or token.
    SignInFailed,
    /// Signed out.
    SignOut,
    /// Was shown whole addresses or subjects.
    Reveal,
    /// Took data away: CSV, or an answer of the API.
    Export,
    /// Changed something.
    Act,
}

impl What {
    /// Its name in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::SignInFailed => "sign_in_failed",
            Self::SignOut => "sign_out",
            Self::Reveal => "reveal",
            Self::Export => "export",
            Self::Act => "act",
        }
    }
}

/// A line of the audit log.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// When.
    pub time: DateTime<Utc>,
    /// Who; nobody where a name was tried that nobody has, since people type passwords into the wrong field.
    pub who: Option<&'a str>,
    /// How they signed in: `password`, `oidc`, `proxy`, `token` or `local`.
    pub how: &'static str,
    /// Where the request came from, as far as listed proxies tell.
    pub peer: Option<IpAddr>,
    /// What they did.
    pub what: What,
    /// Of the address that was asked for.
    pub path: &'a str,
    /// Of the address that was asked for: it may hold recipients, as they were asked for.
    pub query: &'a str,
}

/// Where audit lines go. Nothing is shown, exported or changed whose line could not be written.
pub type Audit = Arc<dyn Fn(&Entry<'_>) -> io::Result<()> + Send + Sync>;
