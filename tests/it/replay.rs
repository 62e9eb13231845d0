//! `replay` against a Firehose that others wrote (moto): every record arrives as it was, and what Firehose then writes to
//! its bucket imports to the same counts.

use std::path::Path;

use crate::dump;
use crate::program::{Run, command, import, scratch};
use crate::servers::Moto;
use crate::tools::{python, run_python};

fn replay(moto: &Moto, dump: &Path, stream: &str) -> Run {
    let mut command = command();
    command.arg("replay").arg(dump).args(["--to", &format!("firehose://{stream}"), "--endpoint", &moto.endpoint]);
    let keys = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")];
    Run::of(command.envs(keys))
}

#[test]
fn what_is_replayed_arrives_and_imports_alike() {
    let Some(python) = python() else { return };
    let (dump, folder, moto) = (dump::small(), scratch(), Moto::start(&python));
    let run = replay(&moto, &dump.path, "ses-events").expect(0);
    assert_eq!(run.stdout, "5,018 records put onto ses-events\n".replace("5,018", &thousands(dump.truth.records)));
    let bucket = folder.path().join("bucket").to_string_lossy().into_owned();
    let arrived = run_python(&python, "stream.py", ["collect", &moto.endpoint, &bucket]);
    let sent = run_python(&python, "stream.py", ["count", &dump.path.to_string_lossy()]);
    assert_eq!(sent["records"], dump.truth.records);
    assert_eq!(arrived, sent);
    let lake = folder.path().join("lake");
    let summary = import(Path::new(&bucket), &lake);
    assert_eq!(summary["records"]["events"], dump.truth.events);
    assert_eq!(summary["records"]["duplicates"], dump.truth.duplicates);
    dump.assert_in(&lake);
}

fn thousands(number: u64) -> String {
    format!("{},{:03}", number / 1_000, number % 1_000)
}

#[test]
fn a_stream_that_does_not_exist_is_named() {
    let Some(python) = python() else { return };
    let moto = Moto::start(&python);
    let run = replay(&moto, &dump::small().path, "no-such-stream").expect(4);
    assert!(run.stderr.contains("no-such-stream"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    let wrong = replay(&moto, &dump::small().path, "").expect(2);
    assert!(wrong.stderr.contains("firehose://"), "{}", wrong.stderr);
}
