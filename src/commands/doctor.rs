//! `repute doctor`: why a dashboard is empty or a rate impossible; of a lake, or of a dump that was not imported.

use std::path::Path;

use chrono::{DateTime, Utc};
use repute_ingest::{
    Bounds, Examined, ExaminedEvents, Limits, Listing, OddTimes, examine, list, list_bucket_part, sample,
};
use repute_lake::{Lake, LakeError};
use repute_query::{
    Advice, Around, DumpFacts, EventFacts, Late, SampledObject, Seen, SendingDelays, Severity, Watch, damaged_lake,
    diagnose, doctor_report, dump_advice, dump_report, no_lake, thousands,
};
use serde_json::json;

use super::notifying::{MAX_SILENCE, last_check};
use crate::aws;
use crate::cli::{DoctorArgs, Format, Global};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::{self, bytes, plain};
use crate::runs::Runs;

/// Of a bucket so many names are listed from its beginning.
const MOST_LISTED: usize = 100_000;

/// Lines are no longer than this, as far as words allow.
const WIDTH: usize = 100;

pub(super) fn run(global: &Global, config: &Config, args: &DoctorArgs) -> Result<Exit, Failure> {
    let now = args.volume.at.unwrap_or_else(Utc::now);
    match &args.source {
        Some(source) => match source.to_str().and_then(|text| text.strip_prefix("firehose://")) {
            Some(stream) => super::stream::examine(args, stream),
            None => of_dump(config, args, source, now),
        },
        None => of_lake(global, config, args, now),
    }
}

fn around(config: &Config, args: &DoctorArgs, now: DateTime<Utc>) -> Result<Around, Failure> {
    let last_sends = config.last_sends(&args.volume);
    let (rules, silences) = config.alerts(last_sends)?;
    Ok(Around {
        now,
        max_age: config.max_age(args.max_age),
        last_sends,
        rules,
        silences,
        sent: config.sent(),
        checks: None,
        receivers: Some(config.receivers()),
        runs: Vec::new(),
        watched: Vec::new(),
    })
}

fn of_lake(global: &Global, config: &Config, args: &DoctorArgs, now: DateTime<Utc>) -> Result<Exit, Failure> {
    let location = config.location(global)?;
    let mut around = around(config, args, now)?;
    let place = location.to_string();
    let found = super::runtime()?.block_on(async {
        let lake = match Lake::open(&location).await {
            Ok(lake) => lake,
            Err(LakeError::Missing(_)) => return Ok(vec![no_lake(&place)]),
            Err(LakeError::Damaged { damage }) => {
                return Ok(vec![damaged_lake(&format!("`{}` {}", damage.file, damage.what), &damage.repair)]);
            }
            Err(error) => return Err(Failure::from(error)),
        };
        around.runs = Runs::default().newest(&location).await.unwrap_or_default();
        let document = crate::notify::document(&config.memory(global)?)?;
        // A memory that cannot be read says nothing about checks.
        around.checks =
            last_check(&document).await.ok().map(|last| Watch { last: last.map(|last| last.at), limit: MAX_SILENCE });
        let reader = super::reader_with_books(&lake, config, &args.counting).await?;
        Ok(diagnose(&reader, &around).await?)
    })?;
    match args.format {
        Format::Json => {
            let mut report = json!({"lake": place});
            extend(&mut report, doctor_report(&found));
            output::print_json(&report)?;
        }
        Format::Text => output::print(&format!("{}\n{}", head("lake", &place, &found), text(&found)))?,
    }
    Ok(ending(&found))
}

fn of_dump(config: &Config, args: &DoctorArgs, source: &Path, now: DateTime<Utc>) -> Result<Exit, Failure> {
    let around = around(config, args, now)?;
    let place = source.to_string_lossy().into_owned();
    let newest = usize::from(args.objects).div_ceil(3);
    let bounds = Bounds { newest, spread: usize::from(args.objects) - newest, ..Bounds::default() };
    let facts = super::runtime()?.block_on(async {
        let (listing, is_cut) = listed(&place, source).await?;
        let facts = tokio::task::spawn_blocking(move || look(place, &listing, is_cut, &bounds, now));
        facts.await.map_err(|error| Failure::from(anyhow::Error::from(error)))
    })?;
    let found = dump_advice(&facts, &around);
    match args.format {
        Format::Json => {
            let mut report = json!({"source": dump_report(&facts)});
            extend(&mut report, doctor_report(&found));
            output::print_json(&report)?;
        }
        Format::Text => {
            let text = format!("{}\n{}{}", head("dump", &facts.place, &found), described(&facts), text(&found));
            output::print(&text)?;
        }
    }
    Ok(ending(&found))
}

