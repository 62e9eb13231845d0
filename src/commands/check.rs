//! `repute check`: one line for the monitoring system, details below it.
//!
//! Format: Nagios plugin guidelines (monitoring-plugins.org): `SERVICE STATE - text | performance data`.

use std::collections::BTreeSet;
use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use repute_query::{
    CheckOptions, CheckResult, Finding, Metric, Muted, QueryError, Reader, Rule, Silence, State, Unit,
    attribute_alarms, backtest, backtest_report, check, check_report, sentence,
};

use super::{episodes, explain, notifying};
use crate::cli::{CheckArgs, Format, Global};
use crate::config::Config;
use crate::exit::{self, Exit, Failure};
use crate::notify::{self, Sights, silences};
use crate::output::{self, plain};
use crate::when::When;

/// Nagios reads 8 KiB of output at most; the rest of the line needs room too.
const PERFORMANCE_DATA_BYTES: usize = 4_000;

/// How long an answer may take, unless told otherwise; the past may take longer.
const TIMEOUT: TimeDelta = TimeDelta::seconds(10);

/// Where alarms come from is looked into until so much of that time is over.
const ATTRIBUTION_LIMIT: f64 = 0.8;

/// How far back the past is looked at, unless told otherwise.
const BACKTEST: TimeDelta = TimeDelta::days(30);

/// Whatever fails is UNKNOWN: a monitoring system must never read a failure as OK.
pub(super) fn run(global: &Global, args: &CheckArgs) -> Result<Exit, Failure> {
    let done = super::start_log(&global.log).and_then(|()| {
        let config = Config::load(global)?;
        let check = Check { global, args, config: &config, now: args.volume.at.unwrap_or_else(Utc::now) };
        match (&args.test_notify, args.heartbeat, args.backtest) {
            (Some(name), _, _) => notifying::test(global, &config, name.as_deref(), check.now),
            (None, true, _) => notifying::heartbeat(global, &config, args, check.now),
            (None, false, true) => check.look_back(),
            (None, false, false) => check.evaluate_and_tell(),
        }
    });
    done.map_err(|failure| explained(failure, global)).map_err(unknown)
}

struct Check<'a> {
    global: &'a Global,
    args: &'a CheckArgs,
    config: &'a Config,
    now: DateTime<Utc>,
}

