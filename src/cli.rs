//! What can be typed: commands, options, help.

mod ingest;
mod watch;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use repute_ingest::bare_address;
use repute_query::{BounceClass, Clock, DelayRows, Dimension, EngagementRows, Silent, Tz, bare_message_id};
use repute_web::access::{Role, Scope, read_name};
use url::Url;

use crate::config::{read_base_url, read_host};
use crate::exit::Failure;
use crate::when::{When, parse_duration, parse_time, parse_when};
pub(crate) use ingest::IngestArgs;
pub(crate) use watch::WatchArgs;

/// The bounce and complaint rates Amazon SES judges you by, from your own event dumps.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    after_help = "Begin with `repute demo`, or with\n  repute import ./dump --lake ./lake\n  repute reputation --lake ./lake\n\nOptions may also stand in repute.toml or in REPUTE_* variables."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Configuration file [default: repute.toml in this directory, if there is one]
    #[arg(long, global = true, env = "REPUTE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The lake: a directory or an s3:// URL
    #[arg(long, global = true, env = "REPUTE_LAKE", value_name = "URL")]
    pub(crate) lake: Option<String>,
    /// What to log on standard error, as in `info` or `repute=debug`
    #[arg(
        long,
        global = true,
        env = "REPUTE_LOG",
        value_name = "FILTER",
        default_value = "warn",
        hide_default_value = true
    )]
    pub(crate) log: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Generate three weeks of sample mail with an incident, import it, serve the dashboard
    Demo(DemoArgs),
    /// Import SES event dumps: files, or directories laid out as Firehose lays out a bucket
    Import(ImportArgs),
    /// Show counts and rates per window and group
    Rates(RatesArgs),
    /// Show the rates AWS judges by, with the arithmetic and the headroom
    Reputation(ReputationArgs),
    /// Show why mail bounced: equal reasons together, with class, first and last time and an example
    #[command(
        after_help = "For example, what has been blocked since yesterday:\n  repute bounces --since 24h --class policy_block,reputation\n\nTexts are compared without addresses, hosts, IP addresses, links, ids and numbers. Classes are rules that are data; docs/bounces.md lists them, and [[reason]] in repute.toml puts your own before them."
    )]
    Bounces(BouncesArgs),
    /// Show what became of single messages, by recipient, message id or subject
    #[command(
        after_help = "For example, what became of the mail to one address since yesterday:\n  repute messages --recipient jane@example.com --since 24h\n\nWithout --since and --until the whole lake is searched. Of a message that fits every event is shown, also to other recipients and at other times. Finding nothing is no failure: standard error says so, and the exit code is 0.\n\nA message id carries its time of sending, so a look-up by id reads little."
    )]
    Messages(MessagesArgs),
    /// Show opens and clicks: how many messages, what of it are likely bots, which links, how soon
    #[command(
        after_help = "For example, how the campaigns of the last three weeks did:\n  repute engagement --by campaign --since 21d\n\nUnless told otherwise the range is that in which mail was sent, and its opens and clicks count up to now (--clock sent). What is likely a bot's and why: docs/engagement.md."
    )]
    Engagement(EngagementArgs),
    /// Show how long deliveries took, what was put off and why, and what still waits
    #[command(
        after_help = "For example, who took long today:\n  repute delays --by provider --since 24h\n\nTimes are those that SES reports with a delivery, from accepting the mail to handing it to the receiving server."
    )]
    Delays(DelaysArgs),
    /// Evaluate the alert rules once, for cron and Nagios: exit 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN
    #[command(
        after_help = "From cron, so that only trouble is mailed:\n  */5 * * * *  /usr/local/bin/repute check --config /etc/repute/repute.toml --quiet\n\nWhoever stands under [[notify]] in the configuration is told of what is wrong: once, again every 24 hours while it lasts, and when it is over. A receiver that does not answer is told with the next check; the exit code is that of the alert. A second line in cron, or another machine, may watch the first:\n  */15 * * * *  /usr/local/bin/repute check --config /etc/repute/repute.toml --heartbeat --quiet"
    )]
    Check(CheckArgs),
    /// Keep alerts out of the state of checks for a time: make silences, list them, end them
    #[command(subcommand)]
    Silence(SilenceCommand),
    /// Serve the dashboard and the JSON API
    #[command(
        after_help = "Without further options only this machine is listened to, and nobody needs to sign in. For others to come, people must sign in: with a password (`repute user add`), through a proxy that knows them, or at an identity provider; programs send a token (`repute token add`). docs/access.md has recipes."
    )]
    Serve(Box<ServeArgs>),
    /// Keep the people who may sign in to the dashboard with a password
    #[command(
        subcommand,
        after_help = "For example, a colleague who may look, and one who may also change rules and see recipients:\n  repute user add jane\n  repute user add john --role operator --addresses\n\nThe file is the one under [serve] in repute.toml, or --users-file. A running `repute serve` takes changes up within seconds: whoever was removed, or has a new password, is signed out."
    )]
    User(UserCommand),
    /// Keep the tokens of programs that use the API and the metrics
    #[command(
        subcommand,
        after_help = "For example, one for Prometheus:\n  repute token add prometheus --scope metrics > /etc/prometheus/repute-token\n\nA token is shown once; the file holds its SHA-256. Programs send it as `Authorization: Bearer TOKEN`."
    )]
    Token(TokenCommand),
    /// Say why a dashboard is empty or a rate impossible, of a lake or of a dump that was not imported: exit 0 nothing found, 1 findings
    #[command(
        after_help = "Of the lake:\n  repute doctor --lake ./lake\nOf a dump, without importing it (a bounded sample of its objects is read, the newest and some spread over all):\n  repute doctor s3://bucket/ses\n\nEach finding has its evidence and its remedy; docs/doctor.md explains them all. Notes are worth knowing, and no findings."
    )]
    Doctor(DoctorArgs),
    /// Look after a lake: what it holds, whether it is sound, and small files put together
    #[command(subcommand)]
    Lake(LakeCommand),
    /// Look at the bad records that imports kept, and import what can be read now
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Generate a synthetic event dump together with its exact counts
    Generate(GenerateArgs),
    /// Put the records of a dump onto a Firehose stream
    Replay(ReplayArgs),
    /// Print the OpenAPI document of the JSON API, from which clients can be generated
    Openapi,
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// `repute silence`.
#[derive(Debug, Subcommand)]
pub(crate) enum SilenceCommand {
    /// Make a silence, which holds from now on: for `repute check`, its messages and the dashboard alike; prints its id
    #[command(
        after_help = "For example, until tomorrow morning:\n  repute silence add --rule soft_bounces --only provider=Yahoo --for 18h --reason 'ticket 4711'"
    )]
    Add(SilenceAddArgs),
    /// List silences: those that hold, of the configuration and made ones
    List {
        /// Those that are over, too
        #[arg(long)]
        all: bool,
        /// How they are printed
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// End a silence now
    End {
        /// Its id, as `repute silence list` shows it
        id: String,
        /// Who ends it [default: the user]
        #[arg(long, value_name = "NAME")]
        author: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SilenceAddArgs {
    /// Only this rule [default: all]
    #[arg(long, value_name = "RULE")]
    pub(crate) rule: Option<String>,
    /// Only findings with this value of a dimension, as in provider=Yahoo; nothing after the = for mail without one
    #[arg(long, value_name = "DIMENSION=VALUE", value_parser = parse_only)]
    pub(crate) only: Vec<(Dimension, Option<String>)>,
    /// Only accounts as a whole, none of their groups
    #[arg(long)]
    pub(crate) total: bool,
    /// How long, from now: 30 days at most
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration, required_unless_present = "until", conflicts_with = "until")]
    pub(crate) lasting: Option<TimeDelta>,
    /// Until when
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) until: Option<DateTime<Utc>>,
    /// Why, for whoever finds it
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who wants it [default: the user]
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// A table for people
    Text,
    /// For programs
    Json,
    /// For spreadsheets
    Csv,
}