pub(super) fn extend(report: &mut serde_json::Value, more: serde_json::Value) {
    if let (Some(report), serde_json::Value::Object(more)) = (report.as_object_mut(), more) {
        report.extend(more);
    }
}

pub(super) fn ending(found: &[Advice]) -> Exit {
    if found.iter().any(|advice| advice.severity.is_finding()) { Exit::FINDINGS } else { Exit::Done }
}

/// What there is at a place, and whether there is more.
async fn listed(place: &str, source: &Path) -> Result<(Listing, bool), Failure> {
    match place.split_once("://") {
        Some(("s3" | "s3a", place)) => {
            let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
            if bucket.is_empty() {
                return Err(Failure::Usage("name a bucket, as in s3://bucket/prefix".to_owned()));
            }
            Ok(list_bucket_part(&aws::s3().await, bucket, prefix, MOST_LISTED).await?)
        }
        Some((scheme, _)) => Err(Failure::Usage(format!(
            "`{}`: {scheme}:// cannot be looked into; give a directory, a file, s3://bucket/prefix or firehose://STREAM",
            plain(place)
        ))),
        None => Ok((list(source)?, false)),
    }
}

/// Reads a sample of what was listed.
fn look(place: String, listing: &Listing, is_cut: bool, bounds: &Bounds, now: DateTime<Utc>) -> DumpFacts {
    let limits = Limits { latest: Some(now + chrono::TimeDelta::days(1)), max_raw: 16 << 20, ..Limits::default() };
    let odd = OddTimes { late: Late::AFTER, before: Late::BEFORE };
    let mut events = ExaminedEvents::default();
    let mut facts = DumpFacts {
        place,
        objects: listing.objects.len() as u64,
        bytes: listing.objects.iter().map(|object| object.size).sum(),
        is_cut,
        refused: listing.refused.iter().map(|(path, why)| (path.display().to_string(), (*why).to_owned())).collect(),
        ..DumpFacts::default()
    };
    for place in sample(listing.objects.len(), bounds) {
        let Some(object) = listing.objects.get(place) else { continue };
        let looked = examine(object, &limits, bounds, odd, &mut events);
        let sampled = SampledObject { name: object.key.name.clone(), size: object.size, ..SampledObject::default() };
        facts.sample.push(match looked {
            Ok(found) => with(sampled, found),
            Err(why) => SampledObject { failure: Some(crate::exit::without_markup(&why.to_string())), ..sampled },
        });
    }
    facts.events = event_facts(&events);
    facts
}

fn with(object: SampledObject, found: Examined) -> SampledObject {
    let owned = |(class, count): (&'static str, u64)| (class.to_owned(), count);
    SampledObject {
        decoded: found.decoded,
        compression: found.compression.to_owned(),
        framing: found.framing.to_owned(),
        envelopes: found.envelopes,
        records: found.records,
        events: found.events,
        bad: found.bad.into_iter().map(|(class, why)| (class.to_owned(), why)).collect(),
        ignored: found.ignored.into_iter().map(owned).collect(),
        is_cut: found.is_cut,
        span: found.span,
        ..object
    }
}

fn event_facts(events: &ExaminedEvents) -> EventFacts {
    let seen = |(all, are): (u64, u64)| Seen { all, are };
    let (all, late, before) = events.delays;
    EventFacts {
        days: events.days.clone(),
        span: events.span,
        without_set: events.without_set.clone(),
        accounts: events.accounts.clone(),
        twice: seen(events.twice()),
        tagged: seen(events.tagged),
        delays: SendingDelays { all, late, before },
        complaint_eligible: 0,
        is_sample: true,
    }
}

/// `lake ./lake: 1 problem, 2 warnings, 1 note`.
pub(super) fn head(kind: &str, place: &str, found: &[Advice]) -> String {
    let number = |severity: Severity| found.iter().filter(|advice| advice.severity == severity).count() as u64;
    let numbers = [(Severity::Problem, "problem"), (Severity::Warning, "warning"), (Severity::Note, "note")]
        .map(|(severity, noun)| (number(severity), noun))
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, noun)| repute_query::count(number, noun));
    let numbers: Vec<String> = numbers.collect();
    let told = if numbers.is_empty() { "nothing found".to_owned() } else { numbers.join(", ") };
    format!("{kind} {}: {told}\n", plain(place))
}

