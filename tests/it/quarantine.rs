//! Bad records after the import: listed, shown without harm, and imported once they can be read. Another reader of Delta tables says
//! what the tables hold.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::mail::{Mail, object, time};
use crate::program::{Run, command, import, import_ending, on, scratch};
use crate::samples::assert_conserved;
use crate::tools::{python, run_python};

fn mail(number: usize) -> Mail {
    Mail::new(number, time("2026-10-05T12:00:00Z"))
}

/// A good record, and three bad ones with what is hostile in them.
struct Case {
    folder: TempDir,
    lines: [Vec<u8>; 5],
}

impl Case {
    fn new() -> Self {
        let folder = scratch();
        let send = mail(2).send();
        let lines = [
            mail(1).send().into_bytes(),
            send.replace("\"Send\"", "\"\u{1b}[31m=cmd\u{202e}\"").into_bytes(),
            send.as_bytes()[..send.len() - 40].to_vec(),
            send.replace("2026-10-05T12:00:00.000Z", "2026-10-35T12:00:00.000Z").into_bytes(),
            [send.as_bytes(), b"\xff\x1b]0;x\x07"].concat(),
        ];
        let case = Self { folder, lines };
        object(case.folder.path(), "object", case.lines.join(&b"\n"[..]));
        case
    }

    fn imported() -> Self {
        let case = Self::new();
        let summary = import_ending(&case.source(), &case.lake(), 3);
        assert_conserved(&summary);
        // The last line is a good record and, after it, what is none.
        let counted = [&summary["records"]["events"], &summary["records"]["quarantined"]];
        assert_eq!(counted, [&json!(2), &json!(4)], "{summary}");
        case
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("object")
    }

    fn lake(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    fn list(&self, arguments: &str) -> Vec<Value> {
        let run = on(&self.lake(), &format!("quarantine list{arguments} --format json")).expect(0);
        run.json().as_array().unwrap().clone()
    }

    /// The id of the record that begins in this line.
    fn id(&self, line: u64) -> String {
        let listed = self.list(" --resolved");
        let found = listed.iter().find(|record| record["line"] == line).unwrap_or_else(|| panic!("{listed:#?}"));
        found["id"].as_str().unwrap().to_owned()
    }

    fn mended(&self, mail: &Mail) -> PathBuf {
        object(self.folder.path(), "mended", mail.send())
    }
}

/// Rows of the events table, and of the quarantine, as deltalake reads them.
fn read(python: &Path, lake: &Path) -> (Vec<Value>, Vec<Value>) {
    let table = |program| run_python(python, program, [lake])[0].as_array().unwrap().clone();
    (table("events.py"), table("quarantine.py"))
}

fn harmless(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || !(c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)))
}

#[test]
fn bad_records_are_listed_with_their_place() {
    let case = Case::imported();
    let listed = case.list("");
    let offsets: Vec<usize> = (0..5).map(|line| case.lines[..line].iter().map(|line| line.len() + 1).sum()).collect();
    let shown: Vec<Value> = listed.iter().take(3).map(|r| json!([r["line"], r["byte_offset"], r["class"]])).collect();
    let expected = [(2, "invalid_json"), (3, "truncated_json"), (4, "bad_time")];
    let expected: Vec<Value> = expected.iter().map(|(line, class)| json!([line, offsets[line - 1], class])).collect();
    assert_eq!(shown, expected);
    assert!(listed.iter().all(|r| r["object"].as_str().unwrap().ends_with("/object") && r["resolved_at"].is_null()));
    assert_eq!(case.list(" --class bad_time").len(), 1);
    assert_eq!(case.list(" --class bad_times").len(), 0);
    assert_eq!(case.list(" --object /object").len(), listed.len());
    assert_eq!(case.list(" --object nowhere").len(), 0);
    assert_eq!(case.list(" --since 1h").len(), listed.len());
    assert_eq!(case.list(" --since 2126-01-01").len(), 0);

    let text = on(&case.lake(), "quarantine list").expect(0).stdout;
    assert!(harmless(&text), "{text:?}");
    assert!(text.lines().next().unwrap().starts_with("id ") && text.contains(&case.id(4)), "{text}");
    let csv = on(&case.lake(), "quarantine list --format csv").expect(0).stdout;
    assert_eq!(csv.lines().next(), Some("id,when,class,object,offset,line,part,message,resolved"));
    assert_eq!(csv.lines().count(), listed.len() + 1);
    assert!(!csv.contains('\u{1b}'), "{csv:?}");
    assert_eq!(on(&case.lake(), "quarantine list --class none").expect(0).stdout, "no bad records\n");
}

