//! Whoever a request is from.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::Value;
use url::form_urlencoded;

use super::audit::{Audit, Entry, What};
use super::mask;
use super::rights::{Rights, Role};
use crate::failure::Failure;
use crate::state::Now;

tokio::task_local! {
    /// Whoever the request is from that this task answers: the frame of every page shows it, of failures too, and no handler has to
    /// hand it on.
    pub(super) static CURRENT: Visitor;
}

/// How somebody signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Not at all: no sign-in is set up, and only this machine is listened to.
    Local,
    Password,
    Oidc,
    Proxy,
    Token,
}

impl How {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Password => "password",
            Self::Oidc => "oidc",
            Self::Proxy => "proxy",
            Self::Token => "token",
        }
    }
}

/// Whoever a request is from.
#[derive(Clone)]
pub(crate) struct Visitor {
    /// The name, for audit lines.
    pub(crate) name: Arc<str>,
    pub(crate) role: Role,
    /// Whether recipients' addresses and subjects are shown whole.
    pub(crate) sees_addresses: bool,
    /// What forms must send back, so that no other site's page can send them.
    pub(crate) token: Arc<str>,
    pub(super) how: How,
    asked: Arc<Asked>,
}

/// What was asked, and where traces of it go.
struct Asked {
    uri: Uri,
    peer: Option<IpAddr>,
    audit: Option<Audit>,
    clock: Now,
    /// Whether addresses were asked for whole: not yet, and shown, or hidden because that could not be noted.
    revealed: AtomicU8,
}

const NOT_YET: u8 = 0;
const SHOWN: u8 = 1;
const HIDDEN: u8 = 2;

/// What a [`Visitor`] is made of.
pub(super) struct Found {
    pub(super) name: Arc<str>,
    pub(super) how: How,
    pub(super) rights: Rights,
    pub(super) token: String,
}

impl Visitor {
    pub(super) fn new(found: Found, uri: &Uri, peer: Option<IpAddr>, audit: Option<&Audit>, clock: &Now) -> Self {
        let asked = Asked {
            uri: uri.clone(),
            peer,
            audit: audit.cloned(),
            clock: Arc::clone(clock),
            revealed: AtomicU8::new(NOT_YET),
        };
        Self {
            name: found.name,
            role: found.rights.role,
            sees_addresses: found.rights.addresses,
            token: found.token.into(),
            how: found.how,
            asked: Arc::new(asked),
        }
    }

    /// Somebody who may look only, for tests.
    #[cfg(test)]
    pub(crate) fn of_test(sees_addresses: bool) -> Self {
        let rights = Rights { role: Role::Viewer, addresses: sees_addresses };
        let found = Found { name: "ann".into(), how: How::Password, rights, token: String::new() };
        let clock: Now = Arc::new(|| "2026-11-01T12:00:00Z".parse().unwrap());
        Self::new(found, &Uri::from_static("/"), None, None, &clock)
    }

    pub(crate) fn may_operate(&self) -> bool {
        self.role >= Role::Operator
    }

    /// An address as this visitor may see it: `a***@example.com` without the right to see addresses.
    pub(crate) fn address<'a>(&self, address: &'a str) -> Cow<'a, str> {
        if self.reveals() { Cow::Borrowed(address) } else { Cow::Owned(mask::address(address)) }
    }

    /// A text in which addresses may stand, such as a server's answer.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !mask::holds_address(text) || self.reveals() { Cow::Borrowed(text) } else { mask::text(text) }
    }

    /// A report in which addresses may stand.
    pub(crate) fn json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text).into_owned()),
            Value::Array(values) => values.into_iter().map(|value| self.json(value)).collect(),
            Value::Object(members) => {
                Value::Object(members.into_iter().map(|(name, value)| (name, self.json(value))).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }

    /// A subject; hidden without the right to see addresses.
    pub(crate) fn subject<'a>(&self, subject: &'a str) -> Cow<'a, str> {
        if self.reveals() { Cow::Borrowed(subject) } else { Cow::Borrowed("(hidden)") }
    }

    /// Whether whole addresses may be shown: where the visitor has the right to, and it is noted that they were.
    pub(crate) fn reveals(&self) -> bool {
        if !self.sees_addresses {
            return false;
        }
        let seen = &self.asked.revealed;
        if seen.load(Ordering::Acquire) == NOT_YET {
            let outcome = if self.note(What::Reveal).is_ok() { SHOWN } else { HIDDEN };
            // Where two ask at once both have noted it, and a failure counts.
            seen.fetch_max(outcome, Ordering::AcqRel);
        }
        seen.load(Ordering::Acquire) == SHOWN
    }

    /// Leaves a trace of what this visitor does.
    ///
    /// # Errors
    /// Where it cannot be written; then it must not be done.
    pub(super) fn note(&self, what: What) -> Result<(), Failure> {
        let Some(audit) = &self.asked.audit else { return Ok(()) };
        let entry = Entry {
            time: (self.asked.clock)(),
            who: Some(&self.name),
            how: self.how.as_str(),
            peer: self.asked.peer,
            what,
            path: self.asked.uri.path(),
            query: self.asked.uri.query().unwrap_or_default(),
        };
        audit(&entry).map_err(|error| Failure::Failed(anyhow::Error::from(error).context("cannot write the audit log")))
    }
}

