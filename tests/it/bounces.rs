//! Why mail bounced: a list of diagnostics worked out by hand, counts by another reader, and the generator's dump.

use std::collections::BTreeMap;
use std::fs;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::dump;
use crate::mail::{Lake, Mail, time};
use crate::program::{ask, on, scratch};
use crate::tools::{python, run_python};

const DIAGNOSTICS: &str = include_str!("diagnostics.tsv");

struct Case {
    class: &'static str,
    bounce_type: &'static str,
    subtype: &'static str,
    status: Option<&'static str>,
    normal: Option<&'static str>,
    diagnostic: Option<String>,
}

fn cases() -> Vec<Case> {
    let case = |line: &'static str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [class, bounce_type, subtype, status, normal, diagnostic] = cells[..] else { panic!("{line}") };
        Case {
            class,
            bounce_type,
            subtype,
            status: Some(status).filter(|status| *status != "-"),
            normal: Some(normal).filter(|normal| *normal != "(none)"),
            diagnostic: Some(diagnostic.replace("\\n", "\n")).filter(|text| !text.is_empty()),
        }
    };
    DIAGNOSTICS.lines().filter(|line| !line.starts_with('#')).map(case).collect()
}

fn bounce(mail: &Mail, case: &Case) -> String {
    let mut recipient = json!({"emailAddress": mail.to});
    if let Some(status) = case.status {
        recipient["status"] = json!(status);
    }
    if let Some(text) = &case.diagnostic {
        recipient["diagnosticCode"] = json!(text.replace("%a", &mail.to));
    }
    let bounce = json!({
        "timestamp": mail.after(1), "feedbackId": format!("f-{}", mail.id), "bounceType": case.bounce_type,
        "bounceSubType": case.subtype, "bouncedRecipients": [recipient],
    });
    mail.event("Bounce", "bounce", bounce)
}

/// Case number n bounces n % 3 + 1 times, at three addresses, an hour apart.
fn lake(cases: &[Case]) -> Lake {
    let noon = time("2026-10-05T12:00:00Z");
    let mut events = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        for copy in 0..=number % 3 {
            let sent = noon + TimeDelta::minutes(number as i64) + TimeDelta::hours(copy as i64);
            let mut mail = Mail::new(number * 10 + copy, sent);
            mail.to = format!("user{number}.{copy}@{}", ["gmail.com", "hotmail.com", "corp.example"][copy]);
            events.push(mail.send());
            events.push(bounce(&mail, case));
        }
    }
    Lake::of(&events)
}

#[test]
fn texts_and_classes_are_those_of_the_list() {
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    let lake = lake(&cases);
    let report = ask(&lake.path(), "bounces --limit 1000");
    let groups = report["groups"].as_array().unwrap();
    let mut wrong = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let is_it = |group: &&Value| {
            group["text"] == json!(case.normal)
                && group["bounce_type"] == case.bounce_type
                && group["bounce_subtype"] == case.subtype
        };
        let Some(group) = groups.iter().find(is_it) else {
            wrong.push(format!("no group {:?}", case.normal));
            continue;
        };
        let seen = |hours: usize| {
            let at = time("2026-10-05T12:00:01Z") + TimeDelta::minutes(number as i64) + TimeDelta::hours(hours as i64);
            json!(at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
        };
        let copies = number % 3;
        let expected = (json!(case.class), json!(copies + 1), seen(0), seen(copies));
        let found =
            (group["class"].clone(), group["count"].clone(), group["first_seen"].clone(), group["last_seen"].clone());
        if found != expected {
            wrong.push(format!("{:?}\n   found {found:?}\nexpected {expected:?}", case.normal));
        }
    }
    let known: Vec<String> = groups.iter().map(|group| group["text"].to_string()).collect();
    assert!(wrong.is_empty(), "{}\namong:\n{}", wrong.join("\n"), known.join("\n"));
    assert_eq!(groups.len(), cases.len());
    let all: usize = (0..cases.len()).map(|number| number % 3 + 1).sum();
    assert_eq!((&report["bounces"], &report["others"]["count"]), (&json!(all), &json!(0)));
    for class in report["classes"].as_array().unwrap() {
        let count: usize =
            cases.iter().enumerate().filter(|(_, c)| class["class"] == c.class).map(|(n, _)| n % 3 + 1).sum();
        assert_eq!(class["count"], count, "{class}");
    }
    by_class(&lake, &cases);
}

