//! Records on their way to Firehose, in the order in which they will get there.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::rc::Rc;

use crate::message::Message;
use crate::outcome::Event;

/// Something that will arrive.
pub(crate) enum Parcel {
    /// An event not written yet.
    Fresh(Rc<Message>, Event),
    /// A record that was written before and comes again.
    Again(Box<str>),
}

/// All records under way.
#[derive(Default)]
pub(crate) struct Arrivals {
    heap: BinaryHeap<Arrival>,
    pushed: u64,
}

struct Arrival {
    time: i64,
    /// Settles the order of arrivals at one instant.
    order: u64,
    parcel: Parcel,
}

impl Arrivals {
    pub(crate) fn push(&mut self, time: i64, parcel: Parcel) {
        self.pushed += 1;
        self.heap.push(Arrival { time, order: self.pushed, parcel });
    }

    /// The next parcel that arrives at or before `until`, with its time.
    pub(crate) fn pop(&mut self, until: i64) -> Option<(i64, Parcel)> {
        if self.heap.peek()?.time > until {
            return None;
        }
        self.heap.pop().map(|arrival| (arrival.time, arrival.parcel))
    }
}

impl Arrival {
    fn key(&self) -> (i64, u64) {
        (self.time, self.order)
    }
}

/// The heap gives its greatest first, so the earlier arrival is the greater one.
impl Ord for Arrival {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Arrival {}
