//! Why a dump could not be written.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why [`generate`](crate::generate()) stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// The output folder already holds something: a second dump beside the first would make its truth wrong.
    #[error("`{}` is not empty: name a new or empty folder", path.display())]
    NotEmpty {
        /// The output folder.
        path: PathBuf,
    },
    /// A file or folder could not be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The plan asks for what cannot be made.
    #[error("cannot generate {what}: {remedy}")]
    Plan {
        /// The part of the plan, with its value.
        what: String,
        /// What would work.
        remedy: &'static str,
    },
}

impl GenerateError {
    pub(crate) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }
}
