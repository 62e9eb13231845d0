//! The doctor: findings of lakes and dumps made by hand with one thing wrong, on the command line, on the page and over HTTP.

use std::fs;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::dump::{self, VERIFIED};
use crate::mail::{Lake, Mail, object, time};
use crate::program::{Run, Server, command, import_ending, on, repute, scratch};
use crate::s3::server;
use crate::servers::Who;

const NOON: &str = "2026-10-05T12:00:00Z";

fn noon() -> DateTime<Utc> {
    time(NOON)
}

/// Findings by name, each with its severity and evidence.
struct Found(Value);

impl Found {
    /// Of a lake as of an hour after noon, with an exit code.
    #[track_caller]
    fn of(lake: &Path, code: i32) -> Self {
        Self::with(lake, "--at 2026-10-05T13:00:00Z", code)
    }

    #[track_caller]
    fn with(lake: &Path, arguments: &str, code: i32) -> Self {
        Self(on(lake, &format!("doctor {arguments} --format json")).expect(code).json())
    }

    /// Of a dump, every object of which is looked at.
    #[track_caller]
    fn of_dump(source: &Path, code: i32) -> Self {
        let mut command = command();
        command.arg("doctor").arg(source).args([
            "--objects",
            "10000",
            "--at",
            "2026-11-01T00:00:00Z",
            "--format",
            "json",
        ]);
        Self(Run::of(&mut command).expect(code).json())
    }

    fn names(&self) -> Vec<&str> {
        self.0["findings"].as_array().unwrap().iter().map(|f| f["check"].as_str().unwrap()).collect()
    }

