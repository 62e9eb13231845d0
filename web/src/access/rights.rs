//! What somebody may do and see.

use std::fmt;
use std::str::FromStr;

/// What a visitor may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Ends silences, saves rules, imports records again.
    Operator,
}

impl Role {
    const ALL: [Self; 2] = [Self::Viewer, Self::Operator];

    /// Its name in files and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no role's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown role `{0}`; known are viewer, operator")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// What somebody may do and see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// What they may do.
    pub role: Role,
    /// Whether they see recipients' addresses and subjects whole.
    pub addresses: bool,
}

impl Rights {
    /// Everything.
    pub(crate) const ALL: Self = Self { role: Role::Operator, addresses: true };
}
