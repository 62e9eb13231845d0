//! Inflating on a thread of its own, a few pieces ahead of whoever reads.
//!
//! A gzip stream has no place to begin in the middle, so one thread must inflate it from its start. That takes longer than
//! finding and reading the records in it, and with this the two at least go on at the same time.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::{Decoder, Step};
use crate::ObjectBytes;

/// Bytes of one piece.
const PIECE: usize = 256 << 10;
/// So many pieces are inflated and not yet read at most.
const PIECES: usize = 4;

struct Piece {
    bytes: Vec<u8>,
    step: io::Result<Step>,
    so_far: ObjectBytes,
}

/// Takes the place of the [`Decoder`] that works elsewhere.
pub(crate) struct Ahead {
    pieces: Receiver<Piece>,
    /// Where pieces go that were read.
    spent: SyncSender<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    so_far: ObjectBytes,
}

impl Ahead {
    /// Sends the decoder to its thread, which ends with the object or when nobody reads any more.
    pub(crate) fn start<R: Read + Send + 'static>(mut decoder: Decoder<R>) -> io::Result<Self> {
        let (full, pieces) = sync_channel(PIECES);
        let (spent, empty) = sync_channel::<Vec<u8>>(PIECES + 2);
        let so_far = decoder.object_bytes();
        thread::Builder::new().name("inflate".to_owned()).spawn(move || {
            loop {
                let mut bytes = empty.try_recv().unwrap_or_default();
                bytes.resize(PIECE, 0);
                let step = decoder.read(&mut bytes);
                let goes_on = matches!(step, Ok(Step::Bytes(_)));
                let piece = Piece { bytes, step, so_far: decoder.object_bytes() };
                if full.send(piece).is_err() || !goes_on {
                    return;
                }
            }
        })?;
        Ok(Self { pieces, spent, piece: Vec::new(), at: 0, so_far })
    }

    pub(crate) fn object_bytes(&self) -> ObjectBytes {
        self.so_far
    }

    /// As [`Decoder::read`].
    pub(crate) fn read(&mut self, out: &mut [u8]) -> io::Result<Step> {
        if self.at == self.piece.len() {
            let next = self.pieces.recv().map_err(|_| io::Error::other("inflating ended before the object did"))?;
            self.so_far = next.so_far;
            let spent = std::mem::replace(&mut self.piece, next.bytes);
            // Where there is no room for it, or nobody left to fill it, it is dropped.
            let _ = self.spent.try_send(spent);
            self.at = 0;
            match next.step {
                Ok(Step::Bytes(count)) => self.piece.truncate(count),
                end => {
                    self.piece.clear();
                    return end;
                }
            }
        }
        let rest = self.piece.get(self.at..).unwrap_or_default();
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(Step::Bytes(count))
    }
}
