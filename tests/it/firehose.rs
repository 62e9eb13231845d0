//! Streams as sources: what a stream is set up to write is imported, and what in its set-up hurts is told. Streams are
//! moto's; `tests/python/firehose.py` writes what Firehose would.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::dump;
use crate::front::{Answer, Front};
use crate::mail::{Mail, object, time};
use crate::program::{Run, scratch};
use crate::servers::Moto;
use crate::tools::{python, run_python};

/// A Firehose with its bucket.
struct Firehose {
    moto: Moto,
    python: PathBuf,
}

impl Firehose {
    fn start() -> Option<Self> {
        let python = python()?;
        Some(Self { moto: Moto::start(&python), python })
    }

    fn python(&self, arguments: &[&str]) -> Value {
        run_python(
            &self.python,
            "firehose.py",
            [self.moto.endpoint.as_str()].into_iter().chain(arguments.iter().copied()),
        )
    }

    /// Creates buckets, streams and objects.
    fn make(&self, what: &Value) {
        let folder = scratch();
        let file = object(folder.path(), "make.json", what.to_string());
        self.python(&["make", file.to_str().unwrap()]);
    }

    /// A stream to the bucket `raw`.
    fn stream(&self, name: &str, more: &Value) {
        let mut to = json!({"RoleARN": "arn:aws:iam::123456789012:role/r", "BucketARN": "arn:aws:s3:::raw", "CompressionFormat": "GZIP"});
        to.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.make(&json!({"streams": [{"DeliveryStreamName": name, "ExtendedS3DestinationConfiguration": to}]}));
    }

    fn deliver(&self, stream: &str, size: usize, every: usize) -> Vec<Delivered> {
        let folder = dump::short().path.to_string_lossy().into_owned();
        let told = self.python(&["deliver", stream, &folder, &size.to_string(), &every.to_string()]);
        assert_eq!(told["records"], dump::short().truth.records);
        let objects = told["objects"].as_array().unwrap();
        objects
            .iter()
            .map(|told| Delivered {
                key: told["key"].as_str().unwrap().to_owned(),
                arrival: time(&told["arrival"].as_str().unwrap().replace("+00:00", "Z")),
                is_error: told["error"].as_bool().unwrap(),
            })
            .collect()
    }

    fn run(&self, arguments: &str) -> Run {
        Run::of(self.moto.command().args(arguments.split(' ')))
    }

    fn import(&self, stream: &str, options: &str, lake: &Path) -> Run {
        self.run(&format!("import firehose://{stream} --format json --quiet{options} --lake {}", lake.display()))
    }

    fn noted(&self, lake: &Path) -> BTreeSet<String> {
        let noted = self.python(&["noted", lake.to_str().unwrap()]);
        serde_json::from_value(noted["names"].clone()).unwrap()
    }
}

/// An object that was written for a stream.
struct Delivered {
    key: String,
    arrival: chrono::DateTime<chrono::Utc>,
    is_error: bool,
}

fn name(delivered: &Delivered) -> String {
    format!("s3://raw/{}", delivered.key)
}

/// Whatever the prefix, all that the stream wrote is imported, error records included, and nothing else.
#[test]
fn a_stream_is_imported_as_it_is_set_up() {
    let Some(firehose) = Firehose::start() else { return };
    let stranger = Mail::new(99_999, time("2026-10-05T08:00:00Z")).send();
    firehose.make(&json!({"objects": {
        "raw/plain/2026/10/05/08/other-1-2026-10-05-08-00-00-u": stranger,
        "raw/plain/notes.txt": "hello",
        "raw/lake/events/part-0.parquet": "no Parquet",
        "raw/2026/report.csv": "a,b",
    }}));
    let (dump, folder) = (dump::short(), scratch());
    for (stream, setup, others) in [
        ("plain", json!({"Prefix": "plain/"}), true),
        ("bare", json!({}), true),
        (
            "hive",
            json!({
                "Prefix": "hive/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/hour=!{timestamp:HH}/",
                "ErrorOutputPrefix": "hive-errors/!{firehose:error-output-type}/!{timestamp:yyyy'-'MM'-'dd}/",
                "CustomTimeZone": "Asia/Tokyo",
            }),
            false,
        ),
        (
            "parts",
            json!({
                "Prefix": "parts/set=!{partitionKeyFromQuery:set}/!{timestamp:yyyy/MM/dd}/!{firehose:random-string}/",
                "ErrorOutputPrefix": "parts/errors/!{firehose:error-output-type}/",
                "CompressionFormat": "UNCOMPRESSED",
            }),
            false,
        ),
    ] {
        firehose.stream(stream, &setup);
        let delivered = firehose.deliver(stream, 200, 7);
        assert!(delivered.iter().any(|object| object.is_error));
        let lake = folder.path().join(stream);
        let run = firehose.import(stream, "", &lake).expect(0);
        assert_eq!(run.stderr.contains("left out"), others, "{stream}: {}", run.stderr);
        let summary = run.json();
        assert_eq!(summary["records"]["events"], dump.truth.events, "{stream}: {summary}");
        assert_eq!(summary["records"]["quarantined"], 0);
        dump.assert_in(&lake);
        assert_eq!(firehose.noted(&lake), delivered.iter().map(name).collect(), "{stream}");
    }
}

