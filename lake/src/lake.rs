//! The lake itself: three tables under one root.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::ObjectStore;
use object_store::path::Path;

use crate::append::{self, Appended};
use crate::books::Books;
use crate::coded::CodedFiles;
use crate::compact::{self, Compacted, CompactionMeter};
use crate::error::LakeError;
use crate::lease::Lease;
use crate::ledger::{self, BadRecord, ImportedObject};
use crate::object_set::ObjectSet;
use crate::provider::EventsTable;
use crate::quarantine::{self, KeptRecord, Resolution};
use crate::rows::EventChunk;
use crate::schema::{event_file_schema, objects_schema, quarantine_schema};
use crate::sidecar::Sidecars;
use crate::statistics::TableStatistics;
use crate::store::{Location, refuse_without_conditional_put};
use crate::table::{DataFile, Table, TableSpec};
use crate::totals::{self, ImportTotals, RecentImport};

/// Name of the table of events.
pub const EVENTS: &str = "events";
pub(crate) const OBJECTS: &str = "objects";
pub(crate) const QUARANTINE: &str = "quarantine";

/// Table property that lists the promoted tags, joined by commas (SES allows no comma in a tag's name).
const PROMOTED_TAGS: &str = "repute.promotedTags";

/// An open lake, each table at the version it had when it was last opened, refreshed or written.
#[derive(Debug, Clone)]
pub struct Lake {
    location: Location,
    promoted_tags: Vec<String>,
    events: Table,
    objects: Table,
    /// Files of `objects` whose rows the caller was told of, or which this has written.
    objects_told: HashSet<Path>,
    quarantine: Table,
    /// Held by whoever may write, so that nobody sweeps files that are being written.
    lease: Option<Arc<Lease>>,
}

impl Lake {
    /// Opens an existing lake.
    ///
    /// # Errors
    /// [`LakeError::Missing`] where there is none.
    pub async fn open(location: &Location) -> Result<Self, LakeError> {
        let missing = || LakeError::Missing(location.to_string());
        let events = Table::open(location, EVENTS).await?.ok_or_else(missing)?;
        let objects = Table::open(location, OBJECTS).await?.ok_or_else(missing)?;
        let quarantine = Table::open(location, QUARANTINE).await?.ok_or_else(missing)?;
        Ok(Self::of(location, events, objects, quarantine))
    }

    /// Opens an existing lake for writing.
    ///
    /// # Errors
    /// [`LakeError::Missing`] where there is none.
    pub async fn open_for_writing(location: &Location) -> Result<Self, LakeError> {
        let mut lake = Self::open(location).await?;
        for table in [&lake.events, &lake.objects, &lake.quarantine] {
            table.confirm().await?;
        }
        lake.lease = Lease::shared(location).map(Arc::new);
        Ok(lake)
    }

    /// Opens a lake, creating it first where there is none. `promoted_tags` (custom tags that get a column of their own)
    /// matter only at creation; an existing lake keeps its columns.
    pub async fn open_or_create(location: &Location, promoted_tags: &[String]) -> Result<Self, LakeError> {
        if location.directory().is_none() {
            refuse_without_conditional_put(location, &*location.log_store(EVENTS)?.object_store(None)).await?;
        }
        let spec = |name, file_schema, by_date, properties| TableSpec { name, file_schema, by_date, properties };
        let tags = vec![(PROMOTED_TAGS.to_owned(), promoted_tags.join(","))];
        let events = spec(EVENTS, event_file_schema(promoted_tags), true, tags);
        let events = Table::open_or_create(location, &events).await?;
        let objects = spec(OBJECTS, objects_schema(), false, Vec::new());
        let objects = Table::open_or_create(location, &objects).await?;
        let quarantine = spec(QUARANTINE, quarantine_schema(), false, Vec::new());
        let quarantine = Table::open_or_create(location, &quarantine).await?;
        let mut lake = Self::of(location, events, objects, quarantine);
        lake.lease = Lease::shared(location).map(Arc::new);
        Ok(lake)
    }

    /// Lets others know that nothing is being written for now, so that they may sweep; [`Lake::hold`] goes before the next write.
    pub fn release(&mut self) {
        self.lease = None;
    }

    /// Keeps others from sweeping files that are about to be written.
    pub fn hold(&mut self) {
        if self.lease.is_none() {
            self.lease = Lease::shared(&self.location).map(Arc::new);
        }
    }

    fn of(location: &Location, events: Table, objects: Table, quarantine: Table) -> Self {
        let (location, promoted_tags, objects_told) = (location.clone(), promoted(&events), HashSet::new());
        Self { location, promoted_tags, events, objects, objects_told, quarantine, lease: None }
    }

    /// Where it lies.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Custom tags with a column of their own.
    pub fn promoted_tags(&self) -> &[String] {
        &self.promoted_tags
    }

    /// Versions of the events, objects and quarantine tables.
    pub fn versions(&self) -> [u64; 3] {
        [self.events.version(), self.objects.version(), self.quarantine.version()]
    }

    /// Moves every table to its newest version.
    pub async fn refresh(&mut self) -> Result<(), LakeError> {
        self.events.refresh().await?;
        self.objects.refresh().await?;
        self.quarantine.refresh().await
    }

