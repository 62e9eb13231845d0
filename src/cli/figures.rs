//! Commands that tell figures and single messages.

use std::borrow::Cow;

use chrono::TimeDelta;
use clap::Args;
use repute_ingest::bare_address;
use repute_query::{BounceClass, DelayRows, Dimension, EngagementRows, Tz, bare_message_id};

use super::counting::{ClockName, CountingArgs, VolumeArgs, parse_only};
use super::format::RowFormat;
use crate::when::{When, parse_duration, parse_when};

#[derive(Debug, Args)]
pub(crate) struct RatesArgs {
    /// Width of a window, as in 10m, 1h, 1d (counted from midnight UTC) [default: one window over everything]
    #[arg(long, value_name = "WIDTH", value_parser = parse_duration)]
    pub(crate) window: Option<TimeDelta>,
    /// Windows of whole days begin at midnight of this IANA time zone, as in Europe/Berlin
    #[arg(long, value_name = "ZONE", requires = "window")]
    pub(crate) timezone: Option<Tz>,
    /// Every window of that width in steps of a minute, from --since (24h back unless told otherwise) on
    #[arg(long, requires = "window", conflicts_with = "timezone")]
    pub(crate) sliding: bool,
    /// Show the rates of so long before beside each, as in 7d
    #[arg(long, value_name = "PERIOD", value_parser = parse_duration)]
    pub(crate) compare: Option<TimeDelta>,
    /// From here on: a time, a date, or a duration back from now
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    pub(crate) since: Option<When>,
    /// Up to here
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    pub(crate) until: Option<When>,
    /// What to group by: configuration_set, recipient_domain, provider, tag:NAME, ...
    #[arg(long, value_name = "DIMENSION", value_delimiter = ',')]
    pub(crate) by: Vec<Dimension>,
    /// Only rows with this value, as in configuration_set=marketing; an empty value means rows without one
    #[arg(long = "only", value_name = "DIMENSION=VALUE", value_parser = parse_only)]
    pub(crate) only: Vec<(Dimension, Option<String>)>,
    /// By which time an event belongs to a window
    #[arg(long, value_enum, default_value_t = ClockName::Event)]
    pub(crate) clock: ClockName,
    /// Only the last so many rows
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) counting: CountingArgs,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t = RowFormat::Text)]
    pub(crate) format: RowFormat,
}

#[derive(Debug, Args)]
pub(crate) struct BouncesArgs {
    /// From here on: a time, a date, or a duration back from now [default: all]
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    pub(crate) since: Option<When>,
    /// Up to here [default: all]
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    pub(crate) until: Option<When>,
    /// What to group by beside the reason: configuration_set, provider, tag:NAME, ...
    #[arg(long, value_name = "DIMENSION", value_delimiter = ',')]
    pub(crate) by: Vec<Dimension>,
    /// Only rows with this value, as in configuration_set=marketing; an empty value means rows without one
    #[arg(long = "only", visible_alias = "where", value_name = "DIMENSION=VALUE", value_parser = parse_only)]
    pub(crate) only: Vec<(Dimension, Option<String>)>,
    /// Only these classes: invalid_mailbox, invalid_domain, mailbox_full, policy_block, content, reputation, out_of_office, expired,
    /// suppressed, connection, other
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    pub(crate) class: Vec<BounceClass>,
    /// At most so many reasons, the most frequent
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) limit: u16,
    /// Show addresses in examples as they are, not `j***@example.com`
    #[arg(long)]
    pub(crate) addresses: bool,
    /// How reasons are printed
    #[arg(long, value_enum, default_value_t = RowFormat::Text)]
    pub(crate) format: RowFormat,
}

#[derive(Debug, Args)]
pub(crate) struct ReputationArgs {
    #[command(flatten)]
    pub(crate) volume: VolumeArgs,
    #[command(flatten)]
    pub(crate) counting: CountingArgs,
    /// How the figures are printed
    #[arg(long, value_enum, default_value_t = RowFormat::Text)]
    pub(crate) format: RowFormat,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true).args(["recipient", "message_id", "subject"]))]
pub(crate) struct MessagesArgs {
    /// Messages to this address; case does not matter, nor do a name and brackets around it
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    pub(crate) recipient: Option<String>,
    /// The message with this id, as SES gives it or as a header has it
    #[arg(long, value_name = "ID", value_parser = parse_message_id)]
    pub(crate) message_id: Option<String>,
    /// Messages whose subject holds this text, in whatever case
    #[arg(long, value_name = "TEXT", value_parser = parse_subject)]
    pub(crate) subject: Option<String>,
    /// Only messages with an event that fits from here on: a time, a date, or a duration back from now [default: all]
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    pub(crate) since: Option<When>,
    /// Only messages with an event that fits before this [default: all]
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    pub(crate) until: Option<When>,
    /// At most so many messages, those sent last
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) limit: u16,
    /// How messages are printed; csv has a row per event
    #[arg(long, value_enum, default_value_t = RowFormat::Text)]
    pub(crate) format: RowFormat,
}

