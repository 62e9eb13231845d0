//! Options of live routes: what `repute serve` takes in.

use std::path::PathBuf;

use clap::Args;
use repute_ingest::Topic;

use crate::config::{LandingAt, MirrorUrl};

/// What is taken in, and where it lands.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Live routes")]
pub(crate) struct IngestArgs {
    /// Where what live routes receive is made durable before it is acknowledged, and imported from: a directory or an s3:// URL of its own [default: the folder `landing` of the lake]
    #[arg(long, env = "REPUTE_LANDING", value_name = "URL", value_parser = LandingAt::parse)]
    pub(crate) landing: Option<LandingAt>,
    /// Take Firehose's deliveries to POST /ingest/firehose that carry an access key of this file, one a line; read again when it changes
    #[arg(long, env = "REPUTE_FIREHOSE_KEYS_FILE", value_name = "FILE")]
    pub(crate) firehose_keys_file: Option<PathBuf>,
    /// Take messages of this topic, or of several, to POST /ingest/sns
    #[arg(long = "sns-topic", env = "REPUTE_SNS_TOPICS", value_name = "ARN", value_delimiter = ',')]
    pub(crate) sns_topics: Vec<Topic>,
    /// Confirm subscriptions of these topics by calling SNS; otherwise the command that does it is logged
    #[arg(long)]
    pub(crate) sns_confirm: bool,
    /// Believe signatures of version 1, which are made with SHA-1, too
    #[arg(long)]
    pub(crate) sns_sha1: bool,
    /// Fetch signing certificates from a mirror rather than from <https://sns.REGION.amazonaws.com>; whoever runs it can forge messages
    #[arg(long, env = "REPUTE_SNS_CERTIFICATES_URL", value_name = "URL", value_parser = MirrorUrl::parse)]
    pub(crate) sns_certificates_url: Option<MirrorUrl>,
    /// Believe only signing certificates that were issued by these authorities: their certificates in PEM, and those between. Without it a
    /// certificate is believed that came by TLS from SNS's own host (or the mirror), is named for SNS and is valid now
    #[arg(long, env = "REPUTE_SNS_AUTHORITIES_FILE", value_name = "FILE")]
    pub(crate) sns_authorities_file: Option<PathBuf>,
}
