//! Who is told of what `check` finds: what arrives where, how often, and what happens when something is in the way.
//!
//! The figures are those of a lake made by hand; what a receiver expects is written down from its public documentation.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::mail::{Lake, Mail, object};
use crate::program::{REPUTE, Run, Server, command, on, poll, scratch};
use crate::receivers::{Hook, free_address};
use crate::servers::{SeaweedFs, Who};
use crate::tools::python;

/// A configuration set with everything in its name that may break a message.
pub(crate) const HOSTILE: &str = "a\"}],{{ rule }}<!channel>&\\";

/// A hundred mails of the last minutes, ten of which bounce hard: 10 %. Of those to [`HOSTILE`], five of fifty.
pub(crate) fn lake() -> &'static Path {
    static LAKE: OnceLock<(Lake, PathBuf)> = OnceLock::new();
    let (_, path) = LAKE.get_or_init(|| {
        // All within one minute, so that every window holds all of it or none.
        let minute = (Utc::now().timestamp() - 600) / 60 * 60;
        let start = DateTime::from_timestamp(minute + 5, 0).unwrap();
        let mut events = Vec::new();
        for number in 0..100_usize {
            let mut mail = Mail::new(number, start + TimeDelta::milliseconds(number as i64));
            if number % 2 == 0 {
                mail.set = HOSTILE.to_owned();
            }
            events.push(mail.send());
            events.push(if number < 10 { mail.bounce("Permanent", "General") } else { mail.delivery() });
        }
        let lake = Lake::of(&events);
        let path = lake.path();
        (lake, path)
    });
    path
}

/// A configuration of its own, with a memory of its own.
pub(crate) struct Config {
    pub(crate) folder: TempDir,
    notify: String,
    check: String,
}

impl Config {
    /// `notify` is what stands below the rules.
    pub(crate) fn of(notify: &str) -> Self {
        Self { folder: scratch(), notify: notify.to_owned(), check: String::new() }
    }

    pub(crate) fn with(self, check: &str) -> Self {
        Self { check: check.to_owned(), ..self }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("repute.toml")
    }

    /// The memory.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("memory/alerts/state.json")
    }

    /// Writes the file with a rule that warns from `warn` on and is critical from `critical` on.
    pub(crate) fn write(&self, warn: f64, critical: f64) {
        let state = if self.check.contains("state =") {
            String::new()
        } else {
            format!("state = \"{}\"\n", self.folder.path().join("memory").display())
        };
        let (check, notify) = (&self.check, &self.notify);
        let text = format!(
            "[check]\ndefault_rules = false\n{state}{check}\n[[rule]]\nname = \"bounces\"\nmetric = \"bounce_rate\"\nwindow = \"30m\"\n\
             confidence = \"rate\"\nmin_sends = 10\nwarn = {warn}\ncritical = {critical}\n{notify}"
        );
        fs::write(self.path(), text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = command();
        command.arg("check").args(arguments.split_whitespace()).arg("--lake").arg(lake());
        command.arg("--config").arg(self.path());
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> Run {
        Run::of(&mut self.command(arguments))
    }

    /// Checks with the measured 10 % being a warning, critical or well.
    pub(crate) fn warning(&self) -> Run {
        self.write(0.05, 0.5);
        self.run("").expect(1)
    }

    pub(crate) fn critical(&self) -> Run {
        self.write(0.05, 0.08);
        self.run("").expect(2)
    }

    pub(crate) fn well(&self) -> Run {
        self.write(0.5, 0.9);
        self.run("").expect(0)
    }

    /// Makes all that was remembered so much older.
    fn age(&self, by: TimeDelta) {
        fn older(value: &mut Value, by: TimeDelta) {
            match value {
                Value::String(text) => {
                    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
                        *text = (time - by).to_rfc3339();
                    }
                }
                Value::Array(values) => values.iter_mut().for_each(|value| older(value, by)),
                Value::Object(values) => values.values_mut().for_each(|value| older(value, by)),
                _ => {}
            }
        }
        let mut state: Value = serde_json::from_slice(&fs::read(self.state()).unwrap()).unwrap();
        older(&mut state, by);
        fs::write(self.state(), state.to_string()).unwrap();
    }
}

fn webhook(hook: &Hook) -> String {
    format!("[[notify]]\nname = \"hook\"\nto = \"webhook\"\nurl = \"{}/hook\"\n", hook.url)
}

/// `kind state` of each message.
fn told(bodies: &[Value]) -> Vec<String> {
    bodies
        .iter()
        .map(|body| format!("{} {}", body["kind"].as_str().unwrap(), body["state"].as_str().unwrap()))
        .collect()
}

