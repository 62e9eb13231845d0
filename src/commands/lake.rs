//! `repute lake`: what a lake holds, whether it is sound, and small files put together.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::{DateTime, TimeDelta, Utc};
use repute_lake::{Compacted, CompactionMeter, Inspection, Lake, Location, Stray, TableStatistics};
use repute_query::thousands;
use serde_json::{Value, json};

use crate::cli::{CompactArgs, Format, FsckArgs, Global, LakeCommand, StatsArgs};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::{self, bytes, plain};
use crate::progress::{Moment, Progress, Work};

pub(super) fn run(global: &Global, config: &Config, command: &LakeCommand) -> Result<Exit, Failure> {
    let location = config.location(global)?;
    match command {
        LakeCommand::Stats(args) => stats(&location, args),
        LakeCommand::Fsck(args) => fsck(&location, args),
        LakeCommand::Compact(args) => compact(&location, args),
    }
}

fn stats(location: &Location, args: &StatsArgs) -> Result<Exit, Failure> {
    let tables = super::runtime()?.block_on(async { Lake::open(location).await?.statistics() })?;
    match args.format {
        Format::Json => {
            let tables: Vec<Value> = tables.iter().map(statistics_json).collect();
            output::print_json(&json!({"lake": location.to_string(), "tables": tables}))?;
        }
        Format::Text => output::print(&statistics_text(&tables))?,
    }
    Ok(Exit::Done)
}

fn statistics_json(table: &TableStatistics) -> Value {
    json!({
        "table": table.table,
        "version": table.version,
        "files": table.files,
        "small_files": table.small_files,
        "rows": table.rows,
        "bytes": table.bytes,
        "first_date": table.dates.map(|(first, _)| first.to_string()),
        "last_date": table.dates.map(|(_, last)| last.to_string()),
        "dates": table.partitions,
    })
}

fn statistics_text(tables: &[TableStatistics]) -> String {
    let header = ["table", "dates", "version", "files", "small files", "rows", "bytes"].map(str::to_owned);
    let rows: Vec<Vec<String>> = tables
        .iter()
        .map(|table| {
            let dates = table.dates.map_or_else(String::new, |(first, last)| format!("{first} to {last}"));
            vec![
                table.table.to_owned(),
                dates,
                thousands(table.version),
                thousands(table.files),
                thousands(table.small_files),
                table.rows.map_or_else(|| "unknown".to_owned(), thousands),
                bytes(table.bytes),
            ]
        })
        .collect();
    output::table(&header, &rows, 2)
}

fn compact(location: &Location, args: &CompactArgs) -> Result<Exit, Failure> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let done = super::runtime()?.block_on(async {
        let mut lake = Lake::open_for_writing(location).await?;
        let (objects, bytes) = lake.compaction_due()?;
        let meter = Arc::new(CompactionMeter::default());
        let seen = Arc::clone(&meter);
        let _progress =
            Progress::start(Work { bytes, objects, nouns: ["files", "rows"], is_all: true }, args.quiet, move || {
                Moment {
                    bytes: seen.bytes.load(Ordering::Relaxed),
                    objects: seen.files.load(Ordering::Relaxed),
                    events: seen.rows.load(Ordering::Relaxed),
                    ..Moment::default()
                }
            });
        lake.compact(Utc::now(), threads, &meter).await
    })?;
    match args.format {
        Format::Json => {
            let tables: Vec<Value> = done.iter().map(compacted_json).collect();
            output::print_json(&json!({"lake": location.to_string(), "tables": tables}))?;
        }
        Format::Text => output::print(&compacted_text(&done))?,
    }
    Ok(Exit::Done)
}

fn compacted_json(table: &Compacted) -> Value {
    json!({
        "table": table.table,
        "files_before": table.files.0,
        "files": table.files.1,
        "bytes_before": table.bytes.0,
        "bytes": table.bytes.1,
        "removed": table.removed,
    })
}

