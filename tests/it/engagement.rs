//! Opens and clicks: numbers worked out by hand, DuckDB over generated dumps, and the page through the real server.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::dump;
use crate::mail::{Lake, Mail, time};
use crate::program::{Server, ask, import, on, repute, scratch};
use crate::tools::{python, run_python};

const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
const GOOGLE: &str = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)";

fn noon() -> DateTime<Utc> {
    time("2026-10-05T12:00:00Z")
}

/// An open or a click so many seconds after sending.
fn act(mail: &Mail, kind: &str, after: i64, agent: &str, mut more: Value) -> String {
    let mut own = json!({"timestamp": mail.after(after), "ipAddress": "192.0.2.7", "userAgent": agent});
    own.as_object_mut().unwrap().append(more.as_object_mut().unwrap());
    mail.event(kind, &kind.to_lowercase(), own)
}

fn open(mail: &Mail, after: i64, agent: &str) -> String {
    act(mail, "Open", after, agent, json!({}))
}

fn click(mail: &Mail, after: i64, agent: &str, link: &str) -> String {
    act(mail, "Click", after, agent, json!({"link": format!("https://shop.example/{link}"), "linkTags": null}))
}

/// Ten mails a minute apart from noon on, of which the last bounces; nine are delivered a second after sending.
fn events() -> Vec<String> {
    let mail = |number: usize| Mail::new(number, noon() + TimeDelta::minutes(number as i64));
    let mut events: Vec<String> = (1..=10).map(|number| mail(number).send()).collect();
    events.extend((1..=9).map(|number| mail(number).delivery()));
    events.push(mail(10).bounce("Permanent", "General"));
    events.extend([
        // A reader, twice, who follows a link.
        open(&mail(1), 60, CHROME),
        open(&mail(1), 120, CHROME),
        act(
            &mail(1),
            "Click",
            90,
            CHROME,
            json!({"link": "https://shop.example/a", "linkTags": {"position": ["header"], "colour": ["red", "blue"]}}),
        ),
        open(&mail(2), 30, GOOGLE),
        open(&mail(3), 40, "Mozilla/5.0"),
        // Two seconds after the delivery.
        open(&mail(4), 3, CHROME),
        open(&mail(5), 59, CHROME),
        click(&mail(5), 60, CHROME, "b"),
        click(&mail(5), 62, CHROME, "c"),
        click(&mail(5), 64, CHROME, "d"),
        click(&mail(6), 500, "Mozilla/5.0 (compatible; Barracuda Sentinel)", "a"),
        act(&mail(7), "Open", 100, CHROME, json!({"isBotEvent": "Likely"})),
        act(&mail(7), "Open", 200, "curl/8.5.0", json!({"isBotEvent": "Unlikely"})),
    ]);
    events
}

