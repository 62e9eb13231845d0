//! The figures of a range side by side: how much mail, what became of it, and how much of it the lake knows.

use repute_query::{CheckResult, Metric, Rates, rate};

use crate::format;

/// A figure with its name.
pub(crate) struct Tile {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) note: String,
}

/// The tiles of some windows, and of what a check said about coverage.
pub(crate) fn tiles(windows: &[Rates], check: &CheckResult) -> Vec<Tile> {
    let Some((first, rest)) = windows.split_first() else { return Vec::new() };
    let mut sum = Rates { previous: None, ..first.clone() };
    rest.iter().for_each(|window| sum += window);
    let (counts, sends) = (&sum.counts, sum.counts.send);
    let share = |name: &'static str, events: u64, noun: &str| Tile {
        name,
        value: rate(events, sends).map_or_else(|| format::NO_DATA.to_owned(), |share| format::percent(share, 2)),
        note: format!("{} of all sends", format::count(events, noun)),
    };
    vec![
        Tile {
            name: "Sends",
            value: format::thousands(sends),
            note: format!("{} eligible", format::thousands(sum.aws.eligible_sends.counted)),
        },
        share("Delivered", counts.delivery, "delivery").with_plural("delivery", "deliveries"),
        share("Bounced", counts.bounces(), "bounce"),
        share("Complained", counts.complaint, "complaint"),
        coverage(check),
    ]
}

impl Tile {
    fn with_plural(self, one: &str, many: &str) -> Self {
        Self { note: self.note.replace(&format!("{one}s"), many), ..self }
    }
}

/// How much of the mail that was handed to SES is in the lake, if a rule asks.
fn coverage(check: &CheckResult) -> Tile {
    let name = "Coverage";
    let found = check.findings.iter().find(|finding| finding.metric == Metric::Coverage);
    let Some(finding) = found else {
        let note = "a rule on coverage compares the lake with what you handed to SES";
        return Tile { name, value: "not known".to_owned(), note: note.to_owned() };
    };
    let measured = finding.measured;
    let value = measured.rate().map_or_else(|| format::NO_DATA.to_owned(), |share| format::percent(share, 1));
    let (events, sends) = (format::thousands(measured.events), format::thousands(measured.sends));
    Tile { name, value, note: format!("{events} of {sends} handed to SES, last whole day") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use repute_query::{AwsCounts, Counts, Side, State};

    fn window(send: u64) -> Rates {
        let side = |counted| Side { total: counted, excluded: Vec::new(), counted };
        Rates {
            window_start: None,
            window_end: None,
            group: Vec::new(),
            counts: Counts { send, delivery: send - 30, soft_bounce: 10, hard_bounce: 20, ..Counts::default() },
            aws: AwsCounts {
                eligible_sends: side(send - 5),
                bounces: side(20),
                complaint_eligible_sends: side(send),
                complaints: side(0),
            },
            previous: None,
        }
    }

    #[test]
    fn windows_are_summed() {
        let check = CheckResult { state: State::Ok, summary: String::new(), newest_event: None, findings: Vec::new() };
        let told = tiles(&[window(1_000), window(2_000)], &check);
        let told: Vec<_> = told.iter().map(|tile| (tile.name, tile.value.as_str(), tile.note.as_str())).collect();
        assert_eq!(told[0], ("Sends", "3,000", "2,990 eligible"));
        assert_eq!(told[1], ("Delivered", "98.00\u{a0}%", "2,940 deliveries of all sends"));
        assert_eq!(told[2], ("Bounced", "2.00\u{a0}%", "60 bounces of all sends"));
        assert_eq!(told[3].1, "0.00\u{a0}%");
        assert_eq!(told[4].1, "not known");
        assert!(tiles(&[], &check).is_empty());
    }
}