/// Which events belong to a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClockName {
    /// What happened in the window
    Event,
    /// What became of the mail sent in the window
    Sent,
}

impl From<ClockName> for Clock {
    fn from(name: ClockName) -> Self {
        match name {
            ClockName::Event => Self::Event,
            ClockName::Sent => Self::Sent,
        }
    }
}

/// Whose mail counts.
#[derive(Debug, Default, Args)]
pub(crate) struct CountingArgs {
    /// Domains and addresses you have verified in SES, whose mail AWS leaves out
    #[arg(
        long = "verified",
        visible_alias = "verified-domain",
        env = "REPUTE_VERIFIED",
        value_name = "IDENTITY",
        value_delimiter = ','
    )]
    pub(crate) verified: Vec<String>,
    /// Recipient domains that report no complaints to SES [default: gmail.com,googlemail.com]
    #[arg(long, env = "REPUTE_NO_FEEDBACK_LOOP", value_name = "DOMAIN", value_delimiter = ',')]
    pub(crate) no_feedback_loop: Vec<String>,
    /// Count what AWS does not say whether it counts: tenant_suppression, email_validation, unsubscribed, undetermined, not_spam,
    /// suppressed_complaint [default: none of them]
    #[arg(long, env = "REPUTE_COUNT", value_name = "NAME", value_delimiter = ',')]
    pub(crate) count: Vec<Silent>,
}

