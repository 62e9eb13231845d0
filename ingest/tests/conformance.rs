//! Payloads that others captured or AWS documents, against verdicts decided by reading them.
//!
//! The payloads are not part of this repository, because their licences differ; `REPUTE_SAMPLES` names their folder.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use repute_ingest::{Limits, Verdict, read_object};

fn expected() -> BTreeMap<String, Vec<String>> {
    let lines = include_str!("conformance.tsv").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (file, verdicts) = line.split_once('\t').unwrap();
            let verdicts = verdicts.split(", ").flat_map(|verdict| match verdict.split_once(" * ") {
                Some((count, verdict)) => vec![verdict.to_owned(); count.parse().unwrap()],
                None => vec![verdict.to_owned()],
            });
            (file.to_owned(), verdicts.collect())
        })
        .collect()
}

fn verdicts(bytes: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    read_object(bytes, &Limits::default(), &mut |_, _, verdict| {
        all.push(match verdict {
            Verdict::Event(event) => format!("{} x{}", event.event_type, event.recipients.len()),
            Verdict::Ignored(class) => format!("ignored {}", class.as_str()),
            Verdict::Rejected(reject) => format!("rejected {}", reject.class.as_str()),
        });
    })
    .unwrap();
    all
}

#[test]
fn every_payload_is_what_it_is() {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/samples");
    let folder = std::env::var_os("REPUTE_SAMPLES").map_or(default, PathBuf::from);
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!("skipped: no samples in `{}`", folder.display());
        return;
    };
    let mut actual = BTreeMap::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            actual.insert(name, verdicts(&fs::read(&path).unwrap()));
        }
    }
    let expected = expected();
    for (name, verdicts) in &expected {
        assert_eq!(actual.get(name), Some(verdicts), "{name}");
    }
    assert_eq!(actual.len(), expected.len(), "a payload has no verdict in conformance.tsv");
}
