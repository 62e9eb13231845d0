//! Damage to a lake's files: made on the disk, told by `lake fsck` with its file and its repair, never met with a panic or with
//! wrong numbers by any other command, and repaired by doing what was told.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, SystemTime};

use chrono::TimeDelta;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::dump::files;
use crate::mail::{Mail, object, time};
use crate::program::{PATIENCE, Run, Server, command, finish_within, import, on, poll, scratch};
use crate::tools::{python, run_python};

/// Mail of three objects: 4 + 3 + 2 sends, of which one in each object bounced.
const SENDS: u64 = 9;
const BOUNCES: u64 = 3;

/// Half an hour after the last of them.
const AFTER: &str = "2026-10-05T12:00:00Z";

/// A sound lake and the dump it was made of.
struct Made {
    folder: TempDir,
}

impl Made {
    fn lake(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    fn dump(&self) -> PathBuf {
        self.folder.path().join("dump")
    }
}

fn events(object: usize) -> String {
    let mails = (0..4 - object).map(|number| {
        let sent = time("2026-10-05T08:00:00Z") + TimeDelta::minutes((object * 60 + number) as i64);
        Mail::new(object * 10 + number, sent)
    });
    let mut lines: Vec<String> = mails.clone().map(|mail| mail.send()).collect();
    lines.extend(mails.take(1).map(|mail| mail.bounce("Permanent", "General")));
    lines.join("\n")
}

/// Three imports, so that the tables have the versions 0 to 3.
fn sound() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = Made { folder: scratch() };
        fs::create_dir(made.dump()).unwrap();
        for number in 0..3 {
            import(&object(&made.dump(), &format!("object-{number}"), events(number)), &made.lake());
        }
        made
    })
}

/// The same mail, then 48 further imports of one send each, so that the importer has written a checkpoint of version 50.
fn with_checkpoint() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = Made { folder: scratch() };
        copy(&sound().folder.path().join("lake"), &made.lake());
        copy(&sound().dump(), &made.dump());
        for number in 0..48 {
            let mail = Mail::new(100 + number, time("2026-10-05T11:00:00Z") + TimeDelta::seconds(number as i64));
            import(&object(&made.dump(), &format!("single-{number}"), mail.send()), &made.lake());
        }
        made
    })
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
}

fn log(lake: &Path, table: &str) -> Vec<PathBuf> {
    let mut log = files(&lake.join(table).join("_delta_log"));
    log.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    log
}

fn data(lake: &Path) -> Vec<PathBuf> {
    let mut data = files(&lake.join("events"));
    data.retain(|path| path.to_string_lossy().contains("event_date="));
    data
}

fn below(lake: &Path, file: &Path) -> String {
    file.strip_prefix(lake).unwrap().display().to_string()
}

/// Changes a file's bytes.
fn rewrite(file: &Path, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    fs::write(file, change(fs::read(file).unwrap())).unwrap();
}

/// What commands other than `fsck` do on a damaged lake.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Others {
    /// All refuse, and name the file.
    Refuse,
    /// Questions are refused with the file's name; an import that need not read the file goes on.
    RefuseQuestions,
    /// The damage bears on nothing: all is as in a sound lake.
    GoOn,
}

/// What mends it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mend {
    /// `lake fsck --repair`.
    Repair,
    /// `lake fsck --drop FILE`, then `import --again`.
    Drop,
    /// Only a backup.
    Backup,
}

struct Damage {
    name: &'static str,
    of: fn() -> &'static Made,
    /// Does the damage; gives the file it was done to.
    make: fn(&Path) -> PathBuf,
    kind: &'static str,
    says: &'static str,
    others: Others,
    mend: Mend,
}

fn last_entry(lake: &Path) -> PathBuf {
    log(lake, "events").pop().unwrap()
}

fn hint(lake: &Path) -> PathBuf {
    lake.join("events/_delta_log/_last_checkpoint")
}

