//! The band at the top: how things stand, and what asks for attention.

use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{CheckResult, Dimension, Finding, JudgedRate, Measured, Rule, State, Window};

use super::level::{Level, icon};
use crate::format;
use crate::state::Trouble;

/// So many findings are listed; the table has the rest.
const MOST_FINDINGS: usize = 5;

/// The band.
pub(crate) struct Verdict {
    pub(crate) tone: &'static str,
    pub(crate) title: String,
    pub(crate) summary: String,
    pub(crate) findings: Vec<Line>,
    pub(crate) more: usize,
}

/// A finding in the list.
pub(crate) struct Line {
    pub(crate) level: Level,
    pub(crate) text: String,
}

impl Verdict {
    /// The band for what a check found by `rules`.
    pub(crate) fn new(result: &CheckResult, rules: &[Rule], now: DateTime<Utc>, max_age: TimeDelta) -> Self {
        let age = result.newest_event.map(|newest| now - newest);
        let stale = age.is_none_or(|age| age > max_age);
        let alarms = || result.findings.iter().filter(|finding| finding.is_alarm());
        let (tone, title, summary) = match (result.state, alarms().next()) {
            _ if stale => ("quiet", "No verdict: the data is out of date".to_owned(), stale_words(max_age)),
            (State::Warning | State::Critical, Some(worst)) => {
                let level = level(worst, rules);
                (level.tone(), title(worst, level, rules), sentence(worst, rules))
            }
            (State::Warning | State::Critical, None) => (
                "warn",
                "Sending has gone quiet".to_owned(),
                format!("{}.", format::sentence_case(&format::printable(&result.summary))),
            ),
            (State::Ok | State::Pending, _) => ("good", "Healthy".to_owned(), calm_words(result, rules)),
            (State::NoData, _) => (
                "quiet",
                "No verdict: too little mail".to_owned(),
                format!("{}.", format::sentence_case(&format::printable(&result.summary))),
            ),
        };
        let line = |finding: &Finding| Line { level: level(finding, rules), text: sentence(finding, rules) };
        // The summary tells the worst one already, unless it says that the data is stale.
        let told = usize::from(!stale && !matches!(result.state, State::Ok | State::NoData));
        let rest = alarms().count().saturating_sub(told);
        Self {
            tone,
            title,
            summary,
            findings: alarms().skip(told).take(MOST_FINDINGS).map(line).collect(),
            more: rest.saturating_sub(MOST_FINDINGS),
        }
    }

    /// The band where the lake cannot be read: what is below is of the last time that it could.
    pub(crate) fn unreadable(trouble: &Trouble) -> Self {
        let (since, what) = (format::time(trouble.since), format::printable(&trouble.what));
        Self {
            tone: "bad",
            title: "No verdict: the lake cannot be read".to_owned(),
            summary: format!(
                "What is below was read before {since} and may be out of date. {}",
                format::sentence_case(&what)
            ),
            findings: Vec::new(),
            more: 0,
        }
    }

    pub(crate) fn icon(&self) -> &'static str {
        icon(self.tone)
    }
}

impl Line {
    pub(crate) fn icon(&self) -> &'static str {
        icon(self.level.tone())
    }
}

fn stale_words(max_age: TimeDelta) -> String {
    format!(
        "Nothing newer than {} has been imported, so nothing is said about the present. Look at the import.",
        format::duration(max_age)
    )
}

/// What is judged, when nothing is wrong.
fn calm_words(result: &CheckResult, rules: &[Rule]) -> String {
    let told = result.findings.iter().filter(|finding| finding.group.is_empty() && over_volume(finding, rules));
    let told = told.filter_map(|finding| {
        let judged = finding.metric.judged()?;
        let (rate, line) = (finding.measured.rate(), format::line(judged.review_line()));
        Some(format!("{} {}, review at {line}", judged.words(), format::rate(judged, rate)))
    });
    let told: Vec<String> = told.take(2).collect();
    if told.is_empty() {
        return "Nothing asks for attention.".to_owned();
    }
    format!("{}.", format::sentence_case(&told.join("; ")))
}

