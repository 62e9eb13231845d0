//! `/metrics`: read by Prometheus itself, with the same figures as the command line.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::Value;

use crate::dump::{self, VERIFIED};
use crate::mail::{Lake, Mail, object, time};
use crate::program::{Run, Server, ask, poll, runtime, scratch};
use crate::tools::installed;

const AT: &str = "--at 2026-11-01T00:00:00Z";

fn documented(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/prometheus").join(file)
}

/// promtool's word on the text: 0 sound, 3 what its linter advises, 1 not readable.
fn promtool(promtool: &Path, metrics: &str) -> Run {
    let folder = scratch();
    let file = object(folder.path(), "metrics", metrics);
    let child =
        Command::new(promtool).args(["check", "metrics"]).stdin(fs::File::open(file).unwrap()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: child.status.code().unwrap_or(-1), stdout: text(child.stdout), stderr: text(child.stderr) }
}

/// A Prometheus that scrapes a server every second.
struct Prometheus {
    child: Child,
    url: String,
}

impl Prometheus {
    fn start(program: &Path, folder: &Path, target: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let rules = documented("rules.yml");
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{}]\nscrape_configs:\n- job_name: repute\n  static_configs: [{{ targets: [\"{target}\"] }}]\n",
            rules.display()
        );
        let config = object(folder, "prometheus.yml", config);
        let child = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={free}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, url: format!("http://{free}") }
    }

    fn get(&self, path: &str) -> Option<Value> {
        let url = format!("{}{path}", self.url);
        runtime().block_on(async { reqwest::get(url).await.ok()?.json().await.ok() })
    }

    /// Value of the one series that a query finds.
    fn value(&self, query: &str) -> Option<f64> {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let found = self.get(&format!("/api/v1/query?query={query}"))?;
        found["data"]["result"].as_array()?.first()?["value"][1].as_str()?.parse().ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn prometheus_sees_the_judged_rates() {
    let (Some(tool), Some(program)) = (installed("promtool"), installed("prometheus")) else { return };
    let lake = &dump::lake().0;
    let server = Server::serve(lake, &format!("{AT} {VERIFIED}"));
    let answer = server.get("/metrics");
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"), "{answer:?}");
    let checked = promtool(&tool, &answer.text);
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""), "{}", answer.text);

    let folder = scratch();
    let prometheus = Prometheus::start(&program, folder.path(), server.url.trim_start_matches("http://"));
    let patience = Duration::from_secs(60);
    let value = |query: &str| poll(query, patience, || prometheus.value(query));
    // A busy machine may miss the first scrapes.
    value("up{job=\"repute\"} == 1");
    let reputation = ask(lake, &format!("reputation {AT} {VERIFIED}"));
    for row in reputation["reputation"].as_array().unwrap() {
        let account = row["account_id"].as_str().unwrap();
        let (prefix, labels) = match row["configuration_set"].as_str() {
            None if row["scope"] == "account" => ("account", format!("account_id=\"{account}\"")),
            set => {
                let set = set.unwrap_or_default();
                ("configuration_set", format!("account_id=\"{account}\",configuration_set=\"{set}\""))
            }
        };
        for (metric, expected) in [
            ("bounce_ratio", &row["bounce"]["bounce_rate"]),
            ("eligible_sends", &row["bounce"]["eligible_sends"]),
            ("counted_bounces", &row["bounce"]["counted_bounces"]),
            ("complaint_ratio", &row["complaint"]["complaint_rate"]),
            ("counted_complaints", &row["complaint"]["counted_complaints"]),
        ] {
            let query = format!("repute_{prefix}_{metric}{{{labels}}}");
            let Some(expected) = expected.as_f64() else { continue };
            let found = value(&query);
            assert!((found - expected).abs() <= expected.abs() * 1e-9, "{query}: {found} is not {expected}");
        }
    }
    let truth = &dump::ndjson().truth;
    assert!(
        (value("repute_newest_event_timestamp_seconds") - time(&truth.last_event).timestamp_micros() as f64 / 1e6)
            .abs()
            < 1e-3
    );
    assert!((value("repute_check_state") - 2.0).abs() < f64::EPSILON, "the incident is critical");
    let sum = value("repute_import_events_total") + value("repute_import_duplicates_total");
    assert!((sum - value("repute_import_records_total")).abs() < f64::EPSILON);
    // The shipped rules fire.
    let alerts = poll("an alert", patience, || {
        let alerts = prometheus.get("/api/v1/alerts")?["data"]["alerts"].as_array()?.clone();
        alerts.iter().any(|alert| alert["state"] == "firing").then_some(alerts)
    });
    let names: Vec<&str> = alerts.iter().filter_map(|alert| alert["labels"]["alertname"].as_str()).collect();
    assert!(names.contains(&"SesReputationCritical"), "{names:?}");
    // What the dashboard asks for is there.
    let board: Value = serde_json::from_str(&fs::read_to_string(documented("grafana.json")).unwrap()).unwrap();
    let mut asked = 0;
    for panel in board["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap().replace("=~\"$account\"", "=~\".+\"");
            value(&query);
            asked += 1;
        }
    }
    println!("metrics: {} lines, {asked} queries of the dashboard answered", answer.text.lines().count());
}

