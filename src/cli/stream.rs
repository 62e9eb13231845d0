//! What can be typed of streams, buckets and their dates.

use std::convert::Infallible;
use std::path::PathBuf;

use chrono::TimeDelta;
use clap::{Args, ValueEnum};
use repute_query::Tz;

use crate::when::{When, parse_duration, parse_when};

/// Which objects of sources are taken, and as whom.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SourceArgs {
    /// Only objects whose key's date is this or later: a time, a date, or a duration back from now
    ///
    /// Keys carry the time when Firehose got the first record of an object: in their names (`...-2026-11-28-15-04-05-UUID`), or in
    /// their folders (`2026/11/28/15/`, `year=2026/month=11/...`, `dt=2026-11-28`). Objects without a date are taken.
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    pub(crate) since: Option<When>,
    /// Only objects whose key's date is before this
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    pub(crate) until: Option<When>,
    /// So much more on either side of --since and --until, for keys that appear late [default: 1h]
    ///
    /// Firehose tries for up to 24 hours to deliver what it has: use 24h after trouble. What was imported is skipped, so a wide
    /// margin costs little.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) margin: Option<TimeDelta>,
    /// Time zone of the dates in keys, as in Asia/Tokyo; for firehose:// the stream says it [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub(crate) key_timezone: Option<Tz>,
    /// Pay for requests and transfer from buckets whose owner wants that
    #[arg(long, env = "REPUTE_REQUESTER_PAYS")]
    pub(crate) requester_pays: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Files, directories, `s3://bucket/prefix` and `firehose://STREAM` with event records
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<PathBuf>,
    /// The stream, as in firehose://my-stream
    #[arg(long, value_name = "firehose://STREAM")]
    pub(crate) to: String,
    /// Records a second, at most [default: as many as the stream takes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate: Option<u32>,
    /// Keep in this file what the stream has acknowledged; with the same file, go on from there
    #[arg(long, value_name = "FILE")]
    pub(crate) resume: Option<PathBuf>,
    /// Read everything and say what would be put, but put nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) objects: SourceArgs,
    /// Another Firehose endpoint, for tests
    #[arg(long, env = "REPUTE_FIREHOSE_ENDPOINT", value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// No progress on standard error
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// What is printed for setting up AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SetUp {
    /// A CloudFormation template
    Cloudformation,
    /// AWS CLI commands that do the same
    Commands,
    /// The IAM policy that repute needs to read
    Policy,
}

/// How a template is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TemplateFormat {
    /// YAML
    Yaml,
    /// JSON
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct SetupArgs {
    /// What to print; nothing is changed in AWS
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) print: SetUp,
    /// How a template is written
    #[arg(long, value_enum, default_value_t = TemplateFormat::Yaml)]
    pub(crate) format: TemplateFormat,
    /// The bucket for events, which is created
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: String,
    /// The configuration set whose events are collected
    #[arg(long, value_name = "NAME", default_value = "repute")]
    pub(crate) configuration_set: String,
    /// The configuration set is there already, and is not created
    #[arg(long)]
    pub(crate) existing_configuration_set: bool,
    /// The Firehose stream
    #[arg(long, value_name = "NAME", default_value = "ses-events")]
    pub(crate) stream: String,
    /// The queue that hears of new objects
    #[arg(long, value_name = "NAME", default_value = "ses-events-objects")]
    pub(crate) queue: String,
    /// What keys of events begin with
    #[arg(long, value_name = "PREFIX", default_value = "ses/")]
    pub(crate) prefix: String,
    /// What keys of records begin with that could not be delivered
    #[arg(long, value_name = "PREFIX", default_value = "ses-errors/")]
    pub(crate) error_prefix: String,
    /// Seconds after which an object is written
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u16).range(0..=900))]
    pub(crate) buffer_seconds: u16,
    /// The region, where commands and ARNs name one
    #[arg(long, env = "AWS_REGION", value_name = "REGION", default_value = "us-east-1", value_parser = region)]
    pub(crate) region: String,
    /// The account, where ARNs in commands name one
    #[arg(long, value_name = "ID", default_value = "111122223333")]
    pub(crate) account: String,
}

/// A region; the usual one for a variable that is set to nothing.
fn region(text: &str) -> Result<String, Infallible> {
    Ok(if text.is_empty() { "us-east-1" } else { text }.to_owned())
}