fn damages() -> Vec<Damage> {
    let damage = |name, make: fn(&Path) -> PathBuf, kind, says, others, mend| Damage {
        name,
        of: sound,
        make,
        kind,
        says,
        others,
        mend,
    };
    let checkpointed = |damage: Damage| Damage { of: with_checkpoint, ..damage };
    vec![
        damage(
            "the last entry is cut in a line",
            |lake| {
                let file = last_entry(lake);
                rewrite(&file, |bytes| bytes[..bytes.len() / 2].to_vec());
                file
            },
            "last_log_entry",
            "is cut short in line 2",
            Others::Refuse,
            Mend::Drop,
        ),
        damage(
            "the last entry is cut between lines",
            |lake| {
                let file = last_entry(lake);
                rewrite(&file, |bytes| bytes[..bytes.iter().position(|b| *b == b'\n').unwrap()].to_vec());
                file
            },
            "last_log_entry",
            "written with 1 files and holds 0",
            Others::Refuse,
            Mend::Drop,
        ),
        damage(
            "the last entry is empty",
            |lake| {
                let file = last_entry(lake);
                rewrite(&file, |_| Vec::new());
                file
            },
            "last_log_entry",
            "is empty",
            Others::Refuse,
            Mend::Drop,
        ),
        damage(
            "the last entry is zeroed",
            |lake| {
                let file = last_entry(lake);
                rewrite(&file, |bytes| vec![0; bytes.len()]);
                file
            },
            "last_log_entry",
            "holds nothing but zeros",
            Others::Refuse,
            Mend::Drop,
        ),
        damage(
            "the last entry of the ledger is empty",
            |lake| {
                let file = log(lake, "objects").pop().unwrap();
                rewrite(&file, |_| Vec::new());
                file
            },
            "last_log_entry",
            "is empty",
            Others::Refuse,
            Mend::Drop,
        ),
        damage(
            "an entry in the middle is missing",
            |lake| {
                let file = log(lake, "events").remove(2);
                fs::remove_file(&file).unwrap();
                file
            },
            "log_gap",
            "is missing: version 2 of the log",
            Others::Refuse,
            Mend::Backup,
        ),
        damage(
            "an entry in the middle is empty",
            |lake| {
                let file = log(lake, "events").remove(2);
                rewrite(&file, |_| Vec::new());
                file
            },
            "log_entry",
            "is empty",
            Others::Refuse,
            Mend::Backup,
        ),
        checkpointed(damage(
            "the pointer to the checkpoint is no JSON",
            |lake| {
                rewrite(&hint(lake), |_| b"{\"version\":".to_vec());
                hint(lake)
            },
            "checkpoint_hint",
            "is no JSON object",
            Others::GoOn,
            Mend::Repair,
        )),
        checkpointed(damage(
            "the pointer to the checkpoint points nowhere",
            |lake| {
                rewrite(&hint(lake), |bytes| String::from_utf8(bytes).unwrap().replace("50", "49").into_bytes());
                hint(lake)
            },
            "checkpoint_hint",
            "a checkpoint of version 49, which is not there",
            Others::GoOn,
            Mend::Repair,
        )),
        checkpointed(damage(
            "the checkpoint is cut",
            |lake| {
                let file = lake.join(format!("events/_delta_log/{:020}.checkpoint.parquet", 50));
                rewrite(&file, |bytes| bytes[..bytes.len() / 2].to_vec());
                file
            },
            "spare_checkpoint",
            "cannot be read",
            Others::Refuse,
            Mend::Repair,
        )),
        checkpointed(damage(
            "the checkpoint is cut and the first entries are cleaned up",
            |lake| {
                fs::remove_file(&log(lake, "events")[0]).unwrap();
                let file = lake.join(format!("events/_delta_log/{:020}.checkpoint.parquet", 50));
                rewrite(&file, |bytes| bytes[..bytes.len() / 2].to_vec());
                file
            },
            "checkpoint",
            "cannot be read",
            Others::Refuse,
            Mend::Backup,
        )),
        damage(
            "a data file is missing",
            |lake| {
                let file = data(lake).remove(0);
                fs::remove_file(&file).unwrap();
                file
            },
            "file_missing",
            "is missing",
            Others::RefuseQuestions,
            Mend::Drop,
        ),
        damage(
            "a data file is cut",
            |lake| {
                let file = data(lake).remove(0);
                rewrite(&file, |bytes| bytes[..bytes.len() / 2].to_vec());
                file
            },
            "file_size",
            "and was written with",
            Others::RefuseQuestions,
            Mend::Drop,
        ),
        damage(
            "a data file is zeroed",
            |lake| {
                let file = data(lake).remove(0);
                rewrite(&file, |bytes| vec![0; bytes.len()]);
                file
            },
            "file_content",
            "does not hold the bytes that were written",
            Others::RefuseQuestions,
            Mend::Drop,
        ),
        damage(
            "the log has another row count",
            |lake| {
                let entry = log(lake, "events").remove(1);
                let text = fs::read_to_string(&entry).unwrap();
                assert!(text.contains("\\\"numRecords\\\":5"), "{text}");
                fs::write(&entry, text.replace("\\\"numRecords\\\":5", "\\\"numRecords\\\":6")).unwrap();
                let named = text.split("\"path\":\"").nth(1).unwrap().split('"').next().unwrap();
                lake.join("events").join(named)
            },
            "statistics",
            "holds 5 rows, and the log says 6",
            Others::GoOn,
            Mend::Drop,
        ),
    ]
}