fn rule<'a>(finding: &Finding, rules: &'a [Rule]) -> Option<&'a Rule> {
    rules.iter().find(|rule| rule.name == finding.rule)
}

fn over_volume(finding: &Finding, rules: &[Rule]) -> bool {
    rule(finding, rules).is_some_and(|rule| matches!(rule.window, Window::LastSends(_)))
}

fn level(finding: &Finding, rules: &[Rule]) -> Level {
    let of_group = !finding.group.is_empty();
    rule(finding, rules)
        .map_or(Level::TooLittle, |rule| Level::of_state(rule, finding.measured, of_group, finding.verdict.state))
}

fn title(finding: &Finding, level: Level, rules: &[Rule]) -> String {
    let part = match (finding.group.is_empty(), finding.configuration_set()) {
        (true, _) => "",
        (false, Some(_)) => " in one configuration set",
        (false, None) => " in one group",
    };
    let time = if over_volume(finding, rules) { "" } else { " in the last hour" };
    format!("{} {}{part}{time}", format::sentence_case(finding.metric.words()), level.phrase())
}

/// `Bounce rate of marketing: 6.10 % (610 of 10,000 eligible sends, last 3.4 days), over AWS's review line.`
pub(crate) fn sentence(finding: &Finding, rules: &[Rule]) -> String {
    let over_volume = over_volume(finding, rules);
    let span = match (finding.span, over_volume) {
        (Some((from, to)), true) => format!(", {}", format::days((to - from).num_minutes() as f64 / 1_440.0)),
        (Some((from, to)), false) if to - from >= TimeDelta::days(1) => {
            format!(", {} to {}", from.format("%Y-%m-%d %H:%M"), format::time(to))
        }
        (Some((from, to)), false) => format!(", {} to {}", from.format("%H:%M"), to.format("%H:%M UTC")),
        (None, _) => String::new(),
    };
    let Measured { events, sends } = finding.measured;
    let figure = match finding.metric.judged() {
        Some(judged) => format!(
            "{} ({} of {}{span})",
            format::rate(judged, finding.measured.rate()),
            format::thousands(events),
            format::count(sends, "eligible send"),
        ),
        None if finding.metric.is_rate() => {
            let rate =
                finding.measured.rate().map_or_else(|| format::NO_DATA.to_owned(), |rate| format::percent(rate, 2));
            format!("{rate} ({} of {}{span})", format::thousands(events), format::thousands(sends))
        }
        None => format!("{} ({})", finding.metric.show(events as f64), span.trim_start_matches(", ")),
    };
    let recovering = if finding.recovering { "; recovering" } else { "" };
    format!(
        "{} of {}: {figure}, {}{recovering}.",
        format::sentence_case(finding.metric.words()),
        whose(finding),
        standing(finding, rules),
    )
}

/// Whose mail a finding is about.
fn whose(finding: &Finding) -> String {
    let value =
        |(dimension, value): &(Dimension, Option<String>)| match (value, *dimension == Dimension::CONFIGURATION_SET) {
            (None, true) => "mail without a configuration set".to_owned(),
            (Some(set), true) => format::printable(set),
            (value, false) => format!("{dimension} {}", format::printable(value.as_deref().unwrap_or("(none)"))),
        };
    let parts: Vec<String> = finding.group.iter().map(value).collect();
    if parts.is_empty() { "the account".to_owned() } else { parts.join(", ") }
}

