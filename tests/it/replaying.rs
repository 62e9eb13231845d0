//! `replay` on a Firehose that throttles, breaks off and dies: every record arrives, what was acknowledged is not put again,
//! and the limits of PutRecordBatch are kept. The Firehose is a few lines here, which count what they take.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::dump;
use crate::front::{Answer, Asked, Front};
use crate::mail::object;
use crate::program::{Run, command, finish_within, poll, scratch};

/// What became of calls.
#[derive(Default)]
struct Taken {
    /// How often each record was taken.
    records: BTreeMap<Vec<u8>, u64>,
    /// Records and bytes of each call.
    calls: Vec<(usize, usize)>,
}

type Shared = Arc<Mutex<Taken>>;

/// A Firehose: `refuses` says of a record's number in a call, and the number of the call, whether it is refused.
fn firehose(refuses: impl Fn(usize, usize) -> bool + Send + Sync + 'static) -> (Front, Shared) {
    let taken = Shared::default();
    let shared = Arc::clone(&taken);
    let front = Front::start("http://127.0.0.1:9", move |asked: &Asked, before| {
        assert!(asked.header("x-amz-target").ends_with("Firehose_20150804.PutRecordBatch"), "{asked:?}");
        let call: Value = serde_json::from_slice(&asked.body).unwrap();
        let records: Vec<Vec<u8>> = call["Records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| STANDARD.decode(record["Data"].as_str().unwrap()).unwrap())
            .collect();
        let mut taken = shared.lock().unwrap();
        taken.calls.push((records.len(), records.iter().map(Vec::len).sum()));
        let mut failed = 0;
        let answers: Vec<Value> = records
            .into_iter()
            .enumerate()
            .map(|(number, record)| {
                if refuses(number, before) {
                    failed += 1;
                    return json!({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."});
                }
                *taken.records.entry(record).or_default() += 1;
                json!({"RecordId": format!("{before}-{number}")})
            })
            .collect();
        let body = json!({"FailedPutCount": failed, "Encrypted": false, "RequestResponses": answers});
        let headers = [("content-type", "application/x-amz-json-1.1")];
        Answer::Own((StatusCode::OK, headers, body.to_string()).into_response())
    });
    (front, taken)
}

fn replay(front: &Front, source: &Path, options: &str) -> Command {
    let mut command = command();
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env("AWS_REGION", "us-east-1");
    command.arg("replay").arg(source).args(["--to", "firehose://ses-events", "--endpoint", &front.endpoint, "--quiet"]);
    command.args(options.split_whitespace());
    command
}

/// Every line of a dump, each with how often it stands there.
fn lines(folder: &Path) -> BTreeMap<Vec<u8>, u64> {
    let mut lines = BTreeMap::new();
    for file in dump::files(folder).iter().filter(|file| !file.ends_with("truth.json")) {
        for line in fs::read(file).unwrap().split_inclusive(|byte| *byte == b'\n') {
            *lines.entry(line.to_vec()).or_default() += 1;
        }
    }
    lines
}

#[test]
fn what_is_refused_is_put_again_and_nothing_else() {
    // Of every other call each third record is refused; of the fifth all.
    let (front, taken) = firehose(|number, call| call == 4 || (call % 2 == 0 && number % 3 == 0));
    let dump = dump::small();
    let run = Run::of(&mut replay(&front, &dump.path, "")).expect(0);
    assert!(run.stdout.contains("records put onto ses-events"), "{}", run.stdout);
    let taken = taken.lock().unwrap();
    assert_eq!(taken.records, lines(&dump.path));
    assert!(taken.calls.iter().all(|(records, bytes)| *records <= 500 && *bytes <= 4 << 20), "{:?}", taken.calls);
    assert!(taken.calls.iter().any(|(records, _)| *records == 500));
}

#[test]
fn limits_are_kept_and_what_is_too_large_is_told() {
    let (front, taken) = firehose(|_, _| false);
    let folder = scratch();
    let record = |bytes: usize| format!("{{\"x\":\"{}\"}}", "y".repeat(bytes - 8));
    // With its newline a record of 1,024,000 bytes is one too many.
    let sizes = [1_023_999, 1_024_000, 1_023_999, 1_023_999, 1_023_999, 1_023_999, 600_000];
    object(folder.path(), "a", sizes.map(record).join("\n"));
    let run = Run::of(&mut replay(&front, folder.path(), "")).expect(3);
    assert!(run.stderr.contains("1 record left out: larger than Firehose takes"), "{}", run.stderr);
    assert_eq!(taken.lock().unwrap().calls, [(4, 4_096_000), (2, 1_624_001)]);
}

#[test]
fn a_rehearsal_puts_nothing() {
    let (front, taken) = firehose(|_, _| false);
    let (dump, folder) = (dump::small(), scratch());
    let file = folder.path().join("progress");
    let run = Run::of(&mut replay(&front, &dump.path, &format!("--dry-run --resume {}", file.display()))).expect(0);
    let bytes: usize = lines(&dump.path).iter().map(|(line, times)| line.len() * *times as usize).sum();
    let expected = format!("{:.1} MB, would be put onto ses-events in", bytes as f64 / 1e6);
    assert!(run.stdout.contains(&expected), "{} {expected}", run.stdout);
    assert!(taken.lock().unwrap().calls.is_empty() && !file.exists());
}

#[test]
fn a_rate_is_kept() {
    let (front, taken) = firehose(|_, _| false);
    let folder = scratch();
    let all: String = (0..250).map(|number| format!("{{\"n\":{number}}}\n")).collect();
    object(folder.path(), "a", all);
    let clock = Instant::now();
    Run::of(&mut replay(&front, folder.path(), "--rate 100")).expect(0);
    let elapsed = clock.elapsed();
    let calls: Vec<usize> = taken.lock().unwrap().calls.iter().map(|(records, _)| *records).collect();
    println!("250 records at 100 a second: {elapsed:?} in {calls:?}");
    assert_eq!(calls, [100, 100, 50]);
    assert!(elapsed >= Duration::from_secs(2), "{elapsed:?}");
    Run::of(&mut replay(&front, folder.path(), "--rate 0")).expect(2);
}

/// However often it is killed, every record arrives, and no more than one call's records arrive again each time.
#[test]
fn a_killed_replay_goes_on_where_it_was() {
    let (front, taken) = firehose(|number, call| call % 5 == 0 && number % 2 == 0);
    let (dump, folder) = (dump::small(), scratch());
    let file = folder.path().join("progress");
    let options = format!("--rate 1000 --resume {}", file.display());
    let (mut kills, mut calls) = (0, 0);
    for _ in 0..4 {
        let mut child =
            replay(&front, &dump.path, &options).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        poll("a call", Duration::from_secs(30), || (taken.lock().unwrap().calls.len() > calls).then_some(()));
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        calls = taken.lock().unwrap().calls.len();
    }
    let child = replay(&front, &dump.path, &format!("--resume {}", file.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let run = finish_within(child, Duration::from_secs(60)).expect(0);
    let wanted = lines(&dump.path);
    let taken = taken.lock().unwrap();
    let missing: u64 =
        wanted.iter().map(|(line, times)| times.saturating_sub(*taken.records.get(line).unwrap_or(&0))).sum();
    let again: u64 = taken.records.iter().map(|(line, times)| times.saturating_sub(wanted[line])).sum();
    println!("{kills} kills: {missing} missing, {again} again; the last said {}", run.stdout.trim());
    assert_eq!(missing, 0);
    assert!(again <= kills * 500, "{again}");
    drop(taken);
    let last = Run::of(&mut replay(&front, &dump.path, &options)).expect(0);
    assert_eq!(last.stdout, "0 records put onto ses-events\n");
    assert!(last.stderr.contains("done before"), "{}", last.stderr);
    fs::write(folder.path().join("else"), "hello\n").unwrap();
    let wrong = Run::of(&mut replay(&front, &dump.path, &format!("--resume {}", folder.path().join("else").display())));
    assert!(wrong.expect(4).stderr.contains("progress file"));
}

/// Objects count as done when their records are put, not when they are read ahead.
#[test]
fn progress_tells_of_what_was_put() {
    let (front, _) = firehose(|_, _| false);
    let folder = scratch();
    for name in ["a", "b"] {
        object(folder.path(), name, (0..200).map(|number| format!("{{\"n\":{number}}}\n")).collect::<String>());
    }
    let mut command = command();
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env("AWS_REGION", "us-east-1");
    command.arg("replay").arg(folder.path()).args(["--to", "firehose://ses-events", "--endpoint", &front.endpoint]);
    let run = Run::of(command.args(["--rate", "100"])).expect(0);
    let first = run.stderr.lines().next().unwrap_or_default();
    assert!(first.contains(" of 2 objects, ") && !first.contains("2 of 2 objects"), "{}", run.stderr);
}

#[test]
fn a_progress_file_that_is_none_is_told_in_plain_words() {
    let (front, taken) = firehose(|_, _| false);
    let folder = scratch();
    object(folder.path(), "a", "{\"n\":1}\n");
    let other = object(folder.path(), "_other", "{\"stream\":\"a\\u001b[31mb\"}\n");
    let pipe = folder.path().join("_pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (file, why) in [
        (other.as_path(), "it is of stream `a\\u{1b}[31mb`"),
        (&pipe, "it is no regular file"),
        (Path::new("/dev/null"), "it is no regular file"),
    ] {
        let mut command = replay(&front, folder.path(), "");
        let child = command.arg("--resume").arg(file).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let run = finish_within(child, Duration::from_secs(30)).expect(4);
        assert!(run.stderr.contains(why) && run.stderr.contains("name another file"), "{}", run.stderr);
        assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
    }
    assert!(taken.lock().unwrap().calls.is_empty());
}

#[test]
fn a_stream_that_refuses_for_ever_is_given_up() {
    let (front, taken) = firehose(|number, _| number == 0);
    let folder = scratch();
    object(folder.path(), "a", "{\"n\":1}\n{\"n\":2}\n");
    let child = replay(&front, folder.path(), "").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Two records need two calls to be refused as the first of one; the last is never taken.
    let run = finish_within(child, Duration::from_secs(120)).expect(4);
    assert!(run.stderr.contains("refused 1 record 10 times") && run.stderr.contains("--rate"), "{}", run.stderr);
    assert_eq!(taken.lock().unwrap().calls.len(), 10);
}