fn fsck(lake: &Path, arguments: &str) -> Run {
    let run = on(lake, &format!("lake fsck{arguments}"));
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    run
}

fn counts(run: &Run) -> (u64, u64) {
    counts_of(&run.json())
}

fn counts_of(rates: &Value) -> (u64, u64) {
    let counts = &rates[0]["counts"];
    (counts["send"].as_u64().unwrap(), counts["hard_bounce"].as_u64().unwrap())
}

fn truth(of: &Made) -> (u64, u64) {
    let singles = if of.dump().join("single-0").exists() { 48 } else { 0 };
    (SENDS + singles, BOUNCES)
}

#[test]
fn each_damage_is_told_with_its_file_and_its_repair() {
    for damage in damages() {
        let (folder, made) = (scratch(), (damage.of)());
        let lake = folder.path().join("lake");
        copy(&made.lake(), &lake);
        let file = below(&lake, &(damage.make)(&lake));
        let name = damage.name;
        let found = fsck(&lake, " --format json").expect(3).json();
        let listed = found["damage"].as_array().unwrap();
        let told = listed.iter().find(|told| told["file"] == json!(file));
        let told = told.unwrap_or_else(|| panic!("{name}: {file} is not in {found:#}"));
        assert_eq!(told["kind"], damage.kind, "{name}");
        assert!(told["what"].as_str().unwrap().contains(damage.says), "{name}: {told}");
        assert_eq!(found["sound"], false);
        let expected = if name.contains("cleaned up") { 2 } else { 1 };
        assert!(listed.len() <= expected, "{name}: {found:#}");
        let text = fsck(&lake, "").expect(3).stdout;
        assert!(text.contains(&format!("damaged     `{file}`")), "{name}: {text}");
        let remedy = match damage.mend {
            Mend::Repair => "--repair`".to_owned(),
            Mend::Drop => format!("--drop {file}`"),
            Mend::Backup => "from a backup".to_owned(),
        };
        assert!(told["repair"].as_str().unwrap().contains(&remedy), "{name}: {told}");
        others(&damage, &lake, &file);
        served(&damage, &lake, &file);
        mend(&damage, made, &lake, &file);
    }
}

/// Questions and imports on a copy of the damaged lake.
fn others(damage: &Damage, lake: &Path, file: &str) {
    let (name, made) = (damage.name, (damage.of)());
    let names = |text: &str, what: &str| {
        assert!(text.contains(file), "{name}: {what} does not name {file}: {text}");
        assert!(text.contains("repute lake fsck"), "{name}: {what}: {text}");
    };
    let rates = on(lake, "rates --format json");
    let check = on(lake, &format!("check --at {AFTER}"));
    let folder = scratch();
    let later = Mail::new(900, time(AFTER)).send();
    let copied = folder.path().join("lake");
    copy(lake, &copied);
    let source = object(folder.path(), "later", later);
    let imported = on(&copied, &format!("import {} --quiet --format json", source.display()));
    for run in [&rates, &check, &imported] {
        assert!(!run.stderr.contains("panicked"), "{name}: {}", run.stderr);
        assert!(run.stderr.lines().count() <= 1, "{name}: {}", run.stderr);
    }
    assert_eq!(check.code, 3, "{name}: {}", check.stdout);
    if damage.others == Others::GoOn {
        assert_eq!(rates.code, 0, "{name}: {}", rates.stderr);
        assert_eq!(counts(&rates), truth(made), "{name}");
        assert_eq!(check.stdout, on(&made.lake(), &format!("check --at {AFTER}")).stdout, "{name}");
    } else {
        assert_eq!((rates.code, rates.stdout.as_str()), (4, ""), "{name}");
        names(&rates.stderr, "rates");
        assert!(check.stdout.starts_with("REPUTE UNKNOWN - "), "{name}: {}", check.stdout);
        names(&check.stdout, "check");
    }
    if damage.others == Others::Refuse {
        assert_eq!(imported.code, 4, "{name}: {}", imported.stdout);
        names(&imported.stderr, "import");
    } else {
        assert_eq!(imported.code, 0, "{name}: {}", imported.stderr);
        assert_eq!(imported.json()["records"]["events"], 1, "{name}");
    }
    if damage.kind.starts_with("file_") {
        // The first object under another name: the import must look into the damaged file for what it holds already.
        let copied = folder.path().join("other-lake");
        copy(lake, &copied);
        for number in 0..3 {
            let source = object(folder.path(), &format!("again-{number}"), events(number));
            let run = on(&copied, &format!("import {} --quiet", source.display()));
            assert!(!run.stderr.contains("panicked"), "{name}: {}", run.stderr);
            assert!([0, 4].contains(&run.code), "{name}: {}", run.stderr);
            if run.code == 4 {
                names(&run.stderr, "an overlapping import");
            }
        }
    }
}

