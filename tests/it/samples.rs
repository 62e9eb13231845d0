//! Every sample file gets the verdict that was written for it by hand; everything together obeys the conservation law.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::dump::files;
use crate::program::{Run, command, repute, scratch};
use crate::tools::{python, run_python};

/// A line of `verdicts.tsv`, or what the program made of the file.
#[derive(Debug, PartialEq)]
struct Verdict {
    file: String,
    /// Records, events, rows, ignored, quarantined.
    counts: [u64; 5],
    classes: BTreeMap<String, u64>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/samples")
}

fn verdicts() -> Vec<Verdict> {
    let text = fs::read_to_string(folder().join("verdicts.tsv")).unwrap();
    let verdict = |line: &str| {
        let cells: Vec<_> = line.split('\t').collect();
        let classes = cells[6].split(' ').filter_map(|class| class.split_once('='));
        Verdict {
            file: cells[0].to_owned(),
            counts: [1, 2, 3, 4, 5].map(|column| cells[column].parse().unwrap()),
            classes: classes.map(|(name, count)| (name.to_owned(), count.parse().unwrap())).collect(),
        }
    };
    let verdicts: Vec<_> = text.lines().skip(1).map(verdict).collect();
    assert!(verdicts.len() > 80);
    verdicts
}

/// What the summary for people says: `records   3 read = 2 events + 0 duplicates + ...`.
fn verdict_of(file: &str, run: &Run) -> Verdict {
    let lines: BTreeMap<&str, &str> = run.stdout.lines().filter_map(|line| line.split_at_checked(10)).collect();
    let named = |line: &str| -> BTreeMap<String, u64> {
        let text = lines.get(line).copied().unwrap_or_default();
        let pairs = text.split([',', '=', '+']).filter_map(|pair| pair.trim().split_once(' '));
        pairs.map(|(count, name)| (name.to_owned(), count.parse().unwrap())).collect()
    };
    let records = named("records   ");
    let rows = lines["rows      "].split(' ').next().unwrap().parse().unwrap();
    let mut classes = named("bad       ");
    classes.extend(named("ignored   "));
    assert_eq!(
        records["read"],
        ["events", "duplicates", "quarantined", "ignored"].map(|part| records[part]).iter().sum::<u64>()
    );
    Verdict {
        file: file.to_owned(),
        counts: [records["read"], records["events"], rows, records["ignored"], records["quarantined"]],
        classes,
    }
}

/// Imports every sample into a lake of its own.
fn import_each(verdicts: &[Verdict]) -> (TempDir, Vec<(PathBuf, Run)>) {
    let lakes = scratch();
    let import = |verdict: &Verdict| {
        let lake = lakes.path().join(verdict.file.replace('/', "-"));
        (lake.clone(), Run::of(command().arg("import").arg(folder().join(&verdict.file)).arg("--lake").arg(lake)))
    };
    let runs = verdicts.iter().map(import).collect();
    (lakes, runs)
}

#[test]
fn every_sample_by_itself_gets_its_verdict() {
    let verdicts = verdicts();
    let (_lakes, runs) = import_each(&verdicts);
    let mut wrong = Vec::new();
    for (expected, (_, run)) in verdicts.iter().zip(&runs) {
        let code = if expected.counts[4] > 0 { 3 } else { 0 };
        let found = verdict_of(&expected.file, run);
        if &found != expected || run.code != code {
            wrong.push(format!("expected {expected:?}, exit {code}\nfound    {found:?}, exit {}", run.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_quarantine_tables(&verdicts, &runs);
}

/// Another Delta reader finds one quarantine row for each bad record, of the class of the verdict.
fn assert_quarantine_tables(verdicts: &[Verdict], runs: &[(PathBuf, Run)]) {
    let Some(python) = python() else { return };
    let bad: Vec<_> = verdicts.iter().zip(runs).filter(|(verdict, _)| verdict.counts[4] > 0).collect();
    let tables = run_python(&python, "quarantine.py", bad.iter().map(|(_, (lake, _))| lake));
    for ((verdict, _), rows) in bad.iter().zip(tables.as_array().unwrap()) {
        let mut classes = BTreeMap::new();
        for row in rows.as_array().unwrap() {
            *classes.entry(row["class"].as_str().unwrap().to_owned()).or_insert(0) += 1;
            assert!(row["object"].as_str().unwrap().ends_with(&verdict.file), "{row}");
            assert!(!row["message"].as_str().unwrap().is_empty(), "{row}");
        }
        let mut expected = verdict.classes.clone();
        expected.retain(|class, _| !["sms", "pinpoint", "control_message"].contains(&class.as_str()));
        assert_eq!(classes, expected, "{}", verdict.file);
    }
}

/// The samples repeat each other's events, so only sums are known: of records, of what is bad and of what is ignored.
#[test]
fn all_samples_at_once_are_accounted_for() {
    let verdicts = verdicts();
    let sum = |column: usize| verdicts.iter().map(|verdict| verdict.counts[column]).sum::<u64>();
    let lake = scratch();
    let run = repute(
        ["import", "--format", "json", "--lake", &lake.path().join("lake").to_string_lossy()]
            .into_iter()
            .map(str::to_owned)
            .chain(["events", "envelopes", "trouble"].map(|part| folder().join(part).to_string_lossy().into_owned())),
    );
    let summary = run.expect(3).json();
    assert_conserved(&summary);
    assert_eq!(summary["objects"]["imported"], verdicts.len());
    let records = &summary["records"];
    assert_eq!([&records["read"], &records["ignored"], &records["quarantined"]], [sum(0), sum(3), sum(4)]);
}

/// Payloads that others published, beside the checkout or where `REPUTE_SAMPLES` says.
#[test]
fn published_payloads_are_accounted_for() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples");
    let samples = std::env::var_os("REPUTE_SAMPLES").map_or(beside, PathBuf::from);
    if !samples.exists() {
        eprintln!("skipped: there are no published payloads beside the checkout");
        return;
    }
    let lakes = scratch();
    let everything = Run::of(
        command()
            .args(["import", "--max-bad", "1000", "--format", "json", "--lake"])
            .arg(lakes.path().join("all"))
            .arg(&samples),
    );
    assert_conserved(&everything.expect(0).json());
    for (number, file) in files(&samples).iter().filter(|path| !path.ends_with("INDEX.tsv")).enumerate() {
        let lake = lakes.path().join(number.to_string());
        let run = Run::of(command().args(["import", "--format", "json", "--lake"]).arg(&lake).arg(file));
        assert!([0, 3].contains(&run.code), "{}: exit {}, {}", file.display(), run.code, run.stderr);
        assert_conserved(&run.json());
    }
}

#[track_caller]
pub(crate) fn assert_conserved(summary: &Value) {
    let number = |group: &str, name: &str| summary[group][name].as_u64().unwrap();
    let records = ["events", "duplicates", "quarantined", "ignored"].map(|name| number("records", name));
    assert_eq!(number("records", "read"), records.iter().sum::<u64>(), "{summary}");
    let objects = ["imported", "skipped", "failed"].map(|name| number("objects", name));
    assert_eq!(number("objects", "listed"), objects.iter().sum::<u64>(), "{summary}");
}
