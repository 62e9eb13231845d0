//! How much room is left in a landing area.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::LandingLimits;

/// Why no more is taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Too much waits to be imported.
    #[error(
        "the landing area is full: {bytes} bytes in {objects} objects wait to be imported; see why the import does not keep up, or allow more"
    )]
    Waiting {
        /// Bytes that wait.
        bytes: u64,
        /// Objects that wait.
        objects: u64,
    },
    /// The file system has too little room.
    #[error("the landing area's file system is full: {free} bytes are free, of which {spare} are to stay free")]
    Disk {
        /// Bytes free.
        free: u64,
        /// Bytes that are to stay free.
        spare: u64,
    },
}

/// What lies in an area, and what is about to.
pub(super) struct Room {
    most_bytes: u64,
    most_objects: u64,
    spare_bytes: u64,
    keep: bool,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// Objects that wait, with their sizes.
    objects: HashMap<Arc<str>, u64>,
    /// Objects that are imported and stay.
    kept: HashSet<Arc<str>>,
    /// Bytes of `objects`.
    bytes: u64,
    /// Bytes that are being written.
    reserved: u64,
    /// Callers whose bytes are being written: as many objects at most.
    callers: u64,
}

/// Bytes that are about to be written; given back when dropped.
pub(super) struct Reserved {
    room: Arc<Room>,
    bytes: u64,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut held = self.room.lock();
        held.reserved -= self.bytes;
        held.callers -= 1;
    }
}

impl Room {
    pub(super) fn new(limits: &LandingLimits) -> Self {
        Self {
            most_bytes: limits.most_bytes,
            most_objects: limits.most_objects,
            spare_bytes: limits.spare_bytes,
            keep: limits.keep,
            held: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes room for bytes before they are written, so that the bound holds whoever writes at the same time.
    pub(super) fn reserve(room: &Arc<Self>, bytes: u64) -> Result<Reserved, Full> {
        let mut held = room.lock();
        let (used, objects) = (held.bytes + held.reserved, held.objects.len() as u64 + held.callers);
        if used.saturating_add(bytes) > room.most_bytes || objects >= room.most_objects {
            return Err(Full::Waiting { bytes: used, objects });
        }
        held.reserved += bytes;
        held.callers += 1;
        Ok(Reserved { room: Arc::clone(room), bytes })
    }

    /// Whether bytes fit into what is free on the disk, and leave enough.
    pub(super) fn check_disk(&self, free: u64, bytes: u64) -> Result<(), Full> {
        let reserved = self.lock().reserved;
        match free.checked_sub(self.spare_bytes) {
            Some(usable) if usable >= bytes.saturating_add(reserved) => Ok(()),
            _ => Err(Full::Disk { free, spare: self.spare_bytes }),
        }
    }

    pub(super) fn keeps(&self) -> bool {
        self.keep
    }

    /// An object has come to lie in the area.
    pub(super) fn hold(&self, name: Arc<str>, bytes: u64) {
        let mut held = self.lock();
        held.bytes += bytes;
        held.objects.insert(name, bytes);
    }

    /// An object does not wait any more.
    pub(super) fn leave(&self, name: &str) {
        let mut held = self.lock();
        if let Some((name, bytes)) = held.objects.remove_entry(name) {
            held.bytes -= bytes;
            if self.keep {
                held.kept.insert(name);
            }
        }
    }

    /// Names of what waits or is kept.
    pub(super) fn names(&self) -> HashSet<Arc<str>> {
        let held = self.lock();
        held.objects.keys().chain(&held.kept).cloned().collect()
    }

    /// What was found in the area, in place of what was known of before that. Objects that have landed since stay.
    pub(super) fn count_anew<'a>(&self, before: &HashSet<Arc<str>>, found: impl Iterator<Item = (&'a str, u64)>) {
        let found: HashMap<&str, u64> = found.collect();
        let mut held = self.lock();
        held.objects.retain(|name, _| !before.contains(name) || found.contains_key(&**name));
        held.kept.retain(|name| found.contains_key(&**name));
        for (name, bytes) in found {
            if !held.objects.contains_key(name) && !held.kept.contains(name) && !before.contains(name) {
                held.objects.insert(name.into(), bytes);
            }
        }
        held.bytes = held.objects.values().sum();
    }

    /// Bytes and objects that wait.
    pub(super) fn waiting(&self) -> (u64, u64) {
        let held = self.lock();
        (held.bytes, held.objects.len() as u64)
    }
}
