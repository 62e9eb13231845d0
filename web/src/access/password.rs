//! Passwords as argon2id hashes.
//!
//! Parameters are those of OWASP's Password Storage Cheat Sheet (19 MiB, 2 iterations, 1 lane), which are the defaults of the
//! `argon2` crate; each hash names its own, so that they may change.

use std::fmt;

use argon2::password_hash::phc;
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use super::secret::sha256;

/// Fewer characters are no password: NIST SP 800-63B, 5.1.1.1.
const LEAST: usize = 8;

/// More bytes are refused before any work is done on them.
pub(super) const MOST: usize = 1_024;

/// OWASP's minimum: memory in KiB, iterations, lanes.
const COST: (u32, u32, u32) = (19_456, 2, 1);

/// A hash that asks for more would let whoever signs in use up the machine.
const MOST_MEMORY: u32 = 1 << 18;
const MOST_ITERATIONS: u32 = 16;

/// A hash at that cost which no known password has: whoever is not known is compared with it, which takes as long.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlzIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password or its hash cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    /// It is too short.
    #[error("a password has at least {LEAST} characters")]
    Short,
    /// It is too long.
    #[error("a password has at most {MOST} bytes")]
    Long,
    /// The text is no hash of argon2id.
    #[error("that is no argon2id hash: {0}")]
    Hash(String),
}

/// What is kept of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(phc::PasswordHash);

impl PasswordHash {
    /// Hashes a password with a salt of its own.
    ///
    /// # Errors
    /// Where it is too short or too long.
    pub fn of(password: &str) -> Result<Self, BadPassword> {
        if password.chars().count() < LEAST {
            return Err(BadPassword::Short);
        }
        if password.len() > MOST {
            return Err(BadPassword::Long);
        }
        let wrong = |error: &dyn fmt::Display| BadPassword::Hash(error.to_string());
        let (memory, iterations, lanes) = COST;
        let params = Params::new(memory, iterations, lanes, None).map_err(|error| wrong(&error))?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        hasher.hash_password(password.as_bytes()).map(Self).map_err(|error| wrong(&error))
    }

    /// Reads a hash as `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`.
    ///
    /// # Errors
    /// Where the text is something else, or would take too much to compute.
    pub fn parse(text: &str) -> Result<Self, BadPassword> {
        let wrong = |what: &str| BadPassword::Hash(what.to_owned());
        let hash = phc::PasswordHash::new(text).map_err(|error| BadPassword::Hash(error.to_string()))?;
        if hash.algorithm != ARGON2ID_IDENT {
            return Err(wrong("it was made by another algorithm"));
        }
        if hash.salt.is_none() || hash.hash.is_none() {
            return Err(wrong("it has no salt or no hash"));
        }
        let params = Params::try_from(&hash).map_err(|error| BadPassword::Hash(error.to_string()))?;
        if params.m_cost() > MOST_MEMORY || params.t_cost() > MOST_ITERATIONS {
            return Err(wrong("it takes more than 256 MiB or 16 iterations"));
        }
        Ok(Self(hash))
    }

    /// The hash that no password has.
    pub(super) fn nobodys() -> Option<Self> {
        Self::parse(NOBODY).ok()
    }

    /// Whether this is the password; takes some tens of milliseconds and 19 MiB.
    pub(super) fn fits(&self, password: &str) -> bool {
        Argon2::default().verify_password(password.as_bytes(), &self.0).is_ok()
    }

    /// Tells whether the password was changed since.
    pub(super) fn stamp(&self) -> [u8; 32] {
        sha256(&self.to_string())
    }
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_hash_only() {
        let hash = PasswordHash::of("correct horse").unwrap();
        let text = hash.to_string();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        let read = PasswordHash::parse(&text).unwrap();
        assert!(read.fits("correct horse"));
        assert!(!read.fits("correct horsf") && !read.fits("") && !read.fits(&text));
        assert_ne!(PasswordHash::of("correct horse").unwrap().stamp(), hash.stamp(), "another salt");
        assert!(!PasswordHash::nobodys().unwrap().fits(""));
        assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
    }

    /// From the reference implementation's own tests (phc-winner-argon2, src/test.c).
    #[test]
    fn the_reference_implementations_hash_is_read() {
        let text = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let hash = PasswordHash::parse(text).unwrap();
        assert!(hash.fits("password") && !hash.fits("passwore"));
    }

    #[test]
    fn what_is_no_hash_or_no_password_is_refused() {
        for text in [
            "",
            "secret",
            "$2y$10$abcdefghijklmnopqrstuv",
            "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ",
            "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=19456,t=999,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] {
            assert!(PasswordHash::parse(text).is_err(), "{text}");
        }
        assert_eq!(PasswordHash::of("1234567"), Err(BadPassword::Short));
        assert_eq!(PasswordHash::of(&"x".repeat(1_025)), Err(BadPassword::Long));
    }
}
