//! What was wrong: incidents that are over, as rows of a table and as stretches of a chart.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use repute_query::{Dimension, Metric};

use super::open::{concerns, link};
use super::words::{Chip, shown, whose_query, whose_words};
use crate::alerting::{Incident, Remembered};
use crate::filters::Filters;
use crate::format;
use crate::history::Span;
use crate::measure::Measure;
use crate::state::AppState;
use crate::zone::Zone;

/// So many are listed.
const MOST_ROWS: usize = 100;

/// An incident that is over.
pub(crate) struct HistoryRow {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) lasted: String,
    pub(crate) chip: Chip,
    pub(crate) rule: String,
    pub(crate) link: Option<String>,
    pub(crate) whose: String,
    pub(crate) value: String,
    pub(crate) sentence: String,
    pub(crate) why: Option<String>,
    pub(crate) ended: String,
    pub(crate) told: String,
}

fn lies_in(incident: &Incident, since: Option<DateTime<Utc>>, until: DateTime<Utc>) -> bool {
    let end = incident.end.as_ref().map_or(DateTime::<Utc>::MAX_UTC, |(at, _)| *at);
    incident.since < until && since.is_none_or(|since| end >= since)
}

/// Incidents of a stretch of time that are over, the latest end first, and how many more there are.
pub(crate) fn rows(
    remembered: &Remembered,
    only: &[(Dimension, Option<String>)],
    rule: Option<&str>,
    (since, until): (Option<DateTime<Utc>>, DateTime<Utc>),
    zone: Zone,
    known_rules: &[&str],
) -> (Vec<HistoryRow>, usize) {
    let wanted = |incident: &&Incident| {
        incident.end.is_some()
            && lies_in(incident, since, until)
            && concerns(&incident.group, only)
            && rule.is_none_or(|rule| incident.rule == rule)
    };
    let found: Vec<&Incident> = remembered.incidents.iter().filter(wanted).collect();
    let accounts = || remembered.incidents.iter().filter_map(|incident| incident.account_id.as_deref());
    let several = accounts().next().is_some_and(|first| accounts().any(|other| other != first));
    let more = found.len().saturating_sub(MOST_ROWS);
    let rows = found.into_iter().take(MOST_ROWS).map(|incident| row(incident, zone, several, known_rules));
    (rows.collect(), more)
}

fn row(incident: &Incident, zone: Zone, several_accounts: bool, known_rules: &[&str]) -> HistoryRow {
    let (end, why_over) = incident.end.clone().unwrap_or((incident.seen, String::new()));
    let whose = whose_query(incident.account_id.as_deref(), &incident.group);
    let value = incident.metric.zip(incident.value).map(|(metric, value)| shown(metric, value));
    let is_known = incident.is_of_rule && known_rules.contains(&incident.rule.as_str());
    HistoryRow {
        from: zone.time(incident.since),
        to: zone.time(end),
        lasted: format::duration(end - incident.since),
        chip: Chip::of_severity(incident.worst),
        rule: incident.rule.clone(),
        link: is_known.then(|| link(&incident.rule, &whose)),
        whose: if incident.is_of_rule {
            whose_words(incident.account_id.as_deref(), &incident.group, several_accounts)
        } else {
            String::new()
        },
        value: value.unwrap_or_default(),
        sentence: format::printable(&incident.sentence),
        why: incident.why.as_deref().map(format::printable),
        ended: format::printable(&why_over),
        told: incident.told.iter().map(|name| format::printable(name)).collect::<Vec<_>>().join(", "),
    }
}