pub(super) fn text(found: &[Advice]) -> String {
    let one = |advice: &Advice| {
        let mut lines =
            vec![format!("{:<8} {} ({})", advice.severity.as_str().to_uppercase(), plain(&advice.title), advice.check)];
        lines.extend(advice.evidence.iter().flat_map(|evidence| wrapped("         - ", &plain(evidence))));
        lines.extend(wrapped("         To do: ", &plain(&advice.remedy)));
        lines.join("\n") + "\n"
    };
    found.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// The text behind a beginning, in lines whose further ones are indented as far.
fn wrapped(first: &str, text: &str) -> Vec<String> {
    let indent = " ".repeat(first.len());
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, indent.clone()));
            is_empty = true;
        }
        line += if is_empty { "" } else { " " };
        line += word;
        is_empty = false;
    }
    lines.push(line);
    lines
}

/// What a dump is made of, as far as the sample says.
fn described(facts: &DumpFacts) -> String {
    let more = if facts.is_cut { " or more" } else { "" };
    let mut lines = vec![format!("objects   {}{more}, {}", thousands(facts.objects), bytes(facts.bytes))];
    let read: u64 = facts.sample.iter().map(|object| object.size).sum();
    let decoded: u64 = facts.sample.iter().map(|object| object.decoded).sum();
    lines.push(format!(
        "looked at {} of them: {} stored, {} decoded{}",
        thousands(facts.sample.len() as u64),
        bytes(read),
        bytes(decoded),
        if facts.sample.iter().any(|object| object.is_cut) { " (of large ones only the beginning)" } else { "" }
    ));
    let told = |name: &str, values: Vec<(String, u64)>| {
        let mut counts = std::collections::BTreeMap::new();
        values
            .into_iter()
            .filter(|(value, _)| !value.is_empty())
            .for_each(|(value, n)| *counts.entry(value).or_insert(0) += n);
        let words: Vec<String> = counts.iter().map(|(value, n)| format!("{} {value}", thousands(*n))).collect();
        (!words.is_empty()).then(|| format!("{name:<9} {}", plain(&words.join(", "))))
    };
    let each = |value: fn(&SampledObject) -> &String| facts.sample.iter().map(|o| (value(o).clone(), 1)).collect();
    lines.extend(told("stored as", each(|object| &object.compression)));
    lines.extend(told("framing", each(|object| &object.framing)));
    let envelopes = facts.sample.iter().flat_map(|object| &object.envelopes);
    lines.extend(told("envelopes", envelopes.map(|(name, n)| (name.clone(), *n)).collect()));
    let bad: u64 = facts.bad().values().map(|(n, _)| n).sum();
    let ignored: u64 = facts.ignored().values().sum();
    lines.push(format!(
        "records   {} read = {} events + {} bad + {} left out",
        thousands(facts.records()),
        thousands(facts.event_records()),
        thousands(bad),
        thousands(ignored)
    ));
    let types = repute_lake::EventType::ALL.into_iter().map(|of| (of.to_string(), facts.events.rows(of)));
    lines.extend(told("rows", types.filter(|(_, rows)| *rows > 0).collect()));
    if let Some((first, last)) = facts.events.span {
        let time = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M UTC");
        lines.push(format!("events    {} to {}", time(first), time(last)));
    }
    lines.join("\n") + if facts.sample.is_empty() { "\n" } else { "\n\n" }
}