/// What AWS's rate is taken over.
#[derive(Debug, Default, Args)]
pub(crate) struct VolumeArgs {
    /// Eligible sends that AWS's rate is taken over [default: 10000]
    #[arg(long, env = "REPUTE_LAST_SENDS", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) last_sends: Option<u64>,
    /// Count only mail sent from here on, as AWS may after a granted review
    #[arg(long, env = "REPUTE_RESET", value_name = "TIME", value_parser = parse_time)]
    pub(crate) reset: Option<DateTime<Utc>>,
    /// Answer as of this time [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) at: Option<DateTime<Utc>>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Files, directories and `s3://bucket/prefix`; what was imported before is skipped, so running again is safe
    ///
    /// Buckets are reached with the credentials, region and endpoint of the usual AWS settings (`AWS_PROFILE`,
    /// `AWS_REGION`, `AWS_ENDPOINT_URL`, and `AWS_ALLOW_HTTP=true` for an endpoint without TLS).
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<PathBuf>,
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
    /// A file, a directory or `s3://bucket/prefix` to look into; without one the lake is looked at
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

#[derive(Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; other addresses than those of loopback only if people have to sign in [default: 127.0.0.1:8025]
    #[arg(long, env = "REPUTE_LISTEN", value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Host names under which requests are answered, beside those of loopback
    #[arg(long = "host", env = "REPUTE_HOSTS", value_name = "NAME[:PORT]", value_delimiter = ',', value_parser = read_host)]
    pub(crate) hosts: Vec<String>,
    /// Where people reach the dashboard, as <https://ses.example.com>; with https cookies are sent over TLS only
    #[arg(long, env = "REPUTE_BASE_URL", value_name = "URL", value_parser = read_base_url)]
    pub(crate) base_url: Option<Url>,
    /// Who may sign in with a password; `repute user` keeps this file
    #[arg(long, env = "REPUTE_USERS_FILE", value_name = "FILE")]
    pub(crate) users_file: Option<PathBuf>,
    /// Which programs may use the API and the metrics; `repute token` keeps this file
    #[arg(long, env = "REPUTE_TOKENS_FILE", value_name = "FILE")]
    pub(crate) tokens_file: Option<PathBuf>,
    /// Where it is noted who signed in, saw addresses, took data away or changed something [default: the log]
    #[arg(long, env = "REPUTE_AUDIT_FILE", value_name = "FILE")]
    pub(crate) audit_file: Option<PathBuf>,
    /// Speak TLS with this certificate and those that it depends on, in PEM; read again when the file changes
    #[arg(long, env = "REPUTE_TLS_CERTIFICATE", value_name = "FILE")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// The key of the certificate, in PEM
    #[arg(long, env = "REPUTE_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) volume: VolumeArgs,
    #[command(flatten)]
    pub(crate) counting: CountingArgs,
    /// Data older than this is shown as stale [default: 2h]
    #[arg(long, env = "REPUTE_MAX_AGE", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) max_age: Option<TimeDelta>,
    #[command(flatten)]
    pub(crate) ingest: IngestArgs,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add somebody; the password is asked for, or read from standard input
    Add(UserAddArgs),
    /// Change what somebody may do and see
    Change(UserChangeArgs),
    /// Give somebody another password, which signs them out
    Password(UserPasswordArgs),
    /// Remove somebody, which signs them out
    Remove(UserRemoveArgs),
    /// List everybody
    List(UserListArgs),
}

/// Where users are kept.
#[derive(Debug, Args)]
pub(crate) struct UsersFile {
    /// The file [default: `serve.users_file` of repute.toml]
    #[arg(long, env = "REPUTE_USERS_FILE", value_name = "FILE")]
    pub(crate) users_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct UserAddArgs {
    /// What they sign in with
    #[arg(value_parser = parse_name)]
    pub(crate) name: String,
    /// What they may do: a viewer looks, an operator also changes rules, silences and imports
    #[arg(long, value_name = "ROLE", default_value = "viewer", value_parser = parse_role)]
    pub(crate) role: Role,
    /// They see recipients' addresses and subjects whole
    #[arg(long)]
    pub(crate) addresses: bool,
    /// Make a password up and print it
    #[arg(long)]
    pub(crate) generate: bool,
    #[command(flatten)]
    pub(crate) file: UsersFile,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["role", "addresses"]))]
pub(crate) struct UserChangeArgs {
    /// Who
    #[arg(value_parser = parse_name)]
    pub(crate) name: String,
    /// What they may do: viewer or operator
    #[arg(long, value_name = "ROLE", value_parser = parse_role)]
    pub(crate) role: Option<Role>,
    /// Whether they see recipients' addresses and subjects whole
    #[arg(long, value_name = "true|false")]
    pub(crate) addresses: Option<bool>,
    #[command(flatten)]
    pub(crate) file: UsersFile,
}

