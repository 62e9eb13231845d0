//! Alert rules written in `repute.toml`: what fires when, worked out by hand, and what is said of mistakes in the file.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use chrono::TimeDelta;
use serde_json::Value;
use tempfile::TempDir;

use crate::mail::{Lake, Mail, object, time};
use crate::program::{Run, on, scratch};

/// A hundred sends a minute from 12:00 to 12:20; from 12:05 to 12:09 ten of each hundred bounce, all of them to `corp.example`, which
/// gets half of the mail. All else is delivered.
fn minutes() -> &'static Lake {
    static LAKE: OnceLock<Lake> = OnceLock::new();
    LAKE.get_or_init(|| {
        let noon = time("2026-10-05T12:00:00Z");
        let mut events = Vec::new();
        for minute in 0..20_usize {
            for number in 0..100_usize {
                let sent = noon + TimeDelta::minutes(minute as i64) + TimeDelta::milliseconds(number as i64 * 500);
                let mut mail = Mail::new(minute * 100 + number, sent);
                if number % 2 == 0 {
                    mail.to = format!("user{number}@corp.example");
                }
                events.push(mail.send());
                let bounces = (5..10).contains(&minute) && number < 20 && number % 2 == 0;
                events.push(if bounces { mail.bounce("Permanent", "General") } else { mail.delivery() });
            }
        }
        Lake::of(&events)
    })
}

/// A configuration file of its own.
struct Config(TempDir);

impl Config {
    fn of(text: &str) -> Self {
        let folder = scratch();
        fs::write(folder.path().join("repute.toml"), text).unwrap();
        Self(folder)
    }

    fn check(&self, at: &str, arguments: &str) -> Run {
        let file = self.0.path().join("repute.toml");
        on(&minutes().path(), &format!("check --config {} --at 2026-10-05T{at}Z{arguments}", file.display()))
    }

    fn findings(&self, at: &str) -> Vec<Value> {
        self.check(at, " --format json").json()["findings"].as_array().unwrap().clone()
    }

