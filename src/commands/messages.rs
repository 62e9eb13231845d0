//! `repute messages`: the life of single messages.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use repute_lake::schema::column;
use repute_lake::{EventType, Lake};
use repute_query::{
    CountingRules, FoundMessages, MOST_EVENTS, Message, MessageEvent, MessageQuery, Reader, after, count, messages,
    messages_report, messages_table, thousands,
};

use crate::cli::{Global, MessagesArgs, RowFormat};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::{self, plain};

/// Texts longer than this many characters are cut for people; programs get them whole.
const WIDEST: usize = 300;

pub(super) fn run(global: &Global, config: &Config, args: &MessagesArgs) -> Result<Exit, Failure> {
    let now = Utc::now();
    let query = MessageQuery {
        message_id: args.message_id.clone(),
        recipient: args.recipient.clone(),
        subject: args.subject.clone(),
        since: args.since.map(|when| when.resolve(now)),
        until: args.until.map(|when| when.resolve(now)),
        limit: args.limit.into(),
        ..MessageQuery::default()
    };
    let found = super::runtime()?.block_on(async {
        let lake = Lake::open(&config.location(global)?).await?;
        let reader = Reader::new(&lake, CountingRules::default(), config.providers())?;
        Ok::<_, Failure>(messages(&reader, &query).await?)
    })?;
    match args.format {
        RowFormat::Json => output::print_json(&messages_report(&found.messages))?,
        RowFormat::Csv => {
            let table = messages_table(&found.messages);
            output::print_csv(&table.header, &table.rows)?;
        }
        RowFormat::Text => output::print(&found.messages.iter().map(block).collect::<Vec<_>>().join("\n"))?,
    }
    say_what_is_missing(&found, args);
    Ok(Exit::Done)
}

fn say_what_is_missing(found: &FoundMessages, args: &MessagesArgs) {
    // Nobody is left to tell if standard error is closed.
    let say = |text: &str| drop(writeln!(io::stderr(), "{text}"));
    if found.messages.is_empty() {
        say("no message found; `repute lake stats` shows the dates that the lake holds");
    }
    if found.more_messages {
        let limit = thousands(args.limit.into());
        say(&format!("more messages fit; these are the last {limit}: see --limit, --since and --until"));
    }
    if found.more_events {
        say(&format!("these messages have more events; the first {} are shown", thousands(MOST_EVENTS as u64)));
    }
}

fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn block(message: &Message) -> String {
    let set = message.configuration_set.as_deref();
    let sent = message.sent.map(rfc3339);
    let recipients = count(message.recipients.len() as u64, "recipient");
    let mut text = String::new();
    for (name, value) in [
        ("message", Some(message.message_id.as_str())),
        ("sent", sent.as_deref()),
        ("from", message.source.as_deref()),
        ("subject", message.subject.as_deref()),
        ("set", set),
        ("to", Some(recipients.as_str())),
    ] {
        text += &value.map_or_else(String::new, |value| format!("{name:<8} {}\n", plain(&cut(value))));
    }
    let header = ["time", "after", "event", "recipient", "detail"].map(str::to_owned);
    let rows: Vec<Vec<String>> = message.events.iter().map(|event| line(message, event)).collect();
    text + &output::table(&header, &rows, header.len())
}

fn line(message: &Message, event: &MessageEvent) -> Vec<String> {
    let details: Vec<String> =
        telling(event.event_type).iter().filter_map(|name| Some(event.detail(name)?.to_string())).collect();
    vec![
        rfc3339(event.time),
        message.sent.map(|sent| after(event.time - sent)).unwrap_or_default(),
        event.event_type.to_string(),
        event.recipient.as_deref().map_or_else(|| "-".to_owned(), cut),
        cut(&details.join("  ")),
    ]
}

/// What people want to know of an event of this type, besides when and whose it is.
fn telling(event_type: EventType) -> &'static [&'static str] {
    match event_type {
        EventType::Send => &[],
        EventType::Delivery => &[column::SMTP_RESPONSE],
        EventType::Bounce => &[column::BOUNCE_TYPE, column::BOUNCE_SUBTYPE, column::STATUS, column::DIAGNOSTIC_CODE],
        EventType::Complaint => &[column::COMPLAINT_FEEDBACK_TYPE, column::COMPLAINT_SUBTYPE, column::USER_AGENT],
        EventType::Reject => &[column::REASON],
        EventType::DeliveryDelay => &[column::DELAY_TYPE, column::STATUS, column::DIAGNOSTIC_CODE],
        EventType::Open => &[column::BOT_LIKELIHOOD, column::IP_ADDRESS, column::USER_AGENT],
        EventType::Click => &[column::LINK, column::BOT_LIKELIHOOD, column::IP_ADDRESS, column::USER_AGENT],
        EventType::RenderingFailure => &[column::TEMPLATE, column::REASON],
        EventType::Subscription => &[column::CONTACT_LIST, column::SUBSCRIPTION_SOURCE, column::NEW_TOPIC_PREFERENCES],
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