#[derive(Debug, Args)]
pub(crate) struct UserPasswordArgs {
    /// Who
    #[arg(value_parser = parse_name)]
    pub(crate) name: String,
    /// Make a password up and print it
    #[arg(long)]
    pub(crate) generate: bool,
    #[command(flatten)]
    pub(crate) file: UsersFile,
}

#[derive(Debug, Args)]
pub(crate) struct UserRemoveArgs {
    /// Who
    #[arg(value_parser = parse_name)]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) file: UsersFile,
}

#[derive(Debug, Args)]
pub(crate) struct UserListArgs {
    /// How they are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) file: UsersFile,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it
    Add(TokenAddArgs),
    /// Remove a token, which is refused from then on
    Remove(TokenRemoveArgs),
    /// List the tokens
    List(TokenListArgs),
}

/// Where tokens are kept.
#[derive(Debug, Args)]
pub(crate) struct TokensFile {
    /// The file [default: `serve.tokens_file` of repute.toml]
    #[arg(long, env = "REPUTE_TOKENS_FILE", value_name = "FILE")]
    pub(crate) tokens_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TokenAddArgs {
    /// Whose it is, as audit lines show it
    #[arg(value_parser = parse_name)]
    pub(crate) name: String,
    /// What it may do: a viewer's reads, an operator's also changes rules, silences and imports
    #[arg(long, value_name = "ROLE", default_value = "viewer", value_parser = parse_role)]
    pub(crate) role: Role,
    /// It sees recipients' addresses and subjects whole
    #[arg(long)]
    pub(crate) addresses: bool,
    /// What it is good for: all, api or metrics
    #[arg(long, value_name = "SCOPE", default_value = "all", value_parser = parse_scope)]
    pub(crate) scope: Scope,
    /// For how long it is good, as in 90d [default: until it is removed]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) expires: Option<TimeDelta>,
    #[command(flatten)]
    pub(crate) file: TokensFile,
}

#[derive(Debug, Args)]
pub(crate) struct TokenRemoveArgs {
    /// Whose
    #[arg(value_parser = parse_name)]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) file: TokensFile,
}

#[derive(Debug, Args)]
pub(crate) struct TokenListArgs {
    /// How they are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) file: TokensFile,
}

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

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Files, directories and `s3://bucket/prefix` with event records
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<PathBuf>,
    /// The stream, as in firehose://my-stream
    #[arg(long, value_name = "firehose://STREAM")]
    pub(crate) to: String,
    /// Another Firehose endpoint, for tests
    #[arg(long, env = "REPUTE_FIREHOSE_ENDPOINT", value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// No progress on standard error
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

fn parse_only(text: &str) -> Result<(Dimension, Option<String>), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` lacks a `=`: use DIMENSION=VALUE"))?;
    let dimension = name.parse::<Dimension>().map_err(|e| e.to_string())?;
    Ok((dimension, (!value.is_empty()).then(|| value.to_owned())))
}

fn parse_address(text: &str) -> Result<String, String> {
    let address = bare_address(Cow::Borrowed(text));
    if address.is_empty() { Err("it holds no address".to_owned()) } else { Ok(address.into_owned()) }
}

fn parse_message_id(text: &str) -> Result<String, String> {
    let id = bare_message_id(text);
    if id.is_empty() { Err("it holds no id".to_owned()) } else { Ok(id.to_owned()) }
}

fn parse_name(text: &str) -> Result<String, String> {
    read_name(text).map_err(|error| error.to_string())
}

fn parse_role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|error: repute_web::access::UnknownRole| error.to_string())
}

fn parse_scope(text: &str) -> Result<Scope, String> {
    text.parse().map_err(|error: repute_web::access::UnknownScope| error.to_string())
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

/// Reads the command line. A mistake in a `check` is UNKNOWN to the monitoring system, any other is a usage error.
pub(crate) fn parse() -> Result<Cli, Failure> {
    Cli::try_parse().map_err(|error| {
        let is_check = std::env::args_os().skip(1).any(|argument| argument == "check");
        if error.use_stderr() && is_check {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            return Failure::CheckUnknown(first.trim_start_matches("error: ").to_owned());
        }
        if error.use_stderr() {
            // Clap prints usage errors itself, in colour where the terminal has it.
            let _ = error.print();
            return Failure::Usage(String::new());
        }
        error.exit()
    })
}

/// Writes a completion script.
pub(crate) fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "repute", &mut script);
    script
}
