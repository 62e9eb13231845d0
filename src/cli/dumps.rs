//! `repute demo` and `repute generate`.

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;

use crate::when::parse_time;

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Where to keep the sample dump and its lake [default: a temporary directory, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// How many events
    #[arg(long, default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1_000..=5_000_000))]
    pub(crate) events: u64,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8025")]
    pub(crate) listen: SocketAddr,
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// Unique events; about 0.3 % are written twice on top
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) events: u64,
    /// The same seed gives the same bytes
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where to write; must be empty or not exist
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Compress the objects, as Firehose does with GZIP
    #[arg(long)]
    pub(crate) gzip: bool,
    /// How records follow each other: ndjson, or concatenated
    #[arg(long, value_name = "FRAMING", default_value_t = repute_datasets::Framing::Ndjson)]
    pub(crate) framing: repute_datasets::Framing,
    /// How many days
    #[arg(long, value_name = "N", default_value_t = 21, value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub(crate) days: u32,
    /// Where the dump ends [default: 2026-11-01T00:00:00Z]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) end: Option<DateTime<Utc>>,
    /// No progress on standard error
    #[arg(long, short)]
    pub(crate) quiet: bool,
}