/// A server on the damaged lake.
fn served(damage: &Damage, lake: &Path, file: &str) {
    let (name, made) = (damage.name, (damage.of)());
    if damage.others == Others::Refuse {
        let mut serve = command();
        serve.args(["serve", "--listen", "127.0.0.1:0", "--lake"]).arg(lake);
        let run = finish_within(serve.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap(), PATIENCE);
        assert_eq!(run.code, 4, "{name}: {}", run.stderr);
        assert!(run.stderr.contains(file) && run.stderr.contains("repute lake fsck"), "{name}: {}", run.stderr);
        return;
    }
    let server = Server::serve(lake, &format!("--at {AFTER}"));
    let (page, rates) = (server.get("/"), server.get("/api/v1/rates"));
    if damage.others == Others::GoOn {
        assert_eq!((page.status, rates.status), (200, 200), "{name}: {page:?}");
        assert_eq!(counts_of(&rates.json()), truth(made), "{name}");
    } else {
        assert_eq!((page.status, rates.status), (500, 500), "{name}: {page:?}");
        assert!(page.text.contains("No figure is shown") && page.text.contains("repute lake fsck"), "{name}: {page:?}");
        let file = Path::new(file).file_name().unwrap().to_str().unwrap();
        assert!(rates.text.contains(file), "{name}: {rates:?}");
    }
    assert!(!server.log().contains("panicked"), "{name}: {}", server.log());
}

/// A log that is damaged while it is served: no verdict and no figures for programs until it has been mended.
#[test]
fn a_server_notices_damage() {
    let (folder, made) = (scratch(), sound());
    let lake = folder.path().join("lake");
    copy(&made.lake(), &lake);
    let server = Server::serve(&lake, &format!("--at {AFTER}"));
    let rates = || server.get("/api/v1/rates");
    let sound = rates().json();
    assert_eq!(counts_of(&sound), truth(made));
    let entry = object(&lake.join("events/_delta_log"), "00000000000000000004.json", "");
    let problem = poll("the damage", PATIENCE, || Some(rates()).filter(|answer| answer.status == 503));
    assert_eq!(problem.json()["title"], "The lake cannot be read");
    let detail = problem.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("00000000000000000004.json"), "{detail}");
    for path in ["/api/v1/reputation", "/api/v1/check", "/charts/bounce-rate.svg"] {
        assert_eq!(server.get(path).status, 503, "{path}");
    }
    let page = server.get("/");
    assert_eq!(page.status, 200);
    for words in ["No verdict: the lake cannot be read", "00000000000000000004.json", "may be out of date"] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    assert_eq!(server.get("/healthz").status, 200);
    // It does not pass by itself.
    thread::sleep(Duration::from_secs(5));
    assert_eq!(rates().status, 503);
    assert_eq!(server.log().matches("cannot read the lake").count(), 1, "{}", server.log());
    fs::remove_file(entry).unwrap();
    let mended = poll("the repair", PATIENCE, || Some(rates()).filter(|answer| answer.status == 200));
    assert_eq!(mended.json(), sound);
    assert!(!server.get("/").text.contains("cannot be read"));

    // As when the disk it lies on is taken away.
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&lake, &elsewhere).unwrap();
    let problem = poll("the loss", PATIENCE, || Some(rates()).filter(|answer| answer.status == 503));
    assert_eq!(problem.json()["title"], "The lake cannot be read", "{problem:?}");
    fs::rename(&elsewhere, &lake).unwrap();
    let back = poll("the return", PATIENCE, || Some(rates()).filter(|answer| answer.status == 200));
    assert_eq!(back.json(), sound);
}

