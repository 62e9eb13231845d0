//! The judged rates of an account: large, with the arithmetic behind them.

use repute_query::{JudgedRate, Measured, Reputation, Side};

use super::level::{Level, icon};
use crate::chart::gauge;
use crate::format;

/// One account, or one of its configuration sets.
pub(crate) struct Card {
    /// Whose rates these are.
    pub(crate) heading: String,
    /// What they are taken over.
    pub(crate) span: String,
    /// Bounces and complaints.
    pub(crate) figures: [Figure; 2],
}

/// One rate.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) level: Level,
    pub(crate) rate: String,
    pub(crate) fraction: String,
    pub(crate) interval: String,
    pub(crate) gauge: String,
    pub(crate) headroom: [String; 2],
    /// How sends were counted, and then what of them.
    pub(crate) arithmetic: [String; 2],
    pub(crate) what: &'static str,
    pub(crate) plain: String,
}

impl Card {
    pub(crate) fn new(row: &Reputation, last_sends: u64) -> Self {
        Self {
            heading: heading(row),
            span: span(row, last_sends),
            figures: [bounces(row, last_sends), complaints(row, last_sends)],
        }
    }
}

impl Figure {
    pub(crate) fn icon(&self) -> &'static str {
        icon(self.level.tone())
    }
}

fn heading(row: &Reputation) -> String {
    let account = match &row.account_id {
        Some(account) => format!("Account {}", format::printable(account)),
        None => "The account".to_owned(),
    };
    match &row.configuration_set {
        None => account,
        Some(None) => format!("Mail without a configuration set, {}", account.to_lowercase()),
        Some(Some(set)) => format!("Configuration set {}, {}", format::printable(set), account.to_lowercase()),
    }
}

/// `last 10,000 eligible sends, 3.4 days, 2026-10-28 to 2026-10-31`.
fn span(row: &Reputation, last_sends: u64) -> String {
    let sends = format::thousands(row.aws.eligible_sends.counted);
    let days = format::days(row.span_days());
    let dates = format!("{} to {}", row.from.format("%Y-%m-%d"), row.to.format("%Y-%m-%d"));
    if row.full {
        format!("Last {sends} eligible sends: {days}, {dates}")
    } else {
        format!(
            "All {sends} eligible sends there are: {days}, {dates}. Judged over {} once there are as many",
            format::thousands(last_sends)
        )
    }
}

fn bounces(row: &Reputation, last_sends: u64) -> Figure {
    let metric = JudgedRate::BounceRate;
    let (sends, events) = (&row.aws.eligible_sends, &row.aws.bounces);
    let measured = Measured { events: events.counted, sends: sends.counted };
    Figure {
        name: "Bounce rate",
        level: Level::of(metric, measured, last_sends),
        rate: format::rate(metric, measured.rate()),
        fraction: format!(
            "{} of {}",
            format::count(events.counted, "hard bounce"),
            format::count(sends.counted, "eligible send")
        ),
        interval: interval(metric, measured),
        gauge: gauge(metric, measured),
        headroom: [metric.review_line(), metric.pause_line()]
            .map(|line| headroom("hard bounce", row.bounce_headroom(line), line, measured)),
        arithmetic: [
            sum("send", sends, "eligible") + &quotient(metric, measured, "counted hard bounce"),
            sum("bounce", events, "counted") + ".",
        ],
        what: "Which bounces count",
        plain: plain(metric, "bounce", events.total, sends.total),
    }
}

fn complaints(row: &Reputation, last_sends: u64) -> Figure {
    let metric = JudgedRate::ComplaintRate;
    let (sends, events) = (&row.aws.complaint_eligible_sends, &row.aws.complaints);
    let measured = Measured { events: events.counted, sends: sends.counted };
    let to = "send to domains that report complaints";
    Figure {
        name: "Complaint rate",
        level: Level::of(metric, measured, last_sends),
        rate: format::rate(metric, measured.rate()),
        fraction: format!(
            "{} of {} {}",
            format::count(events.counted, "complaint"),
            format::thousands(sends.counted),
            if sends.counted == 1 { to.to_owned() } else { to.replacen("send", "sends", 1) },
        ),
        interval: interval(metric, measured),
        gauge: gauge(metric, measured),
        headroom: [metric.review_line(), metric.pause_line()]
            .map(|line| headroom("complaint", row.complaint_headroom(line), line, measured)),
        arithmetic: [
            sum("send", sends, "eligible") + &quotient(metric, measured, "counted complaint"),
            sum("complaint", events, "counted") + ".",
        ],
        what: "Which complaints count",
        plain: plain(metric, "complaint", events.total, sends.total),
    }
}

fn interval(metric: JudgedRate, measured: Measured) -> String {
    if measured.sends == 0 {
        return "No mail that counts".to_owned();
    }
    format!("95\u{a0}% interval {}", format::interval(metric, measured.interval()))
}

