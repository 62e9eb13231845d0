//! Who asks, what they may see and do.
//!
//! ```text
//! request ─> admit ── bearer token │ proxy's header │ session ──> Visitor ─> handler
//!              │                                                     ├ addresses: whole, or masked
//!              └ nobody: 401, with the page to sign in               └ Act: what changes something
//! ```
//! `admit` finds out who a request is from and puts a `Visitor` beside it; handlers take that as an argument. Requests that
//! change something are taken as an `Act`, which only an operator's own page or program can send. Nothing here reads a file or
//! the clock: `src/` hands over [`AccessSettings`], and newer [`Users`] and [`Tokens`] whenever their files change.

mod act;
mod admit;
mod audit;
mod cookie;
mod grants;
mod hashing;
mod limits;
mod mask;
mod network;
mod oidc;
mod origin;
mod password;
mod peer;
mod proxy;
mod rights;
mod secret;
mod sessions;
mod settings;
mod sign_in;
mod tokens;
mod users;
mod visitor;

pub use audit::{Audit, Entry, What};
pub use grants::{Grants, People};
pub use network::{BadNetwork, Network};
pub use oidc::OidcSettings;
pub use password::{BadPassword, PasswordHash};
pub use proxy::Proxy;
pub use rights::{Rights, Role, UnknownRole};
pub use secret::random_password;
pub use settings::{Access, AccessSettings};
pub use tokens::{NewToken, Scope, Token, TokenDigest, Tokens, UnknownScope};
pub use users::{BadName, User, Users, read_name};

pub(crate) use act::Act;
pub(crate) use admit::{admit, introduce};
pub(crate) use oidc::{DONE as OIDC_DONE, START as OIDC_START, done as end_oidc, start as start_oidc};
pub(crate) use origin::refuse_foreign;
pub(crate) use sign_in::{leave, show_sign_in, sign_in};
pub(crate) use visitor::{SignedIn, Visitor, may_hold, shown, signed_in};
