//! What should not stand in a configuration file: it may be named there by file or by variable, and is read when it is needed.

use std::fmt;
use std::path::{Path, PathBuf};

use super::Undelivered;

/// A secret, or where it is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    Text(String),
    File(PathBuf),
    Variable(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(..)"),
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Variable(name) => write!(f, "Variable({name})"),
        }
    }
}

impl Secret {
    /// The file it is in, if it is in one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Text(_) | Self::Variable(_) => None,
        }
    }

    /// The secret itself, without the line's end.
    pub(crate) fn read(&self) -> Result<String, Undelivered> {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|error| Undelivered::Unreachable(format!("cannot read `{}`: {error}", path.display())))?,
            Self::Variable(name) => std::env::var(name)
                .map_err(|_| Undelivered::Unreachable(format!("the variable `{name}` is not set")))?,
        };
        let text = text.trim().to_owned();
        if text.is_empty() { Err(Undelivered::Unreachable(format!("{self:?} is empty"))) } else { Ok(text) }
    }
}
