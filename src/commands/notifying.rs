//! `repute check` beyond its own output: who is told, whether messages arrive, and whether checks still run.

use std::io::{self, Write};

use chrono::{DateTime, TimeDelta, Utc};
use repute_lake::{Document, Location};
use repute_query::age;
use serde_json::json;

use super::check::line;
use crate::cli::{CheckArgs, Format, Global};
use crate::config::Config;
use crate::exit::{Exit, Failure, told};
use crate::notify::{self, LastCheck, Memory, Sights, Telling};
use crate::output;

/// A check that ended so long ago was the last one for now, unless told otherwise.
pub(super) const MAX_SILENCE: TimeDelta = TimeDelta::minutes(15);

/// Tells what a check saw. What goes wrong here is said, and changes no exit code.
pub(super) fn after_check(global: &Global, config: &Config, sights: &Sights, state: &str, now: DateTime<Utc>) {
    if let Err(failure) = try_after_check(global, config, sights, state, now) {
        let text = match failure {
            Failure::Usage(text) | Failure::CheckUnknown(text) => text,
            Failure::Failed(error) | Failure::Unknown(error) => told(&error),
        };
        let _ = writeln!(io::stderr(), "warning: nobody was told: {}", line(&text));
    }
}

fn try_after_check(
    global: &Global,
    config: &Config,
    sights: &Sights,
    state: &str,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let place = config.memory(global);
    let source = place.as_ref().map_or_else(|_| "repute".to_owned(), ToString::to_string);
    let notifiers = config.notifiers(&source)?;
    let (dashboard, heartbeat) = config.urls()?;
    // A place that is not there is not made to remember that nobody is to be told of it.
    let is_there =
        |place: &Location| !notifiers.is_empty() || place.directory().is_none_or(|directory| directory.is_dir());
    let place = place.ok().filter(is_there);
    let document = place.as_ref().map(notify::document).transpose()?;
    let history = place.as_ref().map(notify::history).transpose()?;
    let run = format!("{}-{}", std::process::id(), now.timestamp_micros());
    let runtime = super::runtime()?;
    runtime.block_on(async {
        let telling = Telling { notifiers: &notifiers, document, history, dashboard, now, run };
        telling.after_check(sights, state).await;
        if let Some(url) = heartbeat {
            notify::ping(url).await;
        }
    });
    runtime.shutdown_background();
    Ok(())
}

/// Sends test messages, and says of each receiver whether it took its own.
pub(super) fn test(global: &Global, config: &Config, name: Option<&str>, now: DateTime<Utc>) -> Result<Exit, Failure> {
    let source = config.memory(global).map_or_else(|_| "repute".to_owned(), |place| place.to_string());
    let mut notifiers = config.notifiers(&source)?;
    let known = notifiers.iter().map(|notifier| notifier.wants.name.clone()).collect::<Vec<_>>().join(", ");
    notifiers.retain(|notifier| name.is_none_or(|name| notifier.wants.name == name));
    if notifiers.is_empty() {
        return Err(Failure::Usage(match name {
            Some(name) if !known.is_empty() => format!("there is no [[notify]] `{name}`; known are {known}"),
            _ => "the configuration has no [[notify]]; docs/alerts.md says how to write one".to_owned(),
        }));
    }
    let (dashboard, _) = config.urls()?;
    let telling = Telling { notifiers: &notifiers, document: None, history: None, dashboard, now, run: String::new() };
    let results = super::runtime()?.block_on(telling.test());
    let text = |(name, result): &(String, Result<(), notify::Undelivered>)| match result {
        Ok(()) => format!("{name}: delivered\n"),
        Err(error) => format!("{name}: not delivered: {}\n", line(error.words())),
    };
    output::print(&results.iter().map(text).collect::<String>())?;
    Ok(if results.iter().all(|(_, result)| result.is_ok()) { Exit::Done } else { Exit::UNKNOWN })
}

/// Says when the last check ended.
pub(super) fn heartbeat(
    global: &Global,
    config: &Config,
    args: &CheckArgs,
    now: DateTime<Utc>,
) -> Result<Exit, Failure> {
    let place = config.memory(global)?;
    let last = super::runtime()?.block_on(last_check(&notify::document(&place)?))?;
    let limit = args.max_silence.unwrap_or(MAX_SILENCE);
    let Some(LastCheck { at, state }) = last else {
        return Err(Failure::CheckUnknown(format!(
            "no check has come to its end yet, or none may write beside `{place}` (then name a place as `state` under [check])"
        )));
    };
    let silence = (now - at).max(TimeDelta::zero());
    let (exit, word) = if silence > limit { (Exit::Critical, "CRITICAL") } else { (Exit::Done, "OK") };
    if args.quiet && exit == Exit::Done {
        return Ok(exit);
    }
    let summary =
        format!("the last check came to its end {} ago and said {state} (limit {})", age(silence), age(limit));
    match args.format {
        Format::Text => {
            let data = format!("last_check_age={}s;;{};0", silence.num_seconds(), limit.num_seconds());
            output::print(&format!("REPUTE {word} - {} | {data}\n", line(&summary)))?;
        }
        Format::Json => output::print_json(&json!({
            "state": word,
            "summary": summary,
            "last_check": at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            "last_state": state,
        }))?,
    }
    Ok(exit)
}

/// When the last check ended; nothing if none has.
pub(super) async fn last_check(document: &Document) -> anyhow::Result<Option<LastCheck>> {
    let (bytes, _) = document.read().await?;
    let memory = bytes.map(|bytes| Memory::read(&bytes)).transpose();
    Ok(memory
        .map_err(|what| anyhow::anyhow!("`{}` cannot be read: {what}", document.place()))?
        .and_then(|memory| memory.last_check))
}