#[test]
fn a_bad_record_is_shown_without_harm_and_its_bytes_exactly() {
    let case = Case::imported();
    for line in [2, 3, 4] {
        let id = case.id(line);
        let raw = command().args(["quarantine", "show", &id, "--raw", "--lake"]).arg(case.lake()).output().unwrap();
        assert_eq!(raw.stdout, case.lines[line as usize - 1], "line {line}");
        let text = on(&case.lake(), &format!("quarantine show {id}")).expect(0).stdout;
        assert!(harmless(&text), "{text:?}");
        assert!(text.contains("shop@shop.example"), "{text}");
        let shown = on(&case.lake(), &format!("quarantine show {id} --format json")).expect(0).json();
        assert_eq!(shown["id"], json!(id));
        assert_eq!(shown["raw_is_cut"], false);
    }
    let escaped = on(&case.lake(), &format!("quarantine show {}", case.id(2))).expect(0).stdout;
    assert!(escaped.contains("\\u{1b}[31m=cmd\\u{202e}"), "{escaped}");
    for id in ["ffff", "\u{1b}[31m"] {
        let unknown = on(&case.lake(), &format!("quarantine show {id}")).expect(2).stderr;
        assert!(unknown.contains("no bad record has the id") && harmless(&unknown), "{unknown:?}");
    }
}

fn retry(case: &Case, arguments: &str) -> Run {
    on(&case.lake(), &format!("quarantine retry {arguments} --format json"))
}

/// What cannot be read still is neither imported nor kept twice.
#[test]
fn what_is_still_bad_stays() {
    let Some(python) = python() else { return };
    let case = Case::imported();
    let before = read(&python, &case.lake());
    let bad = case.list("").len();
    let retried = retry(&case, "--all").expect(3).json();
    assert_eq!(retried["still_bad"].as_array().unwrap().len(), bad, "{retried:#}");
    assert_eq!((&retried["retried"], &retried["resolved"]), (&json!(bad), &json!([])));
    let one = retry(&case, "--class bad_time").expect(3).json();
    assert_eq!(one["still_bad"][0]["id"], json!(case.id(4)));
    assert_eq!(read(&python, &case.lake()), before);
    let text = on(&case.lake(), "quarantine retry --all").expect(3).stdout;
    assert!(harmless(&text) && text.contains(&format!("= 0 resolved + {bad} still bad")), "{text}");
    retry(&case, "ffff").expect(2);
    retry(&case, "").expect(2);
    retry(&case, "--all --from nowhere").expect(2);
}

/// A mended record is one new event, however often it is given.
#[test]
fn a_mended_record_is_imported_once() {
    let Some(python) = python() else { return };
    let case = Case::imported();
    let (events, kept) = read(&python, &case.lake());
    let bad = case.list("").len();
    let id = case.id(4);
    let still_bad = object(case.folder.path(), "worse", &case.lines[2]);
    retry(&case, &format!("{id} --from {}", still_bad.display())).expect(3);
    assert_eq!(read(&python, &case.lake()), (events.clone(), kept.clone()));

    let mended = case.mended(&mail(44));
    let first = retry(&case, &format!("{id} --from {}", mended.display())).expect(0).json();
    assert_eq!(first["resolved"], json!([id]));
    assert_eq!(first["records"], json!({"read": 1, "events": 1, "duplicates": 0, "quarantined": 0, "ignored": 0}));
    assert_eq!(first["rows"], 1);
    let after = read(&python, &case.lake());
    assert_eq!(after.0.len(), events.len() + 1);
    let row = after.0.iter().find(|row| row["recipient"] == "user44@example.com").unwrap();
    assert_eq!(row["source_object"], after.0[0]["source_object"], "it comes from the object it was in");
    assert_eq!(after.1.len(), kept.len() + 1, "one row says that it was resolved");
    let marks: Vec<&Value> = after.1.iter().filter(|row| row["class"] == "resolved").collect();
    assert_eq!((marks.len(), &marks[0]["line"], &marks[0]["raw"]), (1, &json!(4), &json!("")));

    let again = retry(&case, &format!("{id} --from {}", mended.display())).expect(0).json();
    assert_eq!((&again["resolved_before"], &again["records"]["read"]), (&json!([id]), &json!(0)));
    assert_eq!(read(&python, &case.lake()), after);
    assert_eq!(case.list("").len(), bad - 1);
    let shown = case.list(" --resolved").into_iter().find(|record| record["id"] == json!(id)).unwrap();
    assert_eq!(shown["resolution"], "mended and imported: 1 events");

    // Reading the object again neither forgets that nor keeps the bad record a second time.
    on(&case.lake(), &format!("import {} --again --quiet", case.source().display())).expect(3);
    assert_eq!(read(&python, &case.lake()), after);
    // And the mended record by another way is a duplicate.
    let other = import(&object(case.folder.path(), "elsewhere", mail(44).send()), &case.lake());
    assert_eq!((&other["records"]["events"], &other["records"]["duplicates"]), (&json!(0), &json!(1)));
}