/// Does what was told, and finds the lake sound and complete.
fn mend(damage: &Damage, made: &Made, lake: &Path, file: &str) {
    let name = damage.name;
    match damage.mend {
        Mend::Backup => {
            fs::copy(made.lake().join(file), lake.join(file)).unwrap();
            if name.contains("cleaned up") {
                return;
            }
        }
        Mend::Repair => drop(fsck(lake, " --repair").expect(0)),
        Mend::Drop => {
            fsck(lake, &format!(" --drop {file}")).expect(0);
            on(lake, &format!("import {} --again --quiet", made.dump().display())).expect(0);
        }
    }
    fsck(lake, "").expect(0);
    let rates = on(lake, "rates --format json").expect(0);
    assert_eq!(counts(&rates), truth(made), "{name} was not repaired");
}

/// Another reader sees the same rows once the damage has been repaired as told.
#[test]
fn other_readers_read_a_repaired_lake() {
    let Some(python) = python() else { return };
    let (folder, made) = (scratch(), sound());
    let lake = folder.path().join("lake");
    copy(&made.lake(), &lake);
    let (entry, file) = (below(&lake, &last_entry(&lake)), below(&lake, &data(&lake)[0]));
    rewrite(&lake.join(&entry), |_| Vec::new());
    fsck(&lake, &format!(" --drop {entry}")).expect(0);
    on(&lake, &format!("import {} --again --quiet", made.dump().display())).expect(0);
    fs::remove_file(lake.join(&file)).unwrap();
    let dropped = fsck(&lake, &format!(" --drop {file}"));
    // The file may have been of the entry that was dropped, and then nothing misses it.
    assert!([0, 4].contains(&dropped.code), "{}", dropped.stderr);
    on(&lake, &format!("import {} --again --quiet", made.dump().display())).expect(0);
    fsck(&lake, "").expect(0);
    let read = run_python(&python, "readers.py", [&lake]);
    for reader in ["deltalake", "duckdb", "polars"] {
        assert_eq!(read["readers"][reader]["rows"], json!(SENDS + BOUNCES), "{reader}: {read}");
    }
    assert_eq!(read["repeated_keys"], 0);
}

/// No bit of a data file can change unnoticed by `fsck`; and what the figures without a window are made of is noticed when it is
/// read, too.
#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let (folder, made) = (scratch(), sound());
    let lake = folder.path().join("lake");
    copy(&made.lake(), &lake);
    let file = data(&lake).remove(0);
    let name = below(&lake, &file);
    let bytes = fs::read(&file).unwrap();
    let (mut refused, mut right) = (0, 0);
    for step in 0..60 {
        let at = bytes.len() * step / 60;
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (step % 8);
        fs::write(&file, &flipped).unwrap();
        let found = fsck(&lake, " --format json").expect(3).json();
        assert_eq!(found["damage"].as_array().unwrap().len(), 1, "byte {at}: {found:#}");
        assert_eq!(found["damage"][0]["file"], json!(name), "byte {at}");
        assert_eq!(found["damage"][0]["kind"], "file_content", "byte {at}");
        let rates = on(&lake, "rates --format json");
        assert!(!rates.stderr.contains("panicked"), "byte {at}: {}", rates.stderr);
        if rates.code == 0 {
            right += 1;
            assert_eq!(counts(&rates), truth(made), "byte {at}: wrong figures without a word");
        } else {
            refused += 1;
            assert_eq!(rates.code, 4, "byte {at}");
            assert!(rates.stderr.contains(&name), "byte {at}: {}", rates.stderr);
        }
    }
    println!("60 flipped bits: fsck found 60; `rates` refused {refused}, and gave the right figures {right} times");
    assert!(refused > 0);
}