/// Dates are the stream's, in its time zone; which objects they are is worked out from when the helper wrote them.
#[test]
fn since_and_until_work_through_the_prefix() {
    let Some(firehose) = Firehose::start() else { return };
    let folder = scratch();
    for (stream, setup) in [
        (
            "tokyo",
            json!({
                "Prefix": "tokyo/dt=!{timestamp:yyyy'-'MM'-'dd}/",
                "ErrorOutputPrefix": "tokyo-errors/!{firehose:error-output-type}/",
                "CustomTimeZone": "Asia/Tokyo",
            }),
        ),
        (
            "sets",
            json!({"Prefix": "sets/!{partitionKeyFromQuery:set}/!{timestamp:yyyy/MM}/", "ErrorOutputPrefix": "sets-errors/"}),
        ),
    ] {
        firehose.stream(stream, &setup);
        let delivered = firehose.deliver(stream, 1_000, 9);
        let middle = delivered[delivered.len() / 2].arrival;
        let (since, until) = (middle, middle + chrono::TimeDelta::days(2));
        let wanted: BTreeSet<String> =
            delivered.iter().filter(|object| object.arrival >= since && object.arrival < until).map(name).collect();
        assert!(!wanted.is_empty() && wanted.len() < delivered.len());
        let lake = folder.path().join(stream);
        let time = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        // A margin of a second takes nothing more: between two objects lies more.
        let options = format!(" --since {} --until {} --margin 1ns", time(since), time(until));
        firehose.import(stream, &options, &lake).expect(0);
        assert_eq!(firehose.noted(&lake), wanted, "{stream}");
        firehose.import(stream, "", &lake).expect(0);
        dump::short().assert_in(&lake);
    }
}

#[test]
fn streams_that_cannot_be_read_from_are_told() {
    let Some(firehose) = Firehose::start() else { return };
    let folder = scratch();
    let lake = folder.path().join("lake");
    firehose.make(&json!({"streams": [{"DeliveryStreamName": "away", "RedshiftDestinationConfiguration": {
        "RoleARN": "arn:aws:iam::123456789012:role/r", "ClusterJDBCURL": "jdbc:redshift://h:1/d",
        "CopyCommand": {"DataTableName": "t"}, "Username": "user", "Password": "password",
        "S3Configuration": {"RoleARN": "arn:aws:iam::123456789012:role/r", "BucketARN": "arn:aws:s3:::raw", "Prefix": "copy/", "CompressionFormat": "GZIP"},
    }}]}));
    firehose.make(&json!({"objects": {
        "raw/copy/2026/10/05/08/away-1-2026-10-05-08-00-00-u": Mail::new(1, time("2026-10-05T08:00:00Z")).send(),
    }}));
    assert_eq!(firehose.import("away", "", &lake).expect(0).json()["records"]["events"], 1);
    let missing = firehose.import("no-such-stream", "", &lake).expect(4);
    assert!(missing.stderr.contains("no Firehose stream `no-such-stream`"), "{}", missing.stderr);
    let denied = Front::start(&firehose.moto.endpoint, |_, _| {
        let body = json!({"__type": "AccessDeniedException", "message": "not for you"}).to_string();
        Answer::Own((StatusCode::BAD_REQUEST, body).into_response())
    });
    let mut command = firehose.moto.command();
    command.args(["import", "firehose://ses-events", "--lake"]).arg(&lake).env("AWS_ENDPOINT_URL", &denied.endpoint);
    let denied = Run::of(&mut command).expect(4);
    assert!(
        denied
            .stderr
            .contains("AccessDeniedException: not for you; these credentials lack firehose:DescribeDeliveryStream"),
        "{}",
        denied.stderr
    );
    // A variable that is set to nothing is no region either.
    let mut unset = firehose.moto.command();
    unset.env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION").env("AWS_EC2_METADATA_DISABLED", "true");
    let mut empty = firehose.moto.command();
    for command in [&mut unset, empty.env("AWS_REGION", "")] {
        let run = Run::of(command.args(["doctor", "firehose://ses-events"])).expect(4);
        assert!(run.stderr.contains("; set AWS_REGION, as in "), "{}", run.stderr);
        assert!(!run.stderr.contains("credentials"), "{}", run.stderr);
    }
    for wrong in ["", "a/b", "a%20b"] {
        let run = firehose.import(wrong, "", &lake).expect(2);
        assert!(run.stderr.contains("firehose://my-stream"), "{}", run.stderr);
    }
    let other = firehose.run(&format!("import sqs://q --lake {}", lake.display())).expect(2);
    assert!(other.stderr.contains("firehose://STREAM"), "{}", other.stderr);
}