/// When a rate was an incident for this mail, from `since` until before `until`: those of the mail itself, and of all mail that it is part
/// of. What is open lasts until `now`.
fn stretches(
    remembered: &Remembered,
    measure: Measure,
    only: &[(Dimension, Option<String>)],
    (since, until): (DateTime<Utc>, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let metric = match measure {
        Measure::Bounce => Metric::BounceRate,
        Measure::Complaint => Metric::ComplaintRate,
        Measure::Delivery => Metric::DeliveryRate,
        Measure::Open => Metric::OpenRate,
        Measure::Click => Metric::ClickRate,
        Measure::PlainBounce | Measure::PlainComplaint => return Vec::new(),
    };
    let is_of = |incident: &&Incident| {
        incident.metric == Some(metric)
            && lies_in(incident, Some(since), until)
            && incident.group.iter().all(|value| only.contains(value))
    };
    let stretch = |incident: &Incident| {
        let end = incident.end.as_ref().map_or(now, |(at, _)| *at);
        (incident.since.max(since), end.min(until))
    };
    let mut found: Vec<_> = remembered.incidents.iter().filter(is_of).map(stretch).collect();
    found.sort_unstable();
    found
}

/// The incidents of some mail, for charts of its rates.
#[derive(Clone)]
pub(crate) struct Incidents {
    remembered: Arc<Remembered>,
    only: Vec<(Dimension, Option<String>)>,
    now: DateTime<Utc>,
}

impl Incidents {
    /// Of what filters let pass.
    pub(crate) fn of_filters(state: &AppState, filters: &Filters) -> Self {
        Self { remembered: state.remembered(), only: filters.only.clone(), now: state.now() }
    }

    /// As long as no check remembers any.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self { remembered: Arc::default(), only: Vec::new(), now: DateTime::UNIX_EPOCH }
    }

    /// From and to of those of a rate; those that overlap come together.
    pub(crate) fn of(&self, measure: Measure, span: &Span) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let mut together: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::new();
        for (from, to) in stretches(&self.remembered, measure, &self.only, (span.from, span.to), self.now) {
            match together.last_mut() {
                Some((_, last)) if from <= *last => *last = to.max(*last),
                _ => together.push((from, to)),
            }
        }
        together
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::Severity;

    fn at(hour: i64) -> DateTime<Utc> {
        "2026-10-31T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + chrono::TimeDelta::hours(hour)
    }

    fn incident(set: Option<&str>, since: i64, end: Option<i64>) -> Incident {
        Incident {
            id: format!("{set:?}{since}"),
            rule: "bounce_rate_10m".to_owned(),
            is_of_rule: true,
            account_id: Some("1".to_owned()),
            group: set.map(|set| (Dimension::CONFIGURATION_SET, Some(set.to_owned()))).into_iter().collect(),
            metric: Some(Metric::BounceRate),
            severity: Severity::Warning,
            worst: Severity::Critical,
            sentence: "bounce rate 9 %".to_owned(),
            value: Some(0.09),
            why: None,
            since: at(since),
            seen: at(since),
            is_muted: false,
            end: end.map(|end| (at(end), "it is OK again".to_owned())),
            told: vec!["ops".to_owned()],
        }
    }

    fn remembered() -> Remembered {
        let incidents = vec![
            incident(None, 20, None),
            incident(None, 10, Some(12)),
            incident(Some("news"), 6, Some(8)),
            incident(Some("orders"), 5, Some(9)),
        ];
        Remembered { incidents, ..Remembered::default() }
    }

    #[test]
    fn a_chart_shows_the_incidents_of_its_mail() {
        let hours = |only: &[(Dimension, Option<String>)], measure, from, to| {
            let found = stretches(&remembered(), measure, only, (at(from), at(to)), at(23));
            found.iter().map(|(from, to)| ((*from - at(0)).num_hours(), (*to - at(0)).num_hours())).collect::<Vec<_>>()
        };
        let news = [(Dimension::CONFIGURATION_SET, Some("news".to_owned()))];
        assert_eq!(hours(&[], Measure::Bounce, 0, 24), [(10, 12), (20, 23)]);
        assert_eq!(hours(&news, Measure::Bounce, 0, 24), [(6, 8), (10, 12), (20, 23)]);
        assert_eq!(hours(&news, Measure::Bounce, 7, 11), [(7, 8), (10, 11)]);
        assert_eq!(hours(&news, Measure::Bounce, 13, 20), []);
        assert_eq!(hours(&news, Measure::Complaint, 0, 24), []);
    }

    #[test]
    fn rows_are_of_the_range_and_say_who_was_told() {
        let told = |only: &[(Dimension, Option<String>)], from| {
            let (rows, more) =
                rows(&remembered(), only, None, (Some(at(from)), at(24)), Zone::UTC, &["bounce_rate_10m"]);
            (rows.iter().map(|row| format!("{} {} {}", row.whose, row.lasted, row.told)).collect::<Vec<_>>(), more)
        };
        assert_eq!(told(&[], 0).0, ["the account 2 h ops", "news 2 h ops", "orders 4 h ops"]);
        assert_eq!(told(&[(Dimension::CONFIGURATION_SET, Some("news".to_owned()))], 9).0, ["the account 2 h ops"]);
        assert_eq!(told(&[], 13).0, Vec::<String>::new());
    }
}
