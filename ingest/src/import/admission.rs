//! Which of the listed objects are read, and when: some thousand wait at a time, and listing waits for them.
//!
//! ```text
//! listing ──a page or two──> admission: known? seen? ──some thousand──> tasks ──> worker threads
//! ```
//! Of all that went by before, a number of 16 bytes stays ([`ObjectSet`]), so that memory hardly grows with a source.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use repute_lake::ObjectSet;
use tokio::sync::mpsc;

use super::{Known, Meter};
use crate::source::SourceObject;
use crate::split::Tasks;

/// Lets the workers go when it is dropped: also when an import is given up.
pub(super) struct Closing(pub(super) Arc<Tasks>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What takes pages of objects and makes tasks of those that are to be read.
pub(super) struct Admission {
    pub(super) is_noted: Known,
    pub(super) again: bool,
    pub(super) tasks: Closing,
    pub(super) meter: Arc<Meter>,
}

impl Admission {
    /// Until there are no more pages, or nobody reads any more. Gives how many objects were listed, and how many of them skipped.
    pub(super) async fn take(self, mut pages: mpsc::Receiver<Vec<SourceObject>>) -> (u64, u64) {
        let (mut listed, mut skipped, mut number, mut seen) = (0, 0, 0, ObjectSet::default());
        while let Some(objects) = pages.recv().await {
            let all = objects.len() as u64;
            let is_wanted = |object: &SourceObject| {
                let is_new = self.again || !(self.is_noted)(&object.key);
                object.fragment_start().is_some() || (is_new && seen.insert(&object.key))
            };
            let fresh: Vec<_> = objects.into_iter().filter(is_wanted).map(Arc::new).collect();
            let others = all - fresh.len() as u64;
            self.meter.objects.fetch_add(others, Ordering::Relaxed);
            self.meter.listed.fetch_add(all, Ordering::Relaxed);
            let bytes = fresh.iter().map(|object| object.size).sum();
            self.meter.listed_bytes.fetch_add(bytes, Ordering::Relaxed);
            (listed, skipped) = (listed + all, skipped + others);
            if !self.tasks.0.add(&fresh, number).await {
                break;
            }
            number += fresh.len() as u32;
        }
        self.meter.is_listed.store(true, Ordering::Relaxed);
        (listed, skipped)
    }
}
