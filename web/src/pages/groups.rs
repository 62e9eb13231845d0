//! Tables of groups: configuration sets, providers, campaigns and others, worst first unless asked otherwise.

use std::cmp::Ordering;

use repute_query::{Dimension, JudgedRate, Measured, Rates};

use super::level::{Level, icon};
use crate::chart::spark;
use crate::filters::Filters;
use crate::format;
use crate::measure::Measure;

/// A group in the table.
pub(crate) struct GroupRow {
    /// Its value, or that there is none.
    pub(crate) name: String,
    /// The query string of a page about it alone.
    pub(crate) query: String,
    pub(crate) level: Level,
    pub(crate) sends: String,
    /// Of all sends.
    pub(crate) share: String,
    pub(crate) eligible: String,
    pub(crate) bounces: String,
    pub(crate) bounce_rate: String,
    /// Against the period before, if there is one to compare with.
    pub(crate) change: Option<Change>,
    pub(crate) complaints: String,
    pub(crate) complaint_rate: String,
    pub(crate) plain_bounce_rate: String,
    pub(crate) delivery_rate: String,
    /// The bounce rate over time, if it was asked for.
    pub(crate) spark: String,
}

/// How a rate has changed.
pub(crate) struct Change {
    /// `up`, `down` or `same`: a class of the stylesheet.
    pub(crate) way: &'static str,
    /// `+0.42` in points of a percentage.
    pub(crate) points: String,
    /// `was 1.20 % in the period before`.
    pub(crate) words: String,
}

/// What the table is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Worst,
    Sends,
    Bounces,
    Complaints,
}

impl Order {
    pub(crate) const ALL: [Self; 4] = [Self::Worst, Self::Sends, Self::Bounces, Self::Complaints];

    /// The value in addresses.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Worst => "worst",
            Self::Sends => "sends",
            Self::Bounces => "bounces",
            Self::Complaints => "complaints",
        }
    }

    /// The name on the page.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Worst => "Worst first",
            Self::Sends => "Most sends",
            Self::Bounces => "Most hard bounces",
            Self::Complaints => "Most complaints",
        }
    }

    fn compare(self, a: &Judged<'_>, b: &Judged<'_>) -> Ordering {
        let by = |pick: fn(&Rates) -> u64| pick(b.row).cmp(&pick(a.row));
        // Of those with too little mail for a rate, the ones with most trouble in numbers.
        let trouble = |judged: &Judged<'_>| match judged.level {
            Level::NoMail | Level::TooLittle => {
                (judged.row.aws.bounces.counted + judged.row.aws.complaints.counted) as f64
            }
            _ => judged.nearness,
        };
        let worst = || (b.level, trouble(b)).partial_cmp(&(a.level, trouble(a))).unwrap_or(Ordering::Equal);
        let order = match self {
            Self::Worst => worst(),
            Self::Sends => by(|row| row.counts.send),
            Self::Bounces => by(|row| row.aws.bounces.counted),
            Self::Complaints => by(|row| row.aws.complaints.counted),
        };
        order.then_with(worst).then_with(|| by(|row| row.counts.send)).then_with(|| a.row.group.cmp(&b.row.group))
    }
}

/// Figures with what they mean.
struct Judged<'a> {
    row: &'a Rates,
    level: Level,
    /// How near the nearer of both rates is to its review line.
    nearness: f64,
}

impl GroupRow {
    pub(crate) fn icon(&self) -> &'static str {
        icon(self.level.tone())
    }

    /// With the course of its bounce rate.
    pub(crate) fn with_spark(self, rates: &[Option<f64>]) -> Self {
        Self { spark: spark(rates, JudgedRate::BounceRate.review_line()), ..self }
    }
}

/// The table's rows and their values, from rates grouped by the dimension.
pub(crate) fn group_rows(
    rates: &[Rates],
    dimension: &Dimension,
    filters: &Filters,
    order: Order,
    last_sends: u64,
) -> Vec<(Option<String>, GroupRow)> {
    let sends: u64 = rates.iter().map(|row| row.counts.send).sum();
    let mut judged: Vec<Judged<'_>> = rates.iter().map(|row| judge(row, last_sends)).collect();
    judged.sort_by(|a, b| order.compare(a, b));
    let row = |judged: Judged<'_>| {
        let value = judged.row.group.first().cloned().flatten();
        let query = filters.with_only(dimension.clone(), Some(value.clone())).to_query();
        (value.clone(), group_row(&judged, name(dimension, value.as_deref()), query, sends))
    };
    judged.into_iter().map(row).collect()
}

/// The rows that are not shown one by one, put together.
pub(crate) fn rest_row(rates: &[&Rates], name: String, all_sends: u64, last_sends: u64) -> Option<GroupRow> {
    let (first, rest) = rates.split_first()?;
    let mut sum = Rates { previous: None, ..Rates::clone(first) };
    rest.iter().for_each(|row| sum += row);
    Some(group_row(&judge(&sum, last_sends), name, String::new(), all_sends))
}

fn name(dimension: &Dimension, value: Option<&str>) -> String {
    match value {
        Some(value) => format::printable(value),
        None if *dimension == Dimension::CONFIGURATION_SET => "no configuration set".to_owned(),
        None => "(none)".to_owned(),
    }
}

