//! `repute silence`: the same silences as the dashboard's.

use chrono::{DateTime, SecondsFormat, Utc};
use repute_lake::{Document, Location};
use repute_query::{Dimension, Silence, age};
use repute_web::alerting::{MadeSilence, Refusal, SilenceWish};
use serde_json::{Value, json};

use crate::cli::{Format, Global, SilenceAddArgs, SilenceCommand};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::notify::silences;
use crate::output;

pub(super) fn run(global: &Global, config: &Config, command: SilenceCommand) -> Result<Exit, Failure> {
    let place = config.memory(global)?;
    let document = silences::document(&place)?;
    match command {
        SilenceCommand::Add(args) => add(config, &config.location(global)?, &document, args),
        SilenceCommand::List { all, format } => list(config, &document, all, format),
        SilenceCommand::End { id, author } => {
            let ended = super::runtime()?.block_on(silences::end(&document, &id, &author_or_user(author), Utc::now()));
            ended.map_err(failure)?;
            Ok(Exit::Done)
        }
    }
}

fn add(config: &Config, lake: &Location, document: &Document, args: SilenceAddArgs) -> Result<Exit, Failure> {
    if lake.directory().is_some_and(|directory| !directory.is_dir()) {
        return Err(Failure::Usage(format!("there is no lake at `{lake}` to be silent about")));
    }
    let now = Utc::now();
    let lasting = args.lasting.unwrap_or_default();
    let wish = SilenceWish {
        rule: args.rule,
        only: args.only,
        total: args.total,
        until: args.until.unwrap_or(now + lasting),
        reason: args.reason,
        author: author_or_user(args.author),
    };
    let (rules, _) = config.alerts(repute_query::REPRESENTATIVE_VOLUME)?;
    let wish = silences::sensible(wish, &rules, now).map_err(failure)?;
    let (id, _) = super::runtime()?.block_on(silences::add(document, &wish, now)).map_err(failure)?;
    output::print(&format!("{id}\n"))?;
    Ok(Exit::Done)
}

/// Who types this, as far as the system says.
fn author_or_user(author: Option<String>) -> String {
    let user = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).ok().filter(|name| !name.is_empty());
    author.or_else(user).unwrap_or_else(|| "command line".to_owned())
}

fn failure(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Mistake(Some(field), what) => Failure::Usage(format!("--{field}: {what}")),
        Refusal::Mistake(None, what) | Refusal::Missing(what) => Failure::Usage(what),
        Refusal::Changed(what) | Refusal::Unwritable(what) => Failure::Failed(anyhow::anyhow!(what)),
    }
}

/// A silence of the file, or one that somebody made.
struct Listed {
    silence: Silence,
    made: Option<MadeSilence>,
}

fn list(config: &Config, document: &Document, all: bool, format: Format) -> Result<Exit, Failure> {
    let now = Utc::now();
    let (_, of_file) = config.alerts(repute_query::REPRESENTATIVE_VOLUME)?;
    let made = super::runtime()?.block_on(silences::read(document)).map_err(|what| anyhow::anyhow!(what))?.all();
    let made = made.into_iter().map(|made| Listed { silence: made.silence.clone(), made: Some(made) });
    let listed = of_file.into_iter().map(|silence| Listed { silence, made: None }).chain(made);
    let listed: Vec<Listed> = listed.filter(|listed| all || now < over(listed)).collect();
    match format {
        Format::Json => output::print_json(&listed.iter().map(|listed| object(listed, now)).collect::<Value>())?,
        Format::Text if listed.is_empty() => output::print("no silence holds\n")?,
        Format::Text => {
            let header = ["id", "rule", "of", "until", "left", "by", "reason"].map(str::to_owned);
            let rows: Vec<Vec<String>> = listed.iter().map(|listed| row(listed, now)).collect();
            output::print(&output::table(&header, &rows, 7))?;
        }
    }
    Ok(Exit::Done)
}

fn over(listed: &Listed) -> DateTime<Utc> {
    listed.made.as_ref().map_or(listed.silence.until, MadeSilence::over)
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn whose(silence: &Silence) -> String {
    let value = |(dimension, value): &(Dimension, Option<String>)| {
        format!("{dimension} {}", value.as_deref().unwrap_or("(none)"))
    };
    let values: Vec<String> = silence.only.iter().map(value).collect();
    match (values.is_empty(), silence.total) {
        (true, false) => "all".to_owned(),
        (true, true) => "accounts as a whole".to_owned(),
        (false, _) => values.join(", "),
    }
}

fn row(listed: &Listed, now: DateTime<Utc>) -> Vec<String> {
    let Listed { silence, made } = listed;
    let until = over(listed);
    let left = match made.as_ref().and_then(|made| made.ended.as_ref()) {
        Some((_, by)) => format!("ended by {by}"),
        None if until <= now => "over".to_owned(),
        None => age(until - now),
    };
    vec![
        made.as_ref().map_or_else(|| "in the file".to_owned(), |made| made.id.clone()),
        silence.rule.clone().unwrap_or_else(|| "all".to_owned()),
        whose(silence),
        time(until),
        left,
        made.as_ref().map_or_else(String::new, |made| made.author.clone()),
        silence.reason.clone(),
    ]
}

fn object(listed: &Listed, now: DateTime<Utc>) -> Value {
    let Listed { silence, made } = listed;
    let only = silence.only.iter().map(|(dimension, value)| (dimension.to_string(), json!(value)));
    let ended = made.as_ref().and_then(|made| made.ended.as_ref());
    json!({
        "id": made.as_ref().map(|made| &made.id),
        "in_file": made.is_none(),
        "rule": silence.rule,
        "only": only.collect::<serde_json::Map<_, _>>(),
        "total": silence.total,
        "from": silence.from.map(time),
        "until": time(silence.until),
        "reason": silence.reason,
        "author": made.as_ref().map(|made| &made.author),
        "ended": ended.map(|(at, _)| time(*at)),
        "ended_by": ended.map(|(_, by)| by),
        "holds": now < over(listed),
    })
}
