//! Tokens of programs: `Authorization: Bearer` for the API and the metrics.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::rights::Rights;
use super::secret::{random, sha256};

/// What tokens begin with, so that scanners find them where they should not be.
const PREFIX: &str = "repute_";

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `/api` and `/metrics`.
    All,
    /// `/api` only.
    Api,
    /// `/metrics` only.
    Metrics,
}

impl Scope {
    const ALL: [Self; 3] = [Self::All, Self::Api, Self::Metrics];

    /// Its name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Api => "api",
            Self::Metrics => "metrics",
        }
    }

    fn covers(self, path: &str) -> bool {
        match self {
            Self::All => true,
            Self::Api => path != "/metrics",
            Self::Metrics => path == "/metrics",
        }
    }
}

/// A name that is no scope's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown scope `{0}`; known are all, api, metrics")]
pub struct UnknownScope(String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| UnknownScope(text.to_owned()))
    }
}

/// What is kept of a token: its SHA-256, which is enough for 256 random bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}

/// A token that was just made: shown once, kept as its digest.
pub struct NewToken {
    /// What the program is given.
    pub text: String,
    /// What the file is given.
    pub digest: TokenDigest,
}

impl NewToken {
    /// Makes one.
    pub fn make() -> Self {
        let text = format!("{PREFIX}{}", random());
        Self { digest: TokenDigest(sha256(&text)), text }
    }
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Whose it is, for audit lines.
    pub name: String,
    /// What is kept of it.
    pub digest: TokenDigest,
    /// What it may do and see.
    pub rights: Rights,
    /// What it is good for.
    pub scope: Scope,
    /// Until when it is good; for ever without.
    pub expires: Option<DateTime<Utc>>,
}

/// All tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens(Vec<Token>);

impl Tokens {
    /// These tokens.
    pub fn new(tokens: Vec<Token>) -> Self {
        Self(tokens)
    }

    /// All of them, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Token> {
        self.0.iter()
    }

    /// The token that this is, if it is still good for the path. Each one is compared, whole.
    pub(super) fn find(&self, given: &str, path: &str, now: DateTime<Utc>) -> Option<&Token> {
        let digest = sha256(given);
        let mut found = u32::MAX;
        for (at, token) in (0_u32..).zip(&self.0) {
            let is_same: Choice = token.digest.0.ct_eq(&digest);
            found.conditional_assign(&at, is_same);
        }
        let token = self.0.get(usize::try_from(found).ok()?)?;
        (token.scope.covers(path) && token.expires.is_none_or(|expires| now < expires)).then_some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::rights::Role;

    #[test]
    fn a_token_is_found_by_itself_only() {
        let now: DateTime<Utc> = "2026-11-01T12:00:00Z".parse().unwrap();
        let (first, second) = (NewToken::make(), NewToken::make());
        let token = |name: &str, new: &NewToken, scope, expires: Option<&str>| Token {
            name: name.to_owned(),
            digest: TokenDigest::parse(&new.digest.to_string()).unwrap(),
            rights: Rights { role: Role::Viewer, addresses: false },
            scope,
            expires: expires.map(|time| time.parse().unwrap()),
        };
        let tokens = Tokens::new(vec![
            token("metrics", &first, Scope::Metrics, None),
            token("api", &second, Scope::Api, Some("2026-11-01T12:00:01Z")),
        ]);
        let find = |text: &str, path, now| tokens.find(text, path, now).map(|token| token.name.as_str());
        assert_eq!(find(&first.text, "/metrics", now), Some("metrics"));
        assert_eq!(find(&first.text, "/api/v1/rates", now), None);
        assert_eq!(find(&second.text, "/api/v1/rates", now), Some("api"));
        assert_eq!(find(&second.text, "/metrics", now), None);
        assert_eq!(find(&second.text, "/api/v1/rates", now + chrono::TimeDelta::seconds(1)), None, "it has expired");
        for wrong in ["", "repute_", &first.text[..49], &first.digest.to_string(), &format!("{}x", first.text)] {
            assert_eq!(find(wrong, "/metrics", now), None, "{wrong}");
        }
        assert!(first.text.starts_with("repute_") && first.text.len() == 50);
    }

    #[test]
    fn digests_are_64_digits() {
        for text in ["", "ab", &"g".repeat(64), &"a".repeat(63), &"é".repeat(32)] {
            assert_eq!(TokenDigest::parse(text), None, "{text}");
        }
    }
}
