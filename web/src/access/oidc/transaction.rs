//! What is remembered between the way to the provider and the way back: in the browser, sealed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::access::cookie::Cookie;
use crate::access::secret::{Key, equal};

/// Signing in at the provider may take so long.
const LASTS: TimeDelta = TimeDelta::minutes(10);

/// Browsers keep no cookie of more than 4,096 bytes; whoever was on the way to a longer address begins at the overview.
const LONGEST_TO: usize = 1_500;

/// Sent along with the way back from another site, which a strict cookie is not.
pub(super) const TRANSACTION: Cookie = Cookie::lax("repute-oidc", 600);

/// One attempt to sign in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Transaction {
    pub(super) state: String,
    pub(super) nonce: String,
    /// What proves that whoever brings the code has sent for it (PKCE).
    pub(super) verifier: String,
    /// Where to go then.
    pub(super) to: String,
    until: DateTime<Utc>,
}

impl Transaction {
    pub(super) fn new(state: String, nonce: String, verifier: String, to: String, now: DateTime<Utc>) -> Self {
        let to = if to.len() > LONGEST_TO { "/".to_owned() } else { to };
        Self { state, nonce, verifier, to, until: now + LASTS }
    }

    /// As a cookie's value that nobody else can have made.
    pub(super) fn seal(&self, key: &Key) -> String {
        let until = self.until.timestamp();
        let text = json!([self.state, self.nonce, self.verifier, self.to, until]).to_string();
        let text = URL_SAFE_NO_PAD.encode(text);
        format!("{text}.{}", key.sign(&format!("oidc {text}")))
    }

    /// What was sealed, unless it is too old.
    pub(super) fn open(sealed: &str, key: &Key, now: DateTime<Utc>) -> Option<Self> {
        let (text, seal) = sealed.split_once('.')?;
        if !equal(seal, &key.sign(&format!("oidc {text}"))) {
            return None;
        }
        let fields: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let field = |at: usize| Some(fields.get(at)?.as_str()?.to_owned());
        let until = DateTime::from_timestamp(fields.get(4)?.as_i64()?, 0)?;
        let transaction = Self { state: field(0)?, nonce: field(1)?, verifier: field(2)?, to: field(3)?, until };
        (now < until).then_some(transaction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_the_same_key_and_in_time() {
        let (key, now) = (Key::new(), "2026-11-01T12:00:00Z".parse().unwrap());
        let words = ["s", "n", "v", "/rates?range=7d"].map(str::to_owned);
        let [state, nonce, verifier, to] = words;
        let transaction = Transaction::new(state, nonce, verifier, to, now);
        let sealed = transaction.seal(&key);
        assert_eq!(Transaction::open(&sealed, &key, now), Some(transaction));
        assert_eq!(Transaction::open(&sealed, &Key::new(), now), None);
        assert_eq!(Transaction::open(&sealed, &key, now + LASTS), None);
        for changed in [&sealed[1..], &sealed[..sealed.len() - 1], "", ".", "a.b"] {
            assert_eq!(Transaction::open(changed, &key, now), None);
        }
        let long =
            Transaction::new(String::new(), String::new(), String::new(), format!("/{}", "x".repeat(4_000)), now);
        assert_eq!(long.to, "/");
        let cookie = TRANSACTION.set(&sealed, true).unwrap();
        let cookie = cookie.to_str().unwrap();
        assert!(
            cookie.starts_with("__Host-repute-oidc=") && cookie.ends_with("; SameSite=Lax; Secure; Max-Age=600"),
            "{cookie}"
        );
    }
}
