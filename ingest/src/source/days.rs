//! Keys that have a day in them, as Firehose writes them: which of their prefixes are those of the last days.
//!
//! ```text
//! ses/2026/11/28/15/...            head `ses/`       between `/`
//! year=2026/month=11/day=28/...    head `year=`      between `/month=`, `/day=`
//! ses/dt=2026-11-28/...            head `ses/dt=`    between `-`
//! ```
//! Firehose's day is that of the arrival of an object's oldest record, so that nearly all that is new lies below the prefixes of a few
//! days. A day is believed in only where the time of writing bears it out.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::dates::FolderDate;

/// Firehose's day may lie so far behind the time of writing: it goes on trying for up to a day, and zones are behind UTC.
const BEHIND: TimeDelta = TimeDelta::hours(38);

/// Or so far ahead: by the zone.
const AHEAD: TimeDelta = TimeDelta::hours(15);

/// A family of which nothing has come for so long is not looked after.
const REST: TimeDelta = TimeDelta::days(3);

/// So many families are looked after.
const MOST: usize = 32;

/// What keys of one family have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Family {
    head: String,
    between: [String; 2],
}

impl Family {
    /// What keys of this day begin with.
    fn prefix(&self, day: NaiveDate) -> String {
        let [first, second] = &self.between;
        format!("{}{}{first}{}{second}{}", self.head, day.format("%Y"), day.format("%m"), day.format("%d"))
    }
}

/// The families of a source, learnt from all its keys.
#[derive(Debug, Clone, Default)]
pub struct DayFamilies {
    /// With the time of their newest object, and its day.
    families: BTreeMap<Family, (DateTime<Utc>, NaiveDate)>,
    /// The newest object without a day that can be believed.
    undated: Option<DateTime<Utc>>,
    is_full: bool,
}

impl DayFamilies {
    /// Learns from a key that was written then.
    pub fn learn(&mut self, key: &str, written: DateTime<Utc>) {
        let near = (written - BEHIND).date_naive()..=(written + AHEAD).date_naive();
        match days(key).find(|(_, day)| near.contains(day)) {
            None => self.undated = self.undated.max(Some(written)),
            Some((family, day)) => {
                if self.families.len() >= MOST && !self.families.contains_key(&family) {
                    self.is_full = true;
                    return;
                }
                let newest = self.families.entry(family).or_insert((written, day));
                *newest = (*newest).max((written, day));
            }
        }
    }

    /// Whether what is new is to be expected below [`DayFamilies::prefixes`] alone.
    pub fn suffice(&self, now: DateTime<Utc>) -> bool {
        let rests = |newest: DateTime<Utc>| newest < now - REST;
        !self.is_full && self.undated.is_none_or(rests) && self.active(now).next().is_some()
    }

    /// What keys of the present day begin with; with a margin, also those of the days in which what is written now may lie.
    pub fn prefixes(&self, now: DateTime<Utc>, with_margin: bool) -> Vec<String> {
        let mut prefixes = BTreeSet::new();
        for (family, newest) in self.active(now) {
            let margin = (now - BEHIND).date_naive()..=(now + AHEAD).date_naive();
            let wanted = |day: &NaiveDate| with_margin || *day == now.date_naive() || *day == newest;
            let days = margin.start().iter_days().take_while(|day| day <= margin.end()).filter(wanted);
            prefixes.extend(days.map(|day| family.prefix(day)));
        }
        prefixes.into_iter().collect()
    }

    /// Whether all keys that begin with this are of days that are over.
    pub fn are_past(&self, folder: &str, now: DateTime<Utc>) -> bool {
        let oldest = (now - BEHIND).date_naive();
        days(folder).any(|(family, day)| day < oldest && self.families.contains_key(&family))
    }

    fn active(&self, now: DateTime<Utc>) -> impl Iterator<Item = (&Family, NaiveDate)> {
        let is_active = move |written: DateTime<Utc>| written >= now - REST;
        self.families
            .iter()
            .filter(move |(_, (written, _))| is_active(*written))
            .map(|(family, (_, day))| (family, *day))
    }
}

/// Every day that a key has in the names of its folders, with what stands around it.
fn days(key: &str) -> impl Iterator<Item = (Family, NaiveDate)> {
    let folders = key.get(..key.rfind('/').map_or(0, |at| at + 1)).unwrap_or_default();
    FolderDate::all(folders).into_iter().filter_map(move |date| {
        let (date, [year, month, day]) = date.day()?;
        let between = [folders.get(year.end..month.start)?, folders.get(month.end..day.start)?];
        Some((Family { head: folders.get(..year.start)?.to_owned(), between: between.map(str::to_owned) }, date))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn learnt(keys: &[&str]) -> DayFamilies {
        let mut families = DayFamilies::default();
        keys.iter().for_each(|key| families.learn(key, at("2026-11-28T15:10:00Z")));
        families
    }

    #[test]
    fn prefixes_of_the_day_are_found() {
        let now = at("2026-11-28T15:20:00Z");
        for (key, prefix) in [
            ("ses/2026/11/28/15/ses-1-2026-11-28-15-04-05-x.gz", "ses/2026/11/28"),
            ("2026/11/28/15/x", "2026/11/28"),
            ("year=2026/month=11/day=28/hour=15/x", "year=2026/month=11/day=28"),
            ("ses/dt=2026-11-28/x", "ses/dt=2026-11-28"),
            ("ses/20261128/x", "ses/20261128"),
            ("mail2026/11/28/15/x", "mail2026/11/28"),
            ("ses-2026-11-28/x", "ses-2026-11-28"),
            ("campaign=2026-11-28/x", "campaign=2026-11-28"),
            ("campaign=20261005/07/2026/11/28/x", "campaign=20261005/07/2026/11/28"),
            ("old/2025/01/02/2026/11/28/x", "old/2025/01/02/2026/11/28"),
        ] {
            let families = learnt(&[key]);
            assert!(families.suffice(now), "{key}");
            assert_eq!(families.prefixes(now, false), [prefix], "{key}");
        }
        let days = ["ses/2026/11/27", "ses/2026/11/28", "ses/2026/11/29"];
        assert_eq!(learnt(&["ses/2026/11/28/15/x"]).prefixes(now, true), days);
        // In a zone ahead the day is over earlier.
        assert_eq!(learnt(&["ses/2026/11/29/00/x"]).prefixes(now, false), days[1..]);
    }

    #[test]
    fn what_has_no_day_is_looked_for_everywhere() {
        let now = at("2026-11-28T15:20:00Z");
        for keys in
            [&[][..], &["ses/x"], &["ses/2026/11/28/15/x", "ses/x"], &["ses/2024/11/28/x"], &["ses/2026/13/28/x"]]
        {
            assert!(!learnt(keys).suffice(now), "{keys:?}");
        }
        assert!(!learnt(&["ses/2026/11/28/15/x"]).suffice(at("2026-12-03T00:00:00Z")));
        let many: Vec<String> = (0..100).map(|set| format!("set={set}/2026/11/28/x")).collect();
        assert!(!learnt(&many.iter().map(String::as_str).collect::<Vec<_>>()).suffice(now));
    }

    #[test]
    fn folders_of_past_days_are_known() {
        let families = learnt(&["ses/2026/11/28/15/x"]);
        let now = at("2026-11-28T15:20:00Z");
        let past = ["ses/", "ses/2026/", "ses/2026/11/", "ses/2026/11/26/", "ses/2026/11/27/", "b/2026/11/02/"];
        let past = past.map(|folder| families.are_past(folder, now));
        assert_eq!(past, [false, false, false, true, false, false]);
    }
}