impl Check<'_> {
    /// Evaluates the rules once, and tells who wants to know what they say, or that they could not be evaluated.
    fn evaluate_and_tell(&self) -> Result<Exit, Failure> {
        let is_look_only = self.args.no_notify || self.args.volume.at.is_some() || self.args.explain.is_some();
        let mut sights = None;
        let done = self.evaluate(&mut sights);
        if is_look_only {
            return done;
        }
        // Standard output may be closed: then the monitoring system has gone, and the others are told all the same.
        match (done, sights) {
            (Ok(exit), Some(sights)) => {
                notifying::after_check(self.global, self.config, &sights, state_of(exit), self.now);
                Ok(exit)
            }
            (Err(failure), Some(sights)) => {
                notifying::after_check(self.global, self.config, &sights, "UNKNOWN", self.now);
                Err(failure)
            }
            (done, None) => {
                let failure = match done {
                    Ok(exit) => return Ok(exit),
                    Err(failure) => unknown(explained(failure, self.global)),
                };
                let text = match &failure {
                    Failure::CheckUnknown(text) | Failure::Usage(text) => text.clone(),
                    Failure::Failed(error) | Failure::Unknown(error) => exit::told(error),
                };
                notifying::after_check(self.global, self.config, &notify::of_failure(&text), "UNKNOWN", self.now);
                Err(failure)
            }
        }
    }

    /// Evaluates the rules once, prints what they say, and hands out what was seen.
    fn evaluate(&self, sights: &mut Option<Sights>) -> Result<Exit, Failure> {
        let Self { args, config, now, .. } = self;
        let (rules, silences) = config.alerts(config.last_sends(&args.volume))?;
        let explained = args.explain.as_ref().map(|name| named(&rules, name)).transpose()?;
        let mut options = CheckOptions {
            now: *now,
            max_age: config.max_age(args.max_age),
            since: config.reset(&args.volume),
            silences,
        };
        // The answer must not come too late for what makes it nicer.
        let limit = self.limit(Some(TIMEOUT)).map(|limit| limit.mul_f64(ATTRIBUTION_LIMIT));
        let deadline = limit.map(|limit| tokio::time::Instant::now() + limit);
        let result = self.ask(Some(TIMEOUT), &rules, async |reader| {
            options.silences.extend(self.made_silences().await);
            let mut result = check(&reader, &rules, &options).await?;
            attribute_alarms(&reader, &rules, config.attribute(), &mut result, *now, deadline).await;
            Ok(result)
        })?;
        let exit = match result.state {
            State::Ok | State::Pending => Exit::Done,
            State::Warning => Exit::Warning,
            State::Critical => Exit::Critical,
            State::NoData => Exit::UNKNOWN,
        };
        *sights = Some(notify::of_result(&result, &rules));
        if args.quiet && exit == Exit::Done {
            return Ok(exit);
        }
        match (args.format, explained) {
            (Format::Json, _) => output::print_json(&check_report(&result))?,
            (Format::Text, Some(rule)) => {
                output::print(&format!("{}\n\n{}", first_line(&result, *now), explain::text(rule, &result)))?;
            }
            (Format::Text, None) => output::print(&text(&result, *now))?,
        }
        Ok(exit)
    }

    /// The silences that somebody made. Where they cannot be read, too much is told rather than too little.
    async fn made_silences(&self) -> Vec<Silence> {
        let place = self.config.memory(self.global).and_then(|place| Ok(silences::document(&place)?));
        let Ok(document) = place else { return Vec::new() };
        match silences::read(&document).await {
            Ok(made) => made.all().into_iter().map(|made| Silence { until: made.over(), ..made.silence }).collect(),
            Err(what) => {
                let _ = writeln!(io::stderr(), "warning: silences are not heeded: {}", plain(&what));
                Vec::new()
            }
        }
    }

    /// Tells what the rules would have said in the past.
    fn look_back(&self) -> Result<Exit, Failure> {
        let Self { args, config, now, .. } = self;
        let (rules, _) = config.alerts(config.last_sends(&args.volume))?;
        let since = args.since.unwrap_or(When::Ago(BACKTEST)).resolve(*now);
        let reset = config.reset(&args.volume);
        let episodes = self.ask(None, &rules, async |reader| backtest(&reader, &rules, since, *now, reset).await)?;
        match args.format {
            Format::Json => output::print_json(&backtest_report(&episodes))?,
            Format::Text => output::print(&episodes::text(&episodes, since, *now))?,
        }
        Ok(Exit::Done)
    }

    fn limit(&self, usual: Option<TimeDelta>) -> Option<std::time::Duration> {
        self.args.timeout.or(usual).and_then(|limit| limit.to_std().ok())
    }

    /// Asks the lake, for as long as that may take.
    fn ask<T>(
        &self,
        usual_limit: Option<TimeDelta>,
        rules: &[Rule],
        question: impl AsyncFnOnce(Reader) -> Result<T, QueryError>,
    ) -> Result<T, Failure> {
        let limit = self.limit(usual_limit);
        let runtime = super::runtime()?;
        let answer = runtime.block_on(async {
            let asked = async {
                let Self { global, args, config, now } = self;
                let reader = super::reader_for_rules(global, config, &args.counting, rules, *now).await?;
                Ok(question(reader).await?)
            };
            let Some(limit) = limit else { return asked.await };
            let late = |_| Failure::CheckUnknown(format!("no answer within {}", humantime::format_duration(limit)));
            tokio::time::timeout(limit, asked).await.map_err(late)?
        });
        runtime.shutdown_background();
        answer
    }
}

/// The state that an exit code of a check stands for.
fn state_of(exit: Exit) -> &'static str {
    match exit {
        Exit::Done => "OK",
        Exit::Warning => "WARNING",
        Exit::Critical => "CRITICAL",
        Exit::BadRecords | Exit::Failed => "UNKNOWN",
    }
}

