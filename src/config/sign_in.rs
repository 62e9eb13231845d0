//! `[serve.proxy]` and `[serve.oidc]` as written in `repute.toml`: who else may say who somebody is.

use std::path::{Path, PathBuf};

use repute_web::access::{Grants, Network, OidcSettings, People, Proxy};
use reqwest::header::HeaderName;
use serde::Deserialize;
use toml::Spanned;
use url::Url;

use super::notify::{http_url, secret};
use super::rules::Mistake;
use crate::notify::Secret;

/// `[serve.proxy]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProxyText {
    peers: Vec<Spanned<String>>,
    user_header: Option<Spanned<String>>,
    groups_header: Option<Spanned<String>>,
    secret_header: Option<Spanned<String>>,
    secret_file: Option<PathBuf>,
    secret_env: Option<String>,
    #[serde(default)]
    allow: AllowText,
    #[serde(default)]
    operators: PeopleText,
    #[serde(default)]
    addresses: PeopleText,
}

/// `[serve.oidc]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OidcText {
    issuer: Spanned<String>,
    client_id: String,
    client_secret_file: Option<PathBuf>,
    client_secret_env: Option<String>,
    scopes: Option<Vec<String>>,
    name_claim: Option<String>,
    groups_claim: Option<String>,
    #[serde(default)]
    trust_email: bool,
    label: Option<String>,
    #[serde(default)]
    allow: AllowText,
    #[serde(default)]
    operators: PeopleText,
    #[serde(default)]
    addresses: PeopleText,
}

/// Who is let in.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AllowText {
    everybody: bool,
    users: Vec<String>,
    groups: Vec<String>,
    domains: Vec<String>,
}

/// Some people.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PeopleText {
    users: Vec<String>,
    groups: Vec<String>,
}

/// An identity provider as configured, before its secret is read.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    issuer: Url,
    client_id: String,
    pub(crate) client_secret: Option<Secret>,
    redirect: Url,
    scopes: Vec<String>,
    name_claim: String,
    groups_claim: String,
    trust_email: bool,
    label: String,
    grants: Grants,
}

/// A proxy as configured, before its secret is read.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    peers: Vec<Network>,
    user: Option<HeaderName>,
    groups: Option<HeaderName>,
    secret_header: Option<HeaderName>,
    pub(crate) secret: Option<Secret>,
    grants: Grants,
}

/// The headers that have a meaning of their own.
const TAKEN: [&str; 5] = ["authorization", "cookie", "host", "origin", "x-forwarded-for"];

impl ProxyText {
    /// The proxy; its table begins at `span`.
    pub(super) fn read(&self, span: &std::ops::Range<usize>, folder: &Path) -> Result<Front, Mistake> {
        let told = |what: &str| (span.clone(), format!("`proxy`: {what}"));
        if self.peers.is_empty() {
            return Err(told("`peers` names no address; name those that the proxy comes from, as [\"127.0.0.1\"]"));
        }
        let front = Front {
            peers: self.peers.iter().map(peer).collect::<Result<_, _>>()?,
            user: header(self.user_header.as_ref(), "user_header")?,
            groups: header(self.groups_header.as_ref(), "groups_header")?,
            secret_header: header(self.secret_header.as_ref(), "secret_header")?,
            secret: secret("secret", (&None, &self.secret_file, &self.secret_env), folder)
                .map_err(|what| told(&what))?,
            grants: grants(&self.allow, &self.operators, &self.addresses),
        };
        let named: Vec<_> = [&front.user, &front.groups, &front.secret_header].into_iter().flatten().collect();
        if (1..named.len()).any(|at| named[at..].contains(&named[at - 1])) {
            return Err(told("two of its headers are the same; give each its own"));
        }
        match (&front.user, front.secret_header.is_some(), front.secret.is_some()) {
            (_, true, false) => {
                Err(told("`secret_header` needs `secret_file` or `secret_env`, which hold what the proxy sends in it"))
            }
            (_, false, true) => Err(told("the secret needs `secret_header`: the header in which the proxy sends it")),
            (None, ..) if !named.is_empty() || front.grants != Grants::default() => Err(told(
                "it signs nobody in without `user_header`: the header that names who is signed in, as \"X-Forwarded-User\"",
            )),
            _ if front.groups.is_none() && self.names_groups() => Err(told(
                "groups are known only with `groups_header`: the header that lists them, as \"X-Forwarded-Groups\"",
            )),
            _ => Ok(front),
        }
    }

    fn names_groups(&self) -> bool {
        ![&self.allow.groups, &self.operators.groups, &self.addresses.groups].into_iter().all(Vec::is_empty)
    }
}

fn peer(text: &Spanned<String>) -> Result<Network, Mistake> {
    let told = |what: String| (text.span(), format!("`peers`: {what}"));
    let network = text.get_ref().parse::<Network>().map_err(|error| told(error.to_string()))?;
    if network.holds_all() {
        return Err(told(format!(
            "`{network}` is every address, and anybody could say who they are; name the proxy's"
        )));
    }
    Ok(network)
}

