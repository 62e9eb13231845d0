//! The deliveries of a date one by one, in ten bytes each: what is needed of a date of which a range takes only a part.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::coded::{Delivery, TakeDeliveries};
use crate::dated::Weighed;

/// More different values of a date's deliveries have no number.
const MOST_VALUES: usize = 1 << 16;

/// After so many deliveries those so far are handed on, so that a date of any size fits into the memory.
const HANDED_ON: usize = 1 << 21;

/// Stands for a time that is not known.
const UNKNOWN: u16 = u16::MAX;

/// Stands for a time that is listed apart, being negative or longer than a minute and some seconds.
const LONG: u16 = u16::MAX - 1;

/// Values of dimensions.
pub(super) type Group = Vec<Option<String>>;

/// How long a delivery took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Took {
    Unknown,
    /// Milliseconds.
    Short(u16),
    /// Milliseconds that are none of the short ones.
    Long(i64),
}

impl Took {
    pub(super) fn of(milliseconds: i64) -> Self {
        match u16::try_from(milliseconds) {
            Ok(short) if short < LONG => Self::Short(short),
            _ => Self::Long(milliseconds),
        }
    }
}

/// Deliveries.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The earliest time; those of the deliveries follow it by their 48 bits of microseconds.
    first: i64,
    last: i64,
    low: Vec<u32>,
    high: Vec<u16>,
    took: Vec<u16>,
    longs: Vec<i64>,
    /// The place of each one's values.
    places: Vec<u16>,
    /// Scope and group, by their numbers.
    pub(super) values: Vec<(u32, u32)>,
    /// Values that questions may filter by.
    pub(super) scopes: Vec<Group>,
    pub(super) groups: Vec<Group>,
}

impl Rows {
    /// First and last time, microseconds.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        (!self.took.is_empty()).then_some((self.first, self.last))
    }

    /// Time, duration and place of the values of each delivery.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, Took, u16)> {
        let mut longs = self.longs.iter();
        let times = self.low.iter().zip(&self.high);
        times.zip(&self.took).zip(&self.places).map(move |(((low, high), took), place)| {
            let took = match *took {
                UNKNOWN => Took::Unknown,
                LONG => longs.next().map_or(Took::Unknown, |long| Took::Long(*long)),
                short => Took::Short(short),
            };
            (self.first + (i64::from(*high) << 32 | i64::from(*low)), took, *place)
        })
    }
}

/// Deliveries of a date; nothing where they cannot be kept so.
#[derive(Debug)]
pub(super) struct DateRows(pub(super) Option<Vec<Rows>>);

impl Weighed for DateRows {
    fn bytes(&self) -> usize {
        let of = |rows: &Rows| {
            let each = size_of::<u32>() + 3 * size_of::<u16>();
            rows.took.len() * each + rows.longs.len() * size_of::<i64>() + bytes(&rows.scopes) + bytes(&rows.groups)
        };
        self.0.iter().flatten().map(of).sum()
    }
}

/// About what groups take.
pub(super) fn bytes(groups: &[Group]) -> usize {
    let text = |text: &Option<String>| size_of::<Option<String>>() + text.as_ref().map_or(0, String::len);
    groups.iter().map(|group| size_of::<Group>() + group.iter().map(text).sum::<usize>()).sum()
}

/// Gathers deliveries, and hands them on when there are many.
pub(super) struct Gathering<F> {
    hand_on: F,
    /// So many of a delivery's values are its scope.
    in_scope: usize,
    times: Vec<i64>,
    rows: Rows,
    known: HashMap<Group, u16, RandomState>,
    scopes: HashMap<Group, u32, RandomState>,
    groups: HashMap<Group, u32, RandomState>,
    is_too_much: bool,
}

impl<F: FnMut(Rows)> Gathering<F> {
    pub(super) fn new(in_scope: usize, hand_on: F) -> Self {
        Self {
            hand_on,
            in_scope,
            times: Vec::new(),
            rows: Rows::default(),
            known: HashMap::default(),
            scopes: HashMap::default(),
            groups: HashMap::default(),
            is_too_much: false,
        }
    }

    /// Hands on the last ones; says whether all were.
    pub(super) fn finish(mut self) -> bool {
        self.give();
        !self.is_too_much
    }

    fn give(&mut self) {
        let (first, last) = (self.times.iter().min().copied(), self.times.iter().max().copied());
        let mut rows = std::mem::take(&mut self.rows);
        // The next ones go on with the same numbers.
        self.rows.values.clone_from(&rows.values);
        (rows.first, rows.last) = (first.unwrap_or_default(), last.unwrap_or_default());
        if rows.last.checked_sub(rows.first).is_none_or(|width| width >= 1 << 48) {
            self.is_too_much = true;
            return;
        }
        // The lower bits, and those above them.
        let after = |time: &i64| time - rows.first;
        rows.low = self.times.iter().map(|time| after(time) as u32).collect();
        rows.high = self.times.iter().map(|time| (after(time) >> 32) as u16).collect();
        (rows.scopes, rows.groups) = (listed(&self.scopes), listed(&self.groups));
        self.times.clear();
        rows.took.shrink_to_fit();
        rows.places.shrink_to_fit();
        (self.hand_on)(rows);
    }