#[test]
fn the_shipped_rules_are_sound() {
    let Some(tool) = installed("promtool") else { return };
    Run::of(Command::new(&tool).args(["check", "rules"]).arg(documented("rules.yml"))).expect(0);
    let documentation = fs::read_to_string(documented("README.md")).unwrap();
    for name in
        ["repute_rule_state", "repute_rule_muted", "repute_newest_event_timestamp_seconds", "repute_lake_readable"]
    {
        assert!(documentation.contains(name), "{name}");
    }
}

/// A name that came with an event is a label's value and nothing else; a rate of nothing has no series.
#[test]
fn names_stay_in_their_labels() {
    let Some(tool) = installed("promtool") else { return };
    let noon = time("2026-10-05T12:00:00Z");
    let hostile = "a\"} 1\nrepute_check_state 0\n\\{x=\"";
    let mail = Mail { set: hostile.into(), to: "a@gmail.com".into(), ..Mail::new(1, noon) };
    let lake = Lake::of(&[mail.send(), mail.bounce("Permanent", "General")]);
    let server = Server::serve(&lake.path(), "--at 2026-10-05T12:30:00Z");
    let text = server.get("/metrics").text;
    assert_eq!(promtool(&tool, &text).code, 0, "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("repute_check_state ")).count(), 1, "{text}");
    assert!(text.contains("repute_account_bounce_ratio{account_id=\"111122223333\"} 1"), "{text}");
    assert!(!text.contains("repute_account_complaint_ratio{"), "nobody there reports complaints: {text}");
    assert!(server.get_as("/metrics", Some("evil.example")).status != 200);
}

/// Without a lake, or with one that cannot be read, there are no figures, old ones neither.
#[test]
fn figures_that_may_be_old_are_not_told() {
    let mut lake = Lake::planned();
    let server = Server::serve(&lake.path(), "--at 2026-10-05T13:00:00Z");
    let lines = |server: &Server| -> Vec<String> {
        let text = server.get("/metrics").text;
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    let none = |lines: &[String]| lines.len() == 2 && lines.contains(&"repute_lake_readable 0".to_owned());
    assert!(none(&lines(&server)), "{:?}", lines(&server));
    let mail = Mail::new(1, time("2026-10-05T12:00:00Z") + TimeDelta::minutes(1));
    lake.add(&[mail.send()]);
    let patience = Duration::from_secs(20);
    poll("the lake", patience, || lines(&server).contains(&"repute_lake_readable 1".to_owned()).then_some(()));
    fs::write(lake.path().join("events/_delta_log/00000000000000000002.json"), "").unwrap();
    poll("the damage", patience, || none(&lines(&server)).then_some(()));
}