#[test]
fn likely_bots_stand_apart_and_messages_count_once() {
    let lake = Lake::of(&events());
    let found = ask(&lake.path(), "engagement");
    assert_eq!(found["deliveries"], 9);
    // Opened: 1, 2, 3, 4, 5 and 7; without those that only bots opened: 1, 2, 5 and 7.
    assert_eq!(
        found["opens"],
        json!({"events": 8, "likely_bots": 3, "image_proxies": 1, "messages": 6, "messages_without_bots": 4,
               "rate": 6.0 / 9.0, "rate_without_bots": 4.0 / 9.0})
    );
    assert_eq!(
        found["clicks"],
        json!({"events": 5, "likely_bots": 4, "image_proxies": 0, "messages": 3, "messages_without_bots": 1,
               "rate": 3.0 / 9.0, "rate_without_bots": 1.0 / 9.0})
    );
    let reason = |name: &str| {
        let reasons = found["reasons"].as_array().unwrap();
        reasons
            .iter()
            .find(|reason| reason["reason"] == name)
            .map(|reason| (reason["opens"].clone(), reason["clicks"].clone()))
    };
    for (name, opens, clicks) in [
        ("ses_likely", 1, 0),
        ("scanner", 0, 1),
        ("apple_preload", 1, 0),
        ("at_delivery", 1, 0),
        ("every_link", 0, 3),
        ("image_proxy", 1, 0),
    ] {
        assert_eq!(reason(name), Some((json!(opens), json!(clicks))), "{name}");
    }
    assert_eq!(found["reasons"].as_array().unwrap().len(), 6);
    assert_eq!(found["judged_by_ses"], 2);
    // By readers after 30, 59, 60 and 200 seconds; by anybody after 3, 30, 40, 59, 60 and 100.
    let first = &found["time_to_first_open"];
    assert_eq!(
        (&first["without_bots"]["median_seconds"], &first["without_bots"]["p90_seconds"]),
        (&json!(59), &json!(200))
    );
    assert_eq!((&first["all"]["messages"], &first["all"]["median_seconds"]), (&json!(6), &json!(40)));
    let steps: Vec<u64> =
        first["all"]["steps"].as_array().unwrap().iter().map(|step| step["messages"].as_u64().unwrap()).collect();
    assert_eq!(steps, [1, 1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(found["time_to_first_click"]["without_bots"]["median_seconds"], 90);
    let links = found["links"].as_array().unwrap();
    let link = |tags: Value| json!({"link": "https://shop.example/a", "link_tags": tags, "clicks": 1});
    let told = |of: &Value| json!({"link": of["link"], "link_tags": of["link_tags"], "clicks": of["clicks"]});
    assert_eq!(told(&links[0]), link(json!("colour=red,blue; position=header")));
    assert_eq!((&links[0]["messages_without_bots"], links.len()), (&json!(1), 5));
    assert!(links.iter().any(|of| told(of) == link(Value::Null) && of["messages_without_bots"] == 0));
}

#[test]
fn groups_windows_and_clocks() {
    let lake = Lake::of(&events());
    let by = ask(&lake.path(), "engagement --by recipient_domain --limit 1");
    assert_eq!(
        (&by["groups"][0]["recipient_domain"], &by["groups"][0]["deliveries"]),
        (&json!("example.com"), &json!(9))
    );
    assert_eq!(by["groups"][0]["opens"]["messages_without_bots"], 4);
    // A link has no deliveries of its own: its rate is over all.
    let by = ask(&lake.path(), "engagement --by link --limit 100");
    let groups = by["groups"].as_array().unwrap();
    let a = groups.iter().find(|group| group["link"] == "https://shop.example/a").unwrap();
    assert_eq!(
        (&a["deliveries"], &a["clicks"]["messages"], &a["clicks"]["rate"]),
        (&json!(9), &json!(2), &json!(2.0 / 9.0))
    );
    // Mail 1 to 4 was sent before 12:05; what came of it later counts in that window.
    let windows = ask(&lake.path(), "engagement --window 5m");
    let windows = windows["windows"].as_array().unwrap();
    let told = |window: &Value| {
        json!([window["window_start"], window["deliveries"], window["opens"]["messages"], window["clicks"]["events"]])
    };
    let told: Vec<Value> = windows.iter().map(told).collect();
    assert_eq!(told, [json!(["2026-10-05T12:00:00Z", 4, 4, 1]), json!(["2026-10-05T12:05:00Z", 5, 2, 4]),]);
    // By what happened: mail 6, sent at 12:06, was clicked at 12:14:20.
    let events = ask(&lake.path(), "engagement --clock event --since 2026-10-05T12:14:00Z");
    assert_eq!(
        (&events["deliveries"], &events["clicks"]["events"], &events["clicks"]["rate"]),
        (&json!(0), &json!(1), &Value::Null)
    );
    assert_eq!(
        events["time_to_first_click"]["all"]["messages"], 0,
        "it was sent before, and may have been clicked before"
    );
    let only = ask(&lake.path(), "engagement --only link=https://shop.example/b");
    assert_eq!(
        (&only["deliveries"], &only["clicks"]["events"], &only["opens"]["events"]),
        (&json!(9), &json!(1), &json!(0))
    );
}

/// A delivery and what comes of it may lie in different objects, and on both sides of midnight.
#[test]
fn what_happened_around_an_event_is_looked_at_wherever_it_lies() {
    let mail = |number: usize, sent: &str| Mail::new(number, time(sent));
    let (first, second) = (mail(1, "2026-10-05T23:59:56Z"), mail(2, "2026-10-05T23:58:00Z"));
    let mut lake = Lake::of(&[first.send(), first.delivery(), second.send(), second.delivery()]);
    // Delivered at 23:59:57, opened at 00:00:02; clicked at 23:59:55, 23:59:59 and 00:00:05.
    lake.add(&[open(&first, 6, CHROME)]);
    lake.add(&[click(&second, 115, CHROME, "a"), click(&second, 119, CHROME, "b")]);
    lake.add(&[click(&second, 125, CHROME, "c"), open(&first, 7, CHROME)]);
    let found = ask(&lake.path(), "engagement");
    let reasons: Vec<Value> = found["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| json!([reason["reason"], reason["opens"], reason["clicks"]]))
        .collect();
    assert_eq!(reasons, [json!(["at_delivery", 1, 0]), json!(["every_link", 0, 3])], "{found:#}");
    assert_eq!(found["opens"]["messages_without_bots"], 1, "six seconds after the delivery is soon, not too soon");
}

/// Events without a message id, and without times of sending.
#[test]
fn what_is_missing_is_not_made_up() {
    let first = Mail::new(1, noon());
    let without = |event: String, field: &str| {
        let mut event: Value = serde_json::from_str(&event).unwrap();
        event["mail"].as_object_mut().unwrap().remove(field);
        event.to_string()
    };
    let lake = Lake::of(&[
        first.send(),
        first.delivery(),
        without(open(&first, 60, CHROME), "messageId"),
        without(open(&first, 61, CHROME), "messageId"),
        without(open(&first, 62, CHROME), "timestamp"),
        open(&first, 63, CHROME),
    ]);
    let happened = ask(&lake.path(), "engagement --clock event");
    assert_eq!((&happened["opens"]["events"], &happened["opens"]["messages"]), (&json!(4), &json!(3)));
    let sent = ask(&lake.path(), "engagement");
    assert_eq!((&sent["opens"]["events"], &sent["opens"]["messages"]), (&json!(3), &json!(3)));
    let empty = on(&lake.path(), "engagement --since 2026-10-06").expect(0);
    assert!(empty.stdout.starts_with("no deliveries, opens or clicks like that"), "{empty:?}");
    for wrong in ["--clock wall", "--by colour", "--limit 0", "--rows all,bots", "--window 1", "--format xml"] {
        on(&lake.path(), &format!("engagement {wrong}")).expect(2);
    }
}

#[test]
fn forms_for_people_and_spreadsheets() {
    let mut events = events();
    let hostile = Mail { set: "=cmd\u{1b}[31m".to_owned(), ..Mail::new(90, noon()) };
    events.extend([
        hostile.send(),
        hostile.delivery(),
        click(&hostile, 700, CHROME, "\u{1b}]0;x\u{7}\u{202e}<script>"),
    ]);
    let lake = Lake::of(&events);
    let text = on(&lake.path(), "engagement --by configuration_set --window 1d").expect(0).stdout;
    for part in
        ["deliveries: 10", "opened", "A security gateway or scanner", "=cmd\\u{1b}[31m", "https://shop.example/a"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
    let csv = on(&lake.path(), "engagement --by configuration_set --format csv").expect(0).stdout;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(
        reader.headers().unwrap().iter().take(4).collect::<Vec<_>>(),
        ["configuration_set", "deliveries", "opens", "opens_likely_bots"]
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!((rows.len(), &rows[0][0], &rows[1][0]), (2, "orders", "'=cmd\u{1b}[31m"));
    for (rows, lines) in [("all", 2), ("windows", 1), ("links", 7), ("bots", 7)] {
        let csv = on(&lake.path(), &format!("engagement --rows {rows} --format csv")).expect(0).stdout;
        assert_eq!(csv::Reader::from_reader(csv.as_bytes()).records().count() + 1, lines, "{rows}: {csv}");
    }
}

/// The numbers of a dump by DuckDB, which is asked by the rules as docs/engagement.md has them.
fn compare_with_duckdb(python: &Path, lake: &Path) {
    let truth = run_python(python, "engagement.py", [&*lake.to_string_lossy()]);
    let found = ask(lake, "engagement --by campaign --limit 1000 --window 1d");
    let numbers = |of: &Value| {
        let acts = |acts: &Value| {
            json!([
                acts["events"],
                acts["likely_bots"],
                acts["image_proxies"],
                acts["messages"],
                acts["messages_without_bots"]
            ])
        };
        json!([of["deliveries"], acts(&of["opens"]), acts(&of["clicks"])])
    };
    assert_eq!(numbers(&found), truth["all"]);
    let groups: serde_json::Map<String, Value> = found["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (group["campaign"].as_str().unwrap_or("-").to_owned(), numbers(group)))
        .collect();
    assert_eq!(Value::Object(groups), truth["campaigns"]);
    let windows: serde_json::Map<String, Value> = found["windows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|window| (window["window_start"].as_str().unwrap()[..10].to_owned(), numbers(window)))
        .collect();
    assert_eq!(Value::Object(windows), truth["days"]);
    for (name, waits) in [("open", "time_to_first_open"), ("click", "time_to_first_click")] {
        for whose in ["all", "without_bots"] {
            let waits = &found[waits][whose];
            let steps: Vec<&Value> = waits["steps"].as_array().unwrap().iter().map(|step| &step["messages"]).collect();
            assert_eq!(
                json!([waits["messages"], waits["median_seconds"], steps]),
                truth["first"][name][whose],
                "{name} {whose}"
            );
        }
    }
    let reasons: serde_json::Map<String, Value> = found["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| (reason["reason"].as_str().unwrap().to_owned(), json!([reason["opens"], reason["clicks"]])))
        .collect();
    assert_eq!(Value::Object(reasons), truth["reasons"]);
    let links = found["links"].as_array().unwrap().iter().map(|link| {
        json!([link["link"], link["link_tags"], link["clicks"], link["messages"], link["messages_without_bots"]])
    });
    let sorted = |mut links: Vec<Value>| {
        links.sort_by_key(ToString::to_string);
        links
    };
    assert_eq!(sorted(links.collect()), sorted(truth["links"].as_array().unwrap().clone()));
    let happened = ask(lake, "engagement --clock event");
    assert_eq!(numbers(&happened), truth["happened"]);
}

#[test]
fn duckdb_counts_the_same() {
    let Some(python) = python() else { return };
    // SES judges these itself.
    compare_with_duckdb(&python, &dump::lake().0);
}

#[test]
fn duckdb_counts_the_same_by_the_rules() {
    let Some(python) = python() else { return };
    // Before SES judged.
    let folder = scratch();
    let (dump, lake) = (folder.path().join("dump"), folder.path().join("lake"));
    let out = dump.to_string_lossy().into_owned();
    repute(["generate", "--events", "40000", "--seed", "7", "--end", "2026-07-01T00:00:00Z", "--out", &out]).expect(0);
    import(&dump, &lake);
    compare_with_duckdb(&python, &lake);
}

#[test]
fn the_page_shows_the_same_figures() {
    let lake = Lake::of(&events());
    let server = Server::serve(&lake.path(), "--at 2026-10-05T13:00:00Z");
    let page = server.get("/engagement?range=24h&zone=Europe/Berlin");
    assert_eq!(page.status, 200);
    for part in [
        "44.44\u{a0}%",
        "4 of 9 deliveries",
        "66.67\u{a0}% with likely bots; 8 opens in all",
        "11.11\u{a0}%",
        "53.8\u{a0}%",
        "7 of 13 opens and clicks",
        "Three or more links of a message within 10 seconds",
        "https://shop.example/a",
        "colour=red,blue; position=header",
        "SES itself judged 15.4\u{a0}% of the events",
        "Times are of Europe/Berlin.",
    ] {
        assert!(page.text.contains(part), "{part} in {}", page.text);
    }
    // Whatever is chosen keeps what was chosen before.
    for link in [
        "clock=event&amp;by=campaign&amp;limit=25",
        "clock=sent&amp;by=provider&amp;limit=25",
        "clock=sent&amp;by=campaign&amp;limit=100",
    ] {
        let query = format!("/engagement?range=24h&#38;zone=Europe%2FBerlin&#38;{}", link.replace("&amp;", "&#38;"));
        assert!(page.text.contains(&query), "{query} in {}", page.text);
    }
    let event = server.get("/engagement?range=24h&clock=event&by=link&configuration_set=orders");
    assert!(event.text.contains("configuration_set=orders&#38;clock=event&#38;by=link"), "{}", event.text);
    for path in
        ["/charts/engagement/open-rate.svg?range=24h", "/charts/engagement/click-rate.svg?range=24h&clock=event"]
    {
        let svg = server.get(path);
        assert_eq!((svg.status, svg.header("content-type")), (200, "image/svg+xml"), "{path}");
        assert!(svg.text.contains("likely bots not left out"), "{}", svg.text);
    }
    assert_eq!(server.get("/charts/engagement/open-rate.png").header("content-type"), "image/png");
    for path in ["/charts/engagement/bounce-rate.svg", "/charts/engagement/open-rate.gif", "/charts/engagement/x"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    for wrong in ["clock=wall", "by=colour", "limit=7", "range=fortnight", "limit=25&limit=25"] {
        assert_eq!(server.get(&format!("/engagement?{wrong}")).status, 400, "{wrong}");
    }
    let nothing = server.get("/engagement?from=2026-01-01&to=2026-01-02").text;
    assert!(nothing.contains("No events in this range") && !nothing.contains("0.00\u{a0}%"), "{nothing}");
}

#[test]
fn the_api_answers_as_the_command_line() {
    let (lake, server) = (&dump::lake().0, Server::serve(&dump::lake().0, "--at 2026-11-30T00:00:00Z"));
    for (path, arguments) in [
        ("limit=20", ""),
        ("limit=20&by=provider&clock=event", "--by provider --clock event"),
        ("limit=20&window=1d&configuration_set=marketing", "--window 1d --only configuration_set=marketing"),
        (
            "limit=20&by=campaign,template&since=2026-10-20T00:00:00Z",
            "--by campaign,template --since 2026-10-20T00:00:00Z",
        ),
    ] {
        let answer = server.get(&format!("/api/v1/engagement?{path}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        let told = ask(lake, format!("engagement {arguments}").trim());
        assert!(answer.json() == told, "{path} differs from {arguments}");
        assert!(told["opens"]["messages"].as_u64().unwrap() > 0);
    }
    let days = server.get("/api/v1/engagement?window=1d&zone=America/New_York").json();
    assert!(days["windows"][0]["window_start"].as_str().unwrap().ends_with("T04:00:00Z"), "{}", days["windows"][0]);
    let csv = server.get("/api/v1/engagement?by=provider&format=csv");
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"engagement.csv\"");
    assert!(csv.text.starts_with("provider,deliveries,opens,"), "{}", csv.text);
    for (wrong, status) in [
        ("limit=0", 400),
        ("limit=x", 400),
        ("rows=some", 400),
        ("clok=sent", 400),
        ("zone=Mars", 400),
        ("zone=Europe/Berlin&window=1h", 422),
        ("format=xml", 400),
    ] {
        let problem = server.get(&format!("/api/v1/engagement?{wrong}"));
        assert_eq!((problem.status, problem.header("content-type")), (status, "application/problem+json"), "{wrong}");
    }
}

/// A lake that grows is counted anew where it grew, and days that were read before serve on.
#[test]
fn new_events_are_counted() {
    let mut lake = Lake::of(&events());
    let server = Server::serve(&lake.path(), "--at 2026-10-07T00:00:00Z");
    let opened = || server.get("/api/v1/engagement").json()["opens"]["messages_without_bots"].clone();
    assert_eq!(opened(), 4);
    let mail = |number: usize| Mail::new(number, noon() + TimeDelta::minutes(number as i64));
    lake.add(&[open(&mail(8), 86_400, CHROME), open(&mail(9), 60, CHROME)]);
    crate::program::poll("the new opens", crate::program::PATIENCE, || (opened() == 6).then_some(()));
}
