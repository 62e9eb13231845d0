//! `repute check`: one line for the monitoring system, details below it.
//!
//! Format: Nagios plugin guidelines (monitoring-plugins.org): `SERVICE STATE - text | performance data`.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};
use repute_query::{CheckOptions, CheckResult, Finding, State, check, check_report, default_rules, sentence};

use crate::cli::{CheckArgs, Format, Global};
use crate::config::Config;
use crate::exit::{self, Exit, Failure};
use crate::output::{self, plain};

/// Nagios reads 8 KiB of output at most; the rest of the line needs room too.
const PERFORMANCE_DATA_BYTES: usize = 4_000;

/// Whatever fails is UNKNOWN: a monitoring system must never read a failure as OK.
pub(super) fn run(global: &Global, args: &CheckArgs) -> Result<Exit, Failure> {
    let result = super::start_log(&global.log)
        .and_then(|()| evaluate(global, args))
        .map_err(|failure| explained(failure, global))
        .map_err(unknown)?;
    let exit = match result.state {
        State::Ok => Exit::Done,
        State::Warning => Exit::Warning,
        State::Critical => Exit::Critical,
        State::NoData => Exit::UNKNOWN,
    };
    if args.quiet && exit == Exit::Done {
        return Ok(exit);
    }
    let now = args.volume.at.unwrap_or_else(Utc::now);
    match args.format {
        Format::Json => output::print_json(&check_report(&result))?,
        Format::Text => output::print(&text(&result, now))?,
    }
    Ok(exit)
}

/// The file behind a failure, where the lake is damaged.
fn explained(failure: Failure, global: &Global) -> Failure {
    let location = Config::load(global).and_then(|config| config.location(global));
    super::damage::explain(failure, &location)
}

fn unknown(failure: Failure) -> Failure {
    let text = match failure {
        Failure::Usage(text) | Failure::CheckUnknown(text) => text,
        Failure::Failed(error) | Failure::Unknown(error) => exit::told(&error),
    };
    Failure::CheckUnknown(line(&text))
}

fn evaluate(global: &Global, args: &CheckArgs) -> Result<CheckResult, Failure> {
    let config = Config::load(global)?;
    let options = CheckOptions {
        now: args.volume.at.unwrap_or_else(Utc::now),
        max_age: config.max_age(args.max_age),
        since: config.reset(&args.volume),
    };
    let rules = default_rules(config.last_sends(&args.volume));
    let limit = args.timeout.to_std().unwrap_or_default();
    let runtime = super::runtime()?;
    let evaluated = runtime.block_on(async {
        tokio::time::timeout(limit, async {
            let reader = super::reader(global, &config, &args.counting).await?;
            Ok::<_, Failure>(check(&reader, &rules, &options).await?)
        })
        .await
    });
    runtime.shutdown_background();
    evaluated.unwrap_or_else(|_| {
        Err(Failure::CheckUnknown(format!("no answer within {}", humantime::format_duration(limit))))
    })
}

fn text(result: &CheckResult, now: DateTime<Utc>) -> String {
    let state = if result.state == State::NoData { "UNKNOWN" } else { result.state.as_str() };
    let mut out = format!("REPUTE {state} - {}", line(&result.summary));
    let data = performance_data(result, now);
    if !data.is_empty() {
        out += &format!(" | {}", data.join(" "));
    }
    out.push('\n');
    if let Some(newest) = result.newest_event {
        out += &format!("newest event {}\n", newest.to_rfc3339_opts(SecondsFormat::Secs, true));
    }
    for finding in result.findings.iter().filter(|finding| is_worth_a_line(finding)) {
        let span = finding.span.map_or_else(String::new, |(from, to)| {
            format!(", {} to {} UTC", from.format("%m-%d %H:%M"), to.format("%m-%d %H:%M"))
        });
        let state = finding.verdict.state.as_str();
        out += &format!("{state:<8}  {}: {}{span}\n", finding.rule, line(&sentence(finding)));
    }
    out
}

/// Configuration sets with too little mail for a verdict are left to the JSON form.
fn is_worth_a_line(finding: &Finding) -> bool {
    finding.configuration_set.is_none() || finding.verdict.state != State::NoData
}

/// Text that fits one line of plugin output: `|` would start performance data.
fn line(text: &str) -> String {
    plain(text).replace('|', "/")
}

/// Measured rates of the accounts, then of their configuration sets as far as they fit, and the age of the newest event.
fn performance_data(result: &CheckResult, now: DateTime<Utc>) -> Vec<String> {
    let mut data = Vec::new();
    if let Some(newest) = result.newest_event {
        data.push(format!("newest_event_age={}s;;;0", (now - newest).num_seconds().max(0)));
    }
    let accounts: BTreeSet<_> = result.findings.iter().map(|finding| &finding.account_id).collect();
    let mut findings: Vec<&Finding> = result.findings.iter().filter(|finding| is_worth_a_line(finding)).collect();
    findings.sort_by_key(|finding| (&finding.configuration_set, finding.rule));
    let mut length = 0;
    for text in findings.into_iter().filter_map(|finding| measured(finding, accounts.len() > 1)) {
        length += text.len() + 1;
        if length > PERFORMANCE_DATA_BYTES {
            break;
        }
        data.push(text);
    }
    data
}

/// `'aws_bounce_rate'=2.163%;2;4;0;100`, for the account or a configuration set.
fn measured(finding: &Finding, several_accounts: bool) -> Option<String> {
    let rate = finding.measured.rate()? * 100.0;
    let mut label = finding.rule.to_owned();
    let account = finding.account_id.as_deref().filter(|_| several_accounts);
    let set = finding.configuration_set.as_ref().map(|set| set.as_deref().unwrap_or("none"));
    for part in [account, set].into_iter().flatten() {
        label.push('_');
        label.extend(part.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }));
    }
    let short = |percent: f64| format!("{percent:.4}").trim_end_matches('0').trim_end_matches('.').to_owned();
    let (warn, critical) = finding.thresholds;
    Some(format!("'{label}'={}%;{};{};0;100", short(rate), short(warn * 100.0), short(critical * 100.0)))
}