#[test]
fn an_incident_is_told_once_again_after_a_day_and_when_it_is_over() {
    let hook = Hook::start();
    let config = Config::of(&webhook(&hook)).with("dashboard = \"https://repute.example/\"");
    // Every message has a key of its own, by which a receiver knows one that comes twice.
    let mut keys = std::collections::BTreeSet::new();
    config.well();
    assert!(hook.take().is_empty());
    assert_eq!(config.warning().stderr, "");
    config.warning();
    let first = hook.bodies();
    assert_eq!(told(&first), ["opened WARNING"]);
    // 10 of 100: worked out by hand.
    let expected = json!({
        "kind": "opened", "state": "WARNING", "rule": "bounces", "account_id": "111122223333", "group": {}, "metric": "bounce_rate",
        "value": 0.1, "events": 10, "sends": 100, "warn": 0.05, "critical": 0.5, "ended": null, "test": false,
        "dashboard": "https://repute.example/", "title": "[repute] WARNING: bounces, account 111122223333",
        "sentence": "bounce rate 10 % (10 of 100): over AWS's pause line (10 %)",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&first[0][name], value, "{name}");
    }
    config.critical();
    config.critical();
    config.warning();
    config.critical();
    assert_eq!(told(&hook.bodies()), ["escalated CRITICAL"]);
    config.age(TimeDelta::minutes(23 * 60 + 50));
    config.critical();
    assert!(hook.take().is_empty());
    let mut repeat = || {
        config.age(TimeDelta::hours(25));
        config.critical();
        let requests = hook.take();
        assert_eq!(requests.len(), 1);
        assert!(keys.insert(requests[0].headers["idempotency-key"].to_str().unwrap().to_owned()), "{keys:?}");
        requests.iter().map(crate::receivers::Request::json).collect::<Vec<_>>()
    };
    repeat();
    let again = repeat();
    assert_eq!(told(&again), ["repeated CRITICAL"]);
    config.well();
    config.well();
    let end = hook.bodies();
    assert_eq!(told(&end), ["resolved OK"]);
    assert!(end[0]["ended"].is_string() && end[0]["title"].as_str().unwrap().contains("RESOLVED"), "{end:?}");
    for message in [&again[0], &end[0]] {
        assert_eq!(message["incident"], first[0]["incident"]);
    }
    config.warning();
    let next = hook.bodies();
    assert_eq!(told(&next), ["opened WARNING"]);
    assert_ne!(next[0]["incident"], first[0]["incident"]);
    assert_eq!(next[0]["key"], first[0]["key"]);
}

#[test]
fn looking_tells_nobody() {
    let hook = Hook::start();
    let config = Config::of(&webhook(&hook));
    config.write(0.05, 0.5);
    let now = Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    for (arguments, code) in [
        ("--no-notify", 1),
        (format!("--at {now}").as_str(), 1),
        ("--explain bounces", 1),
        ("--backtest --since 1h", 0),
        ("--heartbeat", 3),
    ] {
        config.run(arguments).expect(code);
        assert!(hook.take().is_empty() && !config.state().exists(), "{arguments}");
    }
}

/// No name of a configuration set breaks a template, and a field alone keeps its type.
#[test]
fn templates_hold_whatever_senders_chose() {
    let hook = Hook::start();
    let template = r#"template = '{"text": "{{ state }}: {{ sentence }}", "n": "{{ value }}", "set": "{{ group }}", "raw": "{{ text }}"}'"#;
    let secret = object(hook_folder().path(), "token", "s3cret\n");
    let config = Config::of(&format!("{}token_file = \"{}\"\n{template}\n", webhook(&hook), secret.display()));
    config.write(0.05, 0.5);
    let text = fs::read_to_string(config.path())
        .unwrap()
        .replace("min_sends = 10", "min_sends = 10\nby = [\"configuration_set\"]");
    fs::write(config.path(), text).unwrap();
    config.run("").expect(1);
    let requests = hook.take();
    let bodies: Vec<Value> = requests.iter().map(|request| request.json()).collect();
    let hostile = bodies.iter().find(|body| body["set"]["configuration_set"] == HOSTILE).unwrap();
    assert_eq!(hostile["n"], 0.1);
    assert_eq!(
        hostile["text"],
        format!("WARNING: bounce rate 10 % in {HOSTILE} (5 of 50): over AWS's pause line (10 %)")
    );
    assert_eq!(hostile.as_object().unwrap().len(), 4);
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("POST", "/hook"));
    assert_eq!(requests[0].headers["authorization"], "Bearer s3cret");
    assert_eq!(requests[0].headers["content-type"], "application/json");
}

fn hook_folder() -> &'static TempDir {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(scratch)
}