    /// Writes the rows that are not in the lake yet, encoding with so many threads; once it returns they are on the disk and visible.
    ///
    /// # Errors
    /// [`LakeError::CommitUnknown`] if the store did not say whether the commit landed: acknowledge nothing, run again.
    pub async fn append(
        &mut self,
        chunks: Vec<EventChunk>,
        now: DateTime<Utc>,
        threads: usize,
    ) -> Result<Appended, LakeError> {
        append::append(&mut self.events, &self.promoted_tags, chunks, now, threads).await
    }

    /// Keeps bad records; those already kept are left out.
    pub async fn quarantine(&mut self, records: &[BadRecord]) -> Result<(), LakeError> {
        ledger::record_bad(&mut self.quarantine, records).await
    }

    /// Notes objects as read to their end, after their rows and bad records are in. They must not be among those that
    /// [`Lake::imported_objects`] has told of; those that another writer has noted since are left out.
    pub async fn record_objects(&mut self, objects: &[ImportedObject]) -> Result<(), LakeError> {
        ledger::record_objects(&mut self.objects, &mut self.objects_told, objects).await
    }

    /// The objects that need not be read again.
    pub async fn imported_objects(&mut self) -> Result<ObjectSet, LakeError> {
        self.objects_told.clear();
        ledger::objects_in(&self.objects, &mut self.objects_told).await
    }

    /// The same of those that neither [`Lake::imported_objects`] nor this has told of yet: all at first, and again whatever a
    /// compaction has put into other files since.
    pub async fn newly_imported_objects(&mut self) -> Result<ObjectSet, LakeError> {
        ledger::objects_in(&self.objects, &mut self.objects_told).await
    }

    /// What all imports have done together.
    pub async fn import_totals(&self) -> Result<ImportTotals, LakeError> {
        totals::totals(&self.objects).await
    }

    /// The objects that were imported from here on.
    pub async fn imports_since(&self, since: DateTime<Utc>) -> Result<Vec<RecentImport>, LakeError> {
        totals::since(&self.objects, since).await
    }

    /// The books at this version; of another version's what has not changed is taken over.
    pub async fn books(&self, before: Option<&Books>) -> Result<Books, LakeError> {
        Books::read(self, before).await
    }

    /// The tables of events, bad records and objects.
    pub(crate) fn tables(&self) -> [&Table; 3] {
        [&self.events, &self.quarantine, &self.objects]
    }

    /// What each table holds.
    pub fn statistics(&self) -> Result<Vec<TableStatistics>, LakeError> {
        [&self.events, &self.quarantine, &self.objects].into_iter().map(TableStatistics::of).collect()
    }

    /// Bad records that are kept, in the order in which they were found, with their bytes if asked for.
    pub async fn bad_records(&self, with_raw: bool) -> Result<Vec<KeptRecord>, LakeError> {
        quarantine::kept(&self.quarantine, with_raw).await
    }

    /// Marks bad records as resolved; those that are already are left alone.
    pub async fn resolve(&mut self, resolved: Vec<Resolution>, now: DateTime<Utc>) -> Result<(), LakeError> {
        quarantine::resolve(&mut self.quarantine, resolved, now).await
    }

    /// How many files [`Lake::compact`] would put into others, and their bytes.
    pub fn compaction_due(&self) -> Result<(u64, u64), LakeError> {
        let due = [&self.events, &self.quarantine, &self.objects].map(compact::due);
        due.into_iter().try_fold((0, 0), |(files, bytes), due| due.map(|(f, b)| (files + f, bytes + b)))
    }

    /// Puts the small files of each table together, encoding with so many threads; readers see the same rows before, meanwhile
    /// and afterwards, and importers may go on. Files that were replaced more than [`crate::KEPT`] before `now` are removed.
    pub async fn compact(
        &mut self,
        now: DateTime<Utc>,
        threads: usize,
        meter: &CompactionMeter,
    ) -> Result<Vec<Compacted>, LakeError> {
        let mut done = Vec::new();
        for (table, schema) in [
            (&mut self.events, event_file_schema(&self.promoted_tags)),
            (&mut self.quarantine, quarantine_schema()),
            (&mut self.objects, objects_schema()),
        ] {
            done.push(compact::compact(table, &schema, now, threads, meter).await?);
        }
        Ok(done)
    }

    /// Active files of the events table.
    pub fn event_files(&self) -> Result<Vec<DataFile>, LakeError> {
        self.events.files()
    }

    /// The events table for DataFusion at this version, and the store to register for it.
    pub fn events_table(&self) -> Result<(EventsTable, ObjectStoreUrl, Arc<dyn ObjectStore>), LakeError> {
        let store = ObjectStoreUrl::parse("repute://events")
            .map_err(|e| LakeError::Location { location: self.location.to_string(), reason: e.to_string() })?;
        let table = EventsTable::new(store.clone(), event_file_schema(&self.promoted_tags), self.event_files()?);
        Ok((table, store, self.events.log_store().object_store(None)))
    }

    /// What reads data files of the events by the numbers of their texts.
    pub fn coded_files(&self) -> CodedFiles {
        CodedFiles::new(self.events.log_store().object_store(None))
    }

    /// Small tables kept beside the lake under a key: see [`Sidecars`].
    pub fn sidecars(&self, key: &str) -> Result<Sidecars, LakeError> {
        Sidecars::open(&self.location, key)
    }
}

fn promoted(events: &Table) -> Vec<String> {
    let names = events.property(PROMOTED_TAGS).unwrap_or_default();
    names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
