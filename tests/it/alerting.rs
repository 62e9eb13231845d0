//! Alerts through the server and the program together: silences that both heed, rules that are tried and saved, incidents that are
//! remembered. Figures are those of lakes made by hand.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::mail::{Lake, Mail, time};
use crate::notify::{Config, HOSTILE, lake};
use crate::program::{PATIENCE, Run, Server, command, on, poll, runtime, scratch};
use crate::receivers::Hook;
use crate::servers::{SeaweedFs, Who};
use crate::tools::python;

/// A server over the lake of the last minutes with this configuration.
fn serve(config: &Config) -> Server {
    let mut command = command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--lake"]).arg(lake()).arg("--config").arg(config.path());
    Server::start(&mut command)
}

/// An answer, redirects not followed.
struct Answer {
    status: u16,
    location: String,
    text: String,
}

/// Sends a form, as a page of the server's does.
fn post(server: &Server, path: &str, fields: &[(&str, &str)]) -> Answer {
    let page = server.get("/silences").text;
    let (_, rest) = page.split_once("name=\"token\" value=\"").unwrap_or_else(|| panic!("no token in {page}"));
    let token = rest.split('"').next().unwrap().to_owned();
    let mut all: Vec<(&str, &str)> = vec![("token", &token)];
    all.extend_from_slice(fields);
    send(server, path, &all)
}

/// The same without a token.
fn send(server: &Server, path: &str, fields: &[(&str, &str)]) -> Answer {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = client
        .post(format!("{}{path}", server.url))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Origin", &server.url)
        .body(body)
        .timeout(PATIENCE);
    runtime().block_on(async {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let location = response.headers().get("location").map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default();
        Answer { status, location, text: response.text().await.unwrap() }
    })
}

fn webhook(hook: &Hook) -> String {
    format!("[[notify]]\nname = \"hook\"\nto = \"webhook\"\nurl = \"{}/hook\"\n", hook.url)
}

fn kinds(hook: &Hook) -> Vec<String> {
    hook.bodies().iter().map(|body| body["kind"].as_str().unwrap().to_owned()).collect()
}

/// The one silence that holds.
fn holding(server: &Server) -> Value {
    let silences = server.get("/api/v1/silences").json();
    assert_eq!(silences.as_array().unwrap().len(), 1, "{silences}");
    silences[0].clone()
}

