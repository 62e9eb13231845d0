//! Who writes a local lake right now: a lock that the kernel releases when its holder ends, however it ends.
//!
//! Importers share it; who removes files nobody owns must have it alone. The lock is advisory (`flock`) on the empty file
//! `.repute.lock` at the lake's root. A remote lake has none.

use std::fs::{File, OpenOptions};

use crate::store::Location;

const NAME: &str = ".repute.lock";

/// A hold on the lock until this is dropped.
#[derive(Debug)]
pub(crate) struct Lease(#[expect(dead_code, reason = "held, not used")] File);

impl Lease {
    /// An importer's hold. Nothing where the lake is remote or the file system knows no locks: then nobody gets it alone either.
    pub(crate) fn shared(location: &Location) -> Option<Self> {
        let file = open(location)?;
        match file.lock_shared() {
            Ok(()) => Some(Self(file)),
            Err(error) => {
                tracing::debug!(%error, "the file system gives no lock");
                None
            }
        }
    }

    /// The hold of whoever must be alone; nothing while an importer runs.
    pub(crate) fn alone(location: &Location) -> Option<Self> {
        let file = open(location)?;
        file.try_lock().is_ok().then_some(Self(file))
    }
}

fn open(location: &Location) -> Option<File> {
    let path = location.directory()?.join(NAME);
    match OpenOptions::new().create(true).append(true).open(&path) {
        Ok(file) => Some(file),
        Err(error) => {
            tracing::debug!(path = %path.display(), %error, "cannot open the lake's lock");
            None
        }
    }
}
