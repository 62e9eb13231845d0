//! Parts of a bucket by the dates in their keys, buckets elsewhere, buckets whose reader pays, and rights that are missing.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use crate::dump;
use crate::front::{Answer, Asked, Front, s3_error};
use crate::mail::{Mail, object, time};
use crate::program::{Run, scratch};
use crate::s3::{import, server};
use crate::servers::{Moto, SeaweedFs, Who};
use crate::tools::{python, run_python};

/// Imports through a server in front.
fn import_through(front: &Front, server: &SeaweedFs, options: &[&str], lake: &Path) -> Run {
    let mut command = server.command(Who::Reader);
    command.env_remove("AWS_ENDPOINT_URL").args(["import", "--quiet", "--format", "json"]);
    Run::of(command.args(["--endpoint", &front.endpoint]).args(options).arg("--lake").arg(lake))
}

/// The names of the objects of a lake's ledger, without their bucket.
fn noted(lake: &Path) -> BTreeSet<String> {
    let python = python().unwrap();
    let noted = run_python(&python, "firehose.py", ["-", "noted", lake.to_str().unwrap()]);
    let names: Vec<String> = serde_json::from_value(noted["names"].clone()).unwrap();
    names.iter().map(|name| name.strip_prefix("s3://raw/").unwrap().to_owned()).collect()
}

/// One event per key, put into the bucket `raw`.
fn put(python: &Path, moto: &Moto, keys: &[String], first: usize) {
    let folder = scratch();
    let mail = |number: usize| Mail::new(first + number, time("2026-11-05T08:00:00Z")).send();
    let objects: serde_json::Map<String, Value> =
        keys.iter().enumerate().map(|(number, key)| (key.clone(), json!(mail(number)))).collect();
    let file = object(folder.path(), "objects.json", Value::from(objects).to_string());
    run_python(python, "s3.py", [&moto.endpoint, "put", file.to_str().unwrap()]);
}

/// A key of a month, day and hour.
type Key = fn(u32, u32, u32) -> String;

/// Each layout holds an object for every hour of 40 days; what is taken is worked out here from the hours that were asked for.
#[test]
fn dates_in_keys_say_what_is_taken() {
    let Some(python) = python() else { return };
    let moto = Moto::start(&python);
    let layouts: [(&str, Key); 4] = [
        ("plain", |month, day, hour| {
            format!("plain/2026/{month:02}/{day:02}/{hour:02}/ses-1-2026-{month:02}-{day:02}-{hour:02}-30-00-u.gz")
        }),
        ("hive", |month, day, hour| format!("hive/year=2026/month={month:02}/day={day:02}/hour={hour:02}/part-0")),
        ("set", |month, day, hour| format!("set/orders/dt=2026-{month:02}-{day:02}-{hour:02}/part-0")),
        ("flat", |month, day, hour| format!("flat/ses-1-2026-{month:02}-{day:02}-{hour:02}-30-00-u")),
    ];
    let hours: Vec<(u32, u32, u32)> = [(10, 25..32), (11, 1..8)]
        .into_iter()
        .flat_map(|(month, days)| days.flat_map(move |day| (0..24).map(move |hour| (month, day, hour))))
        .collect();
    for (number, (name, key)) in layouts.into_iter().enumerate() {
        let keys: Vec<String> = hours.iter().map(|(month, day, hour)| key(*month, *day, *hour)).collect();
        put(&python, &moto, &keys, number * 10_000);
        for (range, expected) in [
            // An hour more on either side.
            ("--since 2026-11-02T10:00:00Z --until 2026-11-02T12:00:00Z", (2, 9, 2, 12)),
            ("--since 2026-11-02T10:00:00Z --until 2026-11-02T12:00:00Z --margin 24h", (1, 10, 3, 11)),
            ("--since 2026-11-02 --until 2026-11-03 --margin 1s --key-timezone Asia/Tokyo", (2, 9, 3, 8)),
        ] {
            let (folder, front) = (scratch(), Front::start(&moto.endpoint, |_, _| Answer::Pass));
            let lake = folder.path().join("lake");
            let mut command = moto.command();
            command.args(["import", &format!("s3://raw/{name}"), "--endpoint", &front.endpoint, "--quiet"]);
            Run::of(command.args(range.split(' ')).arg("--lake").arg(&lake)).expect(0);
            let (first_day, first_hour, last_day, last_hour) = expected;
            let is_in = |(_, (month, day, hour)): &(usize, &(u32, u32, u32))| {
                *month == 11 && (*day, *hour) >= (first_day, first_hour) && (*day, *hour) <= (last_day, last_hour)
            };
            let mut wanted: BTreeSet<String> =
                hours.iter().enumerate().filter(is_in).map(|(at, _)| keys[at].clone()).collect();
            // A folder's hour is taken if any second of it is, a name's second if it is.
            if range.contains("1s") && !["hive", "set"].contains(&name) {
                let before = key(11, first_day, first_hour - 1);
                assert!(!noted(&lake).contains(&before));
            }
            if range.contains("1s") && ["hive", "set"].contains(&name) {
                wanted.insert(key(11, first_day, first_hour - 1));
                wanted.insert(key(11, last_day, last_hour + 1));
            }
            assert_eq!(noted(&lake), wanted, "{name} {range}");
            let listings = front.asked().iter().filter(|asked| asked.lists()).count();
            println!("{name} {range}: {} objects, {listings} listings", wanted.len());
            // Whether it is a folder, the levels down to two days; then the hours of those, or whole days.
            assert!(listings <= 12 + wanted.len(), "{listings} listings");
        }
    }
}