/// A lake that was written before files carried a checksum: every page is decoded instead.
#[test]
fn files_without_a_checksum_are_decoded() {
    let (folder, made) = (scratch(), sound());
    let lake = folder.path().join("lake");
    copy(&made.lake(), &lake);
    for entry in log(&lake, "events") {
        let text = fs::read_to_string(&entry).unwrap();
        let lines = text.lines().map(|line| {
            let mut action: Value = serde_json::from_str(line).unwrap();
            if let Some(add) = action.get_mut("add") {
                add["tags"] = Value::Null;
            }
            action.to_string()
        });
        fs::write(&entry, lines.collect::<Vec<_>>().join("\n")).unwrap();
    }
    let sound = fsck(&lake, " --format json").expect(0).json();
    assert_eq!(sound["tables"][0]["files_without_checksum"], 3, "{sound:#}");
    let file = data(&lake).remove(0);
    rewrite(&file, |bytes| {
        let zeros = bytes.len() / 8..bytes.len() / 2;
        bytes.iter().enumerate().map(|(at, byte)| if zeros.contains(&at) { 0 } else { *byte }).collect()
    });
    let found = fsck(&lake, " --format json").expect(3).json();
    assert_eq!(found["damage"][0]["file"], json!(below(&lake, &file)));
}

fn age(file: &Path, age: Duration) {
    File::options().write(true).open(file).unwrap().set_modified(SystemTime::now() - age).unwrap();
}

const HOUR: Duration = Duration::from_secs(3_600);

/// A staged file goes once it is an hour old and no importer runs; nothing else goes with it.
#[test]
fn what_a_killed_import_left_is_swept_by_the_next() {
    let (folder, made) = (scratch(), sound());
    let lake = folder.path().join("lake");
    copy(&made.lake(), &lake);
    let day = data(&lake)[0].parent().unwrap().to_owned();
    let old = object(&day, "part-1.zstd.parquet#18", "half a file");
    let old_entry = object(&lake.join("events/_delta_log"), "00000000000000000004.json#77", "{");
    let fresh = object(&day, "part-2.zstd.parquet#18", "half a file");
    let no_stage = object(&lake, "notes#1", "not in a table");
    for file in [&old, &old_entry, &no_stage] {
        age(file, 2 * HOUR);
    }
    let found = fsck(&lake, " --format json").expect(0).json();
    let left: Vec<&str> = found["left_over"].as_array().unwrap().iter().map(|l| l["file"].as_str().unwrap()).collect();
    let mut expected = [&old, &old_entry, &fresh].map(|file| below(&lake, file));
    expected.sort();
    assert_eq!(left, expected);
    assert!(found["left_over"].as_array().unwrap().iter().all(|left| left["kind"] == "staged"));

    // While an importer holds its lease, nobody removes anything.
    let lease = File::options().append(true).open(lake.join(".repute.lock")).unwrap();
    lease.lock_shared().unwrap();
    fsck(&lake, " --repair").expect(0);
    import(&made.dump(), &lake);
    assert!(old.exists() && old_entry.exists() && fresh.exists());
    drop(lease);

    import(&made.dump(), &lake);
    assert!(!old.exists() && !old_entry.exists(), "the next import left them");
    assert!(fresh.exists() && no_stage.exists(), "somebody may still be writing it");
    age(&fresh, 2 * HOUR);
    let repaired = fsck(&lake, " --repair").expect(0).stdout;
    assert!(repaired.contains(&below(&lake, &fresh)), "{repaired}");
    assert!(!fresh.exists());
    assert_eq!(counts(&on(&lake, "rates --format json").expect(0)), (SENDS, BOUNCES));
}

/// A data file that was written and never committed is shown, and goes after a week; a file of an older version stays.
#[test]
fn a_file_that_no_entry_names_is_no_damage() {
    let (folder, made) = (scratch(), sound());
    let lake = folder.path().join("lake");
    copy(&made.lake(), &lake);
    let file = data(&lake).remove(0);
    let orphan = file.with_file_name("part-00000000-0000-4000-8000-000000000000.zstd.parquet");
    fs::copy(&file, &orphan).unwrap();
    let found = fsck(&lake, " --format json").expect(0).json();
    assert_eq!(found["sound"], true);
    assert_eq!(found["left_over"][0]["file"], json!(below(&lake, &orphan)));
    assert_eq!(found["left_over"][0]["kind"], "orphan");
    assert_eq!(counts(&on(&lake, "rates --format json").expect(0)), (SENDS, BOUNCES));
    age(&orphan, 24 * 6 * HOUR);
    fsck(&lake, " --repair").expect(0);
    assert!(orphan.exists(), "another writer may still commit it");
    age(&orphan, 24 * 8 * HOUR);
    for file in data(&lake) {
        age(&file, 24 * 8 * HOUR);
    }
    fsck(&lake, " --repair").expect(0);
    assert!(!orphan.exists());
    assert_eq!(fsck(&lake, " --format json").expect(0).json()["left_over"], json!([]));
    assert_eq!(counts(&on(&lake, "rates --format json").expect(0)), (SENDS, BOUNCES));
}

