//! The import page, the quarantine and their API: figures of the imports' own summaries, of the generator's truth, or of another
//! reader of the tables; hostile names and records; retries.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use repute_lake::{BadRecord, ImportedObject, Lake as Tables, Location, ObjectKey};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::dump;
use crate::mail::{Mail, object, time};
use crate::program::{Response, Run, Server, ask, command, import, import_ending, on, poll, runtime, scratch};
use crate::tools::{python, run_python};

fn thousands(number: &Value) -> String {
    let digits = number.as_u64().unwrap().to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

fn mail(number: usize) -> Mail {
    Mail::new(number, time("2026-10-05T12:00:00Z"))
}

/// All pages of a list of the API.
fn pages(server: &Server, path: &str, list: &str) -> Vec<Value> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{path}{after}")).json();
        found.extend(page[list].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return found,
        }
    }
}

#[test]
fn the_ledger_adds_up_as_the_import_said() {
    let (lake, summary) = dump::lake();
    let server = Server::serve(lake, "");
    let sums = server.get("/api/v1/objects?limit=1").json()["sums"].clone();
    assert_eq!(sums["objects"], summary["objects"]["imported"]);
    assert_eq!((&sums["records"], &sums["rows"]), (&summary["records"], &summary["rows"]));
    assert_eq!((&sums["bytes"], &sums["conserved"]), (&summary["bytes"]["read"], &json!(true)));
    let records = &summary["records"];
    let law = format!(
        "{} records read = {} events + {} duplicates + {} quarantined + {} ignored",
        thousands(&records["read"]),
        thousands(&records["events"]),
        thousands(&records["duplicates"]),
        thousands(&records["quarantined"]),
        thousands(&records["ignored"])
    );
    let page = poll("the note of the import", Duration::from_secs(20), || {
        let page = server.get("/import?range=all").text;
        page.contains("objects listed").then_some(page)
    });
    assert!(page.contains(&law) && page.contains("✓"), "{law}: {page}");
    let objects = thousands(&summary["objects"]["listed"]);
    let law = format!("{objects} objects listed = {objects} imported + 0 skipped + 0 failed");
    assert!(page.contains(&law), "{law}: {page}");
    assert!(!page.contains("law-broken"));

    // Page by page: every object once, newest first and then by name.
    let objects = pages(&server, "/api/v1/objects?limit=97", "objects");
    let truth = &dump::ndjson().truth;
    assert_eq!(objects.len() as u64, truth.objects);
    let keys: Vec<(String, String)> = objects
        .iter()
        .map(|o| (o["imported_at"].as_str().unwrap().to_owned(), o["name"].as_str().unwrap().to_owned()))
        .collect();
    assert!(keys.windows(2).all(|pair| pair[0] > pair[1]), "neither twice nor out of order");
    let events: u64 = objects.iter().map(|o| o["records"]["events"].as_u64().unwrap()).sum();
    assert_eq!(events, truth.events);
    // The pages show the same ones.
    let first = objects[0]["name"].as_str().unwrap();
    assert!(page.contains(first) && page.contains(objects[49]["name"].as_str().unwrap()));
    assert!(!page.contains(objects[50]["name"].as_str().unwrap()));
    let older =
        page.split("href=\"/import?").filter_map(|link| link.split('"').next()).find(|link| link.contains("after="));
    let second = server.get(&format!("/import?{}", older.unwrap().replace("&#38;", "&").replace("&amp;", "&"))).text;
    assert!(
        second.contains(objects[50]["name"].as_str().unwrap()) && !second.contains(&format!("{first}<")),
        "{second}"
    );

    let part = &first[first.len() - 20..];
    let found = server.get(&format!("/api/v1/objects?name={part}")).json();
    let expected = objects.iter().filter(|o| o["name"].as_str().unwrap().contains(part)).count();
    assert_eq!(found["objects"].as_array().unwrap().len(), expected);
    assert_eq!(found["sums"]["objects"], json!(expected));
    assert_eq!(server.get("/api/v1/objects?until=2026-01-01").json()["sums"]["objects"], 0);
    assert_eq!(server.get("/api/v1/objects?state=partial").json()["sums"]["objects"], 0);
    assert_eq!(server.get("/api/v1/objects?after=1-0123456789abcdef").status, 422);
    for wrong in
        ["state=odd", "limit=0", "limit=1001", "after=1-zz", "after=x", "colour=red", "since=never", "format=xml"]
    {
        let answer = server.get(&format!("/api/v1/objects?{wrong}"));
        assert_eq!((answer.status, answer.header("content-type")), (400, "application/problem+json"), "{wrong}");
    }
    for wrong in ["state=odd", "after=1-zz", "range=x"] {
        assert_eq!(server.get(&format!("/import?{wrong}")).status, 400, "{wrong}");
    }
    let csv = server.get("/api/v1/objects?format=csv&limit=5").text;
    assert_eq!((csv.lines().count(), csv.starts_with("name,etag,state,")), (6, true), "{csv}");
}

