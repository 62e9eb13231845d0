//! The answers as tables of text, for spreadsheets: names of columns are a contract as those of the machine form are.
//!
//! Rates are fractions, times RFC 3339 UTC; what there is none of is empty.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::dimension::Dimension;
use crate::interval::rate;
use crate::messages::{DETAILS, Message, MessageEvent};
use crate::rates::Rates;
use crate::reasons::{BounceReasons, ReasonGroup};
use crate::wording::thousands;

/// Names of columns, and rows with as many cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub header: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

/// A cell as a spreadsheet may be given it: what it would take for a formula gets a leading `'`.
///
/// Source: OWASP, "CSV Injection".
pub fn csv_cell(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// One row per window and group; with the period before where it was asked for.
pub fn rates_table(rows: &[Rates], by: &[Dimension], compared: bool) -> Table {
    let header = rates_header(by, compared);
    Table { header, rows: rows.iter().map(|row| rates_row(row, compared)).collect() }
}

/// One row per reason, and one for all those that have none.
pub fn bounces_table(found: &BounceReasons, by: &[Dimension]) -> Table {
    let rows = found.groups.iter().map(|group| bounces_row(group, found)).chain(others(found, by));
    Table { header: bounces_header(by), rows: rows.collect() }
}

/// One row per event of the messages.
pub fn messages_table(messages: &[Message]) -> Table {
    let names = ["message_id", "sent", "source", "subject", "configuration_set", "time", "type", "recipient"];
    let header = names.into_iter().chain(DETAILS).map(str::to_owned).collect();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let row = |message: &Message, event: &MessageEvent| {
        let mut row = vec![
            message.message_id.clone(),
            time(message.sent),
            text(&message.source),
            text(&message.subject),
            text(&message.configuration_set),
            time(Some(event.time)),
            event.event_type.to_string(),
            text(&event.recipient),
        ];
        row.extend(DETAILS.map(|name| event.detail(name).map(ToString::to_string).unwrap_or_default()));
        row
    };
    let rows = messages.iter().flat_map(|message| message.events.iter().map(move |event| row(message, event)));
    Table { header, rows: rows.collect() }
}

pub(crate) fn time(time: Option<DateTime<Utc>>) -> String {
    time.map(|t| t.to_rfc3339_opts(SecondsFormat::AutoSi, true)).unwrap_or_default()
}

fn rates_header(by: &[Dimension], compared: bool) -> Vec<String> {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut header = names(&["window_start", "window_end"]);
    header.extend(by.iter().map(Dimension::to_string));
    header.extend(names(&[
        "send",
        "delivery",
        "hard_bounce",
        "soft_bounce",
        "undetermined_bounce",
        "complaint",
        "reject",
        "delivery_delay",
        "open",
        "click",
        "rendering_failure",
        "subscription",
        "eligible_sends",
        "counted_bounces",
        "aws_bounce_rate",
        "complaint_eligible_sends",
        "counted_complaints",
        "aws_complaint_rate",
        "plain_bounce_rate",
        "plain_complaint_rate",
        "plain_delivery_rate",
    ]));
    if compared {
        header.extend(names(&PREVIOUS));
    }
    header
}

/// Columns for the period before.
const PREVIOUS: [&str; 7] = [
    "previous_window_start",
    "previous_eligible_sends",
    "previous_counted_bounces",
    "previous_aws_bounce_rate",
    "previous_complaint_eligible_sends",
    "previous_counted_complaints",
    "previous_aws_complaint_rate",
];

fn rates_row(row: &Rates, compared: bool) -> Vec<String> {
    let fraction = |rate: Option<f64>| rate.map(|r| r.to_string()).unwrap_or_default();
    let counts = &row.counts;
    let mut cells = vec![time(row.window_start), time(row.window_end)];
    cells.extend(row.group.iter().map(|value| value.clone().unwrap_or_default()));
    let counted = [
        counts.send,
        counts.delivery,
        counts.hard_bounce,
        counts.soft_bounce,
        counts.undetermined_bounce,
        counts.complaint,
        counts.reject,
        counts.delivery_delay,
        counts.open,
        counts.click,
        counts.rendering_failure,
        counts.subscription,
    ];
    cells.extend(counted.map(|n| n.to_string()));
    cells.extend([
        row.aws.eligible_sends.counted.to_string(),
        row.aws.bounces.counted.to_string(),
        fraction(row.aws.bounce_rate()),
        row.aws.complaint_eligible_sends.counted.to_string(),
        row.aws.complaints.counted.to_string(),
        fraction(row.aws.complaint_rate()),
        fraction(counts.bounce_rate()),
        fraction(counts.complaint_rate()),
        fraction(counts.delivery_rate()),
    ]);
    match row.previous.as_ref().filter(|_| compared) {
        Some(previous) => cells.extend([
            time(previous.window_start),
            previous.aws.eligible_sends.counted.to_string(),
            previous.aws.bounces.counted.to_string(),
            fraction(previous.aws.bounce_rate()),
            previous.aws.complaint_eligible_sends.counted.to_string(),
            previous.aws.complaints.counted.to_string(),
            fraction(previous.aws.complaint_rate()),
        ]),
        None if compared => cells.extend(PREVIOUS.map(|_| String::new())),
        None => {}
    }
    cells
}

const BOUNCES: [&str; 13] = [
    "class",
    "status",
    "bounce_type",
    "bounce_subtype",
    "text",
    "count",
    "count_may_lack",
    "share",
    "providers",
    "first_seen",
    "last_seen",
    "example",
    "groups",
];

fn bounces_header(by: &[Dimension]) -> Vec<String> {
    by.iter().map(Dimension::to_string).chain(BOUNCES.map(str::to_owned)).collect()
}

fn bounces_row(group: &ReasonGroup, found: &BounceReasons) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let share = rate(group.count, found.bounces).map(|share| share.to_string());
    let mut cells: Vec<String> = group.group.iter().map(text).collect();
    cells.extend([
        group.class.to_string(),
        text(&group.status),
        text(&group.bounce_type),
        text(&group.subtype),
        text(&group.text),
        group.count.to_string(),
        group.missed.to_string(),
        share.unwrap_or_default(),
        providers(group),
        time(Some(group.first)),
        time(Some(group.last)),
        text(&group.example),
        "1".to_owned(),
    ]);
    cells
}

/// One row for all groups that have none: only its numbers are filled in.
fn others(found: &BounceReasons, by: &[Dimension]) -> Option<Vec<String>> {
    let share = rate(found.others, found.bounces).unwrap_or_default().to_string();
    let mut cells = vec![String::new(); by.len() + BOUNCES.len()];
    for (index, value) in
        [(4, "(others)".to_owned()), (5, found.others.to_string()), (7, share), (12, found.other_groups.to_string())]
    {
        cells[by.len() + index] = value;
    }
    (found.others > 0).then_some(cells)
}

fn providers(group: &ReasonGroup) -> String {
    let one = |(name, count): &(String, u64)| format!("{name} {}", thousands(*count));
    group.providers.iter().map(one).collect::<Vec<_>>().join(", ")
}