/// From docs.slack.dev: a message has `text` or `blocks`; headers are plain text of at most 150 characters, sections of at most 3,000;
/// `&`, `<` and `>` of a text stand as entities.
#[test]
fn slack_gets_blocks_that_mention_nobody() {
    let hook = Hook::start();
    let url = object(hook_folder().path(), "slack", format!("{}/services/T0/B0/x\n", hook.url));
    let config = Config::of(&format!("[[notify]]\nname = \"s\"\nto = \"slack\"\nurl_file = \"{}\"\n", url.display()));
    config.write(0.05, 0.08);
    let text = fs::read_to_string(config.path())
        .unwrap()
        .replace("min_sends = 10", "min_sends = 10\nby = [\"configuration_set\"]");
    fs::write(config.path(), text).unwrap();
    config.run("").expect(2);
    let requests = hook.take();
    assert_eq!((requests.len(), requests[0].path.as_str()), (2, "/services/T0/B0/x"));
    for request in &requests {
        let body = request.json();
        assert!(!body["text"].as_str().unwrap().contains(['<', '>']), "{body}");
        let blocks = body["blocks"].as_array().unwrap();
        assert!((1..=50).contains(&blocks.len()));
        for block in blocks {
            let (kind, most) = match block["type"].as_str().unwrap() {
                "header" => ("plain_text", 150),
                "section" => ("mrkdwn", 3_000),
                other => panic!("{other}"),
            };
            assert_eq!(block["text"]["type"], kind);
            let text = block["text"]["text"].as_str().unwrap();
            assert!((1..=most).contains(&text.chars().count()), "{text}");
            assert!(kind == "plain_text" || !text.contains(['<', '>']), "{text}");
        }
    }
    let all: String = requests.iter().map(|request| request.body.clone()).collect();
    assert!(all.contains("&lt;!channel&gt;&amp;"), "{all}");
}