/// Lags, sizes and dates as another reader of the tables has them.
#[test]
fn lags_and_sizes_are_those_of_the_tables() {
    let Some(python) = python() else { return };
    let lake = &dump::lake().0;
    let told = run_python(&python, "books.py", [lake.as_os_str()]);
    let server = Server::serve(lake, "");
    let report = server.get("/api/v1/imports").json();
    assert_eq!(report["lag"]["objects"], told["objects"]);
    for clock in ["oldest_event_seconds", "newest_event_seconds"] {
        for rank in ["p50", "p95", "max"] {
            let (ours, theirs) = (report["lag"][clock][rank].as_f64().unwrap(), told[clock][rank].as_f64().unwrap());
            assert!((ours - theirs).abs() < 0.002, "{clock} {rank}: {ours} and {theirs}");
        }
    }
    for (table, name) in report["sizes"]["tables"].as_array().unwrap().iter().zip(["events", "quarantine", "objects"]) {
        assert_eq!(table["table"], name);
        for figure in ["rows", "files", "bytes"] {
            assert_eq!(table[figure], told["tables"][name][figure], "{figure} of {name}");
        }
    }
    let dates: Vec<Value> = report["sizes"]["dates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| json!([d["date"], d["rows"], d["files"]]))
        .collect();
    assert_eq!(json!(dates), told["dates"]);
    assert_eq!(ask(lake, "lake stats")["tables"][0]["bytes"], report["sizes"]["tables"][0]["bytes"]);
    let rollups: u64 = dump::files(&lake.join("rollups")).iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    // Others may have counted by other rules beside it.
    let kept = report["sizes"]["rollups"]["bytes"].as_u64().unwrap();
    assert!(0 < kept && kept <= rollups, "{kept} of {rollups}");
    let page = server.get("/import?range=all").text;
    for figure in ["Newest event", "Time from event to lake", "Figures as a table", "By event date"] {
        assert!(page.contains(figure), "{figure}");
    }
}

#[test]
fn failed_and_partial_objects_have_their_state() {
    let folder = scratch();
    let lake = folder.path().join("lake");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(format!("{}\n{}\n", mail(1).send(), mail(2).send()).repeat(40).as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let source = folder.path().join("source");
    fs::create_dir(&source).unwrap();
    object(&source, "cut.gz", &gzip[..gzip.len() - 30]);
    object(&source, "good", mail(3).send());
    object(&source, "bad", format!("{}\nnonsense", mail(4).send()));
    let mut command = command();
    command.arg("import").arg(&source).args(["/proc/self/mem", "--quiet", "--format", "json", "--lake"]).arg(&lake);
    let summary = Run::of(&mut command).expect(4).json();
    let server = Server::serve(&lake, "");
    let of_state = |state: &str| {
        let found = server.get(&format!("/api/v1/objects?state={state}")).json();
        let names = found["objects"]
            .as_array()
            .unwrap()
            .iter()
            .map(|o| o["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(of_state("imported"), ["good"]);
    assert_eq!(of_state("bad_records"), ["bad"]);
    assert_eq!(of_state("partial"), ["cut.gz"]);
    let run = poll("the note of the import", Duration::from_secs(20), || {
        server.get("/api/v1/imports").json()["imports"].as_array().unwrap().first().cloned()
    });
    assert_eq!(run["objects"], summary["objects"]);
    assert!(run["failures"][0]["object"].as_str().unwrap().ends_with("/mem"), "{run}");
    let page = server.get("/import?range=all&state=failed").text;
    assert!(page.contains("4 objects listed = 3 imported + 0 skipped + 1 failed") && page.contains("/mem"), "{page}");
    let partial = server.get("/import?range=all&state=partial").text;
    assert!(partial.contains("cut.gz") && !partial.contains("/good<"), "{partial}");
    // What found nothing new leaves no note and changes nothing.
    let notes = dump::files(&lake.join("journal"));
    import(&source.join("good"), &lake);
    assert_eq!(dump::files(&lake.join("journal")), notes);
}

/// A lake with a record as an older version would have kept it: one that can be read today; and hostile ones that cannot.
struct Case {
    _folder: TempDir,
    lake: PathBuf,
}

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u{1b}[31m\u{202e}";

fn bad(offset: u64, class: &str, message: &str, raw: &[u8]) -> BadRecord {
    BadRecord {
        object: ObjectKey { name: format!("s3://bucket/{HOSTILE}/object"), etag: HOSTILE.to_owned() },
        byte_offset: offset,
        line: offset + 1,
        part: 0,
        class: class.to_owned(),
        message: message.to_owned(),
        raw: raw.to_vec(),
        quarantined_at: time("2026-10-05T12:30:00Z"),
    }
}

fn with_lake<T>(lake: &Path, act: impl AsyncFnOnce(&mut Tables) -> T) -> T {
    let location = Location::parse(&lake.to_string_lossy()).unwrap();
    runtime().block_on(async {
        let mut tables = Tables::open_for_writing(&location).await.unwrap();
        act(&mut tables).await
    })
}

impl Case {
    fn new() -> Self {
        let folder = scratch();
        let lake = folder.path().join("lake");
        import(&object(folder.path(), "object", mail(1).send()), &lake);
        let wild: Vec<u8> = (0..=255_u8).cycle().take((64 << 10) - 1).collect();
        let records = [
            bad(1, "unknown_event_type", "unknown event type `jane@example.org`", mail(70).send().as_bytes()),
            bad(2, "not_ses", HOSTILE, HOSTILE.as_bytes()),
            bad(3, "invalid_utf8", "text is no UTF-8", &wild),
            bad(4, "truncated_json", "cut", &vec![b'x'; 64 << 10]),
            bad(5, HOSTILE, "odd", b""),
        ];
        with_lake(&lake, async |tables| tables.quarantine(&records).await.unwrap());
        Self { _folder: folder, lake }
    }

    /// The id of the record in this line.
    fn id(&self, line: u64) -> String {
        let listed = on(&self.lake, "quarantine list --resolved --format json").expect(0).json();
        let found = listed.as_array().unwrap().iter().find(|r| r["line"] == line).cloned();
        found.unwrap()["id"].as_str().unwrap().to_owned()
    }
}

fn assert_harmless(page: &Response, what: &str) {
    for harmful in ["<script>", "<img", "\u{1b}", "\u{202e}", " style=", "javascript:"] {
        assert!(!page.text.contains(harmful), "{harmful:?} in {what}: {}", page.text);
    }
    assert!(page.text.chars().all(|c| c == '\n' || !c.is_control()), "{what}");
}

#[test]
fn the_quarantine_shows_hostile_records_without_harm() {
    let case = Case::new();
    let server = Server::serve(&case.lake, "");
    let list = server.get("/import/quarantine?range=all");
    assert_eq!(list.status, 200);
    assert_harmless(&list, "the list");
    assert!(list.text.contains("unknown_event_type") && list.text.contains("AWS may have added one"), "{}", list.text);
    for line in 2..=6 {
        let record = server.get(&format!("/import/quarantine/{}", case.id(line)));
        assert_eq!(record.status, 200, "{line}");
        assert_harmless(&record, &format!("record {line}"));
        assert!(record.text.len() < 150_000, "record {line} has {} bytes", record.text.len());
    }
    let hostile = server.get(&format!("/import/quarantine/{}", case.id(3))).text;
    assert!(hostile.contains("&#60;script&#62;alert(1)") && hostile.contains("\\u{1b}"), "{hostile}");
    assert!(hostile.contains("00000</span>  3c 73 63 72 69 70 74 3e  61 6c 65 72 74 28 31 29"), "{hostile}");
    // 65,535 bytes: the last block begins at 61,440.
    let wild = server.get(&format!("/import/quarantine/{}?from_byte=65534", case.id(4)));
    assert_harmless(&wild, "the last block");
    assert!(
        wild.text.contains("bytes 61,440 to 65,534 of 65,535") && wild.text.contains("from_byte=57344"),
        "{}",
        wild.text
    );
    assert!(server.get(&format!("/import/quarantine/{}", case.id(5))).text.contains("only its beginning was kept"));
    for wrong in ["/import/quarantine/zzzz", "/import/quarantine/0000000000000000", "/import/quarantine/%3Cscript%3E"] {
        let answer = server.get(wrong);
        assert_eq!(answer.status, 404, "{wrong}");
        assert_harmless(&answer, wrong);
    }
    for wrong in ["?from_byte=x", "?from_byte=-1"] {
        assert_eq!(server.get(&format!("/import/quarantine/{}{wrong}", case.id(3))).status, 400, "{wrong}");
    }
    for wrong in ["?resolved=perhaps", "?after=zz", "?range=x"] {
        assert_eq!(server.get(&format!("/import/quarantine{wrong}")).status, 400, "{wrong}");
    }
    // Filters: by class, by a part of the object's name, by time.
    let total = |query: &str| server.get(&format!("/api/v1/quarantine?{query}")).json()["total"].as_u64().unwrap();
    assert_eq!([total(""), total("class=not_ses"), total("object=/object"), total("object=nothing")], [5, 1, 5, 0]);
    assert_eq!([total("until=2026-10-05T12:30:00Z"), total("since=2026-10-05T12:30:00Z")], [0, 5]);
    assert_eq!(pages(&server, "/api/v1/quarantine?limit=2", "records").len(), 5);
    let shown = server.get(&format!("/api/v1/quarantine/{}", case.id(3))).json();
    assert_eq!((&shown["message"], &shown["refused"]), (&json!(HOSTILE), &Value::Null));
    let kept = on(&case.lake, &format!("quarantine show {} --format json", case.id(3))).expect(0).json();
    assert_eq!(shown["raw_base64"], kept["raw_base64"]);
    let csv = server.get("/api/v1/quarantine?format=csv").text;
    assert!(csv.starts_with("id,quarantined_at,class,object,"), "{csv}");
}

/// What a page's form sends.
fn post(server: &Server, path: &str, fields: &[(&str, &str)]) -> Response {
    let request = reqwest::Client::new().post(format!("{}{path}", server.url));
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    runtime().block_on(async {
        let response = request.timeout(Duration::from_secs(30)).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Response { status, headers, text: response.text().await.unwrap() }
    })
}

fn token(page: &str) -> String {
    let field = page.split("name=\"token\" value=\"").nth(1).expect("a form with a token");
    field.split('"').next().unwrap().to_owned()
}

#[test]
fn a_retry_imports_what_can_be_read_now() {
    let case = Case::new();
    let server = Server::serve(&case.lake, "");
    let page = server.get("/import/quarantine?range=all").text;
    let token = token(&page);
    let sends = || ask(&case.lake, "rates")[0]["counts"]["send"].as_u64().unwrap();
    assert_eq!(sends(), 1);
    // Without a page's token nothing happens.
    for fields in [&[("class", "unknown_event_type")][..], &[("class", "unknown_event_type"), ("token", "x")]] {
        assert_eq!(post(&server, "/import/quarantine/retry", fields).status, 403);
    }
    assert_eq!(post(&server, "/import/quarantine/retry", &[("token", &token)]).status, 400);
    let unknown = [("token", token.as_str()), ("id", "0000000000000000")];
    assert_eq!(post(&server, "/import/quarantine/retry", &unknown).status, 404);
    assert_eq!(server.get("/import/quarantine/retry").status, 405, "a look changes nothing");
    assert_eq!(sends(), 1);

    let still = post(&server, "/import/quarantine/retry", &[("token", &token), ("id", &case.id(3))]);
    assert_eq!(still.status, 200);
    assert!(still.text.contains("1 record retried = 0 imported + 1 still bad"), "{}", still.text);
    assert_harmless(&still, "what is still bad");
    let done = post(&server, "/import/quarantine/retry", &[("token", &token), ("class", "unknown_event_type")]);
    assert!(done.text.contains("1 record retried = 1 imported + 0 still bad"), "{}", done.text);
    assert!(done.text.contains("1 row written from 1 new event and 0 duplicates."), "{}", done.text);
    assert_eq!(sends(), 2);
    let again = post(&server, "/import/quarantine/retry", &[("token", &token), ("id", &case.id(2))]);
    assert!(again.text.contains("+ 1 made good before"), "{}", again.text);
    let cut = post(&server, "/import/quarantine/retry", &[("token", &token), ("class", "truncated_json")]);
    assert!(cut.text.contains("+ 1 kept only in part") && cut.text.contains(&case.id(5)), "{}", cut.text);
    assert_eq!(sends(), 2);
    // The pages follow.
    let open = poll("the list without it", Duration::from_secs(10), || {
        let list = server.get("/api/v1/quarantine").json();
        (list["total"] == 4).then_some(list)
    });
    assert!(open["records"].as_array().unwrap().iter().all(|record| record["class"] != "unknown_event_type"));
    let all = server.get("/api/v1/quarantine?resolved=yes&class=unknown_event_type").json();
    assert_eq!(all["records"][0]["resolution"], "read again: 1 events");
    assert_eq!(
        all["classes"].as_array().unwrap().iter().find(|c| c["class"] == "unknown_event_type").unwrap()["made_good"],
        1
    );
    assert!(server.get(&format!("/import/quarantine/{}", case.id(2))).text.contains("made good"));
}

/// A ledger of 100,000 objects and a quarantine of 20,000 records: every page is quick, and only what is new is read again.
#[test]
fn a_large_ledger_is_paged_quickly() {
    let folder = scratch();
    let lake = folder.path().join("lake");
    import(&object(folder.path(), "object", mail(1).send()), &lake);
    let start: DateTime<Utc> = time("2026-01-01T00:00:00Z");
    let booked = |number: u64| {
        let at = start + TimeDelta::minutes(number as i64 / 10);
        ImportedObject {
            key: ObjectKey {
                name: format!("s3://bucket/ses/2026/{:02}/stream-1-{number:08}", number % 12),
                etag: format!("e{number}"),
            },
            size: 1_000 + number,
            records: 10,
            events: 8,
            duplicates: 1,
            quarantined: u64::from(number.is_multiple_of(1_000)),
            ignored: 1 - u64::from(number.is_multiple_of(1_000)),
            rows: 8,
            span: Some((at - TimeDelta::minutes(7), at - TimeDelta::minutes(2))),
            imported_at: at,
        }
    };
    with_lake(&lake, async |tables| {
        for part in 0..5 {
            let rows: Vec<ImportedObject> = (part * 20_000..(part + 1) * 20_000).map(booked).collect();
            tables.record_objects(&rows).await.unwrap();
        }
        let records: Vec<BadRecord> = (0..20_000)
            .map(|number| BadRecord {
                object: ObjectKey { name: format!("s3://bucket/{}", number / 10), etag: "e".to_owned() },
                ..bad(number, if number % 2 == 0 { "not_ses" } else { "bad_time" }, "why", b"{}")
            })
            .collect();
        tables.quarantine(&records).await.unwrap();
    });
    let clock = Instant::now();
    let server = Server::serve(&lake, "");
    let ready = clock.elapsed();
    let mut worst: (Duration, String) = Default::default();
    let mut look = |path: &str| {
        let clock = Instant::now();
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        worst = worst.clone().max((clock.elapsed(), path.to_owned()));
        answer
    };
    let all = look("/api/v1/objects?limit=1000").json();
    assert_eq!(all["sums"]["objects"], 100_001);
    assert_eq!(
        (&all["sums"]["records"]["read"], &all["sums"]["records"]["quarantined"]),
        (&json!(1_000_001), &json!(100))
    );
    let one = look("/api/v1/objects?name=00054321").json();
    assert_eq!((&one["sums"]["objects"], &one["objects"][0]["size"]), (&json!(1), &json!(55_321)));
    assert_eq!(look("/api/v1/objects?state=bad_records").json()["sums"]["objects"], 100);
    let middle = "since=2026-01-03T00:00:00Z&until=2026-01-04T00:00:00Z";
    assert_eq!(look(&format!("/api/v1/objects?{middle}")).json()["sums"]["objects"], 14_400);
    for path in ["/import?range=all", "/import?range=all&name=1-0005", "/import/quarantine?range=all", "/health"] {
        look(path);
    }
    assert_eq!(look("/api/v1/quarantine?class=bad_time&limit=1000").json()["total"], 10_000);
    let next = look("/api/v1/quarantine?limit=1000").json()["next"].as_str().unwrap().to_owned();
    assert_eq!(
        look(&format!("/api/v1/quarantine?limit=1000&after={next}")).json()["records"].as_array().unwrap().len(),
        1_000
    );
    println!("imports: 100,001 objects and 20,000 bad records: ready in {ready:?}, slowest {worst:?} (not optimised)");
    assert!(worst.0 < Duration::from_secs(2), "{worst:?}");
    // A new version shows what is new.
    import_ending(&object(folder.path(), "more", format!("{}\nx", mail(2).send())), &lake, 3);
    poll("the new object", Duration::from_secs(10), || {
        (server.get("/api/v1/objects?limit=1").json()["sums"]["objects"] == 100_002).then_some(())
    });
    assert_eq!(server.get("/api/v1/quarantine?limit=1").json()["total"], 20_001);
    // The same after all files have been put together.
    on(&lake, "lake compact --quiet").expect(0);
    poll("the compacted version", Duration::from_secs(10), || {
        (server.get("/api/v1/imports").json()["sizes"]["tables"][2]["files"] == 1).then_some(())
    });
    assert_eq!(server.get("/api/v1/objects?limit=1").json()["sums"]["objects"], 100_002);
    assert_eq!(server.get("/api/v1/objects?name=00054321").json()["objects"][0]["size"], 55_321);
}

#[test]
fn hostile_object_names_stay_text() {
    let folder = scratch();
    let lake = folder.path().join("lake");
    import(&object(folder.path(), "object", mail(1).send()), &lake);
    let at = time("2026-10-05T12:00:00Z");
    let hostile = ImportedObject {
        key: ObjectKey { name: format!("s3://bucket/{HOSTILE}\u{0}\n&amp;=cmd"), etag: HOSTILE.to_owned() },
        size: 1,
        records: 1,
        events: 0,
        duplicates: 0,
        quarantined: 1,
        ignored: 0,
        rows: 0,
        span: None,
        imported_at: at,
    };
    with_lake(&lake, async |tables| tables.record_objects(&[hostile]).await.unwrap());
    let server = Server::serve(&lake, "");
    let name: String = url::form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect();
    for path in [
        "/import?range=all".to_owned(),
        format!("/import?range=all&name={name}"),
        format!("/import/quarantine?object={name}"),
    ] {
        let page = server.get(&path);
        assert_eq!(page.status, 200, "{path}");
        assert_harmless(&page, &path);
    }
    let page = server.get(&format!("/import?range=all&name={name}")).text;
    assert!(page.contains("&#60;script&#62;"), "{page}");
    // The link to its bad records leads to that object.
    let link = page
        .split("href=\"/import/quarantine?")
        .filter_map(|link| link.split('"').next())
        .find(|link| link.contains("object="));
    assert_eq!(server.get(&format!("/import/quarantine?{}", link.unwrap().replace("&#38;", "&"))).status, 200);
    let found = server.get(&format!("/api/v1/objects?name={name}")).json();
    assert_eq!(found["objects"].as_array().unwrap().len(), 1);
}

#[test]
fn without_a_lake_the_pages_say_so() {
    let folder = scratch();
    let server = Server::serve(&folder.path().join("lake"), "");
    for path in ["/import", "/import/quarantine", "/import/quarantine/00"] {
        let page = server.get(path);
        assert!(page.status == 200 && page.text.contains("No events yet"), "{path}: {}", page.text);
    }
    assert!(server.get("/health").text.contains("There is no lake yet"));
    assert_eq!(server.get("/api/v1/health").json()["findings"][0]["check"], "no_lake");
    for path in ["/api/v1/objects", "/api/v1/imports", "/api/v1/quarantine", "/api/v1/quarantine/00"] {
        assert_eq!(server.get(path).status, 503, "{path}");
    }
}