/// The class is a dimension: of rates, filters and rules.
fn by_class(lake: &Lake, cases: &[Case]) {
    let rates = ask(&lake.path(), "rates --by bounce_class");
    for row in rates.as_array().unwrap() {
        let of_class = |case: &Case| row["bounce_class"] == case.class;
        let hard = |case: &Case| of_class(case) && case.bounce_type == "Permanent";
        let count = |is: &dyn Fn(&Case) -> bool| -> usize {
            cases.iter().enumerate().filter(|(_, case)| is(case)).map(|(number, _)| number % 3 + 1).sum()
        };
        assert_eq!(row["counts"]["hard_bounce"], count(&hard), "{row}");
        if row["bounce_class"].is_null() {
            assert_eq!(row["counts"]["send"], count(&|_| true));
        }
    }
    let folder = scratch();
    let file = folder.path().join("repute.toml");
    let rule = "[check]\ndefault_rules = false\n[[rule]]\nname = \"blocked\"\nmetric = \"bounces\"\ncounting = \"plain\"\nwindow = \"7d\"\nlook_back = \"1m\"\nwarn = 3\n\
                by = [\"bounce_class\"]\nonly = { bounce_class = \"reputation\" }\n";
    fs::write(&file, rule).unwrap();
    let run = on(
        &lake.path(),
        &format!("check --config {} --at 2026-10-05T16:00:00Z --max-age 7d --format json", file.display()),
    );
    let hard = |(_, case): &(usize, &Case)| case.class == "reputation" && case.bounce_type == "Permanent";
    let count: usize = cases.iter().enumerate().filter(hard).map(|(number, _)| number % 3 + 1).sum();
    let found = &run.json()["findings"][0];
    assert_eq!((&found["bounce_class"], &found["events"]), (&json!("reputation"), &json!(count)));
}

/// DuckDB counts the same Parquet, without our classes and texts.
#[test]
fn counts_are_those_of_another_reader() {
    let Some(python) = python() else { return };
    let counted = run_python(&python, "bounces.py", [&dump::lake().0]);
    let report = ask(&dump::lake().0, "bounces --limit 10000");
    assert_eq!(report["bounces"], counted["bounces"]);
    let mut by: BTreeMap<String, (u64, String, String)> = BTreeMap::new();
    for group in report["groups"].as_array().unwrap() {
        let text = |key: &str| group[key].as_str().unwrap_or("-").to_owned();
        let entry = by
            .entry(format!("{} {}", text("bounce_type"), text("bounce_subtype")))
            .or_insert_with(|| (0, text("first_seen"), text("last_seen")));
        entry.0 += group["count"].as_u64().unwrap();
        entry.1 = entry.1.clone().min(text("first_seen"));
        entry.2 = entry.2.clone().max(text("last_seen"));
    }
    let counts: BTreeMap<&String, u64> = by.iter().map(|(kind, (count, ..))| (kind, *count)).collect();
    assert_eq!(json!(counts), counted["by"]);
    let (first, last) = (by.values().map(|b| &b.1).min().unwrap(), by.values().map(|b| &b.2).max().unwrap());
    assert_eq!(
        (time(first), time(last)),
        (time(counted["first"].as_str().unwrap()), time(counted["last"].as_str().unwrap()))
    );
    // The generator knows why a mail bounced by subtype: those that name a class are all in it, and texts are few.
    let of = |class: &str| {
        report["classes"].as_array().unwrap().iter().find(|c| c["class"] == class).map(|c| c["count"].clone())
    };
    assert_eq!(of("suppressed"), Some(counted["suppressed"].clone()));
    assert_eq!(of("mailbox_full"), Some(counted["mailbox_full"].clone()));
    assert_eq!(of("content"), Some(counted["content"].clone()));
    assert!(report["groups"].as_array().unwrap().len() < 60, "ids and addresses are taken out");
}

#[test]
fn options_and_forms() {
    let cases = cases();
    let lake = lake(&cases);
    let few = ask(&lake.path(), "bounces --class mailbox_full --limit 2");
    let count: usize =
        cases.iter().enumerate().filter(|(_, c)| c.class == "mailbox_full").map(|(number, _)| number % 3 + 1).sum();
    assert_eq!(few["bounces"], count);
    assert_eq!(few["groups"].as_array().unwrap().len(), 2);
    let shown: u64 = few["groups"].as_array().unwrap().iter().map(|group| group["count"].as_u64().unwrap()).sum();
    let others = &few["others"];
    assert_eq!((&others["groups"], &others["count"]), (&json!(3), &json!(count as u64 - shown)));
    assert!((others["share"].as_f64().unwrap() - (count as u64 - shown) as f64 / count as f64).abs() < 1e-12);
    assert_eq!(few["groups"][0]["providers"].as_array().unwrap().len(), 3);
    let provider = ask(&lake.path(), "bounces --where provider=Microsoft --limit 1000");
    assert!(provider["groups"].as_array().unwrap().iter().all(|g| g["providers"][0]["provider"] == "Microsoft"));
    let by = ask(&lake.path(), "bounces --by recipient_domain --class content --limit 1000");
    assert!(by["groups"].as_array().unwrap().iter().all(|group| group["recipient_domain"].is_string()));
    let hour = ask(&lake.path(), "bounces --since 2026-10-05T12:00:00Z --until 2026-10-05T12:10:00Z");
    assert_eq!(hour["bounces"], 10, "the first copies of ten cases");

    let text = on(&lake.path(), "bounces --class policy_block").expect(0).stdout;
    assert!(text.contains("450 4.7.1 <{address}>: Greylisted"), "{text}");
    assert!(text.contains("<u***@") && !text.contains("<user"), "{text}");
    let open = on(&lake.path(), "bounces --class policy_block --addresses").expect(0).stdout;
    assert!(open.contains("<user"), "{open}");
    let csv = on(&lake.path(), "bounces --limit 3 --format csv").expect(0).stdout;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 4, "three and the others");
    assert_eq!(&rows[3][4], "(others)");
    on(&lake.path(), "bounces --class spam").expect(2);
    let none = on(&lake.path(), "bounces --until 2026-10-01").expect(0).stdout;
    assert!(none.starts_with("no bounces like that"), "{none}");
}

