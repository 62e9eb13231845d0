//! Cookies: those of a request, and ours.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

/// A cookie of ours. Where people come by https it has the prefix `__Host-`, with which browsers take it only from this host, only
/// over TLS and for all paths: RFC 6265bis, 4.1.3.2.
#[derive(Clone, Copy)]
pub(super) struct Cookie {
    name: &'static str,
    same_site: &'static str,
    /// How long the browser keeps it, in seconds; as long as it runs, without.
    lasts: Option<u32>,
}

/// Says which session a browser has. Requests that another site causes do not carry it.
pub(super) const SESSION: Cookie = Cookie { name: "repute-session", same_site: "Strict", lasts: None };

impl Cookie {
    /// A cookie that is sent along with links from other sites, too, and kept for so many seconds.
    pub(super) const fn lax(name: &'static str, seconds: u32) -> Self {
        Self { name, same_site: "Lax", lasts: Some(seconds) }
    }

    fn name(self, is_secure: bool) -> String {
        format!("{}{}", if is_secure { "__Host-" } else { "" }, self.name)
    }

    /// Its value in a request. Two of one name come from somebody else, and neither counts.
    pub(super) fn read(self, headers: &HeaderMap, is_secure: bool) -> Option<String> {
        let name = self.name(is_secure);
        let headers = headers.get_all(COOKIE).into_iter().filter_map(|header| header.to_str().ok());
        let pairs = headers.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(one, _)| *one == name).map(|(_, value)| value.to_owned());
        let value = values.next().filter(|value| !value.is_empty());
        if values.next().is_some() { None } else { value }
    }

    /// The header that sets it to letters of base64.
    pub(super) fn set(self, value: &str, is_secure: bool) -> anyhow::Result<HeaderValue> {
        let lasts = self.lasts.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
        self.header(value, &lasts, is_secure)
    }

    /// The header that removes it.
    pub(super) fn remove(self, is_secure: bool) -> anyhow::Result<HeaderValue> {
        self.header("", "; Max-Age=0", is_secure)
    }

    fn header(self, value: &str, lasts: &str, is_secure: bool) -> anyhow::Result<HeaderValue> {
        let (name, same_site) = (self.name(is_secure), self.same_site);
        let secure = if is_secure { "; Secure" } else { "" };
        let mut header =
            HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}{secure}{lasts}"))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cookies: &[&str], is_secure: bool) -> Option<String> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, cookie.parse().unwrap());
        }
        SESSION.read(&headers, is_secure)
    }

    #[test]
    fn a_cookie_is_read_by_its_whole_name() {
        assert_eq!(read(&["a=b; repute-session=x=y; c"], false).as_deref(), Some("x=y"));
        assert_eq!(read(&["a=b", "repute-session=x"], false).as_deref(), Some("x"));
        assert_eq!(read(&["__Host-repute-session=x"], true).as_deref(), Some("x"));
        assert_eq!(read(&["repute-session=x"], true), None, "set without TLS by somebody between");
        assert_eq!(read(&["__Host-repute-session=x"], false), None);
        assert_eq!(read(&["repute-session=x; repute-session=y"], false), None);
        assert_eq!(read(&["repute-session=x", "repute-session=x"], false), None);
        assert_eq!(read(&["repute-session="], false), None);
        assert_eq!(read(&[], false), None);
    }

    #[test]
    fn flags_are_strict() {
        let secure = SESSION.set("x", true).unwrap();
        assert_eq!(secure, "__Host-repute-session=x; Path=/; HttpOnly; SameSite=Strict; Secure");
        assert!(secure.is_sensitive(), "it is in no log");
        assert_eq!(SESSION.set("x", false).unwrap(), "repute-session=x; Path=/; HttpOnly; SameSite=Strict");
        assert_eq!(SESSION.remove(false).unwrap(), "repute-session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    }
}
