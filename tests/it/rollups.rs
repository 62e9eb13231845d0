//! Rows that were counted once, and then changed: by later imports, by compaction, by another writer that deletes some.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::dump;
use crate::program::{ask, import, on, scratch};
use crate::tools::{python, run_python};

/// Names of the files in which counts are kept.
fn kept(lake: &Path) -> Vec<String> {
    let Ok(keys) = fs::read_dir(lake.join("rollups")) else { return Vec::new() };
    let files = keys.flat_map(|key| fs::read_dir(key.unwrap().path()).unwrap());
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Sends by date, as the command line tells them.
fn sends(lake: &Path) -> Vec<(String, u64)> {
    let rows = ask(lake, "rates --window 1d --since 2020-01-01");
    let row = |row: &Value| {
        let date = row["window_start"].as_str().unwrap()[..10].to_owned();
        (date, row["counts"]["send"].as_u64().unwrap())
    };
    rows.as_array().unwrap().iter().map(row).filter(|(_, sends)| *sends > 0).collect()
}

#[test]
fn an_import_keeps_counts_that_answers_are_made_of() {
    let folder = scratch();
    let lake = folder.path().join("lake");
    let dump = dump::ndjson();
    import(&dump.path, &lake);
    let names = kept(&lake);
    assert!(names.iter().any(|name| name.starts_with("index-")), "{names:?}");
    let told = sends(&lake);
    assert!(told.iter().all(|(date, _)| names.iter().any(|name| name.starts_with(date.as_str()))), "{names:?}");
    assert_eq!(kept(&lake), names, "nothing is written where nothing is new");

    // Other verified domains make other classes of recipients.
    let other = ask(&lake, "reputation --verified corp.example");
    assert_ne!(other, ask(&lake, "reputation"));

    // What is kept may go, and questions may come from whoever cannot write.
    fs::remove_dir_all(lake.join("rollups")).unwrap();
    fs::write(lake.join("rollups"), "no folder").unwrap();
    assert_eq!(sends(&lake), told);
    fs::remove_file(lake.join("rollups")).unwrap();
    on(&lake, "lake fsck").expect(0);
    assert_eq!(sends(&lake), told);
    assert!(!kept(&lake).is_empty());
    on(&lake, "lake fsck").expect(0);
}

#[test]
fn rows_that_are_erased_leave_the_counts() {
    let Some(python) = python() else { return };
    let folder = scratch();
    let lake = folder.path().join("lake");
    import(&dump::ndjson().path, &lake);
    let before: u64 = sends(&lake).iter().map(|(_, sends)| sends).sum();
    on(&lake, "lake compact").expect(0);
    assert_eq!(sends(&lake).iter().map(|(_, sends)| sends).sum::<u64>(), before);
    let erased = run_python(&python, "erase.py", [lake.as_os_str(), "gmail.com".as_ref()]);
    assert!(erased["deleted"].as_u64().unwrap() > 1_000, "{erased}");
    let told = sends(&lake);
    let left = |date: &str| erased["left"][format!("Send {date}")].as_u64().unwrap();
    assert!(told.iter().all(|(date, sends)| *sends == left(date)), "{told:?} {erased}");
    assert!(told.iter().map(|(_, sends)| sends).sum::<u64>() < before);
    let gmail = ask(&lake, "rates --since 2020-01-01 --by recipient_domain --only recipient_domain=gmail.com");
    assert_eq!(gmail.as_array().unwrap().len(), 0);
}
