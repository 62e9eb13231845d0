//! Work for several threads: whole objects, and ranges of large plain ones.
//!
//! ```text
//! large object:  [----- range 0 -----][----- range 1 -----][-- range 2 --]
//!                 read by thread A  `->  read by thread B `->  ...           each says where it ended, the next compares
//! ```
//! A range begins at a guess: behind a `}` and before a `{"`, which in JSON stand side by side only between two records. All
//! ranges are read at the same time, but each is believed only when the one before it has ended exactly there, outside any
//! array; otherwise it is read again from where that one ended. So a split object gives what it gives when read as a whole,
//! however damaged it is.

use std::collections::VecDeque;
use std::io::{self, Read, SeekFrom};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use crate::decode::{Format, HEAD_BYTES};
use crate::frame::Frontier;
use crate::source::{Input, SourceObject};
use crate::worker::Tally;

/// What stands between two records and nowhere else, up to the second one's start.
const BETWEEN: [&[u8]; 3] = [b"}\n{\"", b"}{\"", b"}\r\n{\""];

/// So many objects, and of those so many bytes, are fetched ahead of the threads that read them: at a delay of 20 ms that is
/// enough for 3,000 small objects a second.
const AHEAD: usize = 64;
const AHEAD_BYTES: u64 = 32 << 20;

/// So many objects wait to be taken: enough for what is fetched ahead and for every thread. Listing waits while there are as many.
const ROOM: usize = 4_096;

/// So many of them come in at a time.
const ADMITTED: usize = 512;

/// How plain objects are split, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Splitting {
    /// Objects above this size are split.
    above: u64,
    /// Into ranges of about this size.
    range: u64,
    /// How far behind its nominal start a range looks for a place to begin.
    search: u64,
}

impl Default for Splitting {
    fn default() -> Self {
        Self { above: 16 << 20, range: 8 << 20, search: 256 << 10 }
    }
}

/// One thread's next work.
pub(crate) struct Task {
    /// Index of the object in the import.
    pub(crate) object: u32,
    pub(crate) source: Arc<SourceObject>,
    /// Number of the range, from 0.
    pub(crate) range: u64,
    pub(crate) splitting: Splitting,
    /// What came of the ranges before it; `None` for the first.
    pub(crate) before: Option<Receiver<Handover>>,
    /// Who waits for what comes of this one; `None` for the last.
    pub(crate) after: Option<Sender<Handover>>,
}

impl Task {
    /// Whether the object is not split.
    pub(crate) fn is_whole(&self) -> bool {
        self.before.is_none() && self.after.is_none()
    }
}

/// What one range tells the next.
#[derive(Default)]
pub(crate) struct Handover {
    /// Where reading has got to.
    pub(crate) frontier: Frontier,
    /// What was found in the object so far.
    pub(crate) tally: Tally,
    /// Nothing is left to read: the object is compressed, or could not be read.
    pub(crate) done: bool,
}

impl Handover {
    /// After a range that was read up to `end`.
    pub(crate) fn followed_by(self, end: Frontier, mut tally: Tally) -> Self {
        tally.add(self.tally);
        Self { frontier: end, tally, done: self.done }
    }

    /// After a range that could not be read.
    pub(crate) fn failed(mut self, failure: io::Error) -> Self {
        self.tally.failure = Some(failure);
        Self { done: true, ..self }
    }
}

/// The tasks of an import, in the order in which they are taken, while more are being found. A range's predecessor is always
/// taken before it.
pub(crate) struct Tasks {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// For how many more objects there is room.
    room: Semaphore,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { queue: Mutex::default(), changed: Condvar::new(), room: Semaphore::new(ROOM) }
    }
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Task>,
    /// Nothing is added any more.
    is_closed: bool,
}

impl Tasks {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds objects, of which the first has this number, as others are taken. Says whether anybody takes them.
    pub(crate) async fn add(&self, objects: &[Arc<SourceObject>], first: u32) -> bool {
        for (some, number) in objects.chunks(ADMITTED).zip((first..).step_by(ADMITTED)) {
            match self.room.acquire_many(some.len() as u32).await {
                // Given back when they are taken.
                Ok(room) => room.forget(),
                Err(_) => return false,
            }
            self.split(some, number, Splitting::default());
        }
        true
    }

    fn split(&self, objects: &[Arc<SourceObject>], first: u32, splitting: Splitting) {
        let mut queue = self.queue();
        for (object, number) in objects.iter().zip(first..) {
            let ranges = if object.size > splitting.above { splitting.ranges(object.size) } else { 1 };
            let mut before = None;
            for range in 0..ranges {
                let (after, next) = (range + 1 < ranges).then(channel).unzip();
                queue.tasks.push_back(Task {
                    object: number,
                    source: Arc::clone(object),
                    range,
                    splitting,
                    before,
                    after,
                });
                before = next;
            }
        }
        self.changed.notify_all();
    }

    /// Lets whoever waits for a task go home once there is none, and whoever waits for room at once.
    pub(crate) fn close(&self) {
        self.room.close();
        self.queue().is_closed = true;
        self.changed.notify_all();
    }

    /// The next task, waited for if need be; what is read after it is fetched meanwhile.
    pub(crate) fn take(&self) -> Option<Task> {
        let is_waited_for = |queue: &mut Queue| queue.tasks.is_empty() && !queue.is_closed;
        let mut queue = self.changed.wait_while(self.queue(), is_waited_for).unwrap_or_else(PoisonError::into_inner);
        let task = queue.tasks.pop_front();
        if task.as_ref().is_some_and(|task| task.range == 0) {
            self.room.add_permits(1);
        }
        let mut bytes = 0;
        for next in queue.tasks.iter().filter(|next| next.range == 0).take(AHEAD) {
            bytes += next.source.fetch_ahead();
            if bytes >= AHEAD_BYTES {
                break;
            }
        }
        task
    }
}

/// Whether the object can be read in ranges: what is compressed cannot.
pub(crate) fn is_plain(file: &mut dyn Input) -> io::Result<bool> {
    let mut head = Vec::new();
    file.rewind()?;
    file.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(Format::of(&head) == Format::Plain)
}

impl Splitting {
    fn ranges(self, size: u64) -> u64 {
        size.div_ceil(self.range)
    }

    /// Where a range starts: at a record near its nominal start; `None` if none was found there.
    pub(crate) fn start(self, file: &mut dyn Input, range: u64) -> io::Result<Option<u64>> {
        if range == 0 {
            return Ok(Some(0));
        }
        let nominal = range * self.range;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(nominal))?;
        file.take(self.search).read_to_end(&mut bytes)?;
        let ends = BETWEEN.iter().filter_map(|text| Some(memchr::memmem::find(&bytes, text)? + text.len()));
        Ok(ends.min().map(|end| nominal + end as u64 - b"{\"".len() as u64))
    }

    /// Where a range ends: where the next one starts that starts at all; `None` at the object's end.
    pub(crate) fn end(self, file: &mut dyn Input, range: u64, size: u64) -> io::Result<Option<u64>> {
        for next in range + 1..self.ranges(size) {
            if let Some(start) = self.start(file, next)? {
                return Ok(Some(start));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
