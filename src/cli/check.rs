//! `repute check` and `repute doctor`.

use std::path::PathBuf;

use chrono::TimeDelta;
use clap::Args;

use super::counting::{CountingArgs, VolumeArgs};
use super::format::Format;
use crate::when::{When, parse_duration, parse_when};

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) volume: VolumeArgs,
    #[command(flatten)]
    pub(crate) counting: CountingArgs,
    /// UNKNOWN if the newest event is older than this [default: 2h]
    #[arg(long, env = "REPUTE_MAX_AGE", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) max_age: Option<TimeDelta>,
    /// UNKNOWN if there is no answer within this time [default: 10s; none with --backtest]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) timeout: Option<TimeDelta>,
    /// Print nothing when all is well, so that cron mails only trouble
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Show the arithmetic behind every finding of this rule, after the first line
    #[arg(long, value_name = "RULE", conflicts_with = "quiet")]
    pub(crate) explain: Option<String>,
    /// List what the rules would have told in the past instead: exit 0 whatever that is
    #[arg(long, conflicts_with_all = ["quiet", "explain"])]
    pub(crate) backtest: bool,
    /// How far back: a time, a date or a duration [default: 30d]
    #[arg(long, value_name = "WHEN", requires = "backtest", value_parser = parse_when)]
    pub(crate) since: Option<When>,
    /// Tell nobody, and remember nothing; with --at and --explain that is so anyway
    #[arg(long)]
    pub(crate) no_notify: bool,
    /// Send a test message to every receiver of the configuration, or to the one of this name, and check nothing
    #[arg(long, value_name = "NAME", num_args = 0..=1, conflicts_with_all = ["quiet", "explain", "backtest", "heartbeat", "no_notify"])]
    pub(crate) test_notify: Option<Option<String>>,
    /// Say when the last check came to its end instead: CRITICAL if that is too long ago
    #[arg(long, conflicts_with_all = ["explain", "backtest"])]
    pub(crate) heartbeat: bool,
    /// How long ago the last check may be [default: 15m]
    #[arg(long, value_name = "DURATION", requires = "heartbeat", value_parser = parse_duration)]
    pub(crate) max_silence: Option<TimeDelta>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// A file, a directory or `s3://bucket/prefix` to look into, or `firehose://STREAM`; without one the lake is looked at
    #[arg(value_name = "SOURCE")]
    pub(crate) source: Option<PathBuf>,
    /// At most so many objects of a source are read
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) objects: u16,
    #[command(flatten)]
    pub(crate) volume: VolumeArgs,
    #[command(flatten)]
    pub(crate) counting: CountingArgs,
    /// Data older than this is stale [default: 2h]
    #[arg(long, env = "REPUTE_MAX_AGE", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) max_age: Option<TimeDelta>,
    /// How the findings are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}