/// From developer.pagerduty.com, "Send an alert event" and "Send a resolve event": what is required, and how long it may be.
#[test]
fn pagerduty_gets_events_that_fold() {
    let hook = Hook::start();
    let notify = format!(
        "[[notify]]\nname = \"p\"\nto = \"pagerduty\"\nurl = \"{}/v2/enqueue\"\nrouting_key_env = \"PD_KEY\"\n",
        hook.url
    );
    let config = Config::of(&notify).with("dashboard = \"https://repute.example/\"");
    let run = |warn: f64, critical: f64, code: i32| {
        config.write(warn, critical);
        Run::of(config.command("").env("PD_KEY", "0123456789abcdef0123456789abcdef")).expect(code);
        hook.bodies()
    };
    let sent = [run(0.05, 0.5, 1), run(0.05, 0.08, 2), run(0.5, 0.9, 0)].concat();
    let of = |name: &str| sent.iter().map(|event| event[name].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(of("event_action"), ["trigger", "trigger", "resolve"]);
    assert!(of("dedup_key").iter().all(|key| *key == of("dedup_key")[0] && (1..=255).contains(&key.len())));
    assert!(of("routing_key").iter().all(|key| key == "0123456789abcdef0123456789abcdef"));
    for (event, severity) in sent.iter().zip(["warning", "critical", "critical"]) {
        let payload = &event["payload"];
        assert_eq!(payload["severity"], severity);
        assert!((1..=1024).contains(&payload["summary"].as_str().unwrap().chars().count()), "{payload}");
        assert!(!payload["source"].as_str().unwrap().is_empty());
        assert!(DateTime::parse_from_rfc3339(payload["timestamp"].as_str().unwrap()).is_ok());
        assert_eq!(payload["custom_details"]["rule"], "bounces");
        assert_eq!(event["links"][0]["href"], "https://repute.example/");
    }
    // The key is nowhere but in the environment.
    config.write(0.05, 0.5);
    let unset = config.run("").expect(1);
    assert!(
        unset.stderr.contains("notify `p`: 1 message not delivered: the variable `PD_KEY` is not set"),
        "{}",
        unset.stderr
    );
    // What begins and ends while PagerDuty is down is shown to it, and closed.
    let sent = run(0.5, 0.9, 0);
    let actions: Vec<_> = sent.iter().map(|event| event["event_action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["trigger", "resolve"]);
}

#[test]
fn a_receiver_that_is_down_is_told_by_a_later_check() {
    let (good, bad) = (Hook::start(), Hook::start());
    let down = free_address();
    let notify = format!(
        "{}[[notify]]\nname = \"bad\"\nto = \"webhook\"\nurl = \"{}/bad\"\n[[notify]]\nname = \"down\"\nto = \"webhook\"\nurl = \"http://{down}/secret-path\"\n",
        webhook(&good),
        bad.url
    );
    let config = Config::of(&notify);
    bad.answer(503);
    for round in 0..3 {
        let run = config.critical();
        assert!(run.stdout.starts_with("REPUTE CRITICAL - "), "{}", run.stdout);
        assert!(
            run.stderr.contains("notify `bad`: 1 message not delivered: it answers 503 Service Unavailable: not now"),
            "{}",
            run.stderr
        );
        assert!(run.stderr.contains("notify `down`: 1 message not delivered: Connection refused"), "{}", run.stderr);
        assert!(!run.stderr.contains("secret-path") && run.stderr.lines().count() == 2, "{}", run.stderr);
        assert_eq!(good.take().len(), usize::from(round == 0));
    }
    bad.take();
    bad.answer(200);
    config.critical();
    assert_eq!(told(&bad.bodies()), ["opened CRITICAL"]);
    let up = Hook::start_at(std::net::TcpListener::bind(down).unwrap());
    // It is over before the third is back: that one hears of it all the same.
    let run = config.well();
    assert_eq!(run.stderr, "");
    assert_eq!(told(&up.bodies()), ["resolved OK"]);
    assert_eq!(
        (told(&good.bodies()), told(&bad.bodies())),
        (vec!["resolved OK".to_owned()], vec!["resolved OK".to_owned()])
    );
}

/// A receiver that never answers holds nobody up for longer than its time.
#[test]
fn a_receiver_that_hangs_is_left() {
    let good = Hook::start();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let notify = format!(
        "[[notify]]\nname = \"mute\"\nto = \"webhook\"\nurl = \"http://{}/\"\ntimeout = \"1s\"\n[[notify]]\nname = \"sleeper\"\nto = \"command\"\ncommand = [\"/bin/sleep\", \"60\"]\ntimeout = \"1s\"\n{}",
        silent.local_addr().unwrap(),
        webhook(&good)
    );
    let start = std::time::Instant::now();
    let run = Config::of(&notify).warning();
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    assert!(run.stderr.contains("notify `mute`: 1 message not delivered: no answer in time"), "{}", run.stderr);
    assert!(run.stderr.contains("`/bin/sleep` did not end in time"), "{}", run.stderr);
    assert_eq!(good.take().len(), 1);
}

fn at_once(config: &Config, mut make: impl FnMut() -> Command) {
    config.write(0.05, 0.08);
    let mut children: Vec<_> = (0..2)
        .map(|_| make().stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap())
        .collect();
    for child in &mut children {
        assert_eq!(child.wait().unwrap().code(), Some(2));
    }
}

#[test]
fn of_two_checks_at_once_one_tells() {
    let hook = Hook::start();
    for round in 0..20 {
        let config = Config::of(&webhook(&hook));
        at_once(&config, || config.command(""));
        assert_eq!(told(&hook.bodies()), ["opened CRITICAL"], "round {round}");
    }
}

#[test]
fn of_two_checks_at_once_one_tells_in_a_bucket() {
    let Some(python) = python() else { return };
    let server = SeaweedFs::start(&python);
    let hook = Hook::start();
    for round in 0..5 {
        let config = Config::of(&webhook(&hook)).with(&format!("state = \"s3://lake/memory-{round}\""));
        let make = || {
            let mut command = server.command(Who::Owner);
            command.arg("check").arg("--lake").arg(lake()).arg("--config").arg(config.path());
            command
        };
        at_once(&config, make);
        assert_eq!(told(&hook.bodies()), ["opened CRITICAL"], "round {round}");
        let again = Run::of(&mut make()).expect(2);
        assert_eq!((again.stderr.as_str(), hook.take().len()), ("", 0));
        let heartbeat = Run::of(make().arg("--heartbeat")).expect(0);
        assert!(
            heartbeat.stdout.starts_with("REPUTE OK - the last check came to its end 0m ago and said CRITICAL"),
            "{heartbeat:?}"
        );
    }
    // Who may only read remembers nothing, and tells all the same.
    let config = Config::of(&webhook(&hook)).with("state = \"s3://lake/elsewhere\"");
    config.write(0.05, 0.08);
    let mut command = server.command(Who::Reader);
    let run = Run::of(command.arg("check").arg("--lake").arg(lake()).arg("--config").arg(config.path())).expect(2);
    assert!(run.stderr.contains("what was told cannot be remembered"), "{}", run.stderr);
    assert_eq!(told(&hook.bodies()), ["opened CRITICAL"]);
}

/// The command kills the check that started it, after the message is safe.
#[test]
fn a_check_killed_after_delivery_tells_the_same_incident_again() {
    let folder = scratch();
    let (out, flag) = (folder.path().join("out"), folder.path().join("flag"));
    let script =
        format!("cat >> {}; [ -e {flag} ] || {{ touch {flag}; kill -9 $PPID; }}", out.display(), flag = flag.display());
    let config = Config::of(&format!(
        "[[notify]]\nname = \"c\"\nto = \"command\"\ncommand = [\"/bin/sh\", \"-c\", \"{script}\"]\n"
    ));
    config.write(0.05, 0.08);
    config.run("").expect(128 + 9);
    config.run("").expect(2);
    config.run("").expect(2);
    let lines: Vec<Value> =
        fs::read_to_string(&out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told(&lines), ["opened CRITICAL", "opened CRITICAL"]);
    assert_eq!(lines[0]["incident"], lines[1]["incident"]);
}

#[test]
fn a_command_gets_the_message_and_its_variables() {
    let folder = scratch();
    let out = folder.path().join("out");
    let script = format!("echo $REPUTE_ALERT_KIND $REPUTE_ALERT_STATE $REPUTE_ALERT_RULE >> {}", out.display());
    let notify = format!(
        "[[notify]]\nname = \"c\"\nto = \"command\"\ncommand = [\"/bin/sh\", \"-c\", \"{script}\"]\nrules = [\"bounces\"]\n"
    );
    let config = Config::of(&notify);
    config.critical();
    config.well();
    assert_eq!(fs::read_to_string(out).unwrap(), "opened CRITICAL bounces\nresolved OK bounces\n");
    let fails = Config::of("[[notify]]\nname = \"c\"\nto = \"command\"\ncommand = [\"/bin/false\"]\n");
    let run = fails.critical();
    assert!(run.stderr.contains("`/bin/false` ended with exit status: 1"), "{}", run.stderr);
    let missing = Config::of("[[notify]]\nname = \"c\"\nto = \"command\"\ncommand = [\"/bin/nothing-here\"]\n");
    let run = missing.critical();
    assert!(run.stderr.contains("`/bin/nothing-here` cannot be started: No such file"), "{}", run.stderr);
}

#[test]
fn alerts_go_out_where_nothing_can_be_remembered() {
    let hook = Hook::start();
    let words = "what was told cannot be remembered, so that the next check may tell it again";
    // A file is in the way of the folder.
    let folder = scratch();
    object(folder.path(), "alerts", "");
    let config = Config::of(&webhook(&hook)).with(&format!("state = \"{}\"", folder.path().display()));
    for _ in 0..2 {
        let run = config.critical();
        assert!(run.stderr.contains(words), "{}", run.stderr);
        assert_eq!(told(&hook.bodies()), ["opened CRITICAL"]);
    }
    // No file may grow, as on a full disk.
    let config = Config::of(&webhook(&hook));
    config.critical();
    let before = fs::read(config.state()).unwrap();
    hook.take();
    let mut full = Command::new("sh");
    full.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh", REPUTE, "check", "--lake"]).arg(lake());
    config.write(0.05, 0.5);
    config.age(TimeDelta::hours(25));
    let aged = fs::read(config.state()).unwrap();
    let run = Run::of(full.arg("--config").arg(config.path()).env_remove("REPUTE_LAKE")).expect(1);
    assert!(run.stderr.contains(words), "{}", run.stderr);
    assert_eq!(hook.take().len(), 1);
    assert_eq!(fs::read(config.state()).unwrap(), aged, "replaced as a whole or not at all");
    assert_ne!(before, aged);
    let left: Vec<_> =
        fs::read_dir(config.state().parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the memory and its lock, and no staged file: {left:?}");
}

#[test]
fn a_memory_that_cannot_be_read_is_kept_and_alerts_go_out() {
    let hook = Hook::start();
    for (damage, words) in [
        ("{\"version\": 1, \"incid", "EOF while parsing"),
        ("{\"version\": 9}", "it has version 9, and this program knows 1"),
        ("", "EOF"),
    ] {
        let config = Config::of(&webhook(&hook));
        config.critical();
        hook.take();
        fs::write(config.state(), damage).unwrap();
        let run = config.critical();
        assert!(run.stderr.contains("cannot be read") && run.stderr.contains(words), "{}", run.stderr);
        assert_eq!(told(&hook.bodies()), ["opened CRITICAL"]);
        let kept = fs::read_dir(config.state().parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
        let kept: Vec<_> = kept.filter(|path| path.to_string_lossy().contains("state.json.damaged-")).collect();
        assert_eq!((kept.len(), fs::read_to_string(&kept[0]).unwrap().as_str()), (1, damage));
        assert_eq!(config.critical().stderr, "");
        assert!(hook.take().is_empty());
    }
}

/// That nothing can be said is told, too, and that something can be said again.
#[test]
fn unknown_is_an_incident_of_the_check_itself() {
    let hook = Hook::start();
    let only_bad = format!(
        "{}[[notify]]\nname = \"two\"\nto = \"webhook\"\nurl = \"{}/two\"\nstates = [\"warning\", \"critical\"]\n",
        webhook(&hook),
        hook.url
    );
    let config = Config::of(&only_bad);
    config.warning();
    assert_eq!(hook.take().len(), 2);
    let missing = config.folder.path().join("nowhere");
    let gone = || on(&missing, &format!("check --config {}", config.path().display())).expect(3);
    gone();
    gone();
    let bodies = hook.take();
    assert_eq!((bodies.len(), bodies[0].path.as_str()), (1, "/hook"));
    let body = bodies[0].json();
    assert_eq!((&body["state"], &body["rule"]), (&json!("UNKNOWN"), &json!("check")));
    assert!(body["sentence"].as_str().unwrap().contains("no lake at"), "{body}");
    assert!(!missing.exists());
    config.warning();
    let bodies = hook.bodies();
    assert_eq!((told(&bodies), &bodies[0]["rule"]), (vec!["resolved OK".to_owned()], &json!("check")));
}

#[test]
fn silences_and_rules_that_are_gone() {
    let hook = Hook::start();
    let config = Config::of(&webhook(&hook));
    config.critical();
    assert_eq!(told(&hook.bodies()), ["opened CRITICAL"]);
    config.age(TimeDelta::hours(25));
    let silence = "[[silence]]\nrule = \"bounces\"\nuntil = 2999-01-01T00:00:00Z\n";
    let text = fs::read_to_string(config.path()).unwrap();
    fs::write(config.path(), format!("{text}{silence}")).unwrap();
    config.run("").expect(0);
    assert!(hook.take().is_empty(), "a silenced incident is not repeated");
    fs::write(config.path(), text.replace("\"bounces\"", "\"other\"")).unwrap();
    config.run("").expect(2);
    let bodies = hook.bodies();
    assert_eq!(told(&bodies), ["resolved OK", "opened CRITICAL"]);
    assert!(bodies[0]["text"].as_str().unwrap().contains("the rule was removed"), "{}", bodies[0]);
}

/// A plugin of Nagios with other rules, and without receivers, looks at the same lake: it ends nothing that it does not know.
#[test]
fn a_check_that_tells_nobody_leaves_incidents_alone() {
    let hook = Hook::start();
    let config = Config::of(&webhook(&hook));
    config.critical();
    let place = config.folder.path().join("memory");
    let plugin = Config::of("").with(&format!("state = \"{}\"", place.display()));
    plugin.well();
    let heartbeat = plugin.run("--heartbeat").expect(0).stdout;
    assert!(heartbeat.contains(" and said OK"), "{heartbeat}");
    config.critical();
    config.well();
    assert_eq!(told(&hook.bodies()), ["opened CRITICAL", "resolved OK"]);
}

/// As many groups as senders like do not flood anybody: the rest follows.
#[test]
fn a_flood_is_told_in_turns() {
    let hook = Hook::start();
    let start = Utc::now() - TimeDelta::minutes(5);
    let mut events = Vec::new();
    for number in 0..250_usize {
        let mail = Mail { set: format!("set-{:02}", number / 10), ..Mail::new(number, start) };
        events.extend([mail.send(), mail.bounce("Permanent", "General")]);
    }
    let lake = Lake::of(&events);
    let config = Config::of(&webhook(&hook));
    config.write(0.05, 0.08);
    let text = fs::read_to_string(config.path())
        .unwrap()
        .replace("min_sends = 10", "min_sends = 10\nby = [\"configuration_set\"]");
    fs::write(config.path(), text).unwrap();
    let run = || on(&lake.path(), &format!("check --config {}", config.path().display())).expect(2);
    let first = run();
    assert!(first.stderr.contains("5 messages not delivered: one check sends 20 at most"), "{}", first.stderr);
    assert_eq!(hook.take().len(), 20);
    assert_eq!((run().stderr.as_str(), hook.take().len()), ("", 5));
    assert_eq!((run().stderr.as_str(), hook.take().len()), ("", 0));
}

/// The memory lies beside the tables, and is no damage to them.
#[test]
fn the_memory_beside_the_lake_harms_nothing() {
    let start = Utc::now() - TimeDelta::minutes(5);
    let lake = Lake::of(&(0..20).map(|number| Mail::new(number, start).send()).collect::<Vec<_>>());
    on(&lake.path(), "check");
    let state = lake.path().join("alerts/state.json");
    poll("the memory", std::time::Duration::from_secs(1), || state.exists().then_some(()));
    let sound = on(&lake.path(), "lake fsck --format json").expect(0).json();
    assert_eq!(sound["damage"].as_array().map(Vec::len), Some(0), "{sound}");
    on(&lake.path(), "lake fsck --repair").expect(0);
    on(&lake.path(), "lake compact --quiet").expect(0);
    assert!(state.exists());
    let heartbeat = on(&lake.path(), "check --heartbeat").expect(0).stdout;
    assert!(heartbeat.starts_with("REPUTE OK - the last check came to its end 0m ago and said "), "{heartbeat}");
}

#[test]
fn a_dead_cron_is_noticed() {
    let watchdog = Hook::start();
    let config = Config::of("").with(&format!("heartbeat_url = \"{}/ping/abc\"", watchdog.url));
    config.write(0.05, 0.5);
    let never = config.run("--heartbeat").expect(3);
    assert!(never.stdout.starts_with("REPUTE UNKNOWN - no check has come to its end yet"), "{}", never.stdout);
    fs::create_dir(config.folder.path().join("memory")).unwrap();
    config.run("").expect(1);
    let pings = watchdog.take();
    assert_eq!((pings.len(), pings[0].method.as_str(), pings[0].path.as_str()), (1, "GET", "/ping/abc"));
    assert_eq!(config.run("--heartbeat --quiet").expect(0).stdout, "");
    config.age(TimeDelta::minutes(47));
    let silent = config.run("--heartbeat").expect(2);
    assert!(
        silent.stdout.starts_with(
            "REPUTE CRITICAL - the last check came to its end 47m ago and said WARNING (limit 15m) | last_check_age=28"
        ),
        "{}",
        silent.stdout
    );
    config.run("--heartbeat --max-silence 48m").expect(0);
    let report = config.run("--heartbeat --format json").expect(2).json();
    assert_eq!((&report["state"], &report["last_state"]), (&json!("CRITICAL"), &json!("WARNING")));
    // A watchdog that does not answer changes nothing.
    watchdog.answer(500);
    assert!(config.run("").expect(1).stderr.contains("heartbeat_url: it answers 500"));
    let arguments = format!("--config {}", config.path().display());
    let server = Server::serve(lake(), &arguments);
    let last = poll("the metric", std::time::Duration::from_secs(30), || {
        let text = server.get("/metrics").text;
        let line = text.lines().find(|line| line.starts_with("repute_last_check_timestamp_seconds "))?.to_owned();
        line.split(' ').nth(1)?.parse::<f64>().ok()
    });
    assert!((Utc::now().timestamp() as f64 - last).abs() < 120.0, "{last}");
}

#[test]
fn a_test_message_says_whether_it_arrived() {
    let hook = Hook::start();
    let notify = format!(
        "{}[[notify]]\nname = \"down\"\nto = \"slack\"\nurl = \"http://{}/\"\n",
        webhook(&hook),
        free_address()
    );
    let config = Config::of(&notify);
    config.write(0.05, 0.5);
    let run = config.run("--test-notify").expect(3);
    assert_eq!(run.stdout, "hook: delivered\ndown: not delivered: Connection refused (os error 111)\n");
    let bodies = hook.bodies();
    assert_eq!((bodies.len(), &bodies[0]["test"]), (1, &json!(true)));
    assert!(bodies[0]["title"].as_str().unwrap().contains("TEST"));
    assert_eq!(config.run("--test-notify hook").expect(0).stdout, "hook: delivered\n");
    assert!(
        config
            .run("--test-notify nobody")
            .expect(3)
            .stdout
            .contains("there is no [[notify]] `nobody`; known are hook, down")
    );
    assert!(!config.state().exists());
}

/// A table, and words that must be in what is said: the key or value, and what to do. The line is that of the table.
const MISTAKES: [(&str, [&str; 2]); 27] = [
    ("to = \"webhook\"\nurl = \"http://x/\"\n", ["`name` is required", "letters"]),
    ("name = \"a\"\nto = \"pigeon\"\n", ["`pigeon` is not known here", "\"alertmanager\""]),
    ("name = \"a\"\n", ["`to`: ``", "\"slack\""]),
    ("name = \"a\"\nto = \"webhook\"\n", ["it needs a `url`", "`url_env`"]),
    (
        "name = \"a\"\nto = \"webhook\"\nurl = \"ftp://x/\"\n",
        ["`ftp://x/` is no URL of http or https", "\"https://example.com/path\""],
    ),
    ("name = \"a\"\nto = \"webhook\"\nurl = \"x\"\n", ["`x` is no URL", "https"]),
    (
        "name = \"a\"\nto = \"webhook\"\nurl = \"http://x/\"\nurl_env = \"X\"\n",
        ["`url`, `url_file` and `url_env` exclude", "keep one"],
    ),
    (
        "name = \"a\"\nto = \"webhook\"\nurl = \"http://x/\"\ntopic = \"t\"\n",
        ["`topic` is no key of \"webhook\"", "template"],
    ),
    (
        "name = \"a\"\nto = \"webhook\"\nurl = \"http://x/\"\ntemplate = '{\"a\": {{ rule }}}'\n",
        ["the template is no JSON", "fields stand in strings"],
    ),
    (
        "name = \"a\"\nto = \"webhook\"\nurl = \"http://x/\"\ntemplate = '{\"a\": \"{{ rool }}\"}'\n",
        ["`rool`, which is no field", "known are title"],
    ),
    (
        "name = \"a\"\nto = \"slack\"\nurl = \"http://x/\"\nstates = [\"red\"]\n",
        ["`states`: `red` is not known", "\"critical\""],
    ),
    (
        "name = \"a\"\nto = \"slack\"\nurl = \"http://x/\"\nstates = []\n",
        ["`states` names none", "nothing would be told"],
    ),
    (
        "name = \"a\"\nto = \"slack\"\nurl = \"http://x/\"\nrules = [\"nobody\"]\n",
        ["there is no rule `nobody`", "known are aws_bounce_rate"],
    ),
    (
        "name = \"a\"\nto = \"slack\"\nurl = \"http://x/\"\nrepeat = \"daily\"\n",
        ["`repeat`: `daily` is no duration", "24h"],
    ),
    (
        "name = \"a\"\nto = \"slack\"\nurl = \"http://x/\"\nrepeat = \"5s\"\n",
        ["`repeat` is shorter than a minute", "1m"],
    ),
    (
        "name = \"a\"\nto = \"slack\"\nurl = \"http://x/\"\ntimeout = \"5m\"\n",
        ["`timeout` may be 60s", "comes to its end"],
    ),
    ("name = \"a\"\nto = \"pagerduty\"\n", ["`routing_key` of an Events API v2", "routing_key_file"]),
    ("name = \"a\"\nto = \"alertmanager\"\n", ["it needs a `url`", "9093"]),
    ("name = \"a\"\nto = \"sns\"\ntopic = \"alerts\"\n", ["`alerts` is no topic's ARN", "arn:aws:sns:"]),
    ("name = \"a\"\nto = \"smtp\"\nserver = \"smtp://x\"\n", ["`smtp://x` is no host name", "`port`"]),
    (
        "name = \"a\"\nto = \"smtp\"\nserver = \"email-smtp.eu-west-1.amazonaws.com\"\nfrom = \"a@b.example\"\nrecipients = [\"c@d.example\"]\n",
        ["is Amazon's: when AWS pauses the account", "`allow_ses = true`"],
    ),
    ("name = \"a\"\nto = \"smtp\"\nserver = \"x\"\nfrom = \"nobody\"\n", ["`nobody` is no address", "ops@example.com"]),
    ("name = \"a\"\nto = \"smtp\"\nserver = \"x\"\nfrom = \"a@b.example\"\n", ["it needs `recipients`", "["]),
    (
        "name = \"a\"\nto = \"smtp\"\nserver = \"x\"\nfrom = \"a@b.example\"\nrecipients = [\"c@d.example\"]\ntls = \"ssl\"\n",
        ["`tls`: `ssl` is not known", "\"starttls\""],
    ),
    (
        "name = \"a\"\nto = \"smtp\"\nserver = \"x\"\nfrom = \"a@b.example\"\nrecipients = [\"c@d.example\"]\ntls = \"plain\"\nusername = \"u\"\npassword_env = \"P\"\n",
        ["readable on the wire", "\"starttls\""],
    ),
    ("name = \"a\"\nto = \"command\"\ncommand = [\"page\"]\n", ["`page` is no absolute path", "/usr/bin/page"]),
    (
        "name = \"a\"\nto = \"command\"\ncommand = [\"/x\"]\n[[notify]]\nname = \"a\"\nto = \"command\"\ncommand = [\"/x\"]\n",
        ["another one of this name", "give it a name"],
    ),
];

#[test]
fn mistakes_name_the_line_and_the_remedy() {
    let folder = scratch();
    for (text, words) in MISTAKES {
        let line = if text.matches("[[notify]]").count() > 0 { 7 } else { 3 };
        let file = object(folder.path(), "repute.toml", format!("lake = \"x\"\n\n[[notify]]\n{text}"));
        let check = on(Path::new("nowhere"), &format!("check --config {}", file.display())).expect(3).stdout;
        assert!(check.starts_with("REPUTE UNKNOWN - ") && check.lines().count() == 1, "{check}");
        assert!(check.contains(&format!("repute.toml:{line}: ")), "line {line}: {check}");
        assert!(words.iter().all(|words| check.contains(words)), "{words:?}: {check}");
    }
    for (text, line, words) in [
        ("[[notify]]\nname = \"a\"\nto = \"sns\"\ncolour = 1\n", 4, "unknown field `colour`"),
        ("[check]\ndashboard = \"repute.example\"\n", 2, "`repute.example` is no URL"),
        ("[check]\nheartbeat_url = \"x\"\n", 2, "`x` is no URL"),
    ] {
        let file = object(folder.path(), "repute.toml", text);
        let said = on(Path::new("nowhere"), &format!("rates --config {}", file.display())).expect(2).stderr;
        assert!(said.contains(&format!("repute.toml:{line}: ")) && said.contains(words), "{said}");
    }
}