    #[track_caller]
    fn one(&self, name: &str) -> &Value {
        let found = self.0["findings"].as_array().unwrap().iter().find(|f| f["check"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {:#}", self.0))
    }

    #[track_caller]
    fn evidence(&self, name: &str) -> String {
        let lines = self.one(name)["evidence"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Mail of one day, an hour before noon: sends, deliveries, one hard bounce.
fn healthy() -> Vec<String> {
    let mut events = Vec::new();
    for number in 0..200 {
        let mail = Mail::new(number, noon() - TimeDelta::minutes(30) + TimeDelta::seconds(number as i64));
        events.push(mail.send());
        events.push(if number == 7 { mail.bounce("Permanent", "General") } else { mail.delivery() });
    }
    events
}

#[test]
fn a_lake_that_is_not_there_is_told_with_its_remedy() {
    let folder = scratch();
    let lake = folder.path().join("nothing");
    let found = Found::of(&lake, 1);
    assert_eq!(found.names(), ["no_lake"]);
    assert!(!lake.exists(), "the doctor made a lake");
    let text = on(&lake, "doctor").expect(1).stdout;
    assert!(text.contains("1 problem") && text.contains("PROBLEM  There is no lake yet (no_lake)"), "{text}");
    assert!(text.contains("To do: Import something: `repute import SOURCE --lake LAKE`."), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    repute(["doctor"]).expect(2);
    repute(["doctor", "/nowhere/at/all"]).expect(4);
    repute(["doctor", "ftp://host/x"]).expect(2);
    repute(["doctor", "s3://"]).expect(2);
}

#[test]
fn a_sound_lake_has_notes_at_most() {
    let lake = Lake::of(&healthy());
    let found = Found::of(&lake.path(), 0);
    let notes: Vec<&Value> = found.0["findings"].as_array().unwrap().iter().map(|f| &f["severity"]).collect();
    assert!(notes.iter().all(|severity| **severity == json!("note")), "{:#}", found.0);
    assert_eq!(
        (&found.0["problems"], &found.0["warnings"], &found.0["notes"]),
        (&json!(0), &json!(0), &json!(notes.len()))
    );
    // Nobody told what was sent, what is verified, or whom to tell; there is little mail, and no tag.
    for name in ["coverage", "verified_identities", "nobody_is_told", "nothing_eligible", "no_tags"] {
        found.one(name);
    }
    assert!(found.evidence("nothing_eligible").contains("200 sends = 200 eligible"), "{:#}", found.0);
    for finding in found.0["findings"].as_array().unwrap() {
        for field in ["title", "remedy"] {
            assert!(!finding[field].as_str().unwrap().is_empty(), "{finding:#}");
        }
        assert!(!finding["evidence"].as_array().unwrap().is_empty(), "{finding:#}");
        let book = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/doctor.md")).unwrap();
        let section = format!("\n### {}\n", finding["check"].as_str().unwrap());
        assert!(book.contains(&section), "{section}");
    }
}

#[test]
fn deliveries_without_sends_make_rates_impossible() {
    let events: Vec<String> = healthy().into_iter().filter(|event| !event.contains("\"Send\"")).collect();
    let lake = Lake::of(&events);
    let found = Found::of(&lake.path(), 1);
    assert_eq!(found.0["problems"], 1, "{:#}", found.0);
    assert!(found.evidence("missing_sends").contains("200 rows in the lake: 199 Delivery, 1 Bounce"), "{:#}", found.0);
}

/// The same bounces as events of a configuration set and as identity notifications, which have no tags.
#[test]
fn both_routes_are_seen() {
    let mut events = healthy();
    let notified = |mail: &Mail| {
        let mut event: Value = serde_json::from_str(&mail.bounce("Permanent", "General")).unwrap();
        event["notificationType"] = event["eventType"].take();
        event.as_object_mut().unwrap().remove("eventType");
        event["mail"].as_object_mut().unwrap().remove("tags");
        event["bounce"]["feedbackId"] = json!(format!("n-{}", mail.id));
        event.to_string()
    };
    for number in 300..304 {
        let mail = Mail::new(number, noon() - TimeDelta::minutes(10));
        events.extend([mail.send(), mail.bounce("Permanent", "General"), notified(&mail)]);
    }
    // A twin of another mail, and one of nobody's.
    events.push(notified(&Mail::new(900, noon() - TimeDelta::minutes(9))));
    let lake = Lake::of(&events);
    let found = Found::of(&lake.path(), 1);
    // Bounces: 1 + 4 + 4 + 1; 4 pairs.
    assert!(found.evidence("both_routes").starts_with("8 of 10 bounce or complaint rows have a twin"), "{:#}", found.0);
    assert!(found.evidence("no_configuration_set").contains("without one: 5 of 10 Bounce"), "{:#}", found.0);
    let folder = scratch();
    object(folder.path(), "object", events.join("\n"));
    let dump = Found::of_dump(folder.path(), 1);
    assert!(dump.evidence("both_routes").starts_with("8 of 10 bounce or complaint rows have a twin"), "{:#}", dump.0);
    let envelopes = &dump.0["source"]["sample"][0]["envelopes"];
    assert_eq!(envelopes, &json!({"event": 408, "notification": 5}));
}

#[test]
fn a_type_that_stopped_is_told_with_its_day() {
    let mut events = Vec::new();
    // Ten days of 40 sends; deliveries until the sixth.
    for day in 0..10 {
        for number in 0..40 {
            let sent = noon() - TimeDelta::days(10) + TimeDelta::days(day) + TimeDelta::seconds(number);
            let mail = Mail::new((day * 100 + number) as usize, sent);
            events.push(mail.send());
            events.extend((day < 6).then(|| mail.delivery()));
        }
    }
    let lake = Lake::of(&events);
    let found = Found::with(&lake.path(), "--at 2026-10-05T01:00:00Z", 1);
    assert_eq!(found.one("stopped")["title"], "Delivery events stopped coming while mail went on");
    assert!(
        found.evidence("stopped").contains("the last Delivery is of 2026-09-30; at the rate before, about 160 "),
        "{:#}",
        found.0
    );
    // Seen from a day later it is stale as well, and the worst comes first.
    let later = Found::with(&lake.path(), "--at 2026-10-06T01:00:00Z", 1);
    assert!(later.evidence("stale").contains("newest event 2026-10-04 12:00 UTC"), "{:#}", later.0);
    assert!(
        Found::with(&lake.path(), "--at 2026-10-06T01:00:00Z --max-age 3d", 1)
            .names()
            .iter()
            .all(|name| *name != "stale")
    );
}

#[test]
fn own_domains_that_are_not_verified_are_counted() {
    let mut events = healthy();
    for number in 500..512 {
        let mail =
            Mail { to: format!("user{number}@mail.shop.example"), ..Mail::new(number, noon() - TimeDelta::minutes(5)) };
        events.extend([mail.send(), mail.bounce("Permanent", "NoEmail")]);
    }
    let lake = Lake::of(&events);
    let found = Found::of(&lake.path(), 1);
    assert!(
        found.evidence("verified_identities").contains("shop.example: 12 sends and 12 hard bounces, counted"),
        "{:#}",
        found.0
    );
    let verified = Found::with(&lake.path(), "--at 2026-10-05T13:00:00Z --verified shop.example", 0);
    assert!(!verified.names().contains(&"verified_identities"), "{:#}", verified.0);
    // If all mail is one's own, there is nothing to judge.
    let all = Found::with(&lake.path(), "--at 2026-10-05T13:00:00Z --verified shop.example,example.com", 1);
    assert!(all.evidence("nothing_eligible").contains("= 0 eligible"), "{:#}", all.0);
}

#[test]
fn events_of_tomorrow_are_seen() {
    let lake = Lake::of(&healthy());
    // Sends at 11:30:00 to 11:33:19, deliveries and the bounce a second later.
    let found = Found::with(&lake.path(), "--at 2026-10-05T11:31:40Z", 0);
    assert!(!found.names().contains(&"future_events"), "clocks may differ by minutes: {:#}", found.0);
    let found = Found::with(&lake.path(), "--at 2026-10-05T11:20:00Z", 1);
    assert!(
        found.evidence("future_events").starts_with("400 rows after now; the latest is 13m ahead"),
        "{:#}",
        found.0
    );
}

#[test]
fn what_imports_could_not_read_is_told() {
    let folder = scratch();
    let (lake, good) = (folder.path().join("lake"), object(folder.path(), "good", healthy().join("\n")));
    let run =
        Run::of(command().arg("import").arg(&good).args(["/proc/self/mem", "--quiet", "--lake"]).arg(&lake)).expect(4);
    assert!(run.stderr.contains("/mem"), "{}", run.stderr);
    let found = Found::of(&lake, 1);
    let evidence = found.evidence("failed_objects");
    assert!(
        evidence.contains("2 objects listed = 1 imported + 0 skipped + 1 failed") && evidence.contains("/mem`: "),
        "{evidence}"
    );
    // Three bad lines among a hundred.
    let bad = object(folder.path(), "bad", format!("{}\nnonsense\n{{\"a\"\n{{}}\n", healthy()[..2].join("\n")));
    let summary = import_ending(&bad, &lake, 3);
    assert_eq!(summary["records"]["quarantined"], 3);
    let found = Found::of(&lake, 1);
    let evidence = found.evidence("quarantined");
    assert!(evidence.contains("imports of the last 7 days: 3 of 405 records (0.741 %)"), "{evidence}");
    assert_eq!(found.one("quarantined")["severity"], "warning");
    assert!(!found.names().contains(&"failed_objects"), "the newest import read all: {:#}", found.0);
}

#[test]
fn an_empty_lake_says_why() {
    let folder = scratch();
    let lake = folder.path().join("lake");
    let confirmation = json!({"Type": "SubscriptionConfirmation", "MessageId": "x", "Token": "y", "SubscribeURL": "z"});
    let source = object(folder.path(), "object", confirmation.to_string());
    import_ending(&source, &lake, 0);
    let found = Found::of(&lake, 1);
    assert_eq!(found.one("empty_lake")["title"], "The lake is empty: all records are of a kind that is left out");
    assert!(
        found.evidence("empty_lake").contains("1 record read = 0 events + 0 duplicates + 0 quarantined + 1 ignored"),
        "{:#}",
        found.0
    );
    let dump = Found::of_dump(&source, 1);
    assert!(dump.evidence("no_events").contains("1 subscription_confirmation"), "{:#}", dump.0);
    // The page of a server without events says so too, and names the doctor.
    let server = Server::serve(&lake, "");
    let page = server.get("/").text;
    assert!(page.contains("repute doctor --lake "), "{page}");
    let health = server.get("/health").text;
    assert!(health.contains("all records are of a kind that is left out"), "{health}");
}

#[test]
fn a_damaged_log_is_a_finding() {
    let lake = Lake::of(&healthy());
    let entry = lake.path().join("events/_delta_log/00000000000000000001.json");
    let text = fs::read_to_string(&entry).unwrap();
    fs::write(&entry, &text[..text.len() / 2]).unwrap();
    let found = Found::of(&lake.path(), 1);
    assert_eq!(found.names(), ["damaged_lake"]);
    assert!(found.evidence("damaged_lake").contains("00000000000000000001.json"), "{:#}", found.0);
}

#[test]
fn rules_that_cannot_fire_are_named() {
    let (folder, lake) = (scratch(), Lake::of(&healthy()));
    let config = object(
        folder.path(),
        "repute.toml",
        "[[rule]]\nname = \"typo\"\nmetric = \"bounce_rate\"\nwindow = \"1h\"\nonly = { configuration_set = \"ordres\" }\nwarn = \"5 %\"\n\
         [[rule]]\nname = \"opens\"\nmetric = \"open_rate\"\nwindow = \"1h\"\ncompare = \"below\"\nwarn = \"5 %\"\n\
         [[rule]]\nname = \"floor\"\nmetric = \"bounce_rate\"\nwindow = \"1h\"\nwarn = \"5 %\"\nmin_sends = 100000\n\
         [[rule]]\nname = \"fine\"\nmetric = \"bounce_rate\"\nwindow = \"1h\"\nwarn = \"5 %\"\nonly = { configuration_set = \"orders\" }\n\
         [[silence]]\nrule = \"fine\"\nuntil = 2030-01-01T00:00:00Z\n",
    );
    let found = Found::with(&lake.path(), &format!("--at 2026-10-05T13:00:00Z --config {}", config.display()), 1);
    let evidence = found.evidence("never_measured");
    assert!(evidence.contains("rule typo: no mail in the lake has configuration_set = ordres"), "{evidence}");
    assert!(evidence.contains("rule opens: it watches open_rate, and there are no Open events"), "{evidence}");
    // 200 sends in one hour, which a window that slides may lie across.
    assert_eq!(
        found.evidence("never_enough"),
        "rule floor: needs 100,000 sends in its window; there have been 400 at most"
    );
    assert!(found.evidence("silenced_for_long").contains("rule fine is silenced"), "{:#}", found.0);
}

/// Every object of a generated dump is looked at: its truth is known.
#[test]
fn a_dump_is_described_as_it_is() {
    for (dump, compression, framing) in [
        (dump::small(), "plain", "lines"),
        (dump::gzip(), "gzip", "lines"),
        (dump::concatenated(), "plain", "concatenated"),
    ] {
        let found = Found::of_dump(&dump.path, 0);
        let (source, truth) = (&found.0["source"], &dump.truth);
        assert_eq!((&source["objects"], &source["looked_at"]), (&json!(truth.objects), &json!(truth.objects)));
        let bytes: u64 = dump.objects().iter().map(|object| fs::metadata(object).unwrap().len()).sum();
        assert_eq!(source["bytes"], bytes);
        assert_eq!((&source["records"], &source["events"]), (&json!(truth.records), &json!(truth.records)));
        for object in source["sample"].as_array().unwrap() {
            assert_eq!(object["compression"], compression, "{object:#}");
            let is_one = object["records"] == 1;
            assert!(is_one || object["framing"] == framing, "{object:#}");
            assert_eq!(object["bad"], json!({}));
        }
    }
    let text = Run::of(command().arg("doctor").arg(&dump::small().path)).stdout;
    assert!(text.starts_with("dump ") && text.contains("looked at 24 of them"), "{text}");
}

#[test]
fn a_dump_in_a_bucket_is_looked_into() {
    let Some(server) = server() else { return };
    server.upload(&dump::small().path, "doctor");
    let look = |who: Who, source: &str| {
        let mut command = server.command(who);
        Run::of(command.args(["doctor", source, "--objects", "9", "--at", "2026-11-01T00:00:00Z", "--format", "json"]))
    };
    let found = look(Who::Reader, "s3://raw/doctor").expect(0).json();
    assert_eq!(
        (&found["source"]["objects"], &found["source"]["looked_at"]),
        (&json!(dump::small().truth.objects), &json!(9))
    );
    let newest = dump::small().objects().last().unwrap().file_name().unwrap().to_string_lossy().into_owned();
    let names: Vec<&str> =
        found["source"]["sample"].as_array().unwrap().iter().map(|o| o["name"].as_str().unwrap()).collect();
    assert!(names.last().unwrap().ends_with(&newest), "{names:?}");
    assert_eq!(
        look(Who::Reader, "s3://raw/nothing-of-the-kind").expect(1).json()["findings"][0]["check"],
        "nothing_there"
    );
    look(Who::Stranger, "s3://raw/doctor").expect(4);
}

/// The page and the API say what the command line says.
#[test]
fn health_is_the_same_everywhere() {
    let (lake, at) = (&dump::lake().0, format!("--at 2026-11-01T00:00:00Z {VERIFIED}"));
    let told = on(lake, &format!("doctor {at} --format json"));
    let (code, told) = (told.code, told.json());
    assert_eq!(code, i32::from(told["problems"] != 0 || told["warnings"] != 0), "{told:#}");
    let server = Server::serve(lake, &at);
    let answer = server.get("/api/v1/health");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["findings"], told["findings"]);
    let page = server.get("/health");
    assert_eq!(page.status, 200);
    for finding in told["findings"].as_array().unwrap() {
        let title = finding["title"].as_str().unwrap().replace('\'', "&#39;");
        assert!(page.text.contains(&title), "{title}: {}", page.text);
    }
    assert_eq!(server.get("/api/v1/health?colour=red").status, 400);
    println!("{told:#}");
}

const HOSTILE: &str = "<script>alert(1)</script>\"'\u{1b}[31m\u{202e}";

#[test]
fn hostile_names_stay_text() {
    let domain = "<img src=x>.example";
    let mail = |number: usize| {
        let mail = Mail { to: format!("a{number}@{domain}"), set: HOSTILE.to_owned(), ..Mail::new(number, noon()) };
        mail.send().replace("\"shop.example\"", &json!(domain).to_string())
    };
    let events: Vec<String> = (0..20).map(mail).collect();
    let lake = Lake::of(&events);
    let folder = scratch();
    let config = object(
        folder.path(),
        "repute.toml",
        format!(
            "[[rule]]\nname = \"r\"\nmetric = \"bounce_rate\"\nwindow = \"1h\"\nwarn = \"5 %\"\nonly = {{ configuration_set = {} }}\n",
            json!(HOSTILE)
        ),
    );
    let arguments = format!("--at 2026-10-05T13:00:00Z --config {}", config.display());
    let text = on(&lake.path(), &format!("doctor {arguments}")).stdout;
    assert!(text.contains(domain), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    let page = Server::serve(&lake.path(), &arguments).get("/health").text;
    assert!(
        !page.contains("<script") && !page.contains("<img") && !page.contains('\u{1b}') && !page.contains('\u{202e}'),
        "{page}"
    );
    assert!(page.contains("&#60;img src=x&#62;.example"), "{page}");
}