/// Who has signed in, as the frame of a page shows it.
pub(crate) struct SignedIn {
    pub(crate) name: String,
    pub(crate) role: &'static str,
    /// What the form that signs out sends back, if it can be done here.
    pub(crate) token: Option<Arc<str>>,
}

/// Who the page that is being made is for; nobody where nobody signs in.
pub(crate) fn signed_in() -> Option<SignedIn> {
    let visitor = CURRENT.try_with(Visitor::clone).ok()?;
    let token = match visitor.how {
        How::Local => return None,
        How::Password | How::Oidc => Some(visitor.token),
        How::Proxy | How::Token => None,
    };
    Some(SignedIn { name: crate::format::harmless(&visitor.name), role: visitor.role.as_str(), token })
}

/// A text as whoever the page is for may see it; whole where it is for nobody in particular.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if !mask::holds_address(text) {
        return Cow::Borrowed(text);
    }
    let shown = CURRENT.try_with(|visitor| visitor.text(text).into_owned());
    shown.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Whether a link or a form of the page may hold this value: it holds no address, or one that its reader may see or has asked for.
pub(crate) fn may_hold(value: &str) -> bool {
    if !mask::holds_address(value) {
        return true;
    }
    let may = |visitor: &Visitor| {
        let query = visitor.asked.uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).any(|(_, asked)| asked == value) || visitor.reveals()
    };
    CURRENT.try_with(may).unwrap_or(true)
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let missing = || Failure::Failed(anyhow::anyhow!("a route is served without asking who it is for")).into_page();
        parts.extensions.get::<Self>().cloned().ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::Mutex;

    fn visitor(addresses: bool, audit: &Audit) -> Visitor {
        let rights = Rights { role: Role::Viewer, addresses };
        let found = Found { name: "jane".into(), how: How::Password, rights, token: String::new() };
        let clock: Now = Arc::new(|| "2026-11-01T12:00:00Z".parse().unwrap());
        let uri = Uri::from_static("/messages?recipient=a%40b.example");
        Visitor::new(found, &uri, None, Some(audit), &clock)
    }

    #[test]
    fn whole_addresses_leave_one_line() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let audit: Audit = Arc::new(move |entry: &Entry<'_>| {
            let Entry { who, how, what, path, query, .. } = entry;
            let line = format!("{} {how} {} {path} {query}", who.unwrap_or_default(), what.as_str());
            kept.lock().unwrap().push(line);
            Ok(())
        });
        let seeing = visitor(true, &audit);
        assert_eq!(seeing.text("smtp; 452 full"), "smtp; 452 full");
        assert!(lines.lock().unwrap().is_empty(), "no address was shown");
        assert_eq!(seeing.address("jane@example.com"), "jane@example.com");
        assert_eq!(seeing.text("to jane@example.com"), "to jane@example.com");
        assert_eq!(seeing.subject("Hello"), "Hello");
        assert_eq!(*lines.lock().unwrap(), ["jane password reveal /messages recipient=a%40b.example"]);
        let masked = visitor(false, &audit);
        assert_eq!(masked.address("jane@example.com"), "j***@example.com");
        assert_eq!(masked.text("to jane@example.com"), "to j***@example.com");
        assert_eq!(masked.subject("Hello"), "(hidden)");
        assert_eq!(lines.lock().unwrap().len(), 1);
    }

    #[test]
    fn reports_are_masked() {
        let visitor = visitor(false, &(Arc::new(|_: &Entry<'_>| Ok(())) as Audit));
        let report = serde_json::json!({"tag:for": ["x@b.example", 3, null], "n": {"t": "<y@c.example>"}});
        let masked = serde_json::json!({"tag:for": ["x***@b.example", 3, null], "n": {"t": "<y***@c.example>"}});
        assert_eq!(visitor.json(report), masked);
    }

    #[tokio::test]
    async fn pages_show_and_link_what_their_reader_may_see() {
        let audit: Audit = Arc::new(|_: &Entry<'_>| Ok(()));
        let seen = |addresses| {
            CURRENT.sync_scope(visitor(addresses, &audit), || {
                (shown("to x@b.example").into_owned(), may_hold("x@b.example"), may_hold("a@b.example"), may_hold("x"))
            })
        };
        assert_eq!(seen(false), ("to x***@b.example".to_owned(), false, true, true), "a@b.example was asked for");
        assert_eq!(seen(true), ("to x@b.example".to_owned(), true, true, true));
        assert_eq!(shown("to x@b.example"), "to x@b.example");
        assert!(may_hold("x@b.example"));
    }

    #[test]
    fn what_cannot_be_noted_is_not_shown() {
        let full: Audit = Arc::new(|_: &Entry<'_>| Err(io::ErrorKind::StorageFull.into()));
        let visitor = visitor(true, &full);
        assert_eq!(visitor.address("jane@example.com"), "j***@example.com");
        assert_eq!(visitor.subject("Hello"), "(hidden)");
    }
}
