//! Who asks, what they may see and do.
//!
//! [`admit`] finds out who a request is from and puts a [`Visitor`] beside it; handlers take that as an argument. Requests that
//! change something are taken as an [`Act`], which only an operator's own page or program can send.

mod act;
mod mask;

pub(crate) use act::Act;

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;

use crate::failure::Failure;
use crate::state::AppState;

/// What a visitor may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Ends silences, saves rules, imports records again.
    Operator,
}

/// Whoever a request is from.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    /// The name, for audit lines.
    pub(crate) name: Arc<str>,
    pub(crate) role: Role,
    /// Whether recipients' addresses and subjects are shown whole.
    pub(crate) sees_addresses: bool,
    /// What forms must send back, so that no other site's page can send them.
    pub(crate) token: Arc<str>,
}

impl Visitor {
    /// Whoever sits at this machine, where no sign-in is set up.
    fn local(token: Arc<str>) -> Self {
        Self { name: "local".into(), role: Role::Operator, sees_addresses: true, token }
    }

    pub(crate) fn may_operate(&self) -> bool {
        self.role >= Role::Operator
    }

    /// An address as this visitor may see it: `a***@example.com` without the right to see addresses.
    pub(crate) fn address<'a>(&self, address: &'a str) -> Cow<'a, str> {
        if self.sees_addresses { Cow::Borrowed(address) } else { Cow::Owned(mask::address(address)) }
    }

    /// A text in which addresses may stand, such as a server's answer.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.sees_addresses { Cow::Borrowed(text) } else { mask::text(text) }
    }

    /// A subject; hidden without the right to see addresses.
    pub(crate) fn subject<'a>(&self, subject: &'a str) -> Cow<'a, str> {
        if self.sees_addresses { Cow::Borrowed(subject) } else { Cow::Borrowed("(hidden)") }
    }
}

/// Lets nobody in who may not, and tells handlers who it is.
pub(crate) async fn admit(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Visitor::local(state.form_token()));
    next.run(request).await
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let missing = || Failure::Failed(anyhow::anyhow!("a route is served without asking who it is for")).into_page();
        parts.extensions.get::<Self>().cloned().ok_or_else(missing)
    }
}
