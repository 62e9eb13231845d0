//! Access keys of Firehose streams.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use ring::digest::{SHA256, digest};
use subtle::{Choice, ConstantTimeEq};

/// Firehose takes no longer keys.
pub(super) const LONGEST: usize = 4_096;

/// A shorter key can be guessed.
const SHORTEST: usize = 16;

/// The keys that let a stream in; several, so that one can be exchanged while streams still send the one before. Only their SHA-256 is
/// kept.
#[derive(Default)]
pub struct AccessKeys(RwLock<Vec<[u8; 32]>>);

impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKeys(..)")
    }
}

/// A key that cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessKeyError {
    /// Too short.
    #[error("an access key has at least {SHORTEST} characters; make one with `openssl rand -hex 32`")]
    Short,
    /// Too long.
    #[error("an access key has at most {LONGEST} bytes; make one with `openssl rand -hex 32`")]
    Long,
    /// Of characters that no header can have.
    #[error("an access key has visible ASCII characters only; make one with `openssl rand -hex 32`")]
    Invisible,
}

impl AccessKeys {
    /// Reads keys.
    ///
    /// # Errors
    /// With the number of the first wrong one, from zero.
    pub fn new<'k>(keys: impl IntoIterator<Item = &'k str>) -> Result<Self, (usize, AccessKeyError)> {
        let read = |(number, key): (usize, &str)| {
            let error = match key.len() {
                length if length < SHORTEST => AccessKeyError::Short,
                length if length > LONGEST => AccessKeyError::Long,
                _ if !key.bytes().all(|byte| byte.is_ascii_graphic()) => AccessKeyError::Invisible,
                _ => return Ok(hash(key.as_bytes())),
            };
            Err((number, error))
        };
        let keys: Result<Vec<_>, _> = keys.into_iter().enumerate().map(read).collect();
        Ok(Self(RwLock::new(keys?)))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Whether a key is one of them. How long this takes tells nothing of the keys: hashes are compared, with all of them, to the end.
    pub(super) fn contains(&self, key: &[u8]) -> bool {
        let hash = hash(key);
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.iter().fold(Choice::from(0), |found, one| found | one.ct_eq(&hash)).into()
    }

    pub(super) fn replace(&self, other: Self) {
        let other = other.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = other;
    }
}

fn hash(key: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, key).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_lets_in_and_nothing_else_does() {
        let keys = AccessKeys::new(["0123456789abcdefOLD", "0123456789abcdefNEW"]).unwrap();
        for key in ["0123456789abcdefOLD", "0123456789abcdefNEW"] {
            assert!(keys.contains(key.as_bytes()));
        }
        for key in ["", "0123456789abcdef", "0123456789abcdefold", "0123456789abcdefNEW ", "0123456789abcdefNEW0"] {
            assert!(!keys.contains(key.as_bytes()), "{key}");
        }
        keys.replace(AccessKeys::new(["0123456789abcdefNEW"]).unwrap());
        assert!(!keys.contains(b"0123456789abcdefOLD") && keys.contains(b"0123456789abcdefNEW"));
        assert!(!AccessKeys::default().contains(b""));
        let wrong = |key: &str| AccessKeys::new(["0123456789abcdef", key]).unwrap_err();
        assert_eq!(wrong("short"), (1, AccessKeyError::Short));
        assert_eq!(wrong(&"x".repeat(4_097)), (1, AccessKeyError::Long));
        assert_eq!(wrong("0123456789 abcdefg"), (1, AccessKeyError::Invisible));
    }
}
