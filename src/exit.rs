//! How the process ends: the exit codes are a contract with scripts and monitoring.

use std::io::{self, Write};
use std::process::ExitCode;

use repute_ingest::ImportError;
use repute_lake::LakeError;
use repute_query::QueryError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; for `check`: OK.
    Done = 0,
    /// `check`: WARNING.
    Warning = 1,
    /// `check`: CRITICAL.
    Critical = 2,
    /// `import`: done, but more bad records than allowed. `check`: UNKNOWN.
    BadRecords = 3,
    /// A source or the store failed; running again is safe.
    Failed = 4,
}

impl Exit {
    /// `check`'s third state has the same number.
    pub(crate) const UNKNOWN: Self = Self::BadRecords;

    /// `lake fsck`'s damage has it too.
    pub(crate) const DAMAGED: Self = Self::BadRecords;
}

/// Why a command could not be carried out.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Wrong options or configuration (exit 2). Clap has said everything already if the text is empty.
    Usage(String),
    /// A source, the lake or a query failed (exit 4).
    Failed(anyhow::Error),
    /// The store did not say whether a commit landed (exit 5).
    Unknown(anyhow::Error),
    /// `check` could not be carried out (exit 3), with the line for the monitoring system.
    CheckUnknown(String),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        if is_broken_pipe(&error) {
            return Self::Usage(String::new());
        }
        match lake_error(&error) {
            Some(LakeError::CommitUnknown { .. }) => Self::Unknown(error),
            Some(LakeError::Location { .. }) => Self::Usage(error.to_string()),
            _ => Self::Failed(error),
        }
    }
}

/// The lake's error behind a failure, also where a stage hands it on as its own: such an error does not show in the chain.
pub(crate) fn lake_error(error: &anyhow::Error) -> Option<&LakeError> {
    error.chain().find_map(|cause| match (cause.downcast_ref(), cause.downcast_ref(), cause.downcast_ref()) {
        (Some(error), _, _) => Some(error),
        (_, Some(ImportError::Lake(error)), _) => Some(error),
        (_, _, Some(QueryError::Lake(error))) => Some(error),
        _ => None,
    })
}

/// The whole chain of causes on one line, each said once: many errors repeat their cause.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        let cause = cause.trim();
        if text.is_empty() {
            text.push_str(cause);
        } else if !text.contains(cause) {
            text = format!("{text}: {cause}");
        }
    }
    text.replace(['\n', '\r'], " ")
}

/// Whoever read our output has gone, as `repute rates | head` does; that is no failure worth a word.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}

/// Says what failed and turns the ending into the process's exit code.
pub(crate) fn finish(ending: Result<Exit, Failure>) -> ExitCode {
    let mut stderr = io::stderr().lock();
    let mut stdout = io::stdout().lock();
    // Nobody is left to tell if standard output or error is closed.
    let code = match ending {
        Ok(exit) => exit as u8,
        Err(Failure::Usage(text)) if text.is_empty() => 2,
        Err(Failure::Usage(text)) => {
            let _ = writeln!(stderr, "error: {text}");
            2
        }
        Err(Failure::CheckUnknown(text)) => {
            let _ = writeln!(stdout, "REPUTE UNKNOWN - {text}");
            3
        }
        Err(Failure::Failed(error)) => {
            let _ = writeln!(stderr, "error: {}", told(&error));
            4
        }
        Err(Failure::Unknown(error)) => {
            let _ = writeln!(stderr, "error: {}", told(&error));
            5
        }
    };
    ExitCode::from(code)
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    /// The importer hands the lake's error on as its own, which must not hide what kind it is (an unknown outcome is exit 5).
    #[test]
    fn the_lakes_error_is_found_through_every_stage() {
        let wrong = || LakeError::Location { location: "a".to_owned(), reason: "b".to_owned() };
        assert!(matches!(Failure::from(wrong()), Failure::Usage(_)));
        assert!(matches!(Failure::from(ImportError::Lake(wrong())), Failure::Usage(_)));
        assert!(matches!(Failure::from(QueryError::Lake(wrong())), Failure::Usage(_)));
        assert!(matches!(Failure::from(ImportError::Unfinished(1)), Failure::Failed(_)));
    }

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow::anyhow!("no such file").context("cannot read `a`: no such file").context("failed");
        assert_eq!(told(&error), "failed: cannot read `a`: no such file");
    }
}