/// A time zone that is not known here matters only where dates are asked for, and one that is can be named.
#[test]
fn an_unknown_time_zone_matters_only_for_dates() {
    let Some(firehose) = Firehose::start() else { return };
    firehose.stream("odd", &json!({"Prefix": "odd/", "CustomTimeZone": "Mars/Olympus"}));
    firehose.make(&json!({"objects": {
        "raw/odd/2026/10/05/08/odd-1-2026-10-05-08-00-00-u": Mail::new(1, time("2026-10-05T08:00:00Z")).send(),
    }}));
    let folder = scratch();
    let lake = folder.path().join("lake");
    let dated = firehose.import("odd", " --since 2026-10-05", &lake).expect(4);
    assert!(dated.stderr.contains("`Mars/Olympus`; name one with --key-timezone"), "{}", dated.stderr);
    assert!(!lake.exists());
    let named = firehose.import("odd", " --since 2026-10-05 --key-timezone Asia/Tokyo", &lake).expect(0);
    assert_eq!(named.json()["records"]["events"], 1);
    assert_eq!(firehose.import("odd", "", &lake).expect(0).json()["objects"]["skipped"], 1);
}

#[test]
fn what_hurts_in_a_set_up_is_told() {
    let Some(firehose) = Firehose::start() else { return };
    let found = |stream: &str, code: i32| {
        let report = firehose.run(&format!("doctor firehose://{stream} --format json")).expect(code).json();
        let findings = report["findings"].as_array().unwrap();
        let names: Vec<String> = findings.iter().map(|found| found["check"].as_str().unwrap().to_owned()).collect();
        (report, names)
    };
    let logged = json!({"Enabled": true, "LogGroupName": "g", "LogStreamName": "s"});
    firehose.stream(
        "sound",
        &json!({
            "Prefix": "ses/", "ErrorOutputPrefix": "errors/", "CloudWatchLoggingOptions": logged,
            "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 60},
        }),
    );
    let (report, names) = found("sound", 0);
    assert_eq!((names, &report["stream"]["prefix"]), (Vec::new(), &json!("ses/")));
    firehose.stream(
        "poor",
        &json!({
            "Prefix": "!{partitionKeyFromQuery:set}/!{timestamp:yyyy}/",
            "CompressionFormat": "UNCOMPRESSED",
            "BufferingHints": {"SizeInMBs": 128, "IntervalInSeconds": 900},
            "DataFormatConversionConfiguration": {
                "Enabled": true, "OutputFormatConfiguration": {"Serializer": {"OrcSerDe": {}}},
            },
            "DynamicPartitioningConfiguration": {"Enabled": true},
            "ProcessingConfiguration": {"Enabled": true, "Processors": [{"Type": "Lambda", "Parameters": []}]},
            "EncryptionConfiguration": {"KMSEncryptionConfig": {"AWSKMSKeyARN": "arn:aws:kms:us-east-1:123456789012:key/k"}},
        }),
    );
    let (report, names) = found("poor", 1);
    let expected = [
        "stream_conversion",
        "stream_buffer",
        "stream_no_error_prefix",
        "stream_partitioned",
        "stream_lambda",
        "stream_not_logged",
        "stream_prefix",
        "stream_encrypted",
    ];
    assert_eq!(names, expected, "{report:#}");
    let text = firehose.run("doctor firehose://poor").expect(1).stdout;
    assert!(text.starts_with("stream poor: 1 problem, 5 warnings, 2 notes\n"), "{text}");
    assert!(text.contains("buffer    900 s or 128 MiB") && text.contains("To do: "), "{text}");
    let missing = firehose.run("doctor firehose://none").expect(4);
    assert!(missing.stderr.contains("no Firehose stream `none`"), "{}", missing.stderr);
    firehose.run("doctor firehose://").expect(2);
}