/// As from a backup that keeps no times, or that keeps those of another decade.
#[test]
fn new_file_times_are_no_damage() {
    let (folder, made) = (scratch(), with_checkpoint());
    let lake = folder.path().join("lake");
    copy(&made.lake(), &lake);
    for (number, file) in files(&lake).iter().enumerate() {
        age(file, HOUR * (number as u32 * 7_919 % 100_000));
    }
    let found = fsck(&lake, " --repair --format json").expect(0).json();
    assert_eq!((&found["left_over"], &found["done"]), (&json!([]), &json!([])));
    assert_eq!(counts(&on(&lake, "rates --format json").expect(0)), truth(made));
    let again = import(&made.dump(), &lake);
    // Three of the objects were imported from another folder, and are read again for that.
    assert_eq!((&again["objects"]["skipped"], &again["rows"]), (&json!(48), &json!(0)), "{again}");
    // The checkpoint keeps the checksums, so that a log that was cleaned up still proves its files.
    for entry in &log(&lake, "events")[..50] {
        fs::remove_file(entry).unwrap();
    }
    let found = fsck(&lake, " --format json").expect(0).json();
    let table = &found["tables"][0];
    assert_eq!((&table["files"], &table["files_without_checksum"]), (&json!(51), &json!(0)), "{found:#}");
    assert_eq!(counts(&on(&lake, "rates --format json").expect(0)), truth(made));
}

#[test]
fn what_is_no_lake_or_not_damaged_is_refused() {
    let (folder, made) = (scratch(), sound());
    let missing = fsck(&folder.path().join("nothing"), "").expect(4).stderr;
    assert!(missing.contains("no lake at"), "{missing}");
    let file = object(folder.path(), "file", "");
    fsck(&file, "").expect(4);
    let lake = folder.path().join("lake");
    copy(&made.lake(), &lake);
    let sound_file = below(&lake, &data(&lake)[0]);
    let refused = fsck(&lake, &format!(" --drop {sound_file}")).expect(4).stderr;
    assert!(refused.contains("no damaged data file"), "{refused}");
    fsck(&lake, "").expect(0);
    fs::remove_dir_all(lake.join("objects")).unwrap();
    let found = fsck(&lake, " --format json").expect(3).json();
    assert_eq!(found["damage"][0]["kind"], "table_missing");
    on(&lake, &format!("import {} --again --quiet", made.dump().display())).expect(0);
    fsck(&lake, "").expect(0);
    assert_eq!(counts(&on(&lake, "rates --format json").expect(0)), (SENDS, BOUNCES));
}

#[test]
fn statistics_are_those_of_the_files() {
    let made = sound();
    let shown = on(&made.lake(), "lake stats --format json").expect(0).json();
    let tables = shown["tables"].as_array().unwrap();
    let names: Vec<&Value> = tables.iter().map(|table| &table["table"]).collect();
    assert_eq!(names, ["events", "quarantine", "objects"]);
    let data = data(&made.lake());
    let bytes: u64 = data.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    let expected = json!({
        "table": "events", "version": 3, "files": 3, "small_files": 3, "rows": SENDS + BOUNCES, "bytes": bytes,
        "first_date": "2026-10-05", "last_date": "2026-10-05", "dates": 1,
    });
    assert_eq!(tables[0], expected);
    assert_eq!((&tables[2]["rows"], &tables[2]["first_date"]), (&json!(3), &Value::Null));
    let text = on(&made.lake(), "lake stats").expect(0).stdout;
    assert!(text.lines().nth(1).unwrap().starts_with("events"), "{text}");
    assert!(text.contains("2026-10-05 to 2026-10-05"), "{text}");
}
