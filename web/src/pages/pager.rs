//! Long lists, a part at a time.

use crate::failure::Failure;
use crate::format;
use crate::parameters::Parameters;

/// Which part of a list is shown, and where the others are.
pub(crate) struct Pager {
    /// `26 to 50 of 662`.
    pub(crate) words: String,
    /// Query strings of the parts before and after.
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

impl Pager {
    /// The part of `limit` that begins after the first `start` of `all`; nothing where all are shown. `query` gives the address of a
    /// part by its start.
    pub(crate) fn new(start: usize, limit: usize, all: usize, query: impl Fn(usize) -> String) -> Option<Self> {
        if all <= limit {
            return None;
        }
        let end = (start + limit).min(all);
        let [first, last, all_words] = [start + 1, end, all].map(|number| format::thousands(number as u64));
        Some(Self {
            words: format!("{first} to {last} of {all_words}"),
            before: (start > 0).then(|| query(start.saturating_sub(limit))),
            after: (end < all).then(|| query(end)),
        })
    }
}

/// Reads how many entries come before the first one that is shown.
pub(crate) fn read_start(parameters: &Parameters) -> Result<usize, Failure> {
    let Some(text) = parameters.one("start")? else { return Ok(0) };
    text.parse().ok().filter(|start| *start <= 10_000_000).ok_or_else(|| {
        Failure::BadRequest(format!("`start` is `{text}`; give the number of entries before the first one to show"))
    })
}

/// The start of the last part, where a list has become shorter than where a link leads.
pub(crate) fn within(start: usize, limit: usize, all: usize) -> usize {
    if start < all { start } else { all.saturating_sub(1) / limit * limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lead_to_one_another() {
        let of = |start, all| Pager::new(start, 25, all, |start| format!("start={start}"));
        assert!(of(0, 25).is_none());
        let first = of(0, 1_662).unwrap();
        assert_eq!(
            (first.words.as_str(), first.before, first.after.as_deref()),
            ("1 to 25 of 1,662", None, Some("start=25"))
        );
        let last = of(1_650, 1_662).unwrap();
        assert_eq!(
            (last.words.as_str(), last.before.as_deref(), last.after),
            ("1,651 to 1,662 of 1,662", Some("start=1625"), None)
        );
        assert_eq!([within(0, 25, 0), within(50, 25, 51), within(75, 25, 51), within(75, 25, 50)], [0, 50, 50, 25]);
    }
}