fn judge(row: &Rates, last_sends: u64) -> Judged<'_> {
    let pair = [JudgedRate::BounceRate, JudgedRate::ComplaintRate];
    let pair = pair.map(|metric| (metric, Measure::from(metric).of(row)));
    let level = pair.map(|(metric, measured)| Level::of_set(metric, measured, last_sends)).into_iter().max();
    let nearness = pair.map(|(metric, measured)| measured.rate().unwrap_or(0.0) / metric.review_line());
    Judged { row, level: level.unwrap_or(Level::NoMail), nearness: nearness[0].max(nearness[1]) }
}

fn group_row(judged: &Judged<'_>, name: String, query: String, all_sends: u64) -> GroupRow {
    let row = judged.row;
    let share = repute_query::rate(row.counts.send, all_sends);
    GroupRow {
        name,
        query,
        level: judged.level,
        sends: format::thousands(row.counts.send),
        share: share.map_or_else(|| format::NO_DATA.to_owned(), |share| format::percent(share, 1)),
        eligible: format::thousands(row.aws.eligible_sends.counted),
        bounces: format::thousands(row.aws.bounces.counted),
        bounce_rate: Measure::Bounce.show(row.aws.bounce_rate()),
        change: row.previous.as_deref().and_then(|before| change(Measure::Bounce, row, before)),
        complaints: format::thousands(row.aws.complaints.counted),
        complaint_rate: Measure::Complaint.show(row.aws.complaint_rate()),
        plain_bounce_rate: Measure::PlainBounce.show(row.counts.bounce_rate()),
        delivery_rate: Measure::Delivery.show(row.counts.delivery_rate()),
        spark: String::new(),
    }
}

/// A change that chance alone may have made is told as none.
fn change(measure: Measure, now: &Rates, before: &Rates) -> Option<Change> {
    let (now, before) = (measure.of(now), measure.of(before));
    let (rate, was) = (now.rate()?, before.rate()?);
    let apart = |low: Measured, high: Measured| low.interval().1 < high.interval().0;
    let way = match () {
        () if apart(before, now) => "up",
        () if apart(now, before) => "down",
        () => "same",
    };
    let points = format!("{:+.2}", (rate - was) * 100.0).replace('-', "\u{2212}");
    let meaning = if way == "same" { ", which may be chance" } else { "" };
    Some(Change { way, points, words: format!("was {} in the period before{meaning}", measure.show(Some(was))) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::{Preset, Range};
    use repute_query::{AwsCounts, Counts, Side};

    fn rates(set: Option<&str>, bounces: u64, complaints: u64, sends: u64) -> Rates {
        let side = |counted| Side { total: counted, excluded: Vec::new(), counted };
        Rates {
            window_start: None,
            window_end: None,
            group: vec![set.map(str::to_owned)],
            counts: Counts { send: sends, delivery: sends - bounces, hard_bounce: bounces, ..Counts::default() },
            aws: AwsCounts {
                eligible_sends: side(sends),
                bounces: side(bounces),
                complaint_eligible_sends: side(sends),
                complaints: side(complaints),
            },
            previous: None,
        }
    }

    #[test]
    fn the_worst_comes_first() {
        let rows = [
            rates(Some("fine"), 10, 0, 5_000),
            rates(Some("complained-of"), 20, 6, 5_000),
            rates(None, 60, 0, 5_000),
            rates(Some("tiny"), 5, 0, 10),
            rates(Some("bouncing"), 700, 0, 5_000),
        ];
        let filters = Filters { range: Range::Preset(Preset::Week), ..Filters::usual() };
        let table = |order| {
            let rows = group_rows(&rows, &Dimension::CONFIGURATION_SET, &filters, order, 10_000);
            rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>()
        };
        assert_eq!(table(Order::Complaints)[0].name, "complained-of");
        assert_eq!(table(Order::Sends).last().map(|row| row.name.clone()).as_deref(), Some("tiny"));
        let table = table(Order::Worst);
        let order: Vec<(&str, Level)> = table.iter().map(|row| (row.name.as_str(), row.level)).collect();
        assert_eq!(
            order,
            [
                ("bouncing", Level::Pause),
                ("complained-of", Level::Elevated),
                ("no configuration set", Level::Healthy),
                ("fine", Level::Healthy),
                ("tiny", Level::TooLittle),
            ]
        );
        assert_eq!(table[0].bounce_rate, "14.00\u{a0}%");
        assert_eq!(table[2].query, "range=7d&configuration_set=%28none%29");
    }

    #[test]
    fn a_change_is_one_if_chance_cannot_have_made_it() {
        let of = |now: (u64, u64), before: (u64, u64)| {
            change(Measure::Bounce, &rates(None, now.0, 0, now.1), &rates(None, before.0, 0, before.1))
        };
        let up = of((60, 1_000), (10, 1_000)).unwrap();
        assert_eq!((up.way, up.points.as_str()), ("up", "+5.00"));
        assert_eq!(up.words, "was 1.00\u{a0}% in the period before");
        assert_eq!(of((1, 1_000), (60, 1_000)).unwrap().way, "down");
        assert_eq!(of((11, 1_000), (10, 1_000)).unwrap().way, "same");
        assert!(of((1, 1_000), (0, 0)).is_none(), "nothing to compare with");
    }

    #[test]
    fn what_is_not_shown_is_told_together() {
        let rows = [rates(Some("a"), 1, 0, 100), rates(Some("b"), 2, 1, 300)];
        let rest = rest_row(&rows.iter().collect::<Vec<_>>(), "2 more".to_owned(), 1_000, 10_000).unwrap();
        assert_eq!((rest.sends.as_str(), rest.bounces.as_str(), rest.share.as_str()), ("400", "3", "40.0\u{a0}%"));
        assert!(rest_row(&[], String::new(), 0, 10_000).is_none());
    }
}