fn finding(server: &Server) -> Value {
    let report = server.get("/api/v1/check").json();
    report["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "bounces").unwrap().clone()
}

#[test]
fn a_silence_made_in_the_page_mutes_check_message_and_dashboard_until_it_is_ended() {
    let hook = Hook::start();
    let config = Config::of(&webhook(&hook));
    config.write(0.05, 0.08);
    let server = serve(&config);
    // Ten of a hundred bounce, worked out by hand: critical.
    assert!(server.get("/").text.contains("Open incidents") && server.get("/alerts").text.contains("10.00\u{a0}%"));
    let made =
        post(&server, "/silences", &[("rule", "bounces"), ("scope", "all"), ("for", "1h"), ("reason", "ticket 4711")]);
    assert_eq!((made.status, made.location.as_str()), (303, "/silences?done=made"), "{}", made.text);
    let silence = holding(&server);
    assert_eq!(
        (&silence["rule"], &silence["reason"], &silence["author"]),
        (&json!("bounces"), &json!("ticket 4711"), &json!("local"))
    );
    let lasts = time(silence["until"].as_str().unwrap()) - time(silence["from"].as_str().unwrap());
    assert_eq!(lasts, TimeDelta::hours(1));

    let run = config.run("").expect(0);
    assert!(run.stdout.contains("[silenced until ") && run.stdout.contains(": ticket 4711]"), "{}", run.stdout);
    assert!(kinds(&hook).is_empty(), "nobody is told");
    assert_eq!(finding(&server)["muted"]["by"], "silence");
    assert_eq!(server.get("/api/v1/check").json()["state"], "OK");
    let metrics = server.get("/metrics").text;
    assert!(
        metrics.contains("repute_rule_muted{account_id=\"111122223333\",group=\"\",rule=\"bounces\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("repute_check_state 0"), "{metrics}");
    let page = server.get("/alerts").text;
    assert!(page.contains("Silenced until") && page.contains("ticket 4711"), "{page}");
    let listed = config_run(&config, "silence list").stdout;
    assert!(listed.contains("bounces") && listed.contains("local") && listed.contains("ticket 4711"), "{listed}");

    let id = silence["id"].as_str().unwrap();
    let ended = post(&server, &format!("/silences/{id}/end"), &[]);
    assert_eq!((ended.status, ended.location.as_str()), (303, "/silences?done=ended"), "{}", ended.text);
    assert_eq!(finding(&server)["muted"], Value::Null);
    config.run("").expect(2);
    assert_eq!(kinds(&hook), ["opened"]);
    let over = server.get("/api/v1/silences?state=all").json();
    assert_eq!((&over[0]["ended_by"], &over[0]["holds"]), (&json!("local"), &json!(false)));
    assert!(server.get("/silences").text.contains("by local"));
    let again = post(&server, &format!("/silences/{id}/end"), &[]);
    assert_eq!(again.status, 404);
    assert!(again.text.contains("was ended by local already"), "{}", again.text);
}

/// Runs a command with a configuration.
fn config_run(config: &Config, arguments: &str) -> Run {
    let mut command = command();
    command.args(arguments.split_whitespace()).arg("--lake").arg(lake()).arg("--config").arg(config.path());
    Run::of(&mut command)
}

#[test]
fn a_silence_of_the_command_line_is_the_servers_too_and_ends_by_itself() {
    let config = Config::of("");
    config.write(0.05, 0.08);
    let server = serve(&config);
    let id = config_run(&config, "silence add --rule bounces --for 4s --reason deploy --author joe").expect(0).stdout;
    config.run("").expect(0);
    let seen = poll("the silence", PATIENCE, || {
        let silences = server.get("/api/v1/silences").json();
        silences.as_array().unwrap().first().cloned()
    });
    assert_eq!((&seen["id"], &seen["author"]), (&json!(id.trim()), &json!("joe")));
    poll("its end", PATIENCE, || (config.run("").code == 2).then_some(()));
    assert_eq!(server.get("/api/v1/silences").json(), json!([]));
    let listed = config_run(&config, "silence list --all --format json").expect(0).json();
    assert_eq!((&listed[0]["holds"], &listed[0]["ended"]), (&json!(false), &Value::Null));
    // One of the file holds beside it, and cannot be ended here.
    let text = fs::read_to_string(config.path()).unwrap();
    let until = (Utc::now() + TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M:%SZ");
    fs::write(config.path(), format!("{text}\n[[silence]]\nrule = \"bounces\"\nuntil = {until}\nreason = \"known\"\n"))
        .unwrap();
    config.run("").expect(0);
    let listed = config_run(&config, "silence list").expect(0).stdout;
    assert!(listed.contains("in the file") && listed.contains("known"), "{listed}");
    let page = poll("the file's silence", PATIENCE, || {
        let page = server.get("/silences").text;
        page.contains("In the file").then_some(page)
    });
    assert!(!page.contains("/end\""), "nothing to end: {page}");
}

#[test]
fn mistakes_in_a_silence_are_named_and_make_none() {
    let config = Config::of("");
    config.write(0.05, 0.08);
    let server = serve(&config);
    let late = (Utc::now() + TimeDelta::days(31)).format("%Y-%m-%dT%H:%M").to_string();
    for (fields, id, words) in [
        (vec![("rule", "bounces"), ("for", "1h"), ("reason", "  ")], "reason-mistake", "say why"),
        (vec![("rule", "bounces"), ("for", "until"), ("until", ""), ("reason", "a")], "until-mistake", "give a time"),
        (
            vec![("rule", "bounces"), ("for", "until"), ("until", late.as_str()), ("reason", "a")],
            "until-mistake",
            "30 days at most",
        ),
        (
            vec![("rule", "bounces"), ("for", "until"), ("until", "2020-01-01T00:00"), ("reason", "a")],
            "until-mistake",
            "over already",
        ),
        (
            vec![("rule", "<script>"), ("for", "1h"), ("reason", "a")],
            "rule-mistake",
            "there is no rule `&#60;script&#62;`",
        ),
        (vec![("rule", "bounces"), ("scope", "only"), ("for", "1h"), ("reason", "a")], "only-mistake", "say which"),
        (
            vec![
                ("rule", "bounces"),
                ("scope", "only"),
                ("dimension", "provider"),
                ("value", "x"),
                ("for", "1h"),
                ("reason", "a"),
            ],
            "only-mistake",
            "does not divide by `provider`",
        ),
    ] {
        let answer = post(&server, "/silences", &fields);
        assert_eq!(answer.status, 422, "{fields:?}");
        assert!(
            answer.text.contains(&format!("id=\"{id}\"")) && answer.text.contains(words),
            "{fields:?}: {}",
            answer.text
        );
    }
    assert_eq!(send(&server, "/silences", &[("rule", "bounces"), ("for", "1h"), ("reason", "a")]).status, 403);
    for (arguments, words) in [
        ("silence add --rule bounces --for 31d --reason a", "--until: a silence lasts 30 days at most"),
        ("silence add --rule nothing --for 1h --reason a", "--rule: there is no rule `nothing`"),
        ("silence add --rule bounces --reason a", "--for"),
        ("silence end 12", "there is no silence `12`"),
    ] {
        let run = config_run(&config, arguments).expect(2);
        assert!(run.stderr.contains(words), "{arguments}: {}", run.stderr);
    }
    assert_eq!(server.get("/api/v1/silences?state=all").json(), json!([]));
    assert!(!config.folder.path().join("memory/alerts/silences.json").exists());
}

/// Names and reasons are anybody's words.
#[test]
fn hostile_words_stay_words() {
    let config = Config::of("");
    config.write(0.05, 0.08);
    let text = fs::read_to_string(config.path())
        .unwrap()
        .replace("min_sends = 10", "min_sends = 10\nby = [\"configuration_set\"]\ntotal = true");
    fs::write(config.path(), text).unwrap();
    let server = serve(&config);
    let reason = "\"><script>alert(1)</script>\u{1b}[31m\u{202e} {{ x }}";
    let only = format!("configuration_set={HOSTILE}");
    let made = post(
        &server,
        "/silences",
        &[("rule", "bounces"), ("scope", "only"), ("only", &only), ("for", "1d"), ("reason", reason)],
    );
    assert_eq!(made.status, 303, "{}", made.text);
    let silence = holding(&server);
    assert_eq!((&silence["reason"], &silence["only"]["configuration_set"]), (&json!(reason), &json!(HOSTILE)));
    let shown = url::form_urlencoded::byte_serialize(only.as_bytes()).collect::<String>();
    for path in [
        "/alerts",
        "/silences",
        "/",
        "/alerts/bounces",
        &format!("/alerts/bounces?only={shown}"),
        &format!("/silences?rule=bounces&only={shown}"),
    ] {
        let page = server.get(path);
        assert_eq!(page.status, 200, "{path}");
        assert!(
            !page.text.contains("<script>") && !page.text.contains(['\u{1b}', '\u{202e}']),
            "{path}: {}",
            page.text
        );
        assert!(!page.text.contains(HOSTILE), "{path}: unescaped");
    }
    for run in [config.run(""), config_run(&config, "silence list")] {
        assert!(!run.stdout.contains(['\u{1b}', '\u{202e}']), "{}", run.stdout);
    }
    // The account as a whole is critical still: the silence covers one of its sets.
    config.run("").expect(2);
    for name in ["%3Cscript%3E", "..%2F..%2Fetc", "bounces%00", "aws_bounce_rate"] {
        assert_eq!(server.get(&format!("/alerts/{name}")).status, 404, "{name}");
        assert_eq!(post(&server, &format!("/alerts/{name}"), &[("warn", "1 %")]).status, 404, "{name}");
        assert_eq!(server.get(&format!("/api/v1/rules/{name}/preview?warn=1")).status, 404, "{name}");
    }
}

#[test]
fn of_many_who_write_at_once_none_is_lost() {
    let config = Config::of("");
    config.write(0.05, 0.08);
    let server = serve(&config);
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (config, server) = (&config, &server);
            scope.spawn(move || {
                config_run(config, &format!("silence add --rule bounces --for 1h --reason cli-{number}")).expect(0);
            });
            scope.spawn(move || {
                let reason = format!("page-{number}");
                let made = post(server, "/silences", &[("rule", "bounces"), ("for", "1h"), ("reason", &reason)]);
                assert_eq!(made.status, 303, "{}", made.text);
            });
        }
    });
    let listed = config_run(&config, "silence list --format json").expect(0).json();
    let mut reasons: Vec<String> =
        listed.as_array().unwrap().iter().map(|silence| silence["reason"].as_str().unwrap().to_owned()).collect();
    reasons.sort();
    let expected: Vec<String> =
        ["cli", "page"].iter().flat_map(|of| (0..6).map(move |number| format!("{of}-{number}"))).collect();
    assert_eq!(reasons, expected);
}

#[test]
fn of_many_who_write_at_once_none_is_lost_in_a_bucket() {
    let Some(python) = python() else { return };
    let store = SeaweedFs::start(&python);
    let config = Config::of("").with("state = \"s3://lake/memory\"");
    config.write(0.05, 0.08);
    let run = |who: Who, arguments: &str| {
        let mut command = store.command(who);
        command.args(arguments.split_whitespace()).arg("--lake").arg(lake()).arg("--config").arg(config.path());
        Run::of(&mut command)
    };
    std::thread::scope(|scope| {
        for number in 0..6 {
            let run = &run;
            scope.spawn(move || {
                run(Who::Owner, &format!("silence add --rule bounces --for 1h --reason cli-{number}")).expect(0)
            });
        }
    });
    let listed = run(Who::Reader, "silence list --format json").expect(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 6, "{listed}");
    run(Who::Reader, "check").expect(0);
    let refused = run(Who::Reader, "silence add --rule bounces --for 1h --reason mine").expect(4);
    assert!(refused.stderr.contains("silences.json"), "{}", refused.stderr);
}

/// What cannot be read silences nothing, is said, and is kept beside when somebody writes.
#[test]
fn silences_that_cannot_be_read_silence_nothing() {
    let config = Config::of("");
    config.write(0.05, 0.08);
    config_run(&config, "silence add --rule bounces --for 1h --reason a").expect(0);
    config.run("").expect(0);
    let path = config.folder.path().join("memory/alerts/silences.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    let run = config.run("").expect(2);
    assert!(run.stderr.contains("silences are not heeded") && run.stderr.contains("silences.json"), "{}", run.stderr);
    let server = serve(&config);
    assert_eq!(finding(&server)["muted"], Value::Null);
    assert!(server.get("/alerts").text.contains("silences.json` cannot be read"));
    config_run(&config, "silence add --rule bounces --for 1h --reason b").expect(0);
    config.run("").expect(0);
    let kept = fs::read_dir(path.parent().unwrap()).unwrap();
    let kept: Vec<PathBuf> = kept.map(|entry| entry.unwrap().path()).collect();
    let damaged = kept.iter().find(|path| path.to_string_lossy().contains("silences.json.damaged-")).unwrap();
    assert_eq!(fs::read_to_string(damaged).unwrap(), &text[..text.len() / 2]);
}

/// A hundred sends a minute from 12:00 to 12:20; from 12:05 to 12:09 ten of each hundred bounce, from 12:12 to 12:13 three.
fn minutes() -> (Lake, TempDir) {
    let noon = time("2026-10-05T12:00:00Z");
    let mut events = Vec::new();
    for minute in 0..20_usize {
        for number in 0..100_usize {
            let sent = noon + TimeDelta::minutes(minute as i64) + TimeDelta::milliseconds(number as i64 * 500);
            let mail = Mail::new(minute * 100 + number, sent);
            events.push(mail.send());
            let bounces = match minute {
                5..10 => number < 10,
                12..14 => number < 3,
                _ => false,
            };
            events.push(if bounces { mail.bounce("Permanent", "General") } else { mail.delivery() });
        }
    }
    (Lake::of(&events), scratch())
}

const RULES: &str = "# Ours; ask ops.\n[check]\ndefault_rules = false\n\n[[rule]]\nname = \"test\"           # the one and only\nmetric = \"bounce_rate\"\nwindow = \"1m\"\nconfidence = \"rate\"\nlook_back = \"1m\"\nwarn = \"2 %\"            # AWS reviews at 5 %\n\n[providers]\n\"corp.test\" = \"Corp\"\n";

fn serve_at(lake: &Path, config: &Path, at: &str) -> Server {
    Server::serve(lake, &format!("--config {} --at {at}", config.display()))
}

/// From and to of episodes, `HH:MM`.
fn spans(episodes: &Value) -> Vec<String> {
    let of = |episode: &Value| {
        let text = |name: &str| episode[name].as_str().unwrap()[11..16].to_owned();
        format!("{} {} {}", text("from"), text("to"), episode["state"].as_str().unwrap())
    };
    episodes.as_array().unwrap().iter().map(of).collect()
}

#[test]
fn a_preview_is_the_backtest_of_the_changed_file() {
    let (lake, folder) = minutes();
    let (path, at) = (folder.path().join("repute.toml"), "2026-10-05T12:30:00Z");
    fs::write(&path, RULES).unwrap();
    let server = serve_at(&lake.path(), &path, at);
    let backtest = |path: &Path| {
        on(&lake.path(), &format!("check --backtest --format json --at {at} --config {}", path.display()))
            .expect(0)
            .json()
    };
    // Ten of a hundred in the minutes that end from 12:06 to 12:10, three in those that end at 12:13 and 12:14.
    let before = server.get("/api/v1/rules/test/preview?warn=2%20%25").json();
    assert_eq!(spans(&before["in_force"]), ["12:06 12:10 WARNING", "12:13 12:14 WARNING"]);
    assert_eq!(before["in_force"], before["changed"]);
    assert_eq!(before["in_force"], backtest(&path));
    for (query, expected) in [
        ("warn=4%20%25", vec!["12:06 12:10 WARNING"]),
        ("warn=4%20%25&critical=0.1", vec!["12:06 12:10 CRITICAL"]),
        ("for=2m", vec!["12:08 12:10 WARNING"]),
        ("warn=20%20%25", vec![]),
        ("min_sends=101", vec![]),
        ("keep_firing_for=5m", vec!["12:06 12:19 WARNING"]),
    ] {
        let tried = server.get(&format!("/api/v1/rules/test/preview?{query}")).json();
        assert_eq!(spans(&tried["changed"]), expected, "{query}");
        assert_eq!(spans(&tried["in_force"]), ["12:06 12:10 WARNING", "12:13 12:14 WARNING"], "{query}");
        // The exported rule in place of the one in force is what the command line says of it.
        let changed = folder.path().join("changed.toml");
        fs::write(&changed, format!("[check]\ndefault_rules = false\n{}", tried["toml"].as_str().unwrap())).unwrap();
        assert_eq!(tried["changed"], backtest(&changed), "{query}");
    }
    let page = server.get("/alerts/test?preview=1&warn=4+%25&total=1").text;
    assert!(page.contains("would have fired 2 times, for 5 min together; changed, once, for 4 min: 1 gone"), "{page}");
    assert!(page.contains("warn = &#34;4 %&#34;"), "the export: {page}");
    assert_eq!(fs::read_to_string(&path).unwrap(), RULES, "nothing is changed by looking");
}

/// The version that a page was made from, and the fields of its form to save.
fn version(server: &Server, query: &str) -> String {
    let page = server.get(&format!("/alerts/test?preview=1&{query}")).text;
    let (_, rest) = page.split_once("name=\"version\" value=\"").unwrap_or_else(|| panic!("nothing to save in {page}"));
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn a_saved_rule_holds_at_once_and_keeps_the_rest_of_the_file() {
    let (lake, folder) = minutes();
    let (path, at) = (folder.path().join("repute.toml"), "2026-10-05T12:13:30Z");
    fs::write(&path, RULES).unwrap();
    let server = serve_at(&lake.path(), &path, at);
    let check = || on(&lake.path(), &format!("check --at {at} --config {}", path.display()));
    check().expect(1);
    assert_eq!(server.get("/api/v1/check").json()["state"], "WARNING");
    let version = version(&server, "warn=4+%25");
    let saved =
        post(&server, "/alerts/test", &[("version", &version), ("warn", "4 %"), ("for", "2m"), ("look_back", "1m")]);
    assert_eq!((saved.status, saved.location.as_str()), (303, "/alerts/test?done=saved"), "{}", saved.text);
    let expected = RULES.replace("warn = \"2 %\" ", "warn = \"4 %\" ").replace("5 %\n\n", "5 %\nfor = \"2m\"\n\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    let rules = server.get("/api/v1/rules").json();
    assert_eq!((&rules[0]["warn"], &rules[0]["for_minutes"]), (&json!(0.04), &json!(2)));
    assert_eq!(server.get("/api/v1/check").json()["state"], "OK");
    check().expect(0);

    // Whoever saves from the page of before is told what has changed since.
    let late = post(&server, "/alerts/test", &[("version", &version), ("warn", "9 %")]);
    assert_eq!(late.status, 409);
    for words in ["- warn = &#34;2 %&#34;", "+ warn = &#34;4 %&#34;", "+ for = &#34;2m&#34;", "value=\"9 %\""] {
        assert!(late.text.contains(words), "`{words}` is not in {}", late.text);
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    // What an editor changed meanwhile is not lost either, and secrets of the file are not shown.
    let edited = format!("{expected}\n[[notify]]\nname = \"n\"\nto = \"slack\"\nurl = \"http://127.0.0.1/secret\"\n");
    let newer = self::version(&server, "warn=5+%25");
    fs::write(&path, &edited).unwrap();
    let refused = post(&server, "/alerts/test", &[("version", &newer), ("warn", "5 %")]);
    assert_eq!(refused.status, 409);
    assert!(!refused.text.contains("secret") && refused.text.contains("outside of rules"), "{}", refused.text);
    assert_eq!(fs::read_to_string(&path).unwrap(), edited);
}

#[test]
fn mistakes_in_the_form_name_the_field_and_change_nothing() {
    let (lake, folder) = minutes();
    let (path, at) = (folder.path().join("repute.toml"), "2026-10-05T12:13:30Z");
    fs::write(&path, RULES).unwrap();
    let server = serve_at(&lake.path(), &path, at);
    let version = version(&server, "warn=4+%25");
    for (key, value, words) in [
        ("warn", "lots", "is no threshold"),
        ("critical", "1 %", "lies below `warn`"),
        ("min_sends", "many", "is no whole number"),
        ("for", "soon", "is no duration"),
        ("hits", "5 of 3", "says not how many minutes"),
        ("warn", "\"\n[[rule]]\nname = \"evil\"", "is no threshold"),
    ] {
        let mark = format!("id=\"mistake-{key}\"");
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair(key, value).finish();
        let tried = server.get(&format!("/alerts/test?preview=1&{query}"));
        assert_eq!(tried.status, 422, "{key} {value}");
        assert!(tried.text.contains(&mark) && tried.text.contains(words), "{key} {value}: {}", tried.text);
        let saved = post(&server, "/alerts/test", &[("version", &version), (key, value)]);
        assert_eq!(saved.status, 422, "{key} {value}");
        assert!(saved.text.contains(&mark), "{key} {value}: {}", saved.text);
        let problem = server.get(&format!("/api/v1/rules/test/preview?{query}"));
        assert_eq!((problem.status, problem.json()["parameter"].as_str()), (422, Some(key)), "{value}");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), RULES);
    assert_eq!(send(&server, "/alerts/test", &[("version", &version), ("warn", "3 %")]).status, 403);
}

/// A default rule stands in the file once it is changed, and replaces the default one there.
#[test]
fn a_changed_default_rule_is_written_into_the_file() {
    let folder = scratch();
    let path = folder.path().join("repute.toml");
    fs::write(&path, "# empty so far\n").unwrap();
    let config = format!("--config {}", path.display());
    let server = Server::serve(lake(), &config);
    let names = |rules: &Value| {
        rules.as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let before = server.get("/api/v1/rules").json();
    let page = server.get("/alerts/bounce_rate_10m?preview=1&warn=3+%25").text;
    let (_, rest) = page.split_once("name=\"version\" value=\"").unwrap();
    let version = rest.split('"').next().unwrap().to_owned();
    let saved = post(&server, "/alerts/bounce_rate_10m", &[("version", &version), ("warn", "3 %")]);
    assert_eq!(saved.status, 303, "{}", saved.text);
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with("# empty so far\n\n[[rule]]\nname = \"bounce_rate_10m\"\n") && text.contains("warn = \"3 %\""),
        "{text}"
    );
    let after = server.get("/api/v1/rules").json();
    assert_eq!(names(&after).len(), names(&before).len());
    let rule = after.as_array().unwrap().iter().find(|rule| rule["name"] == "bounce_rate_10m").unwrap();
    assert_eq!(
        (&rule["warn"], &rule["critical"], &rule["origin"], &rule["total"]),
        (&json!(0.03), &json!(0.04), &json!("replaced"), &json!(true))
    );
    let explained = on(lake(), &format!("check {config} --explain bounce_rate_10m")).stdout;
    assert!(explained.contains("WARNING from 3 %, CRITICAL from 4 %"), "{explained}");
}

#[test]
fn without_a_file_a_rule_can_be_exported_only() {
    let (lake, _folder) = minutes();
    let server = Server::serve(&lake.path(), "--at 2026-10-05T12:30:00Z");
    let page = server.get("/alerts/bounce_rate_10m?preview=1&warn=1+%25").text;
    assert!(page.contains("the server was started without a configuration file"), "{page}");
    assert!(page.contains("name = &#34;bounce_rate_10m&#34;") && !page.contains("name=\"version\""), "{page}");
    let refused = post(&server, "/alerts/bounce_rate_10m", &[("version", ""), ("warn", "1 %")]);
    assert_eq!(refused.status, 503);
}

/// A file with a mistake keeps the rules that were read before, and says so.
#[test]
fn a_file_that_is_edited_is_read_again() {
    let (lake, folder) = minutes();
    let path = folder.path().join("repute.toml");
    fs::write(&path, RULES).unwrap();
    let server = serve_at(&lake.path(), &path, "2026-10-05T12:13:30Z");
    let warn = || server.get("/api/v1/rules").json()[0]["warn"].clone();
    assert_eq!(warn(), json!(0.02));
    fs::write(&path, RULES.replace("2 %", "7 %")).unwrap();
    poll("the new threshold", PATIENCE, || (warn() == json!(0.07)).then_some(()));
    fs::write(&path, RULES.replace("\"2 %\"", "lots")).unwrap();
    let page = poll("the mistake", PATIENCE, || {
        let page = server.get("/alerts").text;
        page.contains("read before.").then_some(page)
    });
    assert!(page.contains("repute.toml:11: "), "{page}");
    assert_eq!(warn(), json!(0.07));
    fs::write(&path, RULES).unwrap();
    poll("the file again", PATIENCE, || (warn() == json!(0.02)).then_some(()));
}

#[test]
fn incidents_that_are_over_are_remembered_across_restarts() {
    let hook = Hook::start();
    let config = Config::of(&webhook(&hook));
    config.warning();
    config.critical();
    let server = serve(&config);
    let open = server.get("/api/v1/incidents").json();
    assert_eq!(
        (open.as_array().unwrap().len(), &open[0]["ended"], &open[0]["told"]),
        (1, &Value::Null, &json!(["hook"]))
    );
    let since = time(open[0]["since"].as_str().unwrap());
    assert!(server.get("/").text.contains(&format!("since {}", since.format("%Y-%m-%d %H:%M UTC"))));
    config.well();
    let over = poll("the end", PATIENCE, || {
        let over = server.get("/api/v1/incidents?state=over").json();
        over.as_array().unwrap().first().cloned()
    });
    // Ten of a hundred, worked out by hand.
    assert_eq!(
        (&over["worst"], &over["value"], &over["ending"]),
        (&json!("CRITICAL"), &json!(0.1), &json!("it is OK again"))
    );
    assert_eq!((&over["told"], &over["since"]), (&json!(["hook"]), &open[0]["since"]));
    let state = fs::read_to_string(config.state()).unwrap();
    assert!(!state.contains(over["id"].as_str().unwrap()), "{state}");
    let history = fs::read_to_string(config.state().with_file_name("history.json")).unwrap();
    assert!(history.contains(over["id"].as_str().unwrap()) && history.contains("\"version\": 1"), "{history}");
    drop(server);
    config.warning();
    config.well();
    let server = serve(&config);
    let all = server.get("/api/v1/incidents").json();
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(all[1], over);
    let page = server.get("/alerts?range=24h").text;
    assert!(page.contains("it is OK again") && page.contains("hook") && page.contains("CRITICAL"), "{page}");
    let elsewhere = server.get("/alerts?from=2026-01-01&to=2026-01-02").text;
    assert!(elsewhere.contains("ended in this time"), "{elsewhere}");
    // The chart of the rate has them, too.
    let chart = server.get("/rates?range=24h").text;
    assert!(chart.contains("incident"), "{chart}");
}

/// Also a check that tells nobody remembers, so that the dashboard has a history without receivers.
#[test]
fn a_check_that_tells_nobody_remembers_incidents() {
    let config = Config::of("");
    fs::create_dir(config.folder.path().join("memory")).unwrap();
    config.critical();
    config.well();
    config.critical();
    let server = serve(&config);
    let all = server.get("/api/v1/incidents").json();
    let told: Vec<(bool, &Value)> =
        all.as_array().unwrap().iter().map(|incident| (incident["ended"].is_null(), &incident["told"])).collect();
    assert_eq!(told, [(true, &json!([])), (false, &json!([]))]);
}

/// State as it was written before there was a history.
#[test]
fn a_state_of_an_earlier_version_is_read() {
    let hook = Hook::start();
    let config = Config::of(&webhook(&hook));
    config.write(0.5, 0.9);
    let now = Utc::now();
    let at = |minutes: i64| (now - TimeDelta::minutes(minutes)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let incident = json!({
        "id": "6a6a4a4c1d0f4b0e8f0e4c1f2b3a4d5e",
        "key": {"subject": "rule", "rule": "bounces", "account_id": "111122223333", "group": []},
        "level": "warning", "worst": "critical",
        "facts": {"sentence": "bounce rate 9 % (9 of 100): over AWS's review line (5 %)", "metric": "bounce_rate", "value": 0.09,
            "events": 9, "sends": 100, "warn": 0.05, "critical": 0.5, "from": at(70), "to": at(40)},
        "since": at(60), "seen": at(10), "held": null, "end": null,
        "told": {"hook": {"kind": "opened", "level": "warning", "at": at(60)}},
    });
    let state = json!({"version": 1, "last_check": {"at": at(10), "state": "WARNING"}, "incidents": [incident], "sender": null});
    fs::create_dir_all(config.state().parent().unwrap()).unwrap();
    fs::write(config.state(), state.to_string()).unwrap();
    let server = serve(&config);
    let open = server.get("/api/v1/incidents?state=open").json();
    assert_eq!(
        (&open[0]["worst"], &open[0]["sentence"]),
        (&json!("CRITICAL"), &json!("bounce rate 9 % (9 of 100): over AWS's review line (5 %)"))
    );
    assert!(server.get("/alerts").text.contains("repute check last ran 10 min ago"));
    config.run("").expect(0);
    assert_eq!(kinds(&hook), ["resolved"]);
    let over = poll("the end", PATIENCE, || {
        let over = server.get("/api/v1/incidents?state=over").json();
        over.as_array().unwrap().first().cloned()
    });
    assert_eq!((&over["since"], &over["told"]), (&json!(at(60)), &json!(["hook"])));
}

#[test]
fn silences_through_the_api() {
    let config = Config::of("");
    config.write(0.05, 0.08);
    let server = serve(&config);
    let path = "/api/v1/silences";
    let made = post(&server, path, &[("rule", "bounces"), ("for", "4h"), ("reason", "api")]);
    assert_eq!(made.status, 201, "{}", made.text);
    let made: Value = serde_json::from_str(&made.text).unwrap();
    assert_eq!(holding(&server)["id"], made["id"]);
    config.run("").expect(0);
    for (fields, status, parameter) in [
        (vec![("rule", "bounces"), ("for", "4h")], 400, "reason"),
        (vec![("rule", "bounces"), ("reason", "a")], 422, "until"),
        (vec![("rule", "bounces"), ("reason", "a"), ("for", "99d")], 422, "until"),
        (vec![("rule", "bounces"), ("reason", "a"), ("for", "soon")], 400, "for"),
        (vec![("rule", "x"), ("reason", "a"), ("for", "1h")], 422, "rule"),
        (vec![("rule", "bounces"), ("reason", "a"), ("for", "1h"), ("colour", "red")], 400, "colour"),
        (vec![("rule", "bounces"), ("reason", "a"), ("for", "1h"), ("total", "yes")], 400, "total"),
    ] {
        let answer = post(&server, path, &fields);
        let problem: Value = serde_json::from_str(&answer.text).unwrap();
        assert_eq!((answer.status, problem["parameter"].as_str()), (status, Some(parameter)), "{fields:?}: {problem}");
    }
    assert_eq!(send(&server, path, &[("rule", "bounces"), ("for", "4h"), ("reason", "api")]).status, 403);
    let end = format!("{path}/{}/end", made["id"].as_str().unwrap());
    assert_eq!(post(&server, &end, &[]).status, 204);
    assert_eq!(post(&server, &end, &[]).status, 404);
    config.run("").expect(2);
}

/// The server reads silences before it answers anybody.
#[test]
fn a_silence_holds_from_the_first_answer_on() {
    let config = Config::of("");
    config.write(0.05, 0.08);
    config_run(&config, "silence add --rule bounces --for 1h --reason a").expect(0);
    let server = serve(&config);
    assert_eq!(server.get("/api/v1/check").json()["state"], "OK");
}
