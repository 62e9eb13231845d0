//! Random texts that nobody can guess, and what is kept of them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::hmac;
use subtle::ConstantTimeEq;

/// 256 random bits as 43 letters of URL-safe base64.
pub(super) fn random() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// A password that nobody can guess: 20 letters and digits that look like no others, some 100 bits.
pub fn random_password() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789-";
    rand::random::<[u8; 20]>().into_iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

/// The SHA-256 of a text. Of a text with 256 random bits it tells nothing.
pub(super) fn sha256(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    bytes
}

/// Whether two texts are equal, in a time that tells neither where they differ nor how long the expected one is.
pub(super) fn equal(given: &str, expected: &str) -> bool {
    sha256(given).ct_eq(&sha256(expected)).into()
}

/// A key that each run of the server makes anew.
pub(super) struct Key(hmac::Key);

impl Key {
    pub(super) fn new() -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>()))
    }

    /// What only this server can say of a text.
    pub(super) fn sign(&self, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_are_compared_whole() {
        assert_eq!(random().len(), 43);
        assert_ne!(random(), random());
        assert!(equal("abc", "abc"));
        assert!(!equal("abc", "abcd") && !equal("", "abc") && !equal("abx", "abc"));
        // FIPS 180-2, appendix B.1.
        let hex: String = sha256("abc").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let key = Key::new();
        assert_eq!(key.sign("a"), key.sign("a"));
        assert_ne!(key.sign("a"), Key::new().sign("a"));
    }
}