/// What a retry that was killed before its mark leaves: the event is there, the record is not resolved yet.
#[test]
fn a_retry_that_was_killed_is_made_good_by_the_next() {
    let case = Case::imported();
    import(&object(case.folder.path(), "elsewhere", mail(44).send()), &case.lake());
    let (id, mended) = (case.id(4), case.mended(&mail(44)));
    let retried = retry(&case, &format!("{id} --from {}", mended.display())).expect(0).json();
    assert_eq!(retried["records"], json!({"read": 1, "events": 0, "duplicates": 1, "quarantined": 0, "ignored": 0}));
    assert_eq!((&retried["resolved"], &retried["rows"]), (&json!([id]), &json!(0)));
}

/// Rows as an older version would have left them, written by another program: what that version could not read, this one can.
#[test]
fn what_an_older_version_could_not_read_is_imported_now() {
    let Some(python) = python() else { return };
    let case = Case::imported();
    let wrapper = format!("[{},{{\"no\":\"event\"}},{}]", mail(71).send(), mail(72).send());
    let records = json!([
        {"offset": 10_000, "line": 70, "part": 0, "class": "not_ses", "raw": mail(70).send()},
        {"offset": 20_000, "line": 71, "part": 1, "class": "not_ses", "raw": wrapper},
        {"offset": 20_000, "line": 71, "part": 2, "class": "not_ses", "raw": wrapper},
        {"offset": 30_000, "line": 72, "part": 0, "class": "not_ses", "raw": "x".repeat(64 << 10)},
    ]);
    let file = object(case.folder.path(), "records.json", records.to_string());
    run_python(&python, "keep.py", [case.lake().as_os_str(), file.as_os_str()]);
    let before = read(&python, &case.lake());
    let retried = retry(&case, "--class not_ses").expect(3).json();
    let id = |line: u64, part: u64| {
        let listed = case.list(" --resolved");
        let found = listed.iter().find(|r| r["line"] == line && r["part"] == part).cloned();
        found.unwrap_or_else(|| panic!("{listed:#?}"))["id"].clone()
    };
    assert_eq!(retried["cut"], json!([id(72, 0)]));
    let resolved = retried["resolved"].as_array().unwrap();
    assert!(resolved.contains(&id(70, 0)), "{retried:#}");
    let after = read(&python, &case.lake());
    let new: Vec<&str> =
        after.0.iter().filter(|row| !before.0.contains(row)).filter_map(|row| row["recipient"].as_str()).collect();
    assert!(new.contains(&"user70@example.com"), "{new:?}");
    let sum = ["events", "duplicates", "quarantined", "ignored"]
        .map(|k| retried["records"][k].as_u64().unwrap())
        .iter()
        .sum::<u64>();
    assert_eq!(retried["records"]["read"], sum);
    println!("{retried}");
    let again = retry(&case, "--class not_ses").expect(3).json();
    assert_eq!((&again["resolved"], &again["rows"]), (&json!([]), &json!(0)), "{again:#}");
    assert_eq!(read(&python, &case.lake()), after);
    let mended = case.mended(&mail(73));
    let cut = id(72, 0).as_str().unwrap().to_owned();
    retry(&case, &format!("{cut} --from {}", mended.display())).expect(0);
    assert_eq!(case.list(" --class not_ses").iter().filter(|r| r["line"] == 72).count(), 0);
}

/// A record longer than what is kept of it.
#[test]
fn a_record_that_was_cut_says_so() {
    let folder = scratch();
    let long = mail(1).send().replace("Your order", &"order ".repeat(20_000)).replace("\"Send\"", "\"Sent\"");
    let source = object(folder.path(), "object", &long);
    let lake = folder.path().join("lake");
    import_ending(&source, &lake, 3);
    let listed = on(&lake, "quarantine list --format json").expect(0).json();
    let id = listed[0]["id"].as_str().unwrap();
    let shown = on(&lake, &format!("quarantine show {id} --format json")).expect(0).json();
    assert_eq!(shown["raw_is_cut"], true);
    let text = on(&lake, &format!("quarantine retry {id}")).expect(3).stdout;
    assert!(text.contains("only its beginning was kept"), "{text}");
    let mended = object(folder.path(), "mended", fs::read_to_string(&source).unwrap().replace("\"Sent\"", "\"Send\""));
    on(&lake, &format!("quarantine retry {id} --from {}", mended.display())).expect(0);
}