#[derive(Debug, Args)]
pub(crate) struct EngagementArgs {
    /// From here on: a time, a date, or a duration back from now [default: all]
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    pub(crate) since: Option<When>,
    /// Up to here [default: now]
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    pub(crate) until: Option<When>,
    /// Whether --since and --until are about when mail was sent, or about when it was opened
    #[arg(long, value_enum, default_value_t = ClockName::Sent)]
    pub(crate) clock: ClockName,
    /// Width of a window, as in 1h, 1d (counted from midnight UTC) [default: one window over everything]
    #[arg(long, value_name = "WIDTH", value_parser = parse_duration)]
    pub(crate) window: Option<TimeDelta>,
    /// What to group by: campaign, template, provider, link, tag:NAME, ...
    #[arg(long, value_name = "DIMENSION", value_delimiter = ',')]
    pub(crate) by: Vec<Dimension>,
    /// Only rows with this value, as in configuration_set=marketing; an empty value means rows without one
    #[arg(long = "only", visible_alias = "where", value_name = "DIMENSION=VALUE", value_parser = parse_only)]
    pub(crate) only: Vec<(Dimension, Option<String>)>,
    /// At most so many groups, those with most deliveries, and so many links, those with most clicks
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) limit: u16,
    /// Which rows csv has: all, windows, groups, links, bots [default: groups, windows or all, by what is asked]
    #[arg(long, value_name = "KIND", value_parser = parse_engagement_rows)]
    pub(crate) rows: Option<EngagementRows>,
    /// How the figures are printed
    #[arg(long, value_enum, default_value_t = RowFormat::Text)]
    pub(crate) format: RowFormat,
}

#[derive(Debug, Args)]
pub(crate) struct DelaysArgs {
    /// From here on: a time, a date, or a duration back from now [default: all]
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    pub(crate) since: Option<When>,
    /// Up to here [default: now]
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    pub(crate) until: Option<When>,
    /// Width of a window, as in 1h, 1d (counted from midnight UTC) [default: one window over everything]
    #[arg(long, value_name = "WIDTH", value_parser = parse_duration)]
    pub(crate) window: Option<TimeDelta>,
    /// What to group deliveries by: provider, recipient_domain, outgoing_ip, configuration_set, ...
    #[arg(long, value_name = "DIMENSION", value_delimiter = ',')]
    pub(crate) by: Vec<Dimension>,
    /// Only rows with this value, as in configuration_set=marketing; an empty value means rows without one
    #[arg(long = "only", visible_alias = "where", value_name = "DIMENSION=VALUE", value_parser = parse_only)]
    pub(crate) only: Vec<(Dimension, Option<String>)>,
    /// At most so many groups, those with most deliveries, so many reasons, and so many messages that wait
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) limit: u16,
    /// Which rows csv has: all, windows, groups, reasons, undecided [default: groups, windows or all, by what is asked]
    #[arg(long, value_name = "KIND", value_parser = parse_delay_rows)]
    pub(crate) rows: Option<DelayRows>,
    /// How the figures are printed
    #[arg(long, value_enum, default_value_t = RowFormat::Text)]
    pub(crate) format: RowFormat,
}

fn parse_address(text: &str) -> Result<String, String> {
    let address = bare_address(Cow::Borrowed(text));
    if address.is_empty() { Err("it holds no address".to_owned()) } else { Ok(address.into_owned()) }
}

fn parse_message_id(text: &str) -> Result<String, String> {
    let id = bare_message_id(text);
    if id.is_empty() { Err("it holds no id".to_owned()) } else { Ok(id.to_owned()) }
}

fn parse_engagement_rows(text: &str) -> Result<EngagementRows, String> {
    let found = EngagementRows::ALL.into_iter().find(|rows| rows.as_str() == text);
    found.ok_or_else(|| format!("known are {}", EngagementRows::ALL.map(EngagementRows::as_str).join(", ")))
}

fn parse_delay_rows(text: &str) -> Result<DelayRows, String> {
    let found = DelayRows::ALL.into_iter().find(|rows| rows.as_str() == text);
    found.ok_or_else(|| format!("known are {}", DelayRows::ALL.map(DelayRows::as_str).join(", ")))
}

fn parse_subject(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("every subject holds that".to_owned()) } else { Ok(text.to_owned()) }
}
