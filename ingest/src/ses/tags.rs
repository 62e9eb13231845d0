//! `mail.tags`: which have fields of their own, and lists of tags that were met before.
//!
//! Messages of one campaign carry the same tags, each repeated in every event. So a reader keeps the lists it has met by their
//! JSON text, and takes the next one apart only if it is new.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use repute_lake::{Event, Tag, Tags};

use crate::json::{Json, Pairs};

/// So many lists are kept; then all are forgotten.
const MOST_LISTS: usize = 4096;
/// Longer lists are not kept.
const MAX_LIST_BYTES: usize = 4 << 10;
/// A list must have been met so many times on average for keeping lists to go on.
const WORTH_KEEPING: usize = 2;

/// Tags by what SES and this crate make of them.
#[derive(Debug, Default)]
struct Sorted<'a> {
    configuration_set: Option<Cow<'a, str>>,
    from_domain: Option<Cow<'a, str>>,
    caller_identity: Option<Cow<'a, str>>,
    outgoing_ip: Option<Cow<'a, str>>,
    tenant: Option<Cow<'a, str>>,
    /// All others.
    others: Vec<Tag<'a>>,
}

impl<'a> Sorted<'a> {
    fn new(json: Json<'a>) -> Self {
        let mut sorted = Self::default();
        let tags = last_of_each(Pairs::of(json));
        sorted.others.reserve(tags.len());
        for (name, value) in tags {
            match &*name {
                "ses:configuration-set" => sorted.configuration_set = Some(value),
                "ses:from-domain" => sorted.from_domain = Some(lower_case(value)),
                "ses:caller-identity" => sorted.caller_identity = Some(value),
                "ses:outgoing-ip" => sorted.outgoing_ip = Some(value),
                "ses:tenant-name" => sorted.tenant = Some(value),
                _ => sorted.others.push((name, value)),
            }
        }
        sorted
    }

    fn into_owned(self) -> Sorted<'static> {
        let owned = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        Sorted {
            configuration_set: self.configuration_set.map(owned),
            from_domain: self.from_domain.map(owned),
            caller_identity: self.caller_identity.map(owned),
            outgoing_ip: self.outgoing_ip.map(owned),
            tenant: self.tenant.map(owned),
            others: self.others.into_iter().map(|(name, value)| (owned(name), owned(value))).collect(),
        }
    }
}

/// The lists of tags a reader has met.
#[derive(Debug, Default)]
pub(crate) struct TagLists {
    places: HashMap<Box<str>, usize, RandomState>,
    lists: Vec<Sorted<'static>>,
    /// How often a list was met that is kept.
    met: usize,
    /// The first list's number; numbers are never given twice.
    first: u64,
    /// Nearly every list is new, so they are no longer kept.
    off: bool,
}

impl TagLists {
    /// Fills in what the tags say.
    pub(super) fn fill<'e>(&'e mut self, event: &mut Event<'e>, json: Json<'e>) {
        match self.place(json) {
            None => {
                let sorted = Sorted::new(json);
                event.configuration_set = sorted.configuration_set;
                event.from_domain = sorted.from_domain;
                event.caller_identity = sorted.caller_identity.or(event.caller_identity.take());
                event.outgoing_ip = sorted.outgoing_ip;
                event.tenant = sorted.tenant;
                event.tags = Tags::Own(sorted.others);
            }
            Some(place) => {
                let list = &self.lists[place];
                let borrowed = |text: &'e Option<Cow<'static, str>>| text.as_deref().map(Cow::Borrowed);
                event.configuration_set = borrowed(&list.configuration_set);
                event.from_domain = borrowed(&list.from_domain);
                event.caller_identity = borrowed(&list.caller_identity).or(event.caller_identity.take());
                event.outgoing_ip = borrowed(&list.outgoing_ip);
                event.tenant = borrowed(&list.tenant);
                event.tags = Tags::Shared { number: self.first + place as u64, tags: &list.others };
            }
        }
    }

    /// Where a list is kept, from now on if not before; `None` if it is not to be kept.
    fn place(&mut self, json: Json<'_>) -> Option<usize> {
        let text = json.get();
        if self.off || text.len() > MAX_LIST_BYTES {
            return None;
        }
        if let Some(place) = self.places.get(text) {
            self.met += 1;
            return Some(*place);
        }
        if self.lists.len() == MOST_LISTS {
            self.forget();
            if self.off {
                return None;
            }
        }
        let place = self.lists.len();
        self.lists.push(Sorted::new(json).into_owned());
        self.places.insert(text.into(), place);
        Some(place)
    }

    fn forget(&mut self) {
        self.off = self.met < WORTH_KEEPING * self.lists.len();
        self.met = 0;
        self.first += self.lists.len() as u64;
        self.places.clear();
        self.lists.clear();
    }
}

