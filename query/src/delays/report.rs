//! What was found in the forms for programs: JSON and tables. Times taken are milliseconds.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::{DelayCount, DelayReason, Delays, DelaysQuery, TIMES, TimesTaken, Undecided};
use crate::dimension::Dimension;
use crate::tables::Table;

/// Which rows a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DelayRows {
    /// One for all deliveries.
    All,
    /// One per window.
    Windows,
    /// One per group.
    Groups,
    /// One per reason of delays.
    Reasons,
    /// One per message that still waits, or whose last word never came.
    Undecided,
}

impl DelayRows {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::All, Self::Windows, Self::Groups, Self::Reasons, Self::Undecided];

    /// The name in options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Windows => "windows",
            Self::Groups => "groups",
            Self::Reasons => "reasons",
            Self::Undecided => "undecided",
        }
    }

    /// What is meant where nothing is said.
    pub fn usual(query: &DelaysQuery) -> Self {
        match (query.selection.by.is_empty(), query.selection.width) {
            (false, _) => Self::Groups,
            (true, Some(_)) => Self::Windows,
            (true, None) => Self::All,
        }
    }
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn times(times: &TimesTaken) -> Map<String, Value> {
    let up_to = TIMES.map(Some).into_iter().chain([None]);
    let steps = up_to.zip(times.steps).map(|(up_to, count)| json!({"up_to_ms": up_to, "deliveries": count}));
    [
        ("deliveries", json!(times.deliveries)),
        ("p50_ms", json!(times.p50)),
        ("p95_ms", json!(times.p95)),
        ("p99_ms", json!(times.p99)),
        ("worst_ms", json!(times.worst)),
        ("steps", steps.collect()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

/// `delays --format json`, at a time: of mail that waits and mail whose time is over at most `most` messages each are listed.
pub fn delays_report(found: &Delays, by: &[Dimension], now: DateTime<Utc>, most: usize) -> Value {
    let mut object = times(&found.all);
    let windows = found.windows.iter().map(|window| {
        let mut object = Map::new();
        object.insert("window_start".to_owned(), json!(time(window.start)));
        object.insert("window_end".to_owned(), json!(time(window.end)));
        object.extend(times(&window.times));
        Value::Object(object)
    });
    let groups = found.groups.iter().map(|group| {
        let mut object = Map::new();
        object.extend(by.iter().zip(&group.group).map(|(dimension, value)| (dimension.to_string(), json!(value))));
        object.extend(times(&group.times));
        Value::Object(object)
    });
    let parts = [
        ("unknown", json!(found.unknown)),
        ("windows", windows.collect()),
        ("groups", groups.collect()),
        ("others", json!({"groups": found.others.0, "deliveries": found.others.1})),
        ("delayed", delayed(found, now, most)),
    ];
    object.extend(parts.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(object)
}

fn delayed(found: &Delays, now: DateTime<Utc>, most: usize) -> Value {
    let delayed = &found.delayed;
    let counts = |counts: &[DelayCount], name: &'static str, of: &'static str| {
        let most =
            |most: &[(String, u64)]| most.iter().map(|(name, n)| json!({of: name, "events": n})).collect::<Vec<_>>();
        counts
            .iter()
            .map(|count| json!({name: count.name, "events": count.events, "most": most(&count.most)}))
            .collect::<Value>()
    };
    let reason = |reason: &DelayReason| {
        let providers: Vec<Value> =
            reason.providers.iter().map(|(provider, count)| json!({"provider": provider, "events": count})).collect();
        json!({
            "delay_type": reason.delay_type, "status": reason.status, "text": reason.text, "events": reason.events,
            "events_may_lack": reason.missed, "providers": providers, "first_seen": time(reason.first),
            "last_seen": time(reason.last), "example": reason.example,
        })
    };
    json!({
        "events": delayed.events,
        "types": counts(&delayed.types, "delay_type", "provider"),
        "providers": counts(&delayed.providers, "provider", "delay_type"),
        "reasons": delayed.reasons.iter().map(reason).collect::<Vec<_>>(),
        "others": {"reasons": delayed.others.1, "events": delayed.others.0},
        "messages": delayed.messages,
        "delivered": times(&delayed.delivered),
        "bounced": delayed.bounced,
        "expired": delayed.expired,
        "waiting": {"messages": delayed.waiting(now).count(), "next": delayed.waiting(now).take(most).map(undecided).collect::<Vec<_>>()},
        "overdue": {"messages": delayed.overdue(now).count(), "first": delayed.overdue(now).take(most).map(undecided).collect::<Vec<_>>()},
    })
}

fn undecided(one: &Undecided) -> Value {
    json!({
        "message_id": one.message_id, "recipient": one.recipient, "provider": one.provider, "delay_type": one.delay_type,
        "diagnostic_code": one.diagnostic, "first_delay": time(one.first), "last_delay": time(one.last),
        "expires": one.expires.map(time),
    })
}

/// The same as a table of one kind of rows.
pub fn delays_table(found: &Delays, by: &[Dimension], rows: DelayRows) -> Table {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let figures = names(&["deliveries", "p50_ms", "p95_ms", "p99_ms", "worst_ms"]);
    match rows {
        DelayRows::All => Table { header: figures, rows: vec![cells(&found.all)] },
        DelayRows::Windows => Table {
            header: [names(&["window_start", "window_end"]), figures].concat(),
            rows: found.windows.iter().map(|w| [vec![time(w.start), time(w.end)], cells(&w.times)].concat()).collect(),
        },
        DelayRows::Groups => Table {
            header: [by.iter().map(Dimension::to_string).collect(), figures].concat(),
            rows: found.groups.iter().map(|g| [g.group.iter().map(text).collect(), cells(&g.times)].concat()).collect(),
        },
        DelayRows::Reasons => {
            let row = |reason: &DelayReason| {
                let providers = reason.providers.iter().map(|(name, count)| format!("{name} {count}"));
                vec![
                    text(&reason.delay_type),
                    text(&reason.status),
                    text(&reason.text),
                    reason.events.to_string(),
                    reason.missed.to_string(),
                    providers.collect::<Vec<_>>().join(", "),
                    time(reason.first),
                    time(reason.last),
                    text(&reason.example),
                ]
            };
            let header = [
                "delay_type",
                "status",
                "text",
                "events",
                "events_may_lack",
                "providers",
                "first_seen",
                "last_seen",
                "example",
            ];
            Table { header: names(&header), rows: found.delayed.reasons.iter().map(row).collect() }
        }
        DelayRows::Undecided => {
            let row = |one: &Undecided| {
                vec![
                    one.message_id.clone(),
                    one.recipient.clone(),
                    text(&one.provider),
                    text(&one.delay_type),
                    text(&one.diagnostic),
                    time(one.first),
                    time(one.last),
                    one.expires.map(time).unwrap_or_default(),
                ]
            };
            let header = [
                "message_id",
                "recipient",
                "provider",
                "delay_type",
                "diagnostic_code",
                "first_delay",
                "last_delay",
                "expires",
            ];
            Table { header: names(&header), rows: found.delayed.undecided.iter().map(row).collect() }
        }
    }
}

fn cells(times: &TimesTaken) -> Vec<String> {
    let number = |time: Option<i64>| time.map(|time| time.to_string()).unwrap_or_default();
    let ranks = [times.p50, times.p95, times.p99, times.worst].map(number);
    std::iter::once(times.deliveries.to_string()).chain(ranks).collect()
}
