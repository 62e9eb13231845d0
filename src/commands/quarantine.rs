//! `repute quarantine`: bad records looked at, and imported once they can be read.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use repute_ingest::{
    ImportOptions, ImportSummary, Limits, Meter, SecondReading, fragment, import, read_again, read_mended, resolution,
};
use repute_lake::{KeptRecord, Lake, Location, Resolution};
use repute_query::thousands;
use serde_json::{Value, json};

use crate::cli::{
    Format, Global, QuarantineCommand, QuarantineListArgs, QuarantineRetryArgs, QuarantineShowArgs, RowFormat,
};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::{self, plain};

pub(super) fn run(global: &Global, config: &Config, command: &QuarantineCommand) -> Result<Exit, Failure> {
    let location = config.location(global)?;
    match command {
        QuarantineCommand::List(args) => list(&location, args),
        QuarantineCommand::Show(args) => show(&location, args),
        QuarantineCommand::Retry(args) => retry(&location, args),
    }
}

fn kept(location: &Location, with_raw: bool) -> Result<Vec<KeptRecord>, Failure> {
    Ok(super::runtime()?.block_on(async { Lake::open(location).await?.bad_records(with_raw).await })?)
}

fn list(location: &Location, args: &QuarantineListArgs) -> Result<Exit, Failure> {
    let since = args.since.map(|when| when.resolve(Utc::now()));
    let mut records = kept(location, false)?;
    records.retain(|KeptRecord { record, resolved, .. }| {
        args.class.as_ref().is_none_or(|class| record.class == *class)
            && args.object.as_ref().is_none_or(|text| record.object.name.contains(text))
            && since.is_none_or(|since| record.quarantined_at >= since)
            && (args.resolved || resolved.is_none())
    });
    let header = ["id", "when", "class", "object", "offset", "line", "part", "message", "resolved"].map(str::to_owned);
    match args.format {
        RowFormat::Json => output::print_json(&records.iter().map(record_json).collect())?,
        RowFormat::Csv => output::print_csv(&header, &records.iter().map(cells).collect::<Vec<_>>())?,
        RowFormat::Text if records.is_empty() => output::print("no bad records\n")?,
        RowFormat::Text => {
            let shown = header.len() - usize::from(!args.resolved);
            let rows: Vec<Vec<String>> = records.iter().map(|record| cells(record)[..shown].to_vec()).collect();
            output::print(&output::table(&header[..shown], &rows, shown))?;
        }
    }
    Ok(Exit::Done)
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn cells(KeptRecord { id, record, resolved }: &KeptRecord) -> Vec<String> {
    vec![
        id.clone(),
        time(record.quarantined_at),
        record.class.clone(),
        record.object.name.clone(),
        record.byte_offset.to_string(),
        record.line.to_string(),
        record.part.to_string(),
        record.message.clone(),
        resolved.as_ref().map_or_else(String::new, |(at, outcome)| format!("{} {outcome}", time(*at))),
    ]
}

fn record_json(KeptRecord { id, record, resolved }: &KeptRecord) -> Value {
    json!({
        "id": id,
        "quarantined_at": time(record.quarantined_at),
        "class": record.class,
        "object": record.object.name,
        "etag": record.object.etag,
        "byte_offset": record.byte_offset,
        "line": record.line,
        "part": record.part,
        "message": record.message,
        "resolved_at": resolved.as_ref().map(|(at, _)| time(*at)),
        "resolution": resolved.as_ref().map(|(_, outcome)| outcome),
    })
}

fn show(location: &Location, args: &QuarantineShowArgs) -> Result<Exit, Failure> {
    let found = kept(location, true)?.into_iter().find(|kept| kept.id == args.id).ok_or_else(|| absent(&args.id))?;
    let raw = &found.record.raw;
    if args.raw {
        let mut stdout = io::stdout().lock();
        stdout.write_all(raw)?;
        stdout.flush()?;
        return Ok(Exit::Done);
    }
    let is_cut = raw.len() >= Limits::default().max_raw;
    match args.format {
        Format::Json => {
            let mut value = record_json(&found);
            value["raw_base64"] = STANDARD.encode(raw).into();
            value["raw_is_cut"] = is_cut.into();
            output::print_json(&value)?;
        }
        Format::Text => {
            let names = ["id", "when", "class", "object", "offset", "line", "part", "message", "resolved"];
            let values = cells(&found);
            let fields = names.iter().zip(&values).filter(|(_, value)| !value.is_empty());
            let mut text: String = fields.map(|(name, value)| format!("{name:<9} {}\n", plain(value))).collect();
            let cut = if is_cut { ", the beginning of the record" } else { "" };
            text += &format!("bytes     {}{cut}\n\n{}\n", thousands(raw.len() as u64), escaped(raw));
            output::print(&text)?;
        }
    }
    Ok(Exit::Done)
}

/// Bytes as one line of text that does nothing to a terminal.
fn escaped(raw: &[u8]) -> String {
    let mut text = String::with_capacity(raw.len());
    for chunk in raw.utf8_chunks() {
        text += &plain(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text += &format!("\\x{byte:02x}"));
    }
    text
}

fn absent(id: &str) -> Failure {
    Failure::Usage(format!("no bad record has the id `{}`: see `repute quarantine list --resolved`", plain(id)))
}

/// What a retry did.
#[derive(Default)]
pub(super) struct Retried {
    pub(super) resolved: Vec<String>,
    /// Id, class and reason.
    pub(super) still_bad: Vec<(String, &'static str, String)>,
    pub(super) cut: Vec<String>,
    /// Made good by an earlier retry.
    pub(super) before: Vec<String>,
    pub(super) summary: ImportSummary,
}

fn retry(location: &Location, args: &QuarantineRetryArgs) -> Result<Exit, Failure> {
    if args.from.is_some() && args.ids.len() != 1 {
        return Err(Failure::Usage("--from holds one mended record, so give exactly one ID".to_owned()));
    }
    let mended = match &args.from {
        None => None,
        Some(path) => Some(
            std::fs::read(path).map_err(|e| Failure::Usage(format!("cannot read --from `{}`: {e}", path.display())))?,
        ),
    };
    let chosen = chosen(kept(location, true)?, args)?;
    let retried = super::runtime()?.block_on(read_and_import(location, chosen, mended.as_deref()))?;
    match args.format {
        Format::Json => output::print_json(&retried_json(&retried))?,
        Format::Text => output::print(&retried_text(&retried))?,
    }
    Ok(match retried {
        Retried { summary, .. } if !summary.failed.is_empty() => Exit::Failed,
        Retried { still_bad, cut, .. } if still_bad.len() + cut.len() > 0 => Exit::BadRecords,
        _ => Exit::Done,
    })
}

fn chosen(mut records: Vec<KeptRecord>, args: &QuarantineRetryArgs) -> Result<Vec<KeptRecord>, Failure> {
    if args.ids.is_empty() {
        records.retain(|kept| {
            kept.resolved.is_none() && args.class.as_ref().is_none_or(|class| kept.record.class == *class)
        });
        return Ok(records);
    }
    let known: HashSet<&str> = records.iter().map(|kept| kept.id.as_str()).collect();
    if let Some(id) = args.ids.iter().find(|id| !known.contains(id.as_str())) {
        return Err(absent(id));
    }
    records.retain(|kept| args.ids.contains(&kept.id));
    Ok(records)
}

pub(super) async fn read_and_import(
    location: &Location,
    chosen: Vec<KeptRecord>,
    mended: Option<&[u8]>,
) -> Result<Retried, Failure> {
    let now = Utc::now();
    let options = ImportOptions::new(1, now);
    let mut retried = Retried::default();
    let (mut objects, mut resolutions): (Vec<_>, Vec<Resolution>) = Default::default();
    for kept in chosen {
        if kept.resolved.is_some() {
            retried.before.push(kept.id);
            continue;
        }
        let reading = match mended {
            Some(mended) => read_mended(mended, &options.limits),
            None => read_again(&kept.record, &options.limits),
        };
        match reading {
            SecondReading::Good { events } => {
                objects.push(fragment(&kept, mended.unwrap_or(&kept.record.raw)));
                retried.resolved.push(kept.id.clone());
                resolutions.push(resolution(kept, events, mended.is_some()));
            }
            SecondReading::Bad(reject) => retried.still_bad.push((kept.id, reject.class.as_str(), reject.reason)),
            SecondReading::Cut => retried.cut.push(kept.id),
        }
    }
    if objects.is_empty() {
        return Ok(retried);
    }
    let mut lake = Lake::open_or_create(location, &[]).await?;
    retried.summary = import(&mut lake, objects, &options, &Arc::new(Meter::default())).await?;
    if retried.summary.failed.is_empty() {
        lake.resolve(resolutions, now).await?;
    } else {
        retried.resolved.clear();
    }
    Ok(retried)
}

fn retried_json(retried: &Retried) -> Value {
    let summary = &retried.summary;
    let still_bad = retried.still_bad.iter();
    json!({
        "retried": retried.resolved.len() + retried.still_bad.len() + retried.cut.len() + retried.before.len(),
        "resolved": retried.resolved,
        "still_bad": still_bad.map(|(id, class, why)| json!({"id": id, "class": class, "message": why})).collect::<Vec<_>>(),
        "cut": retried.cut,
        "resolved_before": retried.before,
        "records": {
            "read": summary.records,
            "events": summary.events,
            "duplicates": summary.duplicates,
            "quarantined": summary.quarantined,
            "ignored": summary.ignored,
        },
        "rows": summary.rows,
    })
}

fn retried_text(retried: &Retried) -> String {
    let number = |n: usize| thousands(n as u64);
    let (resolved, bad) = (retried.resolved.len(), retried.still_bad.len());
    let (cut, before) = (retried.cut.len(), retried.before.len());
    let summary = &retried.summary;
    let mut lines = vec![
        format!(
            "retried   {} bad records = {} resolved + {} still bad + {} kept only in part + {} resolved before",
            number(resolved + bad + cut + before),
            number(resolved),
            number(bad),
            number(cut),
            number(before)
        ),
        format!(
            "records   {} read = {} events + {} duplicates + {} quarantined + {} ignored",
            thousands(summary.records),
            thousands(summary.events),
            thousands(summary.duplicates),
            thousands(summary.quarantined),
            thousands(summary.ignored)
        ),
        format!("rows      {}", thousands(summary.rows)),
    ];
    lines.extend(retried.still_bad.iter().map(|(id, class, why)| format!("still bad {id} {class}: {}", plain(why))));
    lines.extend(retried.cut.iter().map(|id| {
        format!("in part   {id}: only its beginning was kept; mend it from its object and give it with --from FILE")
    }));
    lines.join("\n") + "\n"
}