fn compacted_text(tables: &[Compacted]) -> String {
    let header = ["table", "files before", "files", "bytes before", "bytes", "old files removed"].map(str::to_owned);
    let rows: Vec<Vec<String>> = tables
        .iter()
        .map(|table| {
            vec![
                table.table.to_owned(),
                thousands(table.files.0),
                thousands(table.files.1),
                bytes(table.bytes.0),
                bytes(table.bytes.1),
                thousands(table.removed),
            ]
        })
        .collect();
    output::table(&header, &rows, 1)
}

fn fsck(location: &Location, args: &FsckArgs) -> Result<Exit, Failure> {
    let now = Utc::now();
    let (found, done) = super::runtime()?.block_on(async {
        let mut found = repute_lake::inspect(location).await?;
        let mut done = Vec::new();
        for file in &args.drop {
            done.push(repute_lake::drop_file(location, &found, file).await?);
        }
        if args.repair {
            let removed = repute_lake::repair(location, &found, now).await?;
            done.extend(removed.iter().map(|file| format!("`{file}` was removed")));
        }
        if !done.is_empty() {
            found = repute_lake::inspect(location).await?;
        }
        Ok::<_, repute_lake::LakeError>((found, done))
    })?;
    match args.format {
        Format::Json => output::print_json(&inspection_json(location, &found, &done))?,
        Format::Text => output::print(&inspection_text(&found, &done, now))?,
    }
    Ok(if found.damage.is_empty() { Exit::Done } else { Exit::DAMAGED })
}

fn inspection_json(location: &Location, found: &Inspection, done: &[String]) -> Value {
    let tables = found.tables.iter().map(|table| {
        json!({
            "table": table.table,
            "version": table.version,
            "files": table.files,
            "bytes": table.bytes,
            "files_without_checksum": table.without_checksum,
        })
    });
    let damage = found.damage.iter().map(|damage| {
        json!({"file": damage.file, "kind": damage.kind.as_str(), "what": damage.what, "repair": damage.repair})
    });
    let strays = found.strays.iter().map(|stray| {
        json!({
            "file": stray.file,
            "kind": if stray.is_staged { "staged" } else { "orphan" },
            "written": stray.written.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        })
    });
    json!({
        "lake": location.to_string(),
        "sound": found.damage.is_empty(),
        "tables": tables.collect::<Vec<_>>(),
        "damage": damage.collect::<Vec<_>>(),
        "left_over": strays.collect::<Vec<_>>(),
        "done": done,
    })
}

fn inspection_text(found: &Inspection, done: &[String], now: DateTime<Utc>) -> String {
    let mut lines: Vec<String> = done.iter().map(|done| plain(done).into_owned()).collect();
    for table in &found.tables {
        let unproven = match table.without_checksum {
            0 => String::new(),
            count => format!(", {} without a checksum: decoded instead", thousands(count)),
        };
        let (version, files) = (thousands(table.version), thousands(table.files));
        lines.push(format!("{:<11} version {version}, {files} files, {}{unproven}", table.table, bytes(table.bytes)));
    }
    for damage in &found.damage {
        lines.push(format!("damaged     `{}` {}", plain(&damage.file), plain(&damage.what)));
        lines.push(format!("            repair: {}", plain(&damage.repair)));
    }
    lines.extend(found.strays.iter().map(|stray| stray_line(stray, now)));
    let files: BTreeSet<&str> = found.damage.iter().map(|damage| damage.file.as_str()).collect();
    lines.push(match files.len() {
        0 => "sound".to_owned(),
        1 => "1 file is damaged; docs/reliability.md has more on repairs".to_owned(),
        count => format!("{} files are damaged; docs/reliability.md has more on repairs", thousands(count as u64)),
    });
    lines.join("\n") + "\n"
}

fn stray_line(stray: &Stray, now: DateTime<Utc>) -> String {
    let what = if stray.is_staged { "a write that never ended" } else { "a write that was never committed" };
    let age = now - stray.written;
    let remedy = if age >= stray.age_of_removal() {
        "`--repair` removes it".to_owned()
    } else {
        format!("`--repair` removes it once it is {} old", duration(stray.age_of_removal()))
    };
    format!("left over   `{}` is {what}, which no reader sees; {remedy}", plain(&stray.file))
}

fn duration(delta: TimeDelta) -> String {
    humantime::format_duration(delta.to_std().unwrap_or_default()).to_string()
}