/// `212 more hard bounces before 5 %`.
fn headroom(noun: &str, more: u64, line: f64, measured: Measured) -> String {
    let line = format::line(line);
    match more {
        _ if measured.sends == 0 => format!("{line}: no mail"),
        0 => format!("at or over {line}"),
        more => {
            let (first, rest) = (format::thousands(more), format::count(more, noun));
            let noun = rest.trim_start_matches(first.as_str());
            format!("{first} more{noun} before {line}")
        }
    }
}

/// `4,812 sends − 310 to your verified domains − 5 to the mailbox simulator = 4,497 eligible`.
fn sum(noun: &str, side: &Side, result: &str) -> String {
    let mut text = format::count(side.total, noun);
    for (reason, rows) in &side.excluded {
        text.push_str(&format!(" \u{2212} {} {}", format::thousands(*rows), reason.words()));
    }
    if side.excluded.is_empty() {
        return format!("{text}, all {result}");
    }
    format!("{text} = {} {result}", format::thousands(side.counted))
}

/// `; 97 counted hard bounces = 2.16 %.`
fn quotient(metric: JudgedRate, measured: Measured, noun: &str) -> String {
    format!("; {} = {}.", format::count(measured.events, noun), format::rate(metric, measured.rate()))
}

fn plain(metric: JudgedRate, noun: &str, events: u64, sends: u64) -> String {
    let rate = format::rate(metric, repute_query::rate(events, sends));
    format!("{rate} ({} of {}, nothing left out)", format::count(events, noun), format::count(sends, "send"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use repute_query::{AwsCounts, Exclusion};

    fn side(total: u64, excluded: &[(Exclusion, u64)]) -> Side {
        let out: u64 = excluded.iter().map(|(_, rows)| rows).sum();
        Side { total, excluded: excluded.to_vec(), counted: total - out }
    }

    fn row() -> Reputation {
        Reputation {
            account_id: Some("123456789012".to_owned()),
            configuration_set: None,
            from: "2026-10-28T02:00:00Z".parse().unwrap(),
            to: "2026-10-31T12:00:00Z".parse().unwrap(),
            full: false,
            recent: None,
            aws: AwsCounts {
                eligible_sends: side(
                    4_812,
                    &[(Exclusion::VerifiedDomain, 310), (Exclusion::AccountSuppression, 12), (Exclusion::Simulator, 5)],
                ),
                bounces: side(
                    144,
                    &[(Exclusion::VerifiedDomain, 5), (Exclusion::Soft, 30), (Exclusion::AccountSuppression, 12)],
                ),
                complaint_eligible_sends: side(4_812, &[(Exclusion::NoFeedbackLoop, 1_812)]),
                complaints: side(1, &[]),
            },
        }
    }

    #[test]
    fn the_arithmetic_is_a_sentence() {
        let [bounces, complaints] = Card::new(&row(), 10_000).figures;
        assert_eq!(
            bounces.arithmetic[0],
            "4,812 sends − 310 to your verified domains − 12 on the account suppression list − 5 to the mailbox simulator \
             = 4,485 eligible; 97 counted hard bounces = 2.16\u{a0}%."
        );
        assert_eq!(
            bounces.arithmetic[1],
            "144 bounces − 5 to your verified domains − 30 soft bounces − 12 on the account suppression list = 97 counted."
        );
        assert_eq!(
            complaints.arithmetic,
            [
                "4,812 sends − 1,812 to domains that report no complaints = 3,000 eligible; 1 counted complaint = 0.033\u{a0}%.",
                "1 complaint, all counted."
            ]
        );
        assert_eq!(bounces.plain, "2.99\u{a0}% (144 bounces of 4,812 sends, nothing left out)");
    }

    #[test]
    fn the_figure_has_its_fraction_interval_and_headroom() {
        let card = Card::new(&row(), 10_000);
        assert_eq!(card.heading, "Account 123456789012");
        assert_eq!(
            card.span,
            "All 4,485 eligible sends there are: 3.4 days, 2026-10-28 to 2026-10-31. Judged over 10,000 once there are as many"
        );
        let [bounces, complaints] = card.figures;
        assert_eq!((bounces.rate.as_str(), bounces.level), ("2.16\u{a0}%", Level::Elevated));
        assert_eq!(bounces.fraction, "97 hard bounces of 4,485 eligible sends");
        // 5 % of 4,485 is 224.25: the 225th bounce crosses it; 10 % is 448.5.
        assert_eq!(
            bounces.headroom,
            ["128 more hard bounces before 5\u{a0}%", "352 more hard bounces before 10\u{a0}%"]
        );
        assert_eq!(complaints.headroom[0], "2 more complaints before 0.1\u{a0}%");
        assert_eq!(complaints.fraction, "1 complaint of 3,000 sends to domains that report complaints");
    }

    #[test]
    fn no_mail_is_no_rate() {
        let empty = Reputation { aws: AwsCounts::default(), ..row() };
        let [bounces, _] = Card::new(&empty, 10_000).figures;
        assert_eq!((bounces.rate.as_str(), bounces.level), ("no data", Level::NoMail));
        assert_eq!(bounces.interval, "No mail that counts");
    }
}
