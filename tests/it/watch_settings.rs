//! `serve --watch`: regions of buckets, the landing area that is set up, and what is said before there is a lake.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use crate::dump::files;
use crate::program::{Server, poll};
use crate::servers::{SeaweedFs, Who};
use crate::tools::python;
use crate::watch::{Case, PATIENCE, await_sends, finding, mail, proxy, sends};

/// One queue is told of two buckets in two regions. A request's signature says for which region it is meant; S3 would refuse others.
#[test]
fn objects_are_asked_for_in_the_region_of_their_bucket() {
    let Some(python) = python() else { return };
    let case = Case::with_moto(&python);
    let seen: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let noted = Arc::clone(&seen);
    let proxy = proxy(&case.moto.as_ref().unwrap().endpoint, move |parts| {
        // `AWS4-HMAC-SHA256 Credential=test/20261128/eu-west-1/s3/aws4_request, ...`
        let signed = parts.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let region = signed.split('/').nth(2).unwrap_or_default();
        noted.lock().unwrap().push((parts.uri.path().to_owned(), region.to_owned()));
        Duration::ZERO
    });
    case.steps(&python, json!([["queue", "ses", 5], ["bucket", "far", "eu-west-1"], ["notify", "ses"],]));
    let server = Server::start(case.command(&["sqs://ses"]).env("AWS_ENDPOINT_URL_S3", proxy));
    // S3 tells only queues of its own region; a topic takes it on to another one.
    let record = json!({"eventSource": "aws:s3", "awsRegion": "eu-west-1", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "far"}, "object": {"key": "b"}}});
    let told = json!({"Type": "Notification", "Message": json!({"Records": [record]}).to_string()}).to_string();
    case.steps(&python, json!([["put", "a", sends(0..1)], ["put", "b", sends(1..2), "far"], ["send", "ses", told]]));
    await_sends(&server, 2, PATIENCE);
    let seen = seen.lock().unwrap();
    for (path, region) in [("/raw/a", "us-east-1"), ("/far/b", "eu-west-1")] {
        let of: Vec<&str> = seen.iter().filter(|(asked, _)| asked == path).map(|(_, region)| region.as_str()).collect();
        assert!(of.len() >= 2 && of.iter().all(|signed| *signed == region), "{path}: {seen:?}");
    }
}

/// Queues use the landing area of the settings, also where no live route is open.
#[test]
fn events_of_queues_land_where_the_settings_say() {
    let Some(python) = python() else { return };
    let case = Case::with_moto(&python);
    case.steps(&python, json!([["queue", "ses"]]));
    let (config, elsewhere) = (case.folder.path().join("repute.toml"), case.folder.path().join("elsewhere"));
    let serve = |imports: bool| {
        fs::write(&config, format!("[ingest]\nlanding = \"elsewhere\"\nimport_landed = {imports}\n")).unwrap();
        Server::start(case.command(&["sqs://ses"]).arg("--config").arg(&config))
    };
    let server = serve(false);
    case.steps(&python, json!([["send", "ses", mail(0).send(), mail(1).send(), mail(2).send()]]));
    poll("the queue to be empty", PATIENCE, || {
        (case.steps(&python, json!([["left", "ses"]])) == json!([[0, 0]])).then_some(())
    });
    let lines =
        || -> usize { files(&elsewhere).iter().map(|path| fs::read_to_string(path).unwrap().lines().count()).sum() };
    assert_eq!(lines(), 3);
    assert!(!case.lake().join("events").exists(), "another program imports it");
    drop(server);
    let server = serve(true);
    await_sends(&server, 3, PATIENCE);
    poll("the landing area to be empty", PATIENCE, || (lines() == 0).then_some(()));
    assert!(!case.lake().join("landing").exists());
}

/// Whoever may not read a bucket is told so, and what right is needed, before there is a lake.
#[test]
fn a_missing_right_is_a_finding_before_there_is_a_lake() {
    let Some(python) = python() else { return };
    let (case, seaweed) = (Case::new(), SeaweedFs::start(&python));
    let later = case.folder.path().join("later");
    let mut command = seaweed.command(Who::Stranger);
    command.args(["serve", "--listen", "127.0.0.1:0", "--watch", "s3://raw/ses", "--watch"]).arg(&later);
    let server = Server::start(command.arg("--lake").arg(case.lake()));
    let found = poll("the finding", PATIENCE, || {
        finding(&server).filter(|found| found["evidence"].as_array().unwrap().len() == 2)
    });
    assert_eq!(found["severity"], "problem");
    let evidence = found["evidence"].to_string();
    assert!(evidence.contains("`s3://raw/ses`: ") && evidence.contains("has not worked since"), "{found}");
    assert!(found["remedy"].as_str().unwrap().contains("s3:ListBucket"), "{found}");
    let names = server.get("/api/v1/health").json()["findings"].clone();
    assert!(names.to_string().contains("no_lake"), "{names}");
    let page = server.get("/health").text;
    assert!(page.contains("2 watched sources cannot be imported from") && page.contains("s3:ListBucket"), "{page}");
    let metrics = server.get("/metrics").text;
    assert!(metrics.contains("repute_watch_failing{source=\"s3://raw/ses\"} 1"), "{metrics}");
}
