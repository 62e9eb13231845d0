//! How the process ends: the exit codes are a contract with scripts and monitoring.

use std::io::{self, Write};
use std::process::ExitCode;

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
        let lake = error.chain().find_map(|cause| cause.downcast_ref::<repute_lake::LakeError>());
        match lake {
            Some(repute_lake::LakeError::CommitUnknown { .. }) => Self::Unknown(error),
            Some(repute_lake::LakeError::Location { .. }) => Self::Usage(error.to_string()),
            _ => Self::Failed(error),
        }
    }
}

/// Whoever read our output has gone, as `repute rates | head` does; that is no failure worth a word.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}

/// The error with those causes that it does not name itself, and what to do about it.
fn with_remedy(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    match error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).find_map(remedy) {
        Some(remedy) => format!("{text}; {remedy}, then run it again"),
        None => text,
    }
}

/// What helps against an error of the system.
pub(crate) fn remedy(error: &io::Error) -> Option<&'static str> {
    /// Linux: too many open files, in this process and in the system; input or output error.
    const OPEN_FILES: [i32; 2] = [24, 23];
    const INPUT_OUTPUT: i32 = 5;
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::StorageFull, _) => Some("make room on the disk"),
        (io::ErrorKind::QuotaExceeded, _) => Some("make room within the disk quota"),
        (io::ErrorKind::ReadOnlyFilesystem, _) => Some("make the file system writable"),
        (io::ErrorKind::PermissionDenied, _) => Some("give this user the right to it"),
        (_, Some(code)) if OPEN_FILES.contains(&code) => Some("raise the limit on open files (`ulimit -n`)"),
        (_, Some(INPUT_OUTPUT)) => Some("look after the disk (`dmesg` says what it reported)"),
        _ => None,
    }
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
            let _ = writeln!(stderr, "error: {}", with_remedy(&error));
            4
        }
        Err(Failure::Unknown(error)) => {
            let _ = writeln!(stderr, "error: {}", with_remedy(&error));
            5
        }
    };
    ExitCode::from(code)
}
