//! How far the counts are, and what they take on the disk; without counting anything.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::{Rollups, rows};

/// What was counted of a version of the lake, and is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RollupStanding {
    /// Event dates of the lake.
    pub dates: u64,
    /// Those that were counted from all their files.
    pub counted_dates: u64,
    /// Rows in files that were not counted yet.
    pub rows_behind: u64,
    /// Files beside the lake under the counting rules in force.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes by event date; the index is of none.
    pub by_date: BTreeMap<NaiveDate, u64>,
    /// It was tried to keep counts, and nothing can be written there.
    pub is_read_only: bool,
}

impl Rollups {
    pub(crate) async fn standing(&self) -> RollupStanding {
        let mut state = self.state.lock().await;
        if !state.has_index {
            self.read_index(&mut state).await;
        }
        let mut standing = RollupStanding {
            dates: self.active.len() as u64,
            is_read_only: state.is_read_only,
            ..RollupStanding::default()
        };
        for (date, files) in &self.active {
            let names: BTreeSet<String> = files.iter().map(|file| file.path.to_string()).collect();
            match state.dates.get(date) {
                Some(known) if known.files == names => standing.counted_dates += 1,
                Some(known) if known.files.is_subset(&names) => {
                    let new = files.iter().filter(|file| !known.files.contains(file.path.as_ref()));
                    standing.rows_behind += new.filter_map(|file| file.statistics.rows).sum::<u64>();
                }
                _ => standing.rows_behind += rows(files),
            }
        }
        drop(state);
        for file in self.sidecars.list().await {
            standing.files += 1;
            standing.bytes += file.size;
            // `2026-10-31-CHECKSUM.parquet`
            if let Some(date) = file.name.get(..10).and_then(|date| date.parse().ok()) {
                *standing.by_date.entry(date).or_default() += file.size;
            }
        }
        standing
    }
}