    /// The states of a rule for an account as a whole at these times.
    fn states(&self, times: &[&str]) -> Vec<(i32, String)> {
        let state = |at: &&str| {
            let run = self.check(at, " --format json");
            let report = run.json();
            let finding = report["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "test").cloned();
            let state = finding.map_or_else(|| "none".to_owned(), |found| found["state"].as_str().unwrap().to_owned());
            (run.code, state)
        };
        times.iter().map(state).collect()
    }
}

fn rule(extra: &str) -> Config {
    Config::of(&format!(
        "[check]\ndefault_rules = false\n[[rule]]\nname = \"test\"\nmetric = \"bounce_rate\"\nwindow = \"1m\"\nwarn = \"5 %\"\n\
         confidence = \"rate\"\nlook_back = \"1m\"\n{extra}"
    ))
}

fn told(states: &[(i32, &str)]) -> Vec<(i32, String)> {
    states.iter().map(|(code, state)| (*code, (*state).to_owned())).collect()
}

/// The minute 12:05 is judged from 12:06 on, when it is over.
#[test]
fn a_rule_fires_while_its_threshold_is_reached() {
    let states = rule("").states(&["12:05:59", "12:06:00", "12:10:59", "12:11:00"]);
    assert_eq!(states, told(&[(0, "OK"), (1, "WARNING"), (1, "WARNING"), (0, "OK")]));
    let states = rule("critical = 0.10\n").states(&["12:05:30", "12:08:30"]);
    assert_eq!(states, told(&[(0, "OK"), (2, "CRITICAL")]));
    // The worst of the last five minutes.
    let config = Config::of(
        "[check]\ndefault_rules = false\n[[rule]]\nname = \"test\"\nmetric = \"bounce_rate\"\nwindow = \"1m\"\nwarn = 0.05\n\
         confidence = \"rate\"\nlook_back = \"5m\"\n",
    );
    assert_eq!(config.states(&["12:14:59", "12:15:00"]), told(&[(1, "WARNING"), (0, "OK")]));
}

#[test]
fn patience_before_and_after() {
    let states = rule("for = \"3m\"\n").states(&["12:06:10", "12:08:59", "12:09:00", "12:10:30", "12:11:30"]);
    assert_eq!(states, told(&[(0, "PENDING"), (0, "PENDING"), (1, "WARNING"), (1, "WARNING"), (0, "OK")]));
    let states = rule("for = \"5m\"\n").states(&["12:10:59", "12:11:30"]);
    assert_eq!(states, told(&[(0, "PENDING"), (0, "OK")]), "it holds for four minutes only");
    let states = rule("keep_firing_for = \"3m\"\n").states(&["12:10:30", "12:11:30", "12:13:30", "12:14:30"]);
    assert_eq!(states, told(&[(1, "WARNING"), (1, "RECOVERING"), (1, "RECOVERING"), (0, "OK")]));
    let states = rule("hits = \"3 of 5\"\n").states(&["12:07:30", "12:08:30", "12:12:30", "12:13:30"]);
    assert_eq!(states, told(&[(0, "OK"), (1, "WARNING"), (1, "WARNING"), (0, "OK")]));
}

/// Without `look_back` the worst of the last hour is told; a rule that keeps firing looks back on as much as Firehose may be late.
#[test]
fn how_far_is_looked_back() {
    let base = "[check]\ndefault_rules = false\n[[rule]]\nname = \"test\"\nmetric = \"bounce_rate\"\nwindow = \"1m\"\nwarn = 0.05\nmin_sends = 10\nno_data = \"ok\"\n";
    // Reached in the minutes that end from 12:06 to 12:10.
    let hour = Config::of(base).states(&["13:09:30", "13:10:30"]);
    assert_eq!(hour, told(&[(1, "WARNING"), (0, "OK")]));
    let kept = Config::of(&format!("{base}keep_firing_for = \"20m\"\n"));
    let states = kept.states(&["12:24:30", "12:25:30", "12:44:30", "12:45:30"]);
    assert_eq!(states, told(&[(1, "WARNING"), (1, "RECOVERING"), (1, "RECOVERING"), (0, "OK")]));
}

#[test]
fn minutes_without_mail() {
    // The last mail is of 12:19.
    let states = rule("").states(&["12:20:30", "12:21:00", "12:40:00"]);
    assert_eq!(states, told(&[(0, "OK"), (3, "none"), (3, "none")]));
    let states = rule("no_data = \"critical\"\n").states(&["12:20:30", "12:21:00"]);
    assert_eq!(states, told(&[(0, "OK"), (2, "CRITICAL")]));
    let states = rule("no_data = \"ok\"\n").states(&["12:40:00"]);
    assert_eq!(states, told(&[(0, "OK")]));
    let states = rule("min_sends = 101\n").states(&["12:08:00"]);
    assert_eq!(states, told(&[(3, "NO DATA")]), "below the floor it is neither OK nor CRITICAL");
    let config = Config::of(
        "[check]\ndefault_rules = false\n[[rule]]\nname = \"test\"\nmetric = \"sends\"\nwindow = \"5m\"\nlook_back = \"1m\"\n\
         compare = \"below\"\nwarn = 500\ncritical = 1\n",
    );
    // Five minutes with 500 sends; then one of them is empty, then all five are.
    assert_eq!(
        config.states(&["12:20:00", "12:21:00", "12:25:00"]),
        told(&[(0, "OK"), (1, "WARNING"), (2, "CRITICAL")])
    );
}

#[test]
fn other_metrics_groups_and_filters() {
    let base = "[check]\ndefault_rules = false\n[[rule]]\nname = \"test\"\nwindow = \"1m\"\nlook_back = \"1m\"\nconfidence = \"rate\"\n";
    let below = Config::of(&format!("{base}metric = \"delivery_rate\"\ncompare = \"below\"\nwarn = \"95 %\"\n"));
    assert_eq!(below.states(&["12:05:30", "12:06:30"]), told(&[(0, "OK"), (1, "WARNING")]));
    let by = Config::of(&format!(
        "{base}metric = \"bounce_rate\"\nby = [\"recipient_domain\"]\nmin_sends = 10\nwarn = \"5 %\"\n"
    ));
    let found = by.findings("12:06:30");
    let state = |domain: &str| found.iter().find(|f| f["recipient_domain"] == domain).unwrap()["state"].clone();
    assert_eq!((state("corp.example"), state("example.com")), ("WARNING".into(), "OK".into()));
    let corp = found.iter().find(|f| f["recipient_domain"] == "corp.example").unwrap();
    assert_eq!((&corp["events"], &corp["sends"], &corp["scope"]), (&10.into(), &50.into(), &"group".into()));
    assert!(found.iter().all(|f| f["scope"] != "account"), "an account is judged with `total = true` only: {found:?}");
    let run = by.check("12:06:30", "");
    let line = run.stdout.lines().next().unwrap();
    assert!(line.contains("recipient_domain corp.example (10 of 50)"), "{line}");
    assert!(line.contains("'test_corp_example'=20%;5;;0;100"), "{line}");
    let only =
        Config::of(&format!("{base}metric = \"bounces\"\nwarn = 1\nonly = {{ recipient_domain = \"example.com\" }}\n"));
    assert_eq!(only.states(&["12:06:30"]), told(&[(0, "OK")]), "none of those bounces");
    let number = Config::of(&format!("{base}metric = \"bounces\"\nwarn = 10\n"));
    assert_eq!(number.states(&["12:05:30", "12:06:30"]), told(&[(0, "OK"), (1, "WARNING")]));
    assert!(number.check("12:06:30", "").stdout.contains("'test'=10;10;;0;"), "a number has no unit");
}

#[test]
fn a_silence_ends_and_a_warning_is_not_told_twice() {
    let silence = "[[silence]]\nrule = \"test\"\nuntil = 2026-10-05T12:08:00Z\nreason = \"known\"\n";
    let config = rule(silence);
    assert_eq!(config.check("12:07:59", "").code, 0);
    let silenced = config.findings("12:07:59");
    assert_eq!((&silenced[0]["state"], &silenced[0]["muted"]["reason"]), (&"WARNING".into(), &"known".into()));
    assert!(config.check("12:07:59", "").stdout.contains("[silenced until 2026-10-05T12:08:00Z: known]"));
    assert_eq!(config.check("12:08:00", "").code, 1);
    let both = rule(
        "[[rule]]\nname = \"worse\"\nmetric = \"bounce_rate\"\nwindow = \"1m\"\nlook_back = \"1m\"\ncritical = \"5 %\"\n",
    );
    let found = both.findings("12:08:00");
    let finding = |name: &str| found.iter().find(|f| f["rule"] == name).unwrap();
    assert_eq!((&finding("worse")["state"], &finding("worse")["muted"]), (&"CRITICAL".into(), &Value::Null));
    assert_eq!((&finding("test")["state"], &finding("test")["muted"]["by"]), (&"WARNING".into(), &"worse".into()));
}

#[test]
fn default_rules_hold_beside_those_of_the_file() {
    let extra = "[[rule]]\nname = \"soft\"\nmetric = \"soft_bounce_rate\"\nwindow = \"1h\"\nwarn = \"10 %\"\n";
    let names = |config: &Config| -> Vec<String> {
        let mut names: Vec<String> =
            config.findings("12:20:00").iter().map(|f| f["rule"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names.dedup();
        names
    };
    let all = ["aws_bounce_rate", "aws_complaint_rate", "bounce_rate_10m", "complaint_rate_10m", "soft"];
    assert_eq!(names(&Config::of(extra)), all);
    assert_eq!(names(&Config::of(&format!("[check]\ndefault_rules = false\n{extra}"))), ["soft"]);
    let replaced = Config::of(
        "[[rule]]\nname = \"bounce_rate_10m\"\nmetric = \"bounce_rate\"\nwindow = \"10m\"\nwarn = \"90 %\"\n",
    );
    let found = replaced.findings("12:20:00");
    let rules: Vec<&Value> = found.iter().filter(|f| f["rule"] == "bounce_rate_10m").collect();
    assert_eq!((rules.len(), &rules[0]["warn"], &rules[0]["state"]), (1, &0.9.into(), &"OK".into()));
}

/// 2,000 sends and 50 bounces in all; Wilson's interval of 10 in 100 is 5.52 % to 17.44 %.
#[test]
fn the_arithmetic_is_explained() {
    let run = rule("").check("12:07:00", " --explain test").expect(1);
    for words in [
        "REPUTE WARNING - bounce rate 10 % (10 of 100)",
        "watches     hard bounces over sends",
        "thresholds  WARNING from 5 %",
        "floor       50 sends and 0 events",
        "measured    2026-10-05T12:06:00Z to 2026-10-05T12:07:00Z",
        "sends       100 sends = 100 eligible",
        "bounces     10 bounces = 10 counted",
        "rate        10 of 100 = 10 %, 95 % interval 5.523 % to 17.437 %",
        "state       WARNING: over AWS's pause line (10 %)",
    ] {
        let words = words.replace("hard bounces over sends", "bounce rate, as AWS counts");
        assert!(run.stdout.contains(&words), "`{words}` is not in:\n{}", run.stdout);
    }
    let run = rule("").check("12:07:00", " --explain nothing").expect(3);
    assert!(run.stdout.starts_with("REPUTE UNKNOWN - there is no rule `nothing`"), "{}", run.stdout);
    let account =
        on(&minutes().path(), "check --at 2026-10-05T12:20:00Z --verified corp.example --explain aws_bounce_rate");
    for words in [
        "2,000 sends - 1,000 to your verified domains = 1,000 eligible",
        "50 bounces - 50 to your verified domains = 0 counted",
    ] {
        assert!(account.stdout.contains(words), "{}", account.stdout);
    }
}

#[test]
fn the_past_is_tried() {
    let rules = rule(
        "for = \"2m\"\nby = [\"recipient_domain\"]\ntotal = true\nmin_sends = 10\n[[rule]]\nname = \"volume\"\nmetric = \"bounce_rate\"\nmin_sends = 1000\nwarn = \"2 %\"\n",
    );
    let run = rules.check("12:30:00", " --backtest --since 1h --format json").expect(0);
    let episodes = run.json();
    let told: Vec<String> = episodes
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            let text = |key: &str| e[key].as_str().unwrap_or("-").to_owned();
            let (from, to) = (text("from"), text("to"));
            let whose = text("recipient_domain");
            format!(
                "{} {whose} {} {} {} {} {}/{}",
                text("rule"),
                &from[11..16],
                &to[11..16],
                e["ongoing"],
                text("state"),
                e["events"],
                e["sends"]
            )
        })
        .collect();
    // Reached in the minutes that end from 12:06 to 12:10, so it fires at 12:08. At 12:30 the volume is 50 of 2,000: 2.5 %.
    assert_eq!(
        told,
        [
            "test - 12:08 12:10 false WARNING 10/100",
            "test corp.example 12:08 12:10 false WARNING 10/50",
            "volume - 12:30 12:30 true WARNING 50/2000",
        ]
    );
    let text = rules.check("12:30:00", " --backtest --since 1h").expect(0).stdout;
    assert!(text.contains("3 episodes from 2026-10-05 11:30 to 2026-10-05 12:30 UTC"), "{text}");
    let none = rule("").check("12:05:30", " --backtest --since 2026-10-05").expect(0).stdout;
    assert_eq!(none, "no rule would have fired from 2026-10-05 00:00 to 2026-10-05 12:05 UTC\n");
    rules.check("12:30:00", " --since 1h").expect(3);
}

/// Domains are other people's words: as many of them as somebody likes fill no memory, and are no OK.
#[test]
fn too_many_groups_are_unknown() {
    let noon = time("2026-10-05T12:00:00Z");
    let mail = |number: usize| Mail { to: format!("a@d{number}.example"), ..Mail::new(number, noon) };
    let lake = Lake::of(&(0..20_001).map(|number| mail(number).send()).collect::<Vec<_>>());
    let folder = scratch();
    let rule = "[[rule]]\nname = \"test\"\nmetric = \"bounce_rate\"\nwindow = \"10m\"\nby = [\"recipient_domain\"]\nwarn = 0.1\n";
    let file = object(folder.path(), "repute.toml", rule);
    let run = on(&lake.path(), &format!("check --config {} --at 2026-10-05T12:30:00Z", file.display())).expect(3);
    assert!(run.stdout.contains("more than 20,000 groups"), "{}", run.stdout);
}

/// The examples in the documentation are read as they stand there.
#[test]
fn documented_rules_are_read() {
    for file in ["README.md", "docs/alerts.md"] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let blocks: Vec<&str> = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert!(!blocks.is_empty(), "{file}");
        for block in blocks {
            Config::of(block).findings("12:20:00");
        }
    }
}

