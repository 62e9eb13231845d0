//! `check` as cron and Nagios run it: the exit code is the state, the first line says it, and whatever fails is UNKNOWN.

use std::path::Path;
use std::process::Command;

use chrono::{SecondsFormat, TimeDelta};
use serde_json::Value;

use crate::dump::{self, VERIFIED};
use crate::mail::{Lake, Mail, object, time};
use crate::program::{REPUTE, Run, on, repute, scratch};

/// After the last event of the generated dump, and before its incident, which begins 30 hours before the end.
const IN_THE_INCIDENT: &str = "2026-11-01T00:00:00Z";
const BEFORE_IT: &str = "2026-10-30T17:00:00Z";

fn check(lake: &Path, arguments: &str) -> Run {
    on(lake, &format!("check{arguments}"))
}

#[test]
fn the_incident_is_critical_and_the_days_before_it_are_ok() {
    let lake = &dump::lake().0;
    let critical = check(lake, &format!(" --at {IN_THE_INCIDENT} {VERIFIED}")).expect(2);
    assert_nagios(&critical.stdout, "CRITICAL");
    assert!(critical.stdout.lines().next().unwrap().contains("bounce rate"), "{}", critical.stdout);
    let quiet = check(lake, &format!(" --at {IN_THE_INCIDENT} {VERIFIED} --quiet")).expect(2);
    assert_eq!(quiet.stdout, critical.stdout);
    let ok = check(lake, &format!(" --at {BEFORE_IT} {VERIFIED}")).expect(0);
    assert_nagios(&ok.stdout, "OK");
    let silent = check(lake, &format!(" --at {BEFORE_IT} {VERIFIED} --quiet")).expect(0);
    assert_eq!((silent.stdout.as_str(), silent.stderr.as_str()), ("", ""));
}

/// The figures in the incident are those of the truth, in the line, the performance data and the JSON.
#[test]
fn the_critical_figures_are_the_truth() {
    let account = &dump::ndjson().truth.reputation[0].aws;
    let lake = &dump::lake().0;
    let run = check(lake, &format!(" --at {IN_THE_INCIDENT} {VERIFIED} --format json")).expect(2);
    let report: Value = run.json();
    assert_eq!(report["state"], "CRITICAL");
    assert_eq!(report["newest_event"].as_str().map(time), Some(time(&dump::ndjson().truth.last_event)));
    let is_account = |f: &&Value| f["rule"] == "aws_bounce_rate" && f["scope"] == "account";
    let finding = report["findings"].as_array().unwrap().iter().find(is_account).unwrap();
    assert_eq!(finding["events"], account.counted_bounces);
    assert_eq!(finding["sends"], account.eligible_sends);
    assert_eq!(finding["state"], "CRITICAL");
    let text = check(lake, &format!(" --at {IN_THE_INCIDENT} {VERIFIED}")).stdout;
    let rate = account.bounce_rate.unwrap() * 100.0;
    let data = performance_data(text.lines().next().unwrap());
    let (_, value) = data.iter().find(|(label, _)| label == "aws_bounce_rate").unwrap();
    assert!((value - rate).abs() < 0.0001, "{value} is not {rate}");
}

#[test]
fn whatever_cannot_be_judged_is_unknown() {
    let folder = scratch();
    let empty = object(folder.path(), "empty", "");
    let lake = folder.path().join("lake");
    assert_unknown(&check(&lake, ""), "missing lake");
    crate::program::import(&empty, &lake);
    assert_unknown(&check(&lake, ""), "empty lake");
    let full = &dump::lake().0;
    let stale = assert_unknown(&check(full, " --at 2026-11-01T03:12:30Z"), "stale data");
    assert!(stale.contains("3h12m old (limit 2h00m)"), "{stale}");
    assert_unknown(&check(full, &format!(" --at {BEFORE_IT} --max-age 1s")), "stale by --max-age");
    assert_unknown(&check(full, &format!(" --at {BEFORE_IT} --timeout 1ms")), "timeout");
    assert_unknown(&check(full, " --colour"), "unknown option");
    assert_unknown(&check(full, " --max-age soon"), "bad value");
    assert_unknown(&repute(["check"]), "no lake named");
    let config = object(folder.path(), "repute.toml", "[check]\nmax_ago = \"2h\"\n");
    let config = assert_unknown(&check(full, &format!(" --config {}", config.display())), "bad configuration");
    assert!(config.contains("repute.toml:2") && config.contains("max_ago"), "{config}");
    assert_unknown(&check(full, " --config /nowhere.toml"), "no such configuration");
    let broken = scratch();
    copy_without_logs(full, broken.path());
    assert_unknown(&check(broken.path(), ""), "lake without its log");
}