/// The rule of this name.
fn named<'r>(rules: &'r [Rule], name: &str) -> Result<&'r Rule, Failure> {
    rules.iter().find(|rule| rule.name == name).ok_or_else(|| {
        let known = rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>().join(", ");
        Failure::Usage(format!("there is no rule `{name}` to explain; known are {known}"))
    })
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

/// What the monitoring system reads.
fn first_line(result: &CheckResult, now: DateTime<Utc>) -> String {
    let state = if result.state == State::NoData { "UNKNOWN" } else { result.state.as_str() };
    let mut out = format!("REPUTE {state} - {}", line(&result.summary));
    let data = performance_data(result, now);
    if !data.is_empty() {
        out += &format!(" | {}", data.join(" "));
    }
    out
}

fn text(result: &CheckResult, now: DateTime<Utc>) -> String {
    let mut out = first_line(result, now) + "\n";
    if let Some(newest) = result.newest_event {
        out += &format!("newest event {}\n", newest.to_rfc3339_opts(SecondsFormat::Secs, true));
    }
    for finding in result.findings.iter().filter(|finding| is_worth_a_line(finding)) {
        let span = finding.span.map_or_else(String::new, |(from, to)| {
            format!(", {} to {} UTC", from.format("%m-%d %H:%M"), to.format("%m-%d %H:%M"))
        });
        let state = finding.state_name();
        out += &format!("{state:<10}  {}: {}{span}{}\n", finding.rule, line(&sentence(finding)), muted(finding));
        out += &why(finding);
    }
    out
}

/// Where it comes from.
fn why(finding: &Finding) -> String {
    match &finding.attribution {
        None => String::new(),
        Some(Ok(found)) => format!("            why: {}\n", line(&found.why)),
        Some(Err(why_not)) => format!("            why: not found out ({})\n", line(why_not)),
    }
}

/// Why a finding is not in the first line.
fn muted(finding: &Finding) -> String {
    match &finding.muted {
        None => String::new(),
        Some(Muted::Silenced(until, reason)) => {
            let reason = if reason.is_empty() { String::new() } else { format!(": {}", line(reason)) };
            format!(" [silenced until {}{reason}]", until.to_rfc3339_opts(SecondsFormat::Secs, true))
        }
        Some(Muted::Inhibited(rule)) => format!(" [told by {rule}]"),
    }
}

/// Groups with too little mail for a verdict are left to the JSON form.
fn is_worth_a_line(finding: &Finding) -> bool {
    finding.group.is_empty() || finding.verdict.state != State::NoData
}

/// Text that fits one line of plugin output: `|` would start performance data.
pub(super) fn line(text: &str) -> String {
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
    findings.sort_by_key(|finding| (&finding.group, &finding.rule));
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

/// `'aws_bounce_rate'=2.163%;2;4;0;100`, for the account or a group; numbers without a unit.
fn measured(finding: &Finding, several_accounts: bool) -> Option<String> {
    let value = finding.metric.value(finding.measured)?;
    let mut label = finding.rule.clone();
    let account = finding.account_id.as_deref().filter(|_| several_accounts);
    let group = finding.group.iter().map(|(_, value)| value.as_deref().unwrap_or("none"));
    for part in account.into_iter().chain(group) {
        label.push('_');
        label.extend(part.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }));
    }
    let (scale, unit, most) = match finding.metric.unit() {
        // A ratio may be over one.
        Unit::Share if finding.metric == Metric::SendsVsWeekday => (100.0, "%", ""),
        Unit::Share => (100.0, "%", "100"),
        Unit::Number => (1.0, "", ""),
        Unit::Seconds => (1.0, "s", ""),
        Unit::Milliseconds => (1.0, "ms", ""),
    };
    let short = |value: f64| format!("{:.4}", value * scale).trim_end_matches('0').trim_end_matches('.').to_owned();
    let threshold = |value: Option<f64>| value.map(short).unwrap_or_default();
    let (warn, critical) = finding.thresholds;
    Some(format!("'{label}'={}{unit};{};{};0;{most}", short(value), threshold(warn), threshold(critical)))
}