/// A file, the line of the mistake, and words that must be in what is said: the key or value, and what to do.
const MISTAKES: [(&str, usize, [&str; 2]); 26] = [
    (
        "[[rule]]\nname = \"a\"\nmetric = \"bounces_rate\"\nwarn = 1\n",
        3,
        ["`bounces_rate` is no metric", "known are bounce_rate, "],
    ),
    ("[[rule]]\nname = \"a\"\nwarn = 1\n", 1, ["missing field", "metric"]),
    ("[[rule]]\nmetric = \"sends\"\nwarn = 1\n", 1, ["missing field", "name"]),
    ("[[rule]]\nname = \"a b\"\nmetric = \"bounce_rate\"\nwarn = 0.1\n", 1, ["rule `a b`", "letters, digits"]),
    (
        "lake = \"x\"\n\n[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\n",
        3,
        ["rule `a`: it can never fire", "give `warn`"],
    ),
    ("[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarm = 0.1\n", 4, ["unknown field `warm`", "`warn`"]),
    ("[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarn = \"two\"\n", 4, ["`two` is no threshold", "\"2 %\""]),
    ("[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarn = -1\n", 4, ["`-1` is no threshold", "0.02"]),
    ("[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarn = nan\n", 4, ["`NaN` is no threshold", "\"2 %\""]),
    ("[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarn = 5\n", 1, ["over 100 % is never reached", "\"5 %\""]),
    (
        "[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarn = 0.1\ncritical = 0.05\n",
        1,
        ["`critical` lies below `warn`", "exchange"],
    ),
    (
        "[[rule]]\nname = \"a\"\nmetric = \"delivery_rate\"\nwindow = \"1h\"\ncompare = \"below\"\nwarn = 0.9\ncritical = 0.95\n",
        1,
        ["`critical` lies above `warn`", "exchange"],
    ),
    (
        "[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarn = 0.1\nwindow = \"ten\"\n",
        5,
        ["`ten` is no duration", "10m"],
    ),
    ("[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarn = 0.1\nwindow = \"90s\"\n", 5, ["`90s`", "whole minutes"]),
    ("[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarn = 0.1\nwindow = \"30d\"\n", 5, ["`30d`", "at most 7d"]),
    (
        "[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarn = 0.1\nwindow = \"1h\"\nlast_sends = 10\n",
        1,
        ["`window` and `last_sends`", "keep one"],
    ),
    (
        "[[rule]]\nname = \"a\"\nmetric = \"open_rate\"\nwarn = 0.1\n",
        1,
        ["`open_rate` is not measured over the last sends", "give a `window`"],
    ),
    (
        "[[rule]]\nname = \"a\"\nmetric = \"open_rate\"\nwindow = \"1h\"\ncounting = \"aws\"\nwarn = 0.1\n",
        1,
        ["AWS judges no `open_rate`", "plain"],
    ),
    (
        "[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarn = 0.1\nby = [\"colour\"]\n",
        5,
        ["unknown dimension `colour`", "known are"],
    ),
    (
        "[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarn = 0.1\nby = [\"provider\"]\n",
        1,
        ["configuration_set only", "give a `window`"],
    ),
    ("[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarn = 0.1\nfor = \"5m\"\n", 1, ["`for`", "need a `window`"]),
    (
        "[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarn = 0.1\nwindow = \"1h\"\nhits = \"6 of 5\"\n",
        6,
        ["`6 of 5`", "\"3 of 5\""],
    ),
    (
        "[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarn = 0.1\nconfidence = 0.95\n",
        5,
        ["invalid type", "expected a string"],
    ),
    (
        "[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarn = 0.1\nno_data = \"nothing\"\nwindow = \"1h\"\n",
        5,
        ["`nothing` is not known here", "\"keep\""],
    ),
    (
        "[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarn = 0.1\n\n[[rule]]\nname = \"a\"\nmetric = \"bounce_rate\"\nwarn = 0.2\n",
        6,
        ["another rule of this name", "give it a name"],
    ),
    (
        "[[silence]]\nrule = \"nobody\"\nuntil = 2026-10-05T12:00:00Z\n",
        1,
        ["no rule `nobody`", "known are aws_bounce_rate"],
    ),
];

#[test]
fn mistakes_name_the_line_and_the_remedy() {
    let folder = scratch();
    for (text, line, words) in MISTAKES {
        let file = object(folder.path(), "repute.toml", text);
        let run = |command: &str| on(&minutes().path(), &format!("{command} --config {}", file.display()));
        let check = run("check").expect(3).stdout;
        assert!(check.starts_with("REPUTE UNKNOWN - ") && check.lines().count() == 1, "{check}");
        let rates = run("rates").expect(2).stderr;
        for said in [check, rates] {
            assert!(said.contains(&format!("repute.toml:{line}: ")), "line {line}: {said}");
            assert!(words.iter().all(|words| said.contains(words)), "{words:?}: {said}");
        }
    }
    let silence = object(folder.path(), "repute.toml", "[[silence]]\nuntil = \"soon\"\n");
    let said = on(Path::new("nowhere"), &format!("rates --config {}", silence.display())).expect(2).stderr;
    assert!(said.contains("repute.toml:2: `soon` is no time"), "{said}");
}