/// Where the figure stands: against AWS's lines, or else against the rule's threshold. A rate that is over the review line, but
/// of so little mail that this may be chance, is told so.
fn standing(finding: &Finding, rules: &[Rule]) -> String {
    let level = level(finding, rules);
    if matches!(level, Level::Warning | Level::Critical) {
        return format::printable(&finding.verdict.reason);
    }
    let line = finding.metric.judged().map(JudgedRate::review_line);
    let over = finding.measured.rate().zip(line).is_some_and(|(rate, line)| rate >= line);
    if over && matches!(level, Level::Elevated | Level::Close) {
        return "perhaps over AWS's review line".to_owned();
    }
    level.phrase().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use repute_query::{Metric, Tally, default_rules, judge};

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-10-31T{text}:00Z").parse().unwrap()
    }

    fn finding(name: &str, set: Option<Option<&str>>, events: u64, sends: u64) -> Finding {
        let rules = default_rules(10_000);
        let rule = rules.iter().find(|rule| rule.name == name).unwrap();
        let measured = Measured { events, sends };
        let group: Vec<_> = set.map(|set| (Dimension::CONFIGURATION_SET, set.map(str::to_owned))).into_iter().collect();
        Finding {
            rule: name.to_owned(),
            metric: rule.metric,
            account_id: None,
            recovering: false,
            muted: None,
            attribution: None,
            measured,
            tally: Tally::default(),
            thresholds: (rule.warn, rule.critical),
            span: Some((at("10:00"), at("10:10"))),
            verdict: judge(rule, measured, !group.is_empty()),
            group,
        }
    }

    fn verdict(state: State, now: &str, findings: Vec<Finding>) -> Verdict {
        let result =
            CheckResult { state, summary: "said by the check".to_owned(), newest_event: Some(at("10:00")), findings };
        Verdict::new(&result, &default_rules(10_000), at(now), TimeDelta::hours(2))
    }

    #[test]
    fn healthy_says_what_was_judged() {
        let found = vec![finding("aws_bounce_rate", None, 83, 10_000), finding("aws_complaint_rate", None, 1, 8_000)];
        let band = verdict(State::Ok, "10:12", found);
        assert_eq!((band.tone, band.title.as_str()), ("good", "Healthy"));
        assert_eq!(
            band.summary,
            "Bounce rate 0.83\u{a0}%, review at 5\u{a0}%; complaint rate 0.013\u{a0}%, review at 0.1\u{a0}%."
        );
    }

    #[test]
    fn the_worst_is_the_title_and_the_others_are_listed() {
        let found = vec![
            finding("aws_bounce_rate", None, 610, 10_000),
            finding("bounce_rate_10m", Some(Some("marketing")), 90, 300),
            finding("aws_complaint_rate", None, 5, 10_000),
        ];
        let band = verdict(State::Critical, "10:12", found);
        assert_eq!((band.tone, band.title.as_str()), ("bad", "Bounce rate over AWS's review line"));
        let lines: Vec<(&str, Level)> = band.findings.iter().map(|line| (line.text.as_str(), line.level)).collect();
        assert_eq!(
            lines,
            [
                (
                    "Bounce rate of marketing: 30.00\u{a0}% (90 of 300 eligible sends, 10:00 to 10:10 UTC), over AWS's pause line.",
                    Level::Pause
                ),
                (
                    "Complaint rate of the account: 0.050\u{a0}% (5 of 10,000 eligible sends, 10 min), rising towards AWS's review line.",
                    Level::Elevated
                ),
            ]
        );
    }

    #[test]
    fn a_rate_of_little_mail_is_told_with_care() {
        // 4 of 2,673 is 0.15 %, of which 0.06 % is certain.
        let rules = default_rules(10_000);
        let text = sentence(&finding("aws_complaint_rate", Some(Some("receipts")), 4, 2_673), &rules);
        assert_eq!(
            text,
            "Complaint rate of receipts: 0.150\u{a0}% (4 of 2,673 eligible sends, 10 min), perhaps over AWS's review line."
        );
    }

    #[test]
    fn old_data_is_no_good_news() {
        let band = verdict(State::NoData, "15:00", vec![finding("aws_bounce_rate", None, 1, 10_000)]);
        assert_eq!((band.tone, band.title.as_str()), ("quiet", "No verdict: the data is out of date"));
    }

    #[test]
    fn silence_is_told_as_the_check_tells_it() {
        let band = verdict(State::Warning, "11:30", vec![finding("aws_bounce_rate", None, 1, 10_000)]);
        assert_eq!((band.tone, band.summary.as_str()), ("warn", "Said by the check."));
        assert!(band.findings.is_empty());
    }

    #[test]
    fn metrics_have_words() {
        let one = finding("aws_complaint_rate", Some(None), 9, 10_000);
        assert_eq!(one.metric, Metric::ComplaintRate);
        assert_eq!(
            title(&one, Level::Close, &default_rules(10_000)),
            "Complaint rate close to AWS's review line in one configuration set"
        );
    }
}