/// Texts of strangers do no harm, and more reasons than are told apart are counted together.
#[test]
fn very_many_reasons() {
    let noon = time("2026-10-05T12:00:00Z");
    let word = |mut number: usize| {
        let mut word = String::from("w");
        for _ in 0..5 {
            word.push(char::from(b'a' + (number % 26) as u8));
            number /= 26;
        }
        word
    };
    let mut events = Vec::new();
    for number in 0..45_000_usize {
        let mail = Mail::new(number, noon + TimeDelta::milliseconds(number as i64));
        let text = if number % 3 == 0 {
            "550 5.1.1 user unknown \u{1b}[31m".to_owned()
        } else {
            format!("550 {}", word(number))
        };
        let case = Case {
            class: "",
            bounce_type: "Permanent",
            subtype: "General",
            status: None,
            normal: None,
            diagnostic: Some(text),
        };
        events.push(bounce(&mail, &case));
    }
    let lake = Lake::of(&events);
    let report = ask(&lake.path(), "bounces --limit 5");
    assert_eq!((&report["bounces"], &report["groups"][0]["count"]), (&json!(45_000), &json!(15_000)));
    assert_eq!(
        (&report["groups"][0]["count_may_lack"], &report["more_groups_than_told_apart"]),
        (&json!(0), &json!(true))
    );
    assert_eq!(report["others"]["count"], 30_000 - 4);
    let text = on(&lake.path(), "bounces").expect(0).stdout;
    assert!(!text.contains('\u{1b}') && text.contains("more than 20,000 reasons"), "{text}");
}

#[test]
fn own_reasons_and_their_mistakes() {
    let lake = lake(&cases());
    let folder = scratch();
    let file = folder.path().join("repute.toml");
    let with = |text: &str, command: &str| {
        fs::write(&file, text).unwrap();
        on(&lake.path(), &format!("{command} --config {}", file.display()))
    };
    let own = "[[reason]]\nclass = \"policy_block\"\ntext = \"Go away\"\n[[reason]]\nclass = \"content\"\nstatus = \"5.5.*\"\ntype = \"Permanent\"\n";
    let report = with(own, "bounces --limit 1000 --format json").expect(0).json();
    let class =
        |text: &str| report["groups"].as_array().unwrap().iter().find(|g| g["text"] == text).unwrap()["class"].clone();
    assert_eq!((class("554 5.7.0 Go away"), class("550 5.5.0 Nonsense")), (json!("policy_block"), json!("content")));
    for (text, told) in [
        (
            "[[reason]]\nclass = \"spam\"\ntext = \"abc\"\n",
            "repute.toml:2: `spam` is no bounce class; known are invalid_mailbox",
        ),
        ("lake = \"x\"\n[[reason]]\nclass = \"content\"\n", "repute.toml:2: reason `content`: it fits every bounce"),
        (
            "[[reason]]\nclass = \"content\"\ntext = \"x\"\n",
            "repute.toml:1: reason `content`: `text` has fewer than three",
        ),
        (
            "[[reason]]\nclass = \"content\"\nstatus = \"5\"\n",
            "repute.toml:1: reason `content`: `5` is no enhanced status",
        ),
        (
            "[[reason]]\nclass = \"content\"\ntext = \"mail for jane@example.com\"\n",
            "where this reads `mail for {address}`",
        ),
        ("[[reason]]\nclass = \"content\"\nwords = \"abc\"\n", "repute.toml:3: unknown field `words`"),
    ] {
        let run = with(text, "bounces").expect(2);
        assert!(run.stderr.contains(told), "{text}: {}", run.stderr);
    }
}
