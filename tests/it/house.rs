//! The house keeps its order: dependencies point one way, and each rim has one owner.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::dump::files;

/// Members and what they may import of ours.
const MEMBERS: [(&str, &[&str]); 5] =
    [("lake", &[]), ("ingest", &["lake"]), ("query", &["lake"]), ("web", &["query"]), ("datasets", &[])];

/// The only folders at the top.
const FOLDERS: [&str; 8] = ["datasets", "docs", "ingest", "lake", "query", "src", "tests", "web"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn manifest(member: &str) -> toml::Table {
    fs::read_to_string(root().join(member).join("Cargo.toml")).unwrap().parse().unwrap()
}

/// Names of the crates that a member's code may use.
fn dependencies(member: &str) -> BTreeSet<String> {
    let manifest = manifest(member);
    let table = |name: &str| manifest.get(name).and_then(toml::Value::as_table).cloned().unwrap_or_default();
    table("dependencies").into_iter().chain(table("build-dependencies")).map(|(name, _)| name).collect()
}

/// The parts of Rust files, without their tests, that hold one of these words.
fn uses(folder: &str, words: &[&str]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for path in files(&root().join(folder)) {
        let is_test = path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("tests"));
        if path.extension().is_none_or(|extension| extension != "rs") || is_test {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        if code.lines().filter(is_code).any(|line| words.iter().any(|word| line.contains(word))) {
            found.insert(path.strip_prefix(root()).unwrap().to_owned());
        }
    }
    found
}

#[test]
fn dependencies_point_down_the_flow() {
    for (member, allowed) in MEMBERS {
        let ours: BTreeSet<_> =
            dependencies(member).iter().filter_map(|name| name.strip_prefix("repute-")).map(str::to_owned).collect();
        assert_eq!(ours, allowed.iter().map(|name| (*name).to_owned()).collect(), "{member}");
        assert_eq!(manifest(member)["package"]["name"].as_str(), Some(format!("repute-{member}").as_str()));
    }
}

#[test]
fn only_lake_writes_tables() {
    for (member, _) in MEMBERS {
        assert_eq!(dependencies(member).contains("deltalake"), member == "lake", "deltalake in {member}");
        // Firehose converts records to Parquet: objects to read, which are no tables of ours.
        let may_read = ["lake", "ingest"].contains(&member);
        assert_eq!(dependencies(member).contains("parquet"), may_read, "parquet in {member}");
    }
    assert!(!dependencies(".").iter().any(|name| ["deltalake", "parquet", "datafusion"].contains(&name.as_str())));
}

#[test]
fn only_ingest_reads_wire_structs() {
    for member in ["lake", "query"] {
        assert_eq!(uses(member, &["Deserialize"]), BTreeSet::new());
    }
    // Pages and programs send forms back, which come in at three doors.
    let doors = ["web/src/access", "web/src/api", "web/src/pages"];
    let is_door = |path: &PathBuf| doors.iter().any(|door| path.starts_with(door));
    assert!(uses("web", &["Deserialize"]).iter().all(is_door));
    // The examiner reads back its own truth, the command line its own configuration and memory; none knows SES's structs.
    let own = |path: &PathBuf| {
        path.ends_with("config.rs")
            || path.starts_with("src/config")
            || path.starts_with("src/notify")
            || path.ends_with("runs.rs")
    };
    assert!(uses("src", &["Deserialize"]).iter().all(own));
    assert!(!uses("ingest", &["Deserialize"]).is_empty());
}

#[test]
fn only_query_asks_questions() {
    for member in ["src", "ingest", "web", "datasets"] {
        assert_eq!(uses(member, &["datafusion", "SELECT "]), BTreeSet::new());
    }
}

#[test]
fn only_the_root_touches_the_world() {
    for (member, _) in MEMBERS {
        let world = [
            "env::var",
            "std::env",
            "Utc::now",
            "SystemTime::now",
            "println!",
            "io::stdout",
            "io::stderr",
            "process::exit",
        ];
        assert_eq!(uses(&format!("{member}/src"), &world), BTreeSet::new(), "{member}");
    }
}

#[test]
fn no_panics_are_written() {
    for member in ["src", "lake/src", "ingest/src", "query/src", "web/src"] {
        let panics = [".unwrap()", "panic!(", "todo!(", "unimplemented!(", "unreachable!("];
        assert_eq!(uses(member, &panics), BTreeSet::new());
    }
}

#[test]
fn no_other_folders() {
    let is_shown = |name: &String| !name.starts_with('.') && name != "target";
    let entries = fs::read_dir(root()).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir());
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(is_shown);
    assert!(names.collect::<BTreeSet<_>>().is_subset(&FOLDERS.map(str::to_owned).into_iter().collect()));
}
