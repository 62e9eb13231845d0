//! Watching by looking: a directory or a bucket is listed again and again, and what is not known is imported.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use chrono::{DateTime, TimeDelta, Utc};
use repute_ingest::{BucketPages, DayFamilies, Listed};
use tokio::sync::watch;

use super::board::{Line, words};
use super::importer::Importer;
use super::listing::Listing;
use super::pause::pause;
use super::rounds::{Round, Rounds};
use super::unreadable::Unreadable;
use crate::aws;
use crate::exit::Failure;

/// So many objects, or objects of so many bytes, are imported at once: more would wait long, fewer would make many small commits.
const BATCH_OBJECTS: usize = 10_000;
const BATCH_BYTES: u64 = 1 << 30;

/// A file that was written to so short a time ago may not be at its end.
const SETTLED: TimeDelta = TimeDelta::seconds(1);

/// What is looked at.
pub(super) enum Place {
    Directory(PathBuf),
    Bucket { bucket: String, prefix: String },
}

/// Looks until `stopping` says so.
pub(super) async fn watch(
    place: Place,
    importer: Arc<Importer>,
    mut line: Line,
    every: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    let client = match &place {
        Place::Directory(_) => None,
        Place::Bucket { .. } => Some(aws::s3().await),
    };
    let mut eye = Eye {
        place,
        client,
        folder: None,
        importer,
        rounds: Rounds::default(),
        young: HashMap::new(),
        unreadable: Unreadable::default(),
    };
    loop {
        let wait = match eye.look(&mut line, every, &stopping).await {
            Ok(wait) => {
                line.looked();
                wait
            }
            Err(failure) => line.failed(words(failure), every),
        };
        if !pause(wait, &mut stopping).await {
            return;
        }
    }
}

/// What is remembered between looks.
struct Eye {
    place: Place,
    client: Option<Client>,
    /// What the prefix stands for, once that is known.
    folder: Option<String>,
    importer: Arc<Importer>,
    rounds: Rounds,
    /// Files that seem to have been written in the future, by their names and entity tags: this machine's clock or theirs is wrong.
    young: HashMap<String, String>,
    unreadable: Unreadable,
}

impl Eye {
    /// Lists and imports; gives the pause before the next look.
    async fn look(
        &mut self,
        line: &mut Line,
        every: Duration,
        stopping: &watch::Receiver<bool>,
    ) -> Result<Duration, Failure> {
        let (now, began) = (Utc::now(), Instant::now());
        let round = self.rounds.next(now, began);
        let mut listing = self.list(round, now).await?;
        let (mut families, mut size, mut listed_for) = (DayFamilies::default(), 0, Duration::ZERO);
        let (mut gathered, mut bytes, mut there) = (Vec::new(), 0, HashSet::new());
        let young = mem::take(&mut self.young);
        loop {
            let asked = Instant::now();
            let Some((rest, page)) = listing.next().await? else { break };
            listed_for += asked.elapsed();
            listing = rest;
            size += page.len();
            for listed in page {
                families.learn(&listed.key, listed.written);
                if self.unreadable.contains(&listed) {
                    there.insert(listed.object.key.name.clone());
                }
                if self.is_wanted(&listed, &young, now) {
                    bytes += listed.object.size;
                    gathered.push(listed);
                }
            }
            if gathered.len() >= BATCH_OBJECTS || bytes >= BATCH_BYTES {
                bytes = 0;
                self.import(mem::take(&mut gathered), line).await?;
            }
            if *stopping.borrow() {
                return Ok(every);
            }
        }
        self.import(gathered, line).await?;
        if round == Round::Whole {
            self.unreadable.keep(&there);
        }
        line.unreadable(self.unreadable.len());
        Ok(self.rounds.ended(round, (began, listed_for), (families, size), every))
    }

    async fn list(&mut self, round: Round, now: DateTime<Utc>) -> Result<Listing, Failure> {
        match (&self.place, &self.client) {
            (Place::Directory(path), _) => Listing::of_directory(path, round, &self.rounds.families, now).await,
            (Place::Bucket { bucket, prefix }, Some(client)) => {
                let folder = match &self.folder {
                    Some(folder) => folder.clone(),
                    None => folder(client, bucket, prefix).await?,
                };
                let listing = Listing::of_bucket(client, bucket, &folder, round, &self.rounds.families, now);
                // As long as there is no such folder, keys that begin with its name are meant.
                self.folder = (folder != *prefix || prefix.is_empty() || prefix.ends_with('/')).then_some(folder);
                Ok(listing)
            }
            (Place::Bucket { .. }, None) => Err(anyhow::anyhow!("there is no client for S3").into()),
        }
    }

    /// Whether an object is to be imported now.
    fn is_wanted(&mut self, listed: &Listed, young: &HashMap<String, String>, now: DateTime<Utc>) -> bool {
        let key = &listed.object.key;
        if self.importer.knows(key) || !self.unreadable.may_try(listed, Instant::now()) {
            return false;
        }
        let age = now - listed.written;
        if matches!(self.place, Place::Bucket { .. }) || age >= SETTLED {
            return true;
        }
        if age >= TimeDelta::zero() {
            return false;
        }
        // Whether it is still written to shows at the next look.
        let is_as_before = young.get(&key.name) == Some(&key.etag);
        self.young.insert(key.name.clone(), key.etag.clone());
        is_as_before
    }

    async fn import(&mut self, found: Vec<Listed>, line: &mut Line) -> Result<(), Failure> {
        if found.is_empty() {
            return Ok(());
        }
        let done = self.importer.import(line.source(), &found).await?;
        self.unreadable.note(&found, &done.failed, Instant::now());
        line.unreadable(self.unreadable.len());
        line.imported(&done);
        Ok(())
    }
}

/// What a prefix stands for: a folder if there is one of this name, otherwise an object or the beginning of names.
async fn folder(client: &Client, bucket: &str, prefix: &str) -> Result<String, Failure> {
    if prefix.is_empty() || prefix.ends_with('/') {
        return Ok(prefix.to_owned());
    }
    let folder = format!("{prefix}/");
    Ok(if BucketPages::is_there(client, bucket, &folder).await? { folder } else { prefix.to_owned() })
}
