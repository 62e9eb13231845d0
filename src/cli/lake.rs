//! Commands that write to the lake or look after it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::format::{Format, RowFormat};
use super::stream::SourceArgs;
use crate::when::{When, parse_when};

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Files, directories, `s3://bucket/prefix` and `firehose://STREAM`; what was imported before is skipped, so running again is safe
    ///
    /// Buckets are reached with the credentials, region and endpoint of the usual AWS settings (`AWS_PROFILE`,
    /// `AWS_REGION`, `AWS_ENDPOINT_URL`, and `AWS_ALLOW_HTTP=true` for an endpoint without TLS).
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) objects: SourceArgs,
    /// Another S3 than AWS's, where the sources lie [default: as the AWS settings say]
    #[arg(long, env = "REPUTE_S3_ENDPOINT", value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// Threads that read and parse [default: one per processor]
    #[arg(long, short, env = "REPUTE_JOBS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
    /// Bad records that are tolerated; more end with exit 3 (good records are in, bad ones in quarantine) [default: 0]
    #[arg(long, env = "REPUTE_MAX_BAD", value_name = "N")]
    pub(crate) max_bad: Option<u64>,
    /// Custom tags that get a column of their own when the lake is created (`campaign` and `template` have one)
    #[arg(long = "promote-tag", env = "REPUTE_PROMOTE_TAGS", value_name = "TAG", value_delimiter = ',')]
    pub(crate) promoted_tags: Vec<String>,
    /// Read objects that were imported before, too: rows that are there already are left out
    #[arg(long)]
    pub(crate) again: bool,
    /// No progress on standard error
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// How the summary is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LakeCommand {
    /// Show versions, files, rows, bytes and dates of every table
    Stats(StatsArgs),
    /// Check every log entry and every byte: exit 0 sound, 3 damage found, 4 the store cannot be read
    Fsck(FsckArgs),
    /// Put many small files together to few; imports and readers may go on meanwhile
    #[command(
        after_help = "Every import adds files; questions get slower as they grow many. Run it once a day from cron. Readers see the same rows before, meanwhile and afterwards. Files that were replaced more than seven days ago are removed."
    )]
    Compact(CompactArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CompactArgs {
    /// No progress on standard error
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// How what was done is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// How the figures are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct FsckArgs {
    /// Remove what other files say too (broken checkpoints) and left-overs old enough to be nobody's
    #[arg(long)]
    pub(crate) repair: bool,
    /// Give up a damaged data file, or a damaged newest log entry; then read the dumps again with `import --again`
    #[arg(long, value_name = "FILE")]
    pub(crate) drop: Vec<String>,
    /// How the findings are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List bad records with their place, class and reason
    List(QuarantineListArgs),
    /// Show one bad record with its bytes
    Show(QuarantineShowArgs),
    /// Read bad records again and import those that are good now: exit 3 if some are still bad
    Retry(QuarantineRetryArgs),
}

#[derive(Debug, Args)]
pub(crate) struct QuarantineListArgs {
    /// Only records of this class, as in truncated_json
    #[arg(long, value_name = "CLASS")]
    pub(crate) class: Option<String>,
    /// Only records of objects whose name holds this text
    #[arg(long, value_name = "TEXT")]
    pub(crate) object: Option<String>,
    /// Only records found from here on: a time, a date, or a duration back from now
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    pub(crate) since: Option<When>,
    /// Records that a retry has imported, too
    #[arg(long)]
    pub(crate) resolved: bool,
    /// How records are printed
    #[arg(long, value_enum, default_value_t = RowFormat::Text)]
    pub(crate) format: RowFormat,
}

#[derive(Debug, Args)]
pub(crate) struct QuarantineShowArgs {
    /// Which record, as `quarantine list` shows it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Only the record's bytes, exactly as they were kept
    #[arg(long, conflicts_with = "format")]
    pub(crate) raw: bool,
    /// How the record is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["ids", "class", "all"]))]
pub(crate) struct QuarantineRetryArgs {
    /// Which records, as `quarantine list` shows them
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Every record of this class
    #[arg(long, value_name = "CLASS")]
    pub(crate) class: Option<String>,
    /// Every record
    #[arg(long)]
    pub(crate) all: bool,
    /// A file with the mended record, in place of the bytes that were kept for the one ID
    #[arg(long, value_name = "FILE", requires = "ids", conflicts_with_all = ["class", "all"])]
    pub(crate) from: Option<PathBuf>,
    /// How the summary is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}
