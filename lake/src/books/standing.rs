//! A table's log seen from outside: how long it is, and where its newest checkpoint stands.

use futures::TryStreamExt;
use object_store::path::Path;

use crate::error::LakeError;
use crate::log::{FOLDER, entry_version, hinted_version};
use crate::table::Table;

/// What a listing of the newest part of a log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogStanding {
    /// Name of the table.
    pub table: &'static str,
    /// The version that was read.
    pub version: u64,
    /// The version of the newest checkpoint that readers are pointed to; `None` without one.
    pub checkpoint: Option<u64>,
    /// Entries after it, each of which every reader opens.
    pub entries: u64,
}

impl LogStanding {
    pub(super) async fn of(table: &Table) -> Result<Self, LakeError> {
        let store = table.log_store().object_store(None);
        let failed = |source: object_store::Error| table.failed(source.into());
        let checkpoint = hinted_version(&store).await.map_err(failed)?;
        let folder = Path::from(FOLDER);
        // An entry sorts before the checkpoint of its version.
        let offset = folder.clone().join(format!("{:020}", checkpoint.map_or(0, |version| version + 1)));
        let listed: Vec<_> = match checkpoint {
            Some(_) => store.list_with_offset(Some(&folder), &offset).try_collect().await.map_err(failed)?,
            None => store.list(Some(&folder)).try_collect().await.map_err(failed)?,
        };
        let entries = listed.iter().filter_map(|meta| entry_version(meta.location.filename()?));
        let entries = entries.filter(|version| *version <= table.version()).count() as u64;
        Ok(Self { table: table.name, version: table.version(), checkpoint, entries })
    }
}