#[track_caller]
fn assert_unknown(run: &Run, what: &str) -> String {
    assert_eq!(run.code, 3, "{what}: {run:?}");
    assert_nagios(&run.stdout, "UNKNOWN");
    run.stdout.clone()
}

fn copy_without_logs(lake: &Path, to: &Path) {
    for file in dump::files(lake).iter().filter(|file| !file.to_string_lossy().contains("_delta_log")) {
        let target = to.join(file.strip_prefix(lake).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(file, target).unwrap();
    }
}

/// Nagios plugin guidelines: `SERVICE STATE - text | 'label'=value[unit];warn;critical;min;max ...`, and no other `|`.
#[track_caller]
fn assert_nagios(stdout: &str, state: &str) {
    let first = stdout.lines().next().unwrap_or_default();
    assert!(first.starts_with(&format!("REPUTE {state} - ")), "{stdout}");
    assert!(!first.split('|').next().unwrap().trim_end().ends_with('-'), "no text: {stdout}");
    assert!(stdout.matches('|').count() <= 1, "{stdout}");
    assert!(!stdout.contains('\u{1b}'), "{stdout}");
    performance_data(first);
}

/// Labels and values after the `|`. Fails on anything that a monitoring system could not read.
#[track_caller]
fn performance_data(first: &str) -> Vec<(String, f64)> {
    let Some((_, data)) = first.split_once(" | ") else { return Vec::new() };
    let token = |token: &str| {
        let (label, rest) = token.rsplit_once('=').unwrap_or_else(|| panic!("`{token}` has no `=`"));
        let label = label.trim_matches('\'');
        assert!(!label.is_empty() && !label.contains(['\'', '=', ' ']), "{token}");
        let fields: Vec<_> = rest.split(';').collect();
        assert!(fields.len() <= 5, "{token}");
        let value = fields[0].trim_end_matches(|c: char| c == '%' || c.is_ascii_alphabetic());
        for number in fields[1..].iter().filter(|field| !field.is_empty()) {
            number.parse::<f64>().unwrap_or_else(|_| panic!("`{number}` in {token}"));
        }
        (label.to_owned(), value.parse().unwrap_or_else(|_| panic!("`{value}` in {token}")))
    };
    data.split(' ').map(token).collect()
}

/// A lake of this many mails, one every `seconds`, the first of which bounce hard or are complained about, and the option
/// that looks at it a minute after the last.
fn on_paper(sends: usize, seconds: i64, bounces: usize, complaints: usize) -> (Lake, String) {
    let start = time("2026-10-05T00:00:00Z");
    let mut events = Vec::new();
    let mut now = start;
    for number in 0..sends {
        now = start + TimeDelta::seconds(seconds * number as i64);
        let mail = Mail::new(number, now);
        events.push(mail.send());
        events.extend((number < bounces).then(|| mail.bounce("Permanent", "NoEmail")));
        events.extend((number < complaints).then(|| mail.complaint()));
    }
    let at = (now + TimeDelta::minutes(1)).to_rfc3339_opts(SecondsFormat::Secs, true);
    (Lake::of(&events), format!(" --at {at}"))
}

fn check_on_paper(sends: usize, seconds: i64, bounces: usize, complaints: usize) -> Run {
    let (lake, at) = on_paper(sends, seconds, bounces, complaints);
    check(&lake.path(), &at)
}

/// Over the last 10,000 sends: WARNING from 2 %, CRITICAL from 4 %, no verdict below 500 sends.
#[test]
fn thresholds_of_the_judged_bounce_rate() {
    for (sends, bounces, code) in [(500, 9, 0), (500, 10, 1), (500, 19, 1), (500, 20, 2), (499, 100, 3)] {
        // One mail a minute: no ten minutes hold the 50 sends that the short rule needs.
        let run = check_on_paper(sends, 60, bounces, 0);
        assert_eq!(run.code, code, "{bounces} of {sends}: {}", run.stdout);
    }
}

/// WARNING from 0.04 %, CRITICAL from 0.08 %, and fewer than 4 complaints, which are 0.04 % of AWS's volume, alarm nobody.
#[test]
fn thresholds_of_the_judged_complaint_rate() {
    for (sends, complaints, code) in
        [(499, 9, 3), (500, 3, 0), (500, 4, 2), (5_000, 4, 2), (5_001, 4, 1), (9_000, 3, 0), (10_000, 4, 1)]
    {
        let run = check_on_paper(sends, 60, 0, complaints);
        assert_eq!(run.code, code, "{complaints} of {sends}: {}", run.stdout);
    }
}

/// Over ten minutes the lower end of the 95 % interval (Wilson) decides: of 100, 5 are 2.15 %, 7 are 3.43 %, 8 are 4.11 %;
/// 4 are too few to alarm, and 49 sends too few for a verdict.
#[test]
fn thresholds_of_ten_minutes() {
    for (sends, bounces, code) in [(100, 4, 0), (100, 5, 1), (100, 7, 1), (100, 8, 2), (49, 40, 3)] {
        // All in one moment, so that every ten minutes hold all of them or none.
        let run = check_on_paper(sends, 0, bounces, 0);
        assert_eq!(run.code, code, "{bounces} of {sends}: {}", run.stdout);
    }
}

/// When all is well the line says how well: the judged rate, not that of ten minutes with too little mail for a verdict.
#[test]
fn the_ok_line_tells_the_judged_rate() {
    let run = check_on_paper(600, 60, 3, 0).expect(0);
    let first = run.stdout.lines().next().unwrap();
    assert!(first.starts_with("REPUTE OK - bounce rate 0.5 % (3 of 600)"), "{first}");
}

/// What AWS leaves out alarms nobody: soft bounces, the account's suppression list, the simulator, verified domains.
#[test]
fn excluded_bounces_do_not_alarm() {
    let start = time("2026-10-05T00:00:00Z");
    let mut events = Vec::new();
    for number in 0..1_000 {
        let mut mail = Mail::new(number, start + TimeDelta::minutes(number as i64));
        let (kind, subtype) = match number % 10 {
            0 => ("Transient", "MailboxFull"),
            1 => ("Permanent", "OnAccountSuppressionList"),
            2 => ("Permanent", "NoEmail"),
            3 => ("Permanent", "General"),
            _ => ("", ""),
        };
        match number % 10 {
            2 => mail.to = "bounce@simulator.amazonses.com".into(),
            3 => mail.to = format!("user{number}@shop.example"),
            _ => {}
        }
        events.push(mail.send());
        events.extend((!kind.is_empty()).then(|| mail.bounce(kind, subtype)));
    }
    let lake = Lake::of(&events);
    // 1,000 sends less 100 suppressed, 100 to the simulator and 100 to the own domain.
    let run = check(&lake.path(), " --at 2026-10-05T16:40:00Z --verified shop.example --format json").expect(0);
    let report = run.json();
    let finding = report["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "aws_bounce_rate").unwrap();
    assert_eq!((finding["events"].as_u64(), finding["sends"].as_u64()), (Some(0), Some(700)), "{report}");
    // Without the verified domain, its 100 hard bounces are 100 of 800.
    check(&lake.path(), " --at 2026-10-05T16:40:00Z").expect(2);
}

/// cron gives a job these variables and no more.
#[test]
fn runs_in_crons_bare_environment() {
    let cron = ["-i", "HOME=/", "LOGNAME=root", "SHELL=/bin/sh", "PATH=/usr/bin:/bin", REPUTE, "check", "--quiet"];
    let run = |lake: &Path, at: &str| {
        let mut command = Command::new("env");
        Run::of(command.args(cron).args(at.trim().split(' ')).arg("--lake").arg(lake).current_dir("/"))
    };
    let (lake, at) = on_paper(500, 60, 0, 0);
    let ok = run(&lake.path(), &at).expect(0);
    assert_eq!((ok.stdout.as_str(), ok.stderr.as_str()), ("", ""));
    let (lake, at) = on_paper(500, 60, 50, 0);
    assert_nagios(&run(&lake.path(), &at).expect(2).stdout, "CRITICAL");
}

/// Text from events cannot break the line, start performance data, or colour the terminal.
#[test]
fn hostile_names_stay_inside_the_line() {
    let start = time("2026-10-05T00:00:00Z");
    let hostile = "a|b\n'c=1;2 \u{1b}[31md";
    let mails = (0..500).map(|n| Mail { set: hostile.into(), ..Mail::new(n, start + TimeDelta::minutes(n as i64)) });
    let events: Vec<String> = mails.flat_map(|mail| [mail.send(), mail.bounce("Permanent", "NoEmail")]).collect();
    let run = check(&Lake::of(&events).path(), " --at 2026-10-05T08:21:00Z").expect(2);
    assert_nagios(&run.stdout, "CRITICAL");
    assert!(
        run.stdout.lines().skip(1).all(|line| {
            line.starts_with("newest event ") || line.contains("_rate") || line.starts_with("            why: ")
        }),
        "{}",
        run.stdout
    );
}
