//! Sources whose files are not what they seem: nothing is read through them, and nothing is written outside the lake.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::mail::{Mail, time};
use crate::program::{Run, command, scratch};

fn event(number: usize) -> String {
    Mail::new(number, time("2026-10-05T12:00:00Z")).send()
}

/// Everything below a folder, but for what is below another.
fn below(folder: &Path, except: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(path) = pending.pop() {
        if path == except {
            continue;
        }
        if path.is_dir() && !path.is_symlink() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        found.insert(path);
    }
    found
}

#[test]
fn links_pipes_and_devices_are_left_out_with_a_reason() {
    let folder = scratch();
    let source = folder.path().join("source");
    fs::create_dir_all(source.join("2026/10/05")).unwrap();
    fs::write(source.join("2026/10/05/good"), event(1)).unwrap();
    // What a link leads to must not be read, be it within the source or outside.
    fs::write(folder.path().join("secret"), event(2)).unwrap();
    symlink(folder.path().join("secret"), source.join("link-out")).unwrap();
    symlink(source.join("2026"), source.join("link-in")).unwrap();
    symlink("/", source.join("link-root")).unwrap();
    symlink("nowhere", source.join("link-broken")).unwrap();
    let pipe = source.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut left_out = vec!["link-out", "link-in", "link-root", "link-broken", "pipe"];
    // A device that never ends; making one takes a right that not everybody has.
    let device = source.join("device");
    if Command::new("mknod").arg(&device).args(["c", "1", "5"]).output().unwrap().status.success() {
        left_out.push("device");
    }
    let lake = folder.path().join("lake");
    let before = below(folder.path(), &lake);
    let run = Run::of(command().args(["import", "--format", "json"]).arg(&source).arg("--lake").arg(&lake)).expect(0);
    assert_eq!(run.json()["records"]["events"], 1, "{}", run.stderr);
    for name in left_out {
        let told = run.stderr.lines().find(|line| line.contains(&format!("/{name}"))).unwrap_or_default();
        let reason = if name.starts_with("link") { "a symbolic link" } else { "not a regular file" };
        assert!(told.contains(reason), "{name}: {}", run.stderr);
    }
    assert_eq!(below(folder.path(), &lake), before);
}

/// Names that would lead elsewhere if somebody took them for addresses, or for more than names.
#[test]
fn names_are_only_names() {
    let folder = scratch();
    let source = folder.path().join("source");
    let deep = source.join("d".repeat(250)).join("e".repeat(250)).join("f".repeat(250));
    fs::create_dir_all(&deep).unwrap();
    let names: Vec<Vec<u8>> = [
        "..%2f..%2fescape",
        "%2e%2e%2fescape",
        "%2e%2e",
        "%00nul",
        "..",
        "...",
        "a\\..\\..\\escape",
        "event_date=2026-10-05",
        "line\nbreak\u{1b}[31m",
        "--lake",
        "~root",
        "$(touch escape)",
        "https:",
    ]
    .into_iter()
    .filter(|name| *name != "..")
    .map(|name| name.as_bytes().to_vec())
    .chain([b"not utf-8 \xff\xfe".to_vec()])
    .collect();
    for (number, name) in names.iter().enumerate() {
        fs::write(source.join(std::ffi::OsStr::from_bytes(name)), event(number)).unwrap();
    }
    fs::write(deep.join("g".repeat(250)), event(names.len())).unwrap();
    let lake = folder.path().join("lake");
    let before = below(folder.path(), &lake);
    let mut import = command();
    import
        .current_dir(folder.path())
        .args(["import", "--quiet", "--format", "json"])
        .arg(&source)
        .arg("--lake")
        .arg(&lake);
    let run = Run::of(&mut import).expect(0);
    let summary: Value = run.json();
    // Every name that begins with a dot is left out, as Hadoop's are; the deep one is beside those of the list.
    let taken = names.iter().filter(|name| !name.starts_with(b".")).count() + 1;
    assert_eq!(summary["records"]["events"], taken, "{summary}");
    assert_eq!(below(folder.path(), &lake), before);
    assert!(below(&lake.join("events"), &lake).iter().all(|path| !path.to_string_lossy().contains("escape")));
    assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
}