/// A key whose date lies before those that were imported: what was imported is a set, and no place in the order of keys.
#[test]
fn a_late_key_is_imported() {
    let Some(python) = python() else { return };
    let (moto, folder) = (Moto::start(&python), scratch());
    let lake = folder.path().join("lake");
    let import = || {
        let mut command = moto.command();
        command.args(["import", "s3://raw/ses", "--since", "2026-11-05T06:00:00Z", "--quiet", "--format", "json"]);
        Run::of(command.arg("--lake").arg(&lake)).expect(0).json()["records"]["events"].clone()
    };
    let key = |hour: u32, name: &str| format!("ses/2026/11/05/{hour:02}/ses-1-2026-11-05-{hour:02}-00-00-{name}");
    put(&python, &moto, &[key(8, "b"), key(9, "a")], 0);
    assert_eq!(import(), 2);
    put(&python, &moto, &[key(7, "late"), key(8, "a")], 10);
    assert_eq!(import(), 2);
    put(&python, &moto, &[key(4, "too-late")], 20);
    assert_eq!(import(), 0);
}

/// Nothing of a bucket's that begins alike is taken because the dates that are wanted are elsewhere.
#[test]
fn a_prefix_stays_a_folder_whatever_the_dates() {
    let Some(python) = python() else { return };
    let (moto, folder) = (Moto::start(&python), scratch());
    put(&python, &moto, &["ses/2026/11/01/00/a".to_owned(), "ses-other/2026/11/05/00/b".to_owned()], 0);
    let mut command = moto.command();
    command.args(["import", "s3://raw/ses", "--since", "2026-11-05", "--quiet", "--lake"]);
    let run = Run::of(command.arg(folder.path().join("lake"))).expect(0);
    assert!(run.stderr.contains("nothing to import in `s3://raw/ses`"), "{}", run.stderr);
}

#[test]
fn nothing_but_listing_and_reading_is_asked_for_and_cut_answers_are_gone_on_with() {
    let Some(server) = server() else { return };
    let (dump, folder) = (dump::small(), scratch());
    server.upload(&dump.path, "cuts");
    let is_object = |asked: &Asked| asked.method == Method::GET && !asked.lists();
    let front = Front::start(&server.endpoint, move |asked, before| match is_object(asked) && before % 3 == 0 {
        true if asked.header("range").starts_with("bytes=0-") => Answer::Cut(1_000),
        _ => Answer::Pass,
    });
    let lake = folder.path().join("lake");
    import_through(&front, server, &["s3://raw/cuts"], &lake).expect(0);
    dump.assert_in(&lake);
    let asked = front.asked();
    assert!(asked.iter().all(|asked| [Method::GET, Method::HEAD].contains(&asked.method)));
    assert!(asked.iter().all(|asked| asked.header("x-amz-request-payer").is_empty()));
    let (all, rests): (Vec<&Asked>, Vec<&Asked>) =
        asked.iter().filter(|asked| is_object(asked)).partition(|asked| asked.header("range").starts_with("bytes=0-"));
    assert_eq!(all.len(), dump.objects().len());
    assert!(!rests.is_empty() && rests.iter().all(|asked| asked.header("range").starts_with("bytes=1000-")));
}