/// Pairs with distinct names; where a name stands twice, the last one counts, as in any JSON map.
pub(super) fn last_of_each(pairs: Pairs<'_>) -> Vec<Tag<'_>> {
    let Pairs(mut pairs) = pairs;
    let few = pairs.len() <= 16;
    let twice = if few {
        pairs.iter().enumerate().any(|(at, (name, _))| pairs.iter().skip(at + 1).any(|(other, _)| other == name))
    } else {
        pairs.iter().map(|(name, _)| name).collect::<HashSet<_>>().len() < pairs.len()
    };
    if twice {
        let mut seen = HashSet::new();
        pairs.reverse();
        pairs.retain(|(name, _)| seen.insert(name.clone()));
        pairs.reverse();
    }
    pairs
}

fn lower_case(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.chars().any(char::is_uppercase) { Cow::Owned(text.to_lowercase()) } else { text }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use chrono::DateTime;
    use repute_lake::EventType;

    use super::*;

    fn fill<'e>(lists: &'e mut TagLists, json: &'e str) -> Event<'e> {
        let mut event = Event::new(EventType::Send, DateTime::UNIX_EPOCH);
        lists.fill(&mut event, serde_json::from_str(json).unwrap());
        event
    }

    #[test]
    fn a_list_met_again_says_the_same() {
        let json =
            r#"{"ses:from-domain":["B.example"],"ses:configuration-set":["s"],"a":["1","2"],"b":["x"],"a":["3"]}"#;
        let mut lists = TagLists::default();
        let mut numbers = Vec::new();
        for _ in 0..2 {
            let event = fill(&mut lists, json);
            assert_eq!(event.from_domain.as_deref(), Some("b.example"));
            assert_eq!(event.configuration_set.as_deref(), Some("s"));
            assert_eq!(*event.tags, [("b".into(), "x".into()), ("a".into(), "3".into())]);
            numbers.push(event.tags.number());
        }
        assert_eq!(numbers, [Some(0), Some(0)]);
    }

    #[test]
    fn lists_that_are_all_new_are_no_longer_kept() {
        let mut lists = TagLists::default();
        let mut number = |n: usize| {
            let json = format!(r#"{{"user":["{n}"]}}"#);
            let event = fill(&mut lists, &json);
            assert_eq!(*event.tags, [("user".into(), n.to_string().into())]);
            event.tags.number()
        };
        assert_eq!(number(0), Some(0));
        assert_eq!((1..MOST_LISTS).filter_map(&mut number).last(), Some(MOST_LISTS as u64 - 1));
        assert_eq!(number(MOST_LISTS), None);
    }

    #[test]
    fn a_number_is_never_given_twice() {
        let mut lists = TagLists::default();
        for n in 0..MOST_LISTS {
            let json = format!(r#"{{"user":["{n}"]}}"#);
            for _ in 0..3 {
                assert_eq!(fill(&mut lists, &json).tags.number(), Some(n as u64));
            }
        }
        assert_eq!(fill(&mut lists, r#"{"user":["another"]}"#).tags.number(), Some(MOST_LISTS as u64));
    }
}
