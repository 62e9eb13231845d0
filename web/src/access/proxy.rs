//! People whom a proxy in front has signed in, and tells of in a header.
//!
//! A header is believed only from listed addresses, and only once: whoever reaches the server past the proxy, or gets a second
//! header past it, names nobody. Nothing else that a proxy says is believed but `X-Forwarded-For`.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};

use super::grants::{Grants, Person};
use super::network::Network;
use super::rights::Rights;
use super::secret::equal;
use super::users::read_name;

/// The longest list of groups.
const MOST_GROUPS: usize = 1_000;

/// A proxy in front.
#[derive(Clone)]
pub struct Proxy {
    /// Where it comes from.
    pub peers: Vec<Network>,
    /// The header that names who is signed in; without it people sign in here, and only where they come from is believed.
    pub user: Option<HeaderName>,
    /// The header that names their groups, separated by commas.
    pub groups: Option<HeaderName>,
    /// A header that only the proxy knows the value of.
    pub secret: Option<(HeaderName, String)>,
    /// Who may do what.
    pub grants: Grants,
}

/// Why what a listed address says of somebody is not believed.
pub(super) enum Disbelief {
    /// The headers are not as the proxy would send them: why.
    Wrong(&'static str),
    /// That person is not let in.
    NotAllowed(String),
}

impl Proxy {
    pub(super) fn is_listed(&self, address: IpAddr) -> bool {
        self.peers.iter().any(|network| network.holds(address))
    }

    /// Who the proxy says that the request is from; nobody where it does not say.
    pub(super) fn read(
        &self,
        peer: Option<IpAddr>,
        headers: &HeaderMap,
    ) -> Result<Option<(String, Rights)>, Disbelief> {
        let Some(user) = &self.user else { return Ok(None) };
        if !peer.is_some_and(|peer| self.is_listed(peer)) {
            return Ok(None);
        }
        let Some(name) = self.only(headers, user)? else { return Ok(None) };
        if let Some((header, secret)) = &self.secret {
            let given = self.only(headers, header)?.unwrap_or_default();
            if !equal(given, secret) {
                return Err(Disbelief::Wrong("the proxy's secret is missing or wrong"));
            }
        }
        let name = read_name(name).map_err(|_| Disbelief::Wrong("the proxy names nobody"))?;
        let groups = match &self.groups {
            Some(header) => self.only(headers, header)?.unwrap_or_default(),
            None => "",
        };
        let groups = groups.split(',').map(str::trim).filter(|group| !group.is_empty()).take(MOST_GROUPS);
        // The proxy vouches for the whole name: if it is an address, it is theirs.
        let email = name.contains('@').then(|| name.clone());
        let person = Person { groups: groups.map(str::to_owned).collect(), email, name };
        match self.grants.rights(&person) {
            Some(rights) => Ok(Some((person.name, rights))),
            None => Err(Disbelief::NotAllowed(person.name)),
        }
    }

    /// A header that is there once at most, and under no name that other software takes for the same.
    fn only<'a>(&self, headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Disbelief> {
        const WRONG: Disbelief = Disbelief::Wrong("a header of the proxy's is there twice, or written in another way");
        let is_variant =
            |other: &HeaderName| other != name && other.as_str().replace('_', "-") == name.as_str().replace('_', "-");
        if headers.keys().any(is_variant) {
            return Err(WRONG);
        }
        let mut values = headers.get_all(name).into_iter();
        let Some(value) = values.next() else { return Ok(None) };
        match value.to_str() {
            Ok(value) if values.next().is_none() => Ok(Some(value)),
            _ => Err(WRONG),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::grants::People;

    fn ask(peer: &str, headers: &[(&str, &str)]) -> Result<Option<String>, String> {
        let proxy = Proxy {
            peers: vec!["10.0.0.0/8".parse().unwrap()],
            user: Some(HeaderName::from_static("x-forwarded-user")),
            groups: Some(HeaderName::from_static("x-forwarded-groups")),
            secret: Some((HeaderName::from_static("x-proxy-secret"), "swordfish".to_owned())),
            grants: Grants {
                operators: People { users: Vec::new(), groups: vec!["sre".to_owned()] },
                ..Grants::default()
            },
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                name.parse::<HeaderName>().unwrap(),
                axum::http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        match proxy.read(Some(peer.parse().unwrap()), &map) {
            Ok(found) => Ok(found.map(|(name, rights)| format!("{name} {}", rights.role))),
            Err(Disbelief::Wrong(why)) => Err(why.to_owned()),
            Err(Disbelief::NotAllowed(name)) => Err(name),
        }
    }

    const USER: (&str, &str) = ("X-Forwarded-User", "jane");
    const SECRET: (&str, &str) = ("X-Proxy-Secret", "swordfish");

    #[test]
    fn a_listed_proxy_names_who_asks() {
        assert_eq!(ask("10.1.2.3", &[USER, SECRET]), Ok(Some("jane viewer".to_owned())));
        let groups = ("X-Forwarded-Groups", "mail, sre");
        assert_eq!(ask("10.1.2.3", &[USER, SECRET, groups]), Ok(Some("jane operator".to_owned())));
        assert_eq!(ask("10.1.2.3", &[SECRET]), Ok(None), "nobody is signed in there");
        assert_eq!(ask("192.0.2.1", &[USER, SECRET, groups]), Ok(None), "not listed");
    }

    #[test]
    fn what_the_proxy_would_not_send_is_not_believed() {
        for wrong in [
            &[USER][..],
            &[USER, ("X-Proxy-Secret", "swordfis")],
            &[USER, ("X-Proxy-Secret", "")],
            &[USER, SECRET, SECRET],
            &[USER, USER, SECRET],
            &[USER, ("x-forwarded-user", "root"), SECRET],
            &[USER, ("X_Forwarded_User", "root"), SECRET],
            &[USER, ("X-Forwarded_User", "root"), SECRET],
            &[("X-Forwarded-User", ""), SECRET],
            &[("X-Forwarded-User", "jane, root"), SECRET],
            &[("X-Forwarded-User", "jane root"), SECRET],
            &[("X-Forwarded-User", "j\u{e4}ne"), SECRET],
            &[USER, SECRET, ("X-Forwarded-Groups", "a"), ("X-Forwarded-Groups", "sre")],
            &[USER, SECRET, ("X_Forwarded_Groups", "sre")],
        ] {
            assert!(ask("10.1.2.3", wrong).is_err(), "{wrong:?}");
        }
    }
}