/// Pages of fifty keys, each answer after 100 ms: objects are read before the last page is asked for.
#[test]
fn objects_are_read_while_others_are_being_listed() {
    let Some(python) = python() else { return };
    let (moto, folder) = (Moto::start(&python), scratch());
    let keys: Vec<String> = (0..400).map(|number| format!("ses/2026/11/05/08/{number:03}")).collect();
    put(&python, &moto, &keys, 0);
    let front = Front::start_with_delay(&moto.endpoint, Duration::from_millis(100), |asked, _| {
        if asked.lists() { Answer::As(format!("{}&max-keys=50", asked.path)) } else { Answer::Pass }
    });
    let mut command = moto.command();
    command.args(["import", "s3://raw/ses/", "--quiet", "--format", "json", "--endpoint", &front.endpoint, "--lake"]);
    let summary = Run::of(command.arg(folder.path().join("lake"))).expect(0).json();
    assert_eq!((&summary["objects"]["imported"], &summary["records"]["events"]), (&json!(400), &json!(400)));
    let asked = front.asked();
    let last_page = asked.iter().rposition(Asked::lists).unwrap();
    let read_before = asked[..last_page].iter().filter(|asked| !asked.lists()).count();
    println!("{read_before} objects were asked for before the last of {} pages", asked.len() - 400);
    assert!(asked.len() >= 408 && read_before > 0);
}

/// A bucket is asked for in its own region once the store has said which one that is.
#[test]
fn a_bucket_in_another_region_is_found() {
    let Some(server) = server() else { return };
    let (dump, folder) = (dump::small(), scratch());
    server.upload(&dump.path, "elsewhere");
    for (status, code, header, words) in [
        (301, "PermanentRedirect", Some("eu-central-1"), ""),
        (400, "AuthorizationHeaderMalformed", Some("eu-central-1"), ""),
        (301, "PermanentRedirect", None, "set AWS_REGION"),
    ] {
        let front = Front::start(&server.endpoint, move |asked, _| {
            let headers = header.map(|region| ("x-amz-bucket-region", region));
            match asked.header("authorization").contains("/eu-central-1/s3/") {
                true => Answer::Pass,
                false => s3_error(status, code, headers.as_slice()),
            }
        });
        let lake = folder.path().join(format!("{code}{}", header.is_some()));
        let run = import_through(&front, server, &["s3://raw/elsewhere"], &lake);
        if header.is_some() {
            run.expect(0);
            dump.assert_in(&lake);
        } else {
            let run = run.expect(4);
            assert!(run.stderr.contains(words) && run.stderr.contains("s3://raw/elsewhere"), "{}", run.stderr);
        }
    }
}

#[test]
fn a_bucket_whose_reader_pays_is_told_so() {
    let Some(server) = server() else { return };
    let (dump, folder) = (dump::small(), scratch());
    server.upload(&dump.path, "paid");
    let front = Front::start(&server.endpoint, |asked, _| {
        let is_signed = asked.header("authorization").contains("x-amz-request-payer");
        if asked.header("x-amz-request-payer") == "requester" && is_signed {
            Answer::Pass
        } else {
            s3_error(403, "AccessDenied", &[])
        }
    });
    let lake = folder.path().join("lake");
    let refused = import_through(&front, server, &["s3://raw/paid"], &lake).expect(4);
    assert!(refused.stderr.contains("--requester-pays"), "{}", refused.stderr);
    import_through(&front, server, &["s3://raw/paid", "--requester-pays"], &lake).expect(0);
    dump.assert_in(&lake);
}

#[test]
fn a_missing_right_is_named() {
    let Some(server) = server() else { return };
    let (dump, folder) = (dump::small(), scratch());
    server.upload(&dump.path, "rights");
    let denied = |lists: bool| {
        Front::start(&server.endpoint, move |asked, _| match asked.lists() == lists {
            true => s3_error(403, "AccessDenied", &[]),
            false => Answer::Pass,
        })
    };
    let lake = folder.path().join("lake");
    let run = import_through(&denied(true), server, &["s3://raw/rights"], &lake).expect(4);
    assert!(run.stderr.contains("s3:ListBucket on arn:aws:s3:::raw"), "{}", run.stderr);
    let run = import_through(&denied(false), server, &["s3://raw/rights"], &lake).expect(4);
    assert!(run.stderr.contains("s3:GetObject on arn:aws:s3:::raw/*"), "{}", run.stderr);
    let run = import(server, Who::Stranger, "s3://raw/rights", &lake).expect(4);
    assert!(run.stderr.contains("AWS_ACCESS_KEY_ID"), "{}", run.stderr);
    for wrong in ["--since yesterday", "--margin 0s", "--key-timezone Mars/Olympus"] {
        let mut command = server.command(Who::Reader);
        Run::of(command.args(["import", "s3://raw/rights", "--lake"]).arg(&lake).args(wrong.split(' '))).expect(2);
    }
}
