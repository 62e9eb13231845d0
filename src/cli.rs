//! What can be typed: commands, options, help.

mod check;
mod counting;
mod dumps;
mod figures;
mod format;
mod ingest;
mod lake;
mod people;
mod serve;
mod silence;
mod stream;
mod watch;

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::exit::Failure;
pub(crate) use check::{CheckArgs, DoctorArgs};
pub(crate) use counting::{CountingArgs, VolumeArgs};
pub(crate) use dumps::{DemoArgs, GenerateArgs};
pub(crate) use figures::{BouncesArgs, DelaysArgs, EngagementArgs, MessagesArgs, RatesArgs, ReputationArgs};
pub(crate) use format::{Format, RowFormat};
pub(crate) use ingest::IngestArgs;
pub(crate) use lake::{
    CompactArgs, FsckArgs, ImportArgs, LakeCommand, QuarantineCommand, QuarantineListArgs, QuarantineRetryArgs,
    QuarantineShowArgs, StatsArgs,
};
pub(crate) use people::{
    TokenAddArgs, TokenCommand, TokenListArgs, UserAddArgs, UserChangeArgs, UserCommand, UserListArgs, UserPasswordArgs,
};
pub(crate) use serve::ServeArgs;
pub(crate) use silence::{SilenceAddArgs, SilenceCommand};
pub(crate) use stream::{ReplayArgs, SetUp, SetupArgs, SourceArgs, TemplateFormat};

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
    /// Import SES event dumps: files, directories, buckets, and what a Firehose stream wrote
    #[command(
        after_help = "For example, what the stream wrote since yesterday, whatever its prefix, error records included:\n  repute import firehose://ses-events --since 24h --lake ./lake\n\nRights it needs: s3:ListBucket and s3:GetObject, and firehose:DescribeDeliveryStream for firehose://. Nothing is written to the source. docs/routes.md has each route as a recipe."
    )]
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
        after_help = "Of the lake:\n  repute doctor --lake ./lake\nOf a dump, without importing it (a bounded sample of its objects is read, the newest and some spread over all):\n  repute doctor s3://bucket/ses\nOf how a Firehose stream is set up:\n  repute doctor firehose://ses-events\n\nEach finding has its evidence and its remedy; docs/doctor.md explains them all. Notes are worth knowing, and no findings."
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
    /// Put the records of a dump onto a Firehose stream, for load tests and to move history
    #[command(
        after_help = "For example, 2,000 records a second, to be gone on with if it is interrupted:\n  repute replay ./dump --to firehose://ses-events --rate 2000 --resume replay.progress\n\nRecords arrive at least once: those of the batch that was under way when it was interrupted may arrive again. Importing counts them once."
    )]
    Replay(ReplayArgs),
    /// Print what sets up AWS: a CloudFormation template, AWS CLI commands, or the IAM policy that repute needs
    #[command(
        after_help = "For example:\n  repute setup --print cloudformation --bucket my-ses-events > repute.yaml\n  aws cloudformation deploy --stack-name repute --template-file repute.yaml --capabilities CAPABILITY_NAMED_IAM\n\ndocs/setup.md says what each part is for and what it costs."
    )]
    Setup(SetupArgs),
    /// Print the OpenAPI document of the JSON API, from which clients can be generated
    Openapi,
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
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
