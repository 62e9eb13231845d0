//! The table of configuration sets, worst first.

use repute_query::{JudgedRate, Measured, Rates};

use super::level::{Level, icon};
use crate::filters::Filters;
use crate::format;

/// A configuration set in the table.
pub(crate) struct SetRow {
    /// Its name, or that there is none.
    pub(crate) name: String,
    /// The query string of the page for it alone.
    pub(crate) query: String,
    pub(crate) level: Level,
    pub(crate) sends: String,
    pub(crate) eligible: String,
    pub(crate) bounces: String,
    pub(crate) bounce_rate: String,
    pub(crate) complaints: String,
    pub(crate) complaint_rate: String,
    pub(crate) plain_bounce_rate: String,
    pub(crate) delivery_rate: String,
}

impl SetRow {
    pub(crate) fn icon(&self) -> &'static str {
        icon(self.level.tone())
    }
}

/// The rows of the table, from rates grouped by configuration set.
pub(crate) fn set_rows(rates: &[Rates], filters: &Filters, last_sends: u64) -> Vec<SetRow> {
    let mut judged: Vec<(Level, f64, &Rates)> = rates.iter().map(|row| judge(row, last_sends)).collect();
    judged.sort_by(|a, b| (b.0, b.1).partial_cmp(&(a.0, a.1)).unwrap_or(std::cmp::Ordering::Equal));
    judged.into_iter().map(|(level, _, row)| set_row(row, level, filters)).collect()
}

/// The level of a set, and how near it is to a review line.
fn judge(row: &Rates, last_sends: u64) -> (Level, f64, &Rates) {
    let bounces = Measured { events: row.aws.bounces.counted, sends: row.aws.eligible_sends.counted };
    let complaints = Measured { events: row.aws.complaints.counted, sends: row.aws.complaint_eligible_sends.counted };
    let pair = [(JudgedRate::BounceRate, bounces), (JudgedRate::ComplaintRate, complaints)];
    let level = pair.map(|(metric, measured)| Level::of_set(metric, measured, last_sends)).into_iter().max();
    let nearness = pair.map(|(metric, measured)| measured.rate().unwrap_or(0.0) / metric.review_line());
    (level.unwrap_or(Level::NoMail), nearness[0].max(nearness[1]), row)
}

fn set_row(row: &Rates, level: Level, filters: &Filters) -> SetRow {
    let set = row.group.first().cloned().flatten();
    SetRow {
        name: set.as_deref().map_or_else(|| "no configuration set".to_owned(), format::printable),
        query: filters.with_set(Some(set)).to_query(),
        level,
        sends: format::thousands(row.counts.send),
        eligible: format::thousands(row.aws.eligible_sends.counted),
        bounces: format::thousands(row.aws.bounces.counted),
        bounce_rate: format::rate(JudgedRate::BounceRate, row.aws.bounce_rate()),
        complaints: format::thousands(row.aws.complaints.counted),
        complaint_rate: format::rate(JudgedRate::ComplaintRate, row.aws.complaint_rate()),
        plain_bounce_rate: format::rate(JudgedRate::BounceRate, row.counts.bounce_rate()),
        delivery_rate: row
            .counts
            .delivery_rate()
            .map_or_else(|| format::NO_DATA.to_owned(), |rate| format::percent(rate, 2)),
    }
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
        let filters = Filters { range: Range::Preset(Preset::Week), configuration_set: None };
        let table = set_rows(&rows, &filters, 10_000);
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
}
