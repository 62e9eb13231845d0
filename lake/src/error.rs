//! What can go wrong with a lake, by what the caller can do about it.

use std::io;
use std::path::PathBuf;

use deltalake::DeltaTableError;

use crate::disk::DiskError;
use crate::fsck::Damage;

/// Errors of the lake.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// There is no lake at this place.
    #[error("no lake at `{0}`: import something first, or check the path")]
    Missing(String),
    /// The place cannot be a lake.
    #[error("`{location}` cannot hold a lake: {reason}")]
    Location {
        /// What was given.
        location: String,
        /// Why not.
        reason: String,
    },
    /// The table was written by something that uses features this reader does not understand.
    #[error("table `{table}` uses `{feature}`, which this version cannot read")]
    Unsupported {
        /// Name of the table.
        table: &'static str,
        /// The feature.
        feature: String,
    },
    /// Other writers kept winning; nothing of this batch was written, and trying again is safe.
    #[error("gave up after {attempts} attempts: other writers kept committing to table `{table}`; run it again")]
    Contended {
        /// Name of the table.
        table: &'static str,
        /// How often it was tried.
        attempts: u32,
    },
    /// The store did not answer whether a commit landed. Nothing may be acknowledged; running again resolves it.
    #[error(
        "the outcome of a commit to table `{table}` is unknown, nothing is acknowledged; run it again: {}",
        first_line(source)
    )]
    CommitUnknown {
        /// Name of the table.
        table: &'static str,
        /// What the store said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Part of a table is not what was written.
    #[error("`{}` {}; `repute lake fsck` says how to repair it", damage.file, damage.what)]
    Damaged {
        /// The file, and what is wrong with it.
        damage: Box<Damage>,
    },
    /// The store could not be read.
    #[error("cannot read the lake at `{location}`: {source}")]
    Unreadable {
        /// Where the lake is.
        location: String,
        /// What the store said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file that is to be dropped is none that can be.
    #[error("`{0}` is no damaged data file and no damaged newest log entry, so it is not dropped")]
    NotDamaged(String),
    /// The store or the transaction log failed.
    #[error("table `{table}`: {}", first_line(source))]
    Table {
        /// Name of the table.
        table: &'static str,
        /// What failed.
        source: Box<DeltaTableError>,
    },
    /// The disk refused a file of the lake, or to say that it will stay. Nothing of this batch is acknowledged.
    #[error("cannot write `{path}`: {source}")]
    Disk {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A document beside the tables could not be read or written.
    #[error("cannot {what} `{place}`: {source}")]
    Beside {
        /// `read` or `write`.
        what: &'static str,
        /// Which document.
        place: String,
        /// What the store said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A data file could not be written or read.
    #[error("data file `{path}`: {source}")]
    File {
        /// Path below the table.
        path: String,
        /// What failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Rows could not be put together.
    #[error("rows: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl LakeError {
    /// The error of a table's log, or what the disk said if that is behind it.
    pub(crate) fn of_table(table: &'static str, source: DeltaTableError) -> Self {
        match DiskError::behind(&source).map(Self::of_disk) {
            Some(disk) => disk,
            None => Self::Table { table, source: Box::new(source) },
        }
    }

    /// The error of a data file, or what the disk said if that is behind it.
    pub(crate) fn of_file(path: &str, source: Box<dyn std::error::Error + Send + Sync>) -> Self {
        match DiskError::behind(source.as_ref()).map(Self::of_disk) {
            Some(disk) => disk,
            None => Self::File { path: path.to_owned(), source },
        }
    }

    pub(crate) fn of_disk(error: &DiskError) -> Self {
        let (path, source) = error.parts();
        let source =
            source.raw_os_error().map_or_else(|| io::Error::other(error.to_string()), io::Error::from_raw_os_error);
        Self::Disk { path: path.to_owned(), source }
    }
}

impl From<DiskError> for LakeError {
    fn from(error: DiskError) -> Self {
        Self::of_disk(&error)
    }
}

/// The Delta kernel prints the calls that led to an error below its first line.
fn first_line(error: &impl ToString) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
