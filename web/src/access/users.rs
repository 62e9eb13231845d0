//! People who sign in with a password.

use super::password::PasswordHash;
use super::rights::Rights;

/// A name longer than this is nobody's.
const LONGEST_NAME: usize = 256;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// What they sign in with.
    pub name: String,
    /// What they may do and see.
    pub rights: Rights,
    /// What is kept of the password.
    pub password: PasswordHash,
}

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Users(Vec<User>);

impl Users {
    /// These users; of two of one name the first counts.
    pub fn new(users: Vec<User>) -> Self {
        Self(users)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody can sign in.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &User> {
        self.0.iter()
    }

    pub(super) fn find(&self, name: &str) -> Option<&User> {
        self.0.iter().find(|user| user.name == name)
    }
}

/// What cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be a name: give up to {LONGEST_NAME} bytes without spaces, commas, quotes or control characters")]
pub struct BadName(String);

/// The name of a user or a token: what stands in an audit line and on pages without being mistaken for something else.
///
/// # Errors
/// Where the text cannot be one.
pub fn read_name(text: &str) -> Result<String, BadName> {
    let is_fine = |letter: char| {
        letter.is_alphanumeric() || (letter.is_ascii_punctuation() && !matches!(letter, ',' | ';' | '"' | '\'' | '\\'))
    };
    if text.is_empty() || text.len() > LONGEST_NAME || !text.chars().all(is_fine) {
        let shown: String =
            text.chars().take(64).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect();
        return Err(BadName(shown));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for name in ["jane", "jane.doe@example.com", "Ünal", "ops-team_1", "DOMAIN/jane", "a+b@c.example"] {
            assert_eq!(read_name(name).as_deref(), Ok(name));
        }
        for name in ["", "jane doe", "a,b", "a;b", "a\"b", "a\nb", "a\u{202e}b", "a\u{0}", "<b> c", "a\\b"] {
            assert!(read_name(name).is_err(), "{name:?}");
        }
        assert!(read_name(&"x".repeat(257)).is_err());
        assert!(!read_name("a\nb").unwrap_err().to_string().contains('\n'));
    }
}
