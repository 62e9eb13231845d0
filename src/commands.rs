//! One module per command: each turns options into calls of the stages and prints what they answer.

mod bounces;
mod check;
mod damage;
mod delays;
mod demo;
mod doctor;
mod engagement;
mod episodes;
mod explain;
mod generate;
mod import;
mod lake;
mod messages;
mod notifying;
mod quarantine;
mod rates;
mod replay;
mod reputation;
mod retry;
mod serve;
mod setup;
mod silence;
mod sources;
mod stream;
mod token;
mod user;

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use repute_lake::Lake;
use repute_query::{CountingRules, Metric, Reader, Rule, Silent};
use tracing_subscriber::EnvFilter;

use crate::access::AUDIT_LOG;
use crate::cli::{Cli, Command, CountingArgs, Global, completions};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output;

/// Carries out what was typed.
pub(crate) fn run(cli: Cli) -> Result<Exit, Failure> {
    let Cli { global, command } = cli;
    if let Command::Check(args) = &command {
        return check::run(&global, args);
    }
    start_log(&global.log)?;
    let config = Config::load(&global)?;
    carry_out(&global, &config, command).map_err(|failure| damage::explain(failure, &config.location(&global)))
}

fn carry_out(global: &Global, config: &Config, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Demo(args) => demo::run(global, config, args),
        Command::Import(args) => import::run(global, config, &args),
        Command::Rates(args) => rates::run(global, config, &args),
        Command::Reputation(args) => reputation::run(global, config, &args),
        Command::Bounces(args) => bounces::run(global, config, &args),
        Command::Messages(args) => messages::run(global, config, &args),
        Command::Doctor(args) => doctor::run(global, config, &args),
        Command::Engagement(args) => engagement::run(global, config, &args),
        Command::Delays(args) => delays::run(global, config, &args),
        Command::Check(args) => check::run(global, &args),
        Command::Silence(command) => silence::run(global, config, command),
        Command::Serve(args) => serve::run(global, config, &args),
        Command::User(command) => user::run(config, &command),
        Command::Token(command) => token::run(config, &command),
        Command::Lake(command) => lake::run(global, config, &command),
        Command::Quarantine(command) => quarantine::run(global, config, &command),
        Command::Generate(args) => generate::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Setup(args) => setup::run(&args),
        Command::Openapi => {
            output::print_json(&repute_web::openapi().map_err(anyhow::Error::from)?)?;
            Ok(Exit::Done)
        }
        Command::Completions { shell } => {
            output::print(&String::from_utf8_lossy(&completions(shell)))?;
            Ok(Exit::Done)
        }
    }
}

/// Logs to standard error. The Delta kernel reports a table's first creation as an error, so it is not listened to; what the AWS SDK
/// tries for credentials is told with the error that comes of it.
fn start_log(text: &str) -> Result<(), Failure> {
    let wrong = |e: String| Failure::Usage(format!("--log `{text}`: {e}"));
    let filter = EnvFilter::try_new(text).map_err(|e| wrong(e.to_string()))?;
    let quiet = [
        "delta_kernel=off",
        "deltalake_core=off",
        "buoyant_kernel=off",
        "buoyant_kernel_engine=off",
        "aws_config=error",
    ];
    // Who did what is told however little else is, unless the filter says otherwise.
    let audit = format!("{AUDIT_LOG}=info");
    let audit = if text.contains(AUDIT_LOG) { None } else { Some(audit.as_str()) };
    let more = quiet.into_iter().chain(audit).filter_map(|directive| directive.parse().ok());
    let filter = more.fold(filter, EnvFilter::add_directive);
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).finish();
    // Only a second start within one process fails, and then the first goes on.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    // Tokio panics where it gets no handles to hear of signals by, so that there are enough is made sure of first.
    let spare = (0..4).map(|_| UnixStream::pair()).collect::<io::Result<Vec<_>>>()?;
    drop(spare);
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// By which choices of the sender's rows were counted as AWS counts.
fn counted_with(rules: &CountingRules) -> String {
    let list = |names: Vec<&str>, none: &str| {
        if names.is_empty() { none.to_owned() } else { output::plain(&names.join(", ")).into_owned() }
    };
    let (counted, left_out) = rules.silent();
    let names = |silent: Vec<Silent>| silent.into_iter().map(Silent::as_str).collect();
    format!(
        "Counted with verified identities: {}; domains that report no complaints: {}.\n\
         Where AWS is silent, counted: {}; left out: {}.",
        list(rules.verified_identities(), "none given (--verified)"),
        list(rules.no_feedback_loop(), "none"),
        list(names(counted), "nothing (--count)"),
        list(names(left_out), "nothing"),
    )
}

/// The longest window of a rule.
const RECENT_IMPORTS: TimeDelta = TimeDelta::days(7);

/// Opens the lake for questions.
async fn reader(global: &Global, config: &Config, counting: &CountingArgs) -> Result<Reader, Failure> {
    let lake = Lake::open(&config.location(global)?).await?;
    Ok(Reader::new(&lake, config.rules(counting), config.providers())?.with_reasons(config.reasons()?))
}

/// The same of an open lake, knowing its books.
async fn reader_with_books(lake: &Lake, config: &Config, counting: &CountingArgs) -> Result<Reader, Failure> {
    let reader = Reader::new(lake, config.rules(counting), config.providers())?.with_reasons(config.reasons()?);
    let books = Arc::new(lake.books(None).await?);
    Ok(reader.with_imports(books.objects.totals()).with_books(books))
}

/// The same for rules, which may look at what was imported of late.
async fn reader_for_rules(
    global: &Global,
    config: &Config,
    counting: &CountingArgs,
    rules: &[Rule],
    now: DateTime<Utc>,
) -> Result<Reader, Failure> {
    let reader = reader(global, config, counting).await?;
    if rules.iter().all(|rule| rule.metric != Metric::QuarantineRatio) {
        return Ok(reader);
    }
    let lake = Lake::open(&config.location(global)?).await?;
    Ok(reader.with_recent_imports(lake.imports_since(now - RECENT_IMPORTS).await?))
}
