//! Delays from days in memory.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Counts, DelayCount, Messages, Said, named};
use crate::error::QueryError;
use crate::reasons::{Day, Rows};

/// Number of a day, and a row of it.
pub(super) type Place = (u32, u32);

/// The messages that the rows are of.
pub(super) fn messages(days: &[Arc<Day>], rows: &Rows<'_>) -> Result<Messages<Place>, QueryError> {
    let mut messages = Messages::default();
    let mut added = Ok(());
    let is_later = |one: &Place, other: &Place| said(days, *one) > said(days, *other);
    rows.each(|day, row, _, _, _| {
        let found = days.get(day).and_then(|day| Some((day.mail.of_row(row)?.0, *day.times.get(row)?)));
        if let (Ok(()), Some((mail, time))) = (&added, found) {
            let place = [day, row].map(|number| u32::try_from(number).unwrap_or(u32::MAX)).into();
            added = messages.add(mail.key, time, mail.time, place, is_later);
        }
    });
    added.map(|()| messages)
}

/// What is said with a delay.
pub(super) fn said(days: &[Arc<Day>], (day, row): Place) -> Option<Said> {
    let (day, row) = (days.get(day as usize)?, row as usize);
    let (mail, expires) = day.mail.of_row(row)?;
    let (reason, provider) = day.pairs.get(*day.of_pair.get(row)? as usize)?;
    Some(Said {
        diagnostic: day.texts.get(*day.of_text.get(row)? as usize),
        delay_type: day.reasons.get(*reason as usize)?[0].as_deref().map(str::to_owned),
        provider: day.providers.get(*provider as usize)?.as_deref().map(str::to_owned),
        expires,
        recipient: mail.recipient.to_string(),
        message_id: mail.message_id.to_string(),
    })
}

/// Delays by type and by provider.
pub(super) fn counts(rows: &Rows<'_>) -> Counts {
    let mut counts: HashMap<(Option<&str>, Option<&str>), u64> = HashMap::new();
    for (reason, provider, count) in rows.by_provider() {
        *counts.entry((reason[0].as_deref(), provider)).or_default() += count;
    }
    let by_type = counts.iter().map(|((of_type, provider), count)| (*of_type, *provider, *count));
    let by_provider = counts.iter().map(|((of_type, provider), count)| (*provider, *of_type, *count));
    (divided(by_type), divided(by_provider))
}

/// Counts by the first value, each with those of the second.
fn divided<'d>(counts: impl Iterator<Item = (Option<&'d str>, Option<&'d str>, u64)>) -> Vec<DelayCount> {
    let mut divided: HashMap<Option<&str>, DelayCount> = HashMap::new();
    for (name, of_most, count) in counts {
        let one = divided.entry(name).or_insert_with(|| DelayCount {
            name: name.map(str::to_owned),
            events: 0,
            most: Vec::new(),
        });
        one.events += count;
        one.most.push((named(of_most), count));
    }
    divided.into_values().collect()
}