fn header(text: Option<&Spanned<String>>, key: &str) -> Result<Option<HeaderName>, Mistake> {
    let Some(text) = text else { return Ok(None) };
    let told = |what: &str| (text.span(), format!("`{key}`: `{}` {what}", text.get_ref()));
    let name = text.get_ref().parse::<HeaderName>();
    let name = name.map_err(|_| told("is no header's name; write it as \"X-Forwarded-User\""))?;
    if name.as_str().contains('_') {
        return Err(told("has an underscore, which proxies and servers take for a hyphen; choose another name"));
    }
    if TAKEN.contains(&name.as_str()) {
        return Err(told("has a meaning of its own; choose another one"));
    }
    Ok(Some(name))
}

impl Front {
    /// Whether it says who people are.
    pub(crate) fn signs_in(&self) -> bool {
        self.user.is_some()
    }

    /// With its secret, which is read now.
    pub(crate) fn complete(&self, secret: Option<String>) -> Proxy {
        Proxy {
            peers: self.peers.clone(),
            user: self.user.clone(),
            groups: self.groups.clone(),
            secret: self.secret_header.clone().zip(secret),
            grants: self.grants.clone(),
        }
    }
}

impl OidcText {
    /// The provider; its table begins at `span`.
    pub(super) fn read(
        &self,
        span: &std::ops::Range<usize>,
        base_url: Option<&Url>,
        folder: &Path,
    ) -> Result<Identity, Mistake> {
        let told = |what: &str| (span.clone(), format!("`oidc`: {what}"));
        let base_url = base_url.ok_or_else(|| {
            told("it needs `base_url` under [serve], to which the provider sends people back, as \"https://ses.example.com\"")
        })?;
        let redirect = base_url.join(OidcSettings::RETURN_PATH);
        if self.client_id.is_empty() {
            return Err(told("`client_id` is empty; write the one that the provider gave"));
        }
        let AllowText { everybody, users, groups, domains } = &self.allow;
        let names_some = ![users, groups, domains].into_iter().all(Vec::is_empty);
        if !everybody && !names_some {
            return Err(told(
                "it does not say who of the provider's people is let in; write `allow = { domains = [\"example.com\"] }`, `groups`, `users`, or `everybody = true`",
            ));
        }
        if *everybody && names_some {
            return Err(told("`allow` names some and everybody; keep one"));
        }
        let issuer = issuer(&self.issuer)?;
        let (file, variable) = (&self.client_secret_file, &self.client_secret_env);
        Ok(Identity {
            client_id: self.client_id.clone(),
            client_secret: secret("client_secret", (&None, file, variable), folder).map_err(|what| told(&what))?,
            redirect: redirect.map_err(|error| told(&error.to_string()))?,
            scopes: self.scopes.clone().unwrap_or_else(|| vec!["email".to_owned(), "profile".to_owned()]),
            name_claim: self.name_claim.clone().unwrap_or_else(|| "email".to_owned()),
            groups_claim: self.groups_claim.clone().unwrap_or_else(|| "groups".to_owned()),
            trust_email: self.trust_email,
            label: self.label.clone().unwrap_or_else(|| issuer.host_str().unwrap_or_default().to_owned()),
            grants: grants(&self.allow, &self.operators, &self.addresses),
            issuer,
        })
    }
}

/// What a provider says is believed only if nobody between can have said it.
fn issuer(text: &Spanned<String>) -> Result<Url, Mistake> {
    let told = |what: String| (text.span(), format!("`issuer`: {what}"));
    let url = http_url(text.get_ref()).map_err(told)?;
    let is_here = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() != "https" && !is_here {
        return Err(told(format!(
            "`{url}` is read without TLS, so that anybody between could sign people in; write it with https"
        )));
    }
    Ok(url)
}

fn grants(allow: &AllowText, operators: &PeopleText, addresses: &PeopleText) -> Grants {
    let people = |text: &PeopleText| People { users: text.users.clone(), groups: text.groups.clone() };
    Grants {
        allowed: People { users: allow.users.clone(), groups: allow.groups.clone() },
        domains: allow.domains.clone(),
        operators: people(operators),
        addresses: people(addresses),
    }
}

impl Identity {
    /// With its secret, which is read now, and a client that asks it.
    pub(crate) fn complete(&self, client_secret: Option<String>, http: reqwest::Client) -> OidcSettings {
        OidcSettings {
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            client_secret,
            redirect: self.redirect.clone(),
            scopes: self.scopes.clone(),
            name_claim: self.name_claim.clone(),
            groups_claim: self.groups_claim.clone(),
            trust_email: self.trust_email,
            label: self.label.clone(),
            grants: self.grants.clone(),
            http,
        }
    }
}
