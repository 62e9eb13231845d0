//! The mail that a date's delays are of.

use std::collections::HashMap;
use std::hash::BuildHasher;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::logical_expr::{Expr, cast, col};
use foldhash::fast::RandomState;
use foldhash::quality::FixedState;
use repute_lake::schema::column;

use crate::codes::{TEXT, view};
use crate::dated::Weighed;

/// Stands for a row that does not say of which mail it is.
const NONE: u32 = u32::MAX;

/// Stands for a time that is not known.
const NO_TIME: i64 = i64::MIN;

/// Messages, each to a recipient, and which of them rows are of.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    /// Of each row the number of its mail.
    of_row: Vec<u32>,
    /// Of each row when SES stops trying, microseconds.
    expires: Vec<i64>,
    list: Vec<Sent>,
}

/// A message to a recipient.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The same wherever this message to this recipient is spoken of.
    pub(crate) key: u64,
    pub(crate) message_id: Box<str>,
    pub(crate) recipient: Box<str>,
    /// When it was sent, microseconds.
    pub(crate) time: Option<i64>,
}

/// Case does not tell recipients apart, as identities of events do not either.
pub(crate) fn mail_key(message_id: &str, recipient: &str) -> u64 {
    hash(&(message_id, recipient.to_lowercase()))
}

fn hash(value: &impl std::hash::Hash) -> u64 {
    FixedState::with_seed(0).hash_one(value)
}

impl Mail {
    /// The mail of a row, and when SES stops trying it, microseconds; nothing for a row that does not say of which mail it is.
    pub(crate) fn of_row(&self, row: usize) -> Option<(&Sent, Option<i64>)> {
        let sent = self.list.get(*self.of_row.get(row)? as usize)?;
        Some((sent, self.expires.get(row).copied().filter(|time| *time != NO_TIME)))
    }
}

impl Weighed for Mail {
    fn bytes(&self) -> usize {
        let texts = self.list.iter().map(|sent| sent.message_id.len() + sent.recipient.len() + 2 * TEXT);
        let rows = self.of_row.len() * (size_of::<u32>() + size_of::<i64>());
        rows + self.list.len() * size_of::<Sent>() + texts.sum::<usize>()
    }
}

/// What was read so far.
#[derive(Default)]
pub(super) struct MailReading {
    mail: Mail,
    numbers: HashMap<u64, u32, RandomState>,
    letters: usize,
}

/// The columns that it is read from.
pub(super) fn mail_columns() -> [Expr; 4] {
    let micros = |name| cast(col(name), DataType::Int64);
    [
        col(column::MESSAGE_ID),
        col(column::RECIPIENT),
        micros(column::SENT_TIME).alias("sent"),
        micros(column::EXPIRATION_TIME).alias("expires"),
    ]
}

impl MailReading {
    /// Adds the rows of a batch, in which the columns begin at a place.
    pub(super) fn take(&mut self, batch: &RecordBatch, first: usize) {
        let [ids, recipients] = [first, first + 1].map(|index| batch.column(index).as_string_view_opt());
        let [sent, expires] = [first + 2, first + 3].map(|index| batch.column(index).as_primitive::<Int64Type>());
        for row in 0..batch.num_rows() {
            let time = sent.is_valid(row).then(|| sent.value(row));
            let recipient = view(recipients, row).unwrap_or_default();
            let number = view(ids, row).map_or(NONE, |id| self.number(id, recipient, time));
            self.mail.of_row.push(number);
            self.mail.expires.push(if expires.is_valid(row) { expires.value(row) } else { NO_TIME });
        }
    }

    fn number(&mut self, message_id: &str, recipient: &str, time: Option<i64>) -> u32 {
        let next = u32::try_from(self.mail.list.len()).unwrap_or(NONE);
        let number = *self.numbers.entry(hash(&(message_id, recipient, time))).or_insert(next);
        if number == next {
            let key = mail_key(message_id, recipient);
            self.letters += message_id.len() + recipient.len();
            let (message_id, recipient) = (message_id.into(), recipient.into());
            self.mail.list.push(Sent { key, message_id, recipient, time });
        }
        number
    }

    /// About what it will take.
    pub(super) fn bytes(&self) -> usize {
        let rows = self.mail.of_row.len() * (size_of::<u32>() + size_of::<i64>());
        rows + self.mail.list.len() * (size_of::<Sent>() + 2 * TEXT) + self.letters
    }

    /// With the rows in this order.
    pub(super) fn into_mail(self, order: &[u32]) -> Mail {
        let Mail { of_row, expires, list } = self.mail;
        Mail {
            of_row: order.iter().filter_map(|row| of_row.get(*row as usize).copied()).collect(),
            expires: order.iter().filter_map(|row| expires.get(*row as usize).copied()).collect(),
            list,
        }
    }
}
