//! How the process ends: the exit codes are a contract with scripts and monitoring.

use std::io::{self, Write};
use std::process::ExitCode;

use repute_ingest::ImportError;
use repute_lake::LakeError;
use repute_query::QueryError;

use crate::output::plain;

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

    /// `doctor` found something.
    pub(crate) const FINDINGS: Self = Self::Warning;

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

/// Whoever read our output has gone, as `repute rates | head` does; that is no failure worth a word.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}

/// An error and its causes, each said once: many name their cause themselves.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let words = without_markup(&cause.to_string());
        // The Delta kernel prints the calls that led to an error below its first line.
        let words = words.lines().next().unwrap_or_default();
        if !text.contains(words) {
            text += if text.is_empty() { "" } else { ": " };
            text += words;
        }
    }
    text
}

/// S3's XML document about an error as its code and message.
pub(crate) fn without_markup(text: &str) -> String {
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(value, _)| value)
    };
    let (start, end) = (text.find("<?xml"), text.rfind('>'));
    match (start, end, element("Code"), element("Message")) {
        (Some(start), Some(end), Some(code), Some(message)) => {
            format!("{}{code}: {message}{}", &text[..start], &text[end + 1..])
        }
        _ => text.to_owned(),
    }
}

/// What helps against the error of the system that is behind a failure, if one is.
pub(crate) fn remedy_behind(error: &anyhow::Error) -> Option<&'static str> {
    let known = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).find_map(remedy);
    known
        .or_else(|| error.chain().filter_map(|cause| system_error(&cause.to_string())).find_map(|error| remedy(&error)))
}

/// The system's error in a text that ends in the way Rust writes one: the Delta kernel hands errors on as text only.
fn system_error(text: &str) -> Option<io::Error> {
    let (_, rest) = text.rsplit_once("(os error ")?;
    rest.split(')').next()?.parse().ok().map(io::Error::from_raw_os_error)
}

/// An error and its causes, and what to do about it.
fn with_remedy(error: &anyhow::Error) -> String {
    match remedy_behind(error) {
        Some(remedy) => format!("{}; {remedy}, then run it again", told(error)),
        None => told(error),
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
            let lines: Vec<_> = text.lines().map(plain).collect();
            let _ = writeln!(stderr, "error: {}", lines.join("\n"));
            2
        }
        Err(Failure::CheckUnknown(text)) => {
            let _ = writeln!(stdout, "REPUTE UNKNOWN - {}", plain(&text));
            3
        }
        Err(Failure::Failed(error)) => {
            let _ = writeln!(stderr, "error: {}", plain(&with_remedy(&error)));
            4
        }
        Err(Failure::Unknown(error)) => {
            let _ = writeln!(stderr, "error: {}", plain(&with_remedy(&error)));
            5
        }
    };
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_is_found_in_words_too() {
        let remedy = |text: &str| remedy_behind(&anyhow::anyhow!(text.to_owned()));
        assert_eq!(
            remedy("Kernel error: Too many open files (os error 24)"),
            Some("raise the limit on open files (`ulimit -n`)")
        );
        assert_eq!(remedy("Kernel error: No such file or directory (os error 2)"), None);
        assert_eq!(remedy("no rows (os error many)"), None);
    }

    #[test]
    fn a_cause_is_said_once_and_without_markup() {
        let xml = "404 Not Found: <?xml version=\"1.0\"?>\n<Error><Code>NoSuchBucket</Code><Message>no such bucket</Message></Error>";
        let error = anyhow::anyhow!("{xml}").context(format!("list request: {xml}")).context("cannot list `s3://raw`");
        assert_eq!(told(&error), "cannot list `s3://raw`: list request: 404 Not Found: NoSuchBucket: no such bucket");
        assert_eq!(told(&anyhow::anyhow!("plain").context("outer")), "outer: plain");
    }

    /// An import's error is looked into, however it comes.
    #[test]
    fn an_unknown_commit_is_told_from_a_failed_one() {
        let missing = || LakeError::Missing("x".to_owned());
        let unknown = || LakeError::CommitUnknown { table: "events", source: "no answer".into() };
        assert!(matches!(Failure::from(unknown()), Failure::Unknown(_)));
        assert!(matches!(Failure::from(ImportError::from(unknown())), Failure::Unknown(_)));
        let told = anyhow::Error::from(ImportError::from(unknown())).context("while importing");
        assert!(matches!(Failure::from(told), Failure::Unknown(_)));
        assert!(matches!(Failure::from(ImportError::from(missing())), Failure::Failed(_)));
        assert!(matches!(Failure::from(ImportError::Unfinished(1)), Failure::Failed(_)));
    }

    /// The importer hands the lake's error on as its own, which must not hide what kind it is (an unknown outcome is exit 5).
    #[test]
    fn the_lakes_error_is_found_through_every_stage() {
        let wrong = || LakeError::Location { location: "a".to_owned(), reason: "b".to_owned() };
        assert!(matches!(Failure::from(wrong()), Failure::Usage(_)));
        assert!(matches!(Failure::from(ImportError::Lake(wrong())), Failure::Usage(_)));
        assert!(matches!(Failure::from(QueryError::Lake(wrong())), Failure::Usage(_)));
        assert!(matches!(Failure::from(ImportError::Unfinished(1)), Failure::Failed(_)));
    }
}