    /// The place of values: those of the scope, then those of the group.
    fn place(&mut self, values: &[Option<&str>]) -> Option<u16> {
        let values: Group = values.iter().map(|value| value.map(str::to_owned)).collect();
        if let Some(place) = self.known.get(&values) {
            return Some(*place);
        }
        let place = u16::try_from(self.known.len()).ok().filter(|_| self.known.len() < MOST_VALUES)?;
        let (scope, group) = values.split_at_checked(self.in_scope)?;
        let numbers = (number(&mut self.scopes, scope), number(&mut self.groups, group));
        self.rows.values.push(numbers);
        self.known.insert(values, place);
        Some(place)
    }
}

impl<F: FnMut(Rows)> TakeDeliveries for Gathering<F> {
    fn take(&mut self, values: &[Vec<Option<&str>>], deliveries: impl Iterator<Item = Delivery>) -> bool {
        let places: Option<Vec<u16>> = values.iter().map(|values| self.place(values)).collect();
        let Some(places) = places else {
            self.is_too_much = true;
            return false;
        };
        for Delivery { time, took, values } in deliveries {
            self.times.push(time);
            self.rows.places.push(places[values as usize]);
            self.rows.took.push(match took.map(Took::of) {
                None | Some(Took::Unknown) => UNKNOWN,
                Some(Took::Short(short)) => short,
                Some(Took::Long(long)) => {
                    self.rows.longs.push(long);
                    LONG
                }
            });
        }
        if self.times.len() >= HANDED_ON {
            self.give();
        }
        !self.is_too_much
    }
}

fn number(known: &mut HashMap<Group, u32, RandomState>, values: &[Option<String>]) -> u32 {
    let next = known.len() as u32;
    known.get(values).copied().unwrap_or_else(|| {
        known.insert(values.to_vec(), next);
        next
    })
}

/// Values in the order of their numbers.
fn listed(numbers: &HashMap<Group, u32, RandomState>) -> Vec<Group> {
    let mut values = vec![Group::new(); numbers.len()];
    for (value, number) in numbers {
        if let Some(place) = values.get_mut(*number as usize) {
            place.clone_from(value);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(batches: &[Vec<Delivery>], values: &[Vec<Option<&str>>]) -> (Vec<Rows>, bool) {
        let mut rows = Vec::new();
        let mut gathering = Gathering::new(1, |found| rows.push(found));
        batches.iter().for_each(|batch| _ = gathering.take(values, batch.iter().copied()));
        let is_all = gathering.finish();
        (rows, is_all)
    }

    #[test]
    fn deliveries_are_what_they_were() {
        let values = [vec![None, Some("a")], vec![Some("news"), Some("b")], vec![Some("news"), Some("a")]];
        let took = [Some(0), None, Some(65_533), Some(65_534), Some(i64::MIN), Some(65_536)];
        let deliveries: Vec<Delivery> = (0..)
            .zip(took)
            .map(|(number, took)| Delivery { time: 7 - number * 5_000_000_000, took, values: number as u32 % 3 })
            .collect();
        let (rows, is_all) = gathered(&[deliveries[..2].to_vec(), deliveries[2..].to_vec()], &values);
        let [rows] = &rows[..] else { panic!("{rows:?}") };
        assert!(is_all);
        assert_eq!(rows.span(), Some((7 - 25_000_000_000, 7)));
        let found = rows.iter().map(|(time, took, place)| {
            let took = match took {
                Took::Unknown => None,
                Took::Short(took) => Some(i64::from(took)),
                Took::Long(took) => Some(took),
            };
            Delivery { time, took, values: u32::from(place) }
        });
        assert_eq!(found.collect::<Vec<_>>(), deliveries);
        let of =
            |place: usize| (&rows.scopes[rows.values[place].0 as usize], &rows.groups[rows.values[place].1 as usize]);
        for (place, values) in values.iter().enumerate() {
            let values: Group = values.iter().map(|value| value.map(str::to_owned)).collect();
            assert_eq!(of(place), (&values[..1].to_vec(), &values[1..].to_vec()));
        }
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let delivery = |time: i64| Delivery { time, took: Some(1), values: 0 };
        let value = [vec![Some("news")]];
        assert!(gathered(&[vec![delivery(0), delivery((1 << 48) - 1)]], &value).1);
        assert!(!gathered(&[vec![delivery(0), delivery(1 << 48)]], &value).1);
        assert!(!gathered(&[vec![delivery(i64::MIN), delivery(i64::MAX)]], &value).1);
        let texts: Vec<String> = (0..=MOST_VALUES).map(|number| number.to_string()).collect();
        let values: Vec<_> = texts.iter().map(|text| vec![Some(text.as_str())]).collect();
        assert!(gathered(&[vec![delivery(0)]], &values[1..]).1);
        assert!(!gathered(&[vec![delivery(0)]], &values).1);
    }
}
