//! The bytes of an object on their way into a library's decoder, counted, and with the store's own failures kept apart from damage.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What has become of a [`Source`] that a decoder holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    read: Arc<AtomicU64>,
    failed: Arc<AtomicBool>,
}

impl Watch {
    /// Bytes of the object that were read.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Whether reading them has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

/// First what was read to tell the format, then the rest of the reader.
pub(super) struct Source<R> {
    head: Vec<u8>,
    at: usize,
    reader: R,
    watch: Watch,
}

impl<R: Read> Source<R> {
    pub(super) fn new(head: Vec<u8>, reader: R) -> (Self, Watch) {
        let watch = Watch::default();
        watch.read.store(head.len() as u64, Ordering::Relaxed);
        (Self { head, at: 0, reader, watch: watch.clone() }, watch)
    }

    /// Reads on to the end, so that the object's size is known.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        io::copy(self, &mut io::sink()).map(drop)
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let head = self.head.get(self.at..).unwrap_or_default();
        if !head.is_empty() {
            let count = head.len().min(out.len());
            out[..count].copy_from_slice(&head[..count]);
            self.at += count;
            return Ok(count);
        }
        let outcome = super::read_some(&mut self.reader, out);
        match &outcome {
            Ok(count) => _ = self.watch.read.fetch_add(*count as u64, Ordering::Relaxed),
            Err(_) => self.watch.failed.store(true, Ordering::Relaxed),
        }
        outcome
    }
}
