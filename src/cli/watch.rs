//! What a server imports from by itself.

use chrono::TimeDelta;
use clap::Args;

use crate::watching::{Source, read_pause};

/// What is watched.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Watching")]
pub(crate) struct WatchArgs {
    /// Import what is new here, again and again: a directory, `s3://bucket/prefix`, or `sqs://QUEUE` with notifications of S3 or events
    /// of SES (by SNS or EventBridge); may be given several times
    #[arg(long, env = "REPUTE_WATCH", value_name = "SOURCE", value_delimiter = ',')]
    pub(crate) watch: Vec<Source>,
    /// Pause between two looks at a directory or a bucket [default: 1s, 2s]
    #[arg(long, env = "REPUTE_WATCH_EVERY", value_name = "DURATION", value_parser = read_pause)]
    pub(crate) watch_every: Option<TimeDelta>,
}
