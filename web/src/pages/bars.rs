//! Lists of bars: what is counted in kinds or steps, each with its number and share.

use repute_query::rate;

use crate::format;

/// A list of bars.
pub(crate) struct Bars {
    /// Unique in the page, plain letters.
    pub(crate) id: &'static str,
    pub(crate) heading: String,
    pub(crate) note: String,
    pub(crate) rows: Vec<Bar>,
    /// What the paler part of the bars is, where they have one.
    pub(crate) behind: Option<&'static str>,
}

/// One bar.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) count: String,
    pub(crate) share: String,
    /// More about it, below its name.
    pub(crate) note: String,
    /// Its width, hundredths of the largest one's.
    pub(crate) width: u64,
    /// The width of the paler bar behind it; 0 for none.
    pub(crate) behind: u64,
}

/// What a bar is of: its name, how many, and how many the paler bar behind it shows.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) count: u64,
    pub(crate) behind: u64,
    pub(crate) note: String,
}

impl Part {
    pub(crate) fn new(name: impl Into<String>, count: u64) -> Self {
        Self { name: name.into(), count, behind: 0, note: String::new() }
    }
}

/// The bars of some parts of a whole.
pub(crate) fn bars(parts: Vec<Part>, all: u64) -> Vec<Bar> {
    let most = parts.iter().map(|part| part.count.max(part.behind)).max().unwrap_or(1).max(1);
    let width = |count: u64| if count == 0 { 0 } else { (count * 100 / most).max(1) };
    let bar = |part: Part| Bar {
        count: format::thousands(part.count),
        share: share(part.count, all),
        width: width(part.count),
        behind: width(part.behind),
        name: part.name,
        note: part.note,
    };
    parts.into_iter().map(bar).collect()
}

/// A part of a whole as a percentage; there is none of nothing.
pub(crate) fn share(count: u64, all: u64) -> String {
    rate(count, all).map_or_else(|| format::NO_DATA.to_owned(), |share| format::percent(share, 1))
}

/// Names of steps that go up to some ends, the last one beyond all: `up to 5 s`, `30 s`, ..., `longer`.
pub(crate) fn step_names(ends_in_milliseconds: impl Iterator<Item = i64>) -> Vec<String> {
    let mut names: Vec<String> = ends_in_milliseconds.map(format::milliseconds).collect();
    if let Some(first) = names.first_mut() {
        *first = format!("up to {first}");
    }
    names.push("longer".to_owned());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_is_whole_and_none_is_nothing() {
        let found = bars(vec![Part::new("a", 400), Part { behind: 500, ..Part::new("b", 1) }, Part::new("c", 0)], 401);
        let widths: Vec<(u64, u64)> = found.iter().map(|bar| (bar.width, bar.behind)).collect();
        assert_eq!(widths, [(80, 0), (1, 100), (0, 0)]);
        assert_eq!(found[0].share, "99.8\u{a0}%");
        assert_eq!(share(0, 0), "no data");
        assert_eq!(step_names([5_000, 60_000].into_iter()), ["up to 5 s", "1 min", "longer"]);
    }
}
