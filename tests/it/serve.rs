//! The server: figures equal to the command line's, a lake that grows while it is watched, and nothing for strangers.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::dump::{self, VERIFIED};
use crate::mail::{Lake, Mail, time};
use crate::program::{Run, Server, ask, command, on, poll};

const AT: &str = "--at 2026-11-01T00:00:00Z";

fn full() -> Server {
    Server::serve(&dump::lake().0, &format!("{AT} {VERIFIED}"))
}

/// A number as pages and text show it: `12,345`.
fn thousands(number: &Value) -> String {
    let digits = number.as_u64().unwrap().to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

#[test]
fn the_overview_shows_the_reputation() {
    let server = full();
    assert_eq!(server.get("/healthz").status, 200);
    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    let truth = &dump::ndjson().truth;
    let account = &truth.reputation[0].aws;
    for number in
        [account.eligible_sends, account.counted_bounces, account.complaint_eligible_sends, account.counted_complaints]
    {
        assert!(page.text.contains(&thousands(&number.into())), "{number} is not on the page");
    }
    let percent = format!("{:.1}", account.bounce_rate.unwrap() * 100.0);
    assert!(page.text.contains(&percent), "{percent} % is not on the page");
    for set in &truth.reputation[1..] {
        let name = set.group["configuration_set"].as_ref().unwrap();
        assert!(page.text.contains(name), "{name} is not on the page");
    }
    assert!(page.text.matches("<svg").count() >= 2);
}

#[test]
fn the_api_answers_as_the_command_line() {
    let (server, lake) = (full(), &dump::lake().0);
    for (path, arguments) in [
        ("window=1d", "--window 1d"),
        ("window=1h&by=configuration_set&clock=sent", "--window 1h --by configuration_set --clock sent"),
        ("by=recipient_domain", "--by recipient_domain"),
        ("by=provider&configuration_set=marketing", "--by provider --only configuration_set=marketing"),
        (
            "since=2026-10-30T00:00:00Z&until=2026-10-31T00:00:00Z&window=10m",
            "--since 2026-10-30T00:00:00Z --until 2026-10-31T00:00:00Z --window 10m",
        ),
    ] {
        let response = server.get(&format!("/api/v1/rates?{path}"));
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(response.header("content-type"), "application/json");
        let rows = ask(lake, &format!("rates {arguments} {VERIFIED}"));
        assert!(!rows.as_array().unwrap().is_empty(), "{arguments}");
        assert!(response.json() == rows, "{path} differs from {arguments}");
    }
    assert_eq!(server.get("/api/v1/reputation").json(), ask(lake, &format!("reputation {AT} {VERIFIED}")));
    let check = on(lake, &format!("check {AT} {VERIFIED} --format json"));
    assert_eq!(server.get("/api/v1/check").json(), check.json());
}

#[test]
fn mistakes_are_told_as_problems() {
    let server = full();
    for path in ["window=soon", "window=1ms", "by=colour", "clock=wall", "windw=1h", "since=never"] {
        let response = server.get(&format!("/api/v1/rates?{path}"));
        assert_eq!(response.status, 400, "{path}");
        assert_eq!(response.header("content-type"), "application/problem+json", "{path}");
        let problem = response.json();
        assert_eq!(problem["status"], 400);
        assert!(
            !problem["title"].as_str().unwrap().is_empty() && !problem["detail"].as_str().unwrap().is_empty(),
            "{problem}"
        );
    }
    assert_eq!(server.get("/?range=fortnight").status, 400);
    assert_eq!(server.get("/nowhere").status, 404);
    assert_eq!(server.get("/../../etc/passwd").status, 404);
}

#[test]
fn every_answer_carries_the_security_headers() {
    let server = full();
    for path in ["/", "/healthz", "/api/v1/rates", "/api/v1/rates?by=colour", "/charts/bounce-rate.svg", "/nowhere"] {
        let response = server.get(path);
        let policy = response.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        // A chart by itself is a document of its own with its colours in it: sandboxed, it may run nothing.
        let styles = path.starts_with("/charts/");
        assert_eq!(policy.contains("unsafe-inline"), styles, "{path}: {policy}");
        assert_eq!(policy.contains("sandbox"), styles, "{path}: {policy}");
        assert_eq!(policy.contains("script-src 'self';"), !styles, "{path}: {policy}");
        assert!(!policy.contains("unsafe-eval"), "{path}: {policy}");
        assert_eq!(response.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(response.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(response.header("access-control-allow-origin"), "", "{path}");
    }
    let page = server.get("/").text;
    // Scripts are the server's own files: none stands in the page.
    for script in page.split("<script").skip(1) {
        assert!(
            script.starts_with(" src=\"/") && script.split_once('>').unwrap().1.starts_with("</script>"),
            "{script:.100}"
        );
    }
    assert!(
        !page.contains(" style=") && !page.contains(" onclick=") && !page.contains("//cdn"),
        "inline code or styles"
    );
}

#[test]
fn other_hosts_are_refused() {
    let server = full();
    for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8025", "0.0.0.0"] {
        for path in ["/", "/api/v1/rates", "/api/v1/reputation"] {
            let response = server.get_as(path, Some(host));
            assert!([400, 403, 421].contains(&response.status), "{host}{path}: {}", response.status);
            assert!(!response.text.contains("marketing"), "{host}{path}");
        }
    }
    for host in ["localhost", "localhost:1", "127.0.0.1", "[::1]:80"] {
        assert_eq!(server.get_as("/", Some(host)).status, 200, "{host}");
    }
}

#[test]
fn only_loopback_is_listened_on() {
    let lake = &dump::lake().0;
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8025"] {
        let run = on(lake, &format!("serve --listen {address}")).expect(2);
        assert!(run.stderr.contains("not a loopback address"), "{}", run.stderr);
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = on(lake, &format!("serve --listen {address}")).expect(4);
    assert!(run.stderr.contains(&address), "{}", run.stderr);
    Run::of(command().args(["serve", "--listen", "127.0.0.1:0"])).expect(2);
}

/// A lake that is not there yet, then is, then grows: pages follow within five seconds.
#[test]
fn a_lake_is_followed_while_it_grows() {
    let noon = time("2026-10-05T12:00:00Z");
    let mut lake = Lake::planned();
    let server = Server::serve(&lake.path(), "--at 2026-10-05T13:00:00Z");
    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert!(page.text.contains("No events yet"), "{}", page.text);
    assert_ne!(server.get("/api/v1/rates").status, 200, "a missing lake is no empty list of rates");
    let sends = || {
        let response = server.get("/api/v1/rates");
        if response.status == 200 { response.json()[0]["counts"]["send"].as_u64() } else { None }
    };
    lake.add(&[Mail::new(1, noon).send()]);
    poll("the new lake", Duration::from_secs(5), || sends().filter(|n| *n == 1));
    lake.add(&[Mail::new(2, noon).send(), Mail::new(3, noon + TimeDelta::minutes(1)).send()]);
    poll("the new events", Duration::from_secs(5), || sends().filter(|n| *n == 3));
}

#[test]
fn sigterm_ends_it_well() {
    let mut server = full();
    assert_eq!(server.get("/healthz").status, 200);
    let start = Instant::now();
    assert_eq!(server.terminate().code(), Some(0), "{}", server.log());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

const HOSTILE: &str = "=<script>alert(1)</script>\"'><img src=x onerror=alert(2)> \u{1b}[31m\u{202e}&amp;";

/// Text that came with an event is somebody else's: it stays text on every way out.
#[test]
fn hostile_text_is_inert() {
    let noon = time("2026-10-05T12:00:00Z");
    let mail = Mail {
        set: HOSTILE.into(),
        subject: HOSTILE.into(),
        to: "\"<script>alert(3)</script>\"@<b>.example".into(),
        ..Mail::new(1, noon)
    };
    let lake = Lake::of(&[mail.send(), mail.bounce("Permanent", HOSTILE)]);
    let server = Server::serve(&lake.path(), "--at 2026-10-05T13:00:00Z");
    let set: String = url::form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect();
    for path in [
        "/".to_owned(),
        format!("/?configuration_set={set}"),
        format!("/charts/bounce-rate.svg?configuration_set={set}"),
        format!("/?range={set}"),
        "/rates?by=configuration_set".to_owned(),
        "/charts/plain-bounce-rate.svg?by=recipient_domain".to_owned(),
        "/providers?by=recipient_domain".to_owned(),
        format!("/campaigns?by=configuration_set&tag:{set}={set}"),
        "/campaigns?by=configuration_set".to_owned(),
        "/bounces".to_owned(),
        format!("/bounces?filter=status&value={set}"),
    ] {
        let text = server.get(&path).text;
        let text = text.replacen("<script src=\"/static/", "", 1);
        assert!(!text.contains("<script") && !text.contains("<img") && !text.contains("<b>"), "{path}: {text}");
        assert!(!text.contains('\u{1b}'), "{path}: {text}");
    }
    assert!(server.get("/").text.contains("&#60;script&#62;") || server.get("/").text.contains("&lt;script&gt;"));
    let rows = server.get("/api/v1/rates?by=configuration_set");
    assert_eq!(rows.header("content-type"), "application/json");
    assert_eq!(rows.json()[0]["configuration_set"], HOSTILE);
    for by in ["configuration_set", "recipient_domain", "bounce_subtype"] {
        let text = on(&lake.path(), &format!("rates --by {by}")).expect(0).stdout;
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    }
    let csv = on(&lake.path(), "rates --by configuration_set --format csv").expect(0).stdout;
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let row = rows.records().next().unwrap().unwrap();
    assert_eq!(&row[2], format!("'{HOSTILE}"), "a cell that begins with `=` is a formula");
    let reputation = on(&lake.path(), "reputation").expect(0).stdout;
    assert!(!reputation.contains('\u{1b}') && !reputation.contains('\u{202e}'), "{reputation}");
}

#[test]
fn times_and_days_are_those_of_the_zone() {
    // 23:30 in London is 00:30 of the next day in Berlin, which is an hour ahead of UTC from 2026-10-25 on.
    let late: DateTime<Utc> = "2026-10-28T23:30:00Z".parse().unwrap();
    let mail = Mail { to: "ann@example.net".into(), ..Mail::new(1, late) };
    let other = Mail { to: "bob@example.net".into(), ..Mail::new(2, late - TimeDelta::hours(5)) };
    let lake = Lake::of(&[mail.send(), mail.bounce("Permanent", "General"), other.send()]);
    let server = Server::serve(&lake.path(), "--at 2026-10-30T12:00:00Z");
    let days = |zone: &str| {
        let rows = server.get(&format!("/api/v1/rates?window=1d&zone={zone}")).json();
        let rows = rows.as_array().unwrap().iter();
        let day =
            |row: &Value| (row["window_start"].as_str().unwrap().to_owned(), row["counts"]["send"].as_u64().unwrap());
        rows.map(day).collect::<Vec<_>>()
    };
    assert_eq!(days("UTC"), [("2026-10-28T00:00:00Z".to_owned(), 2)]);
    assert_eq!(days("Europe/Berlin"), [("2026-10-27T23:00:00Z".to_owned(), 1), ("2026-10-28T23:00:00Z".to_owned(), 1)]);
    assert_eq!(server.get("/api/v1/rates?window=1h&zone=Europe/Berlin").status, 422);
    assert_eq!(server.get("/api/v1/rates?window=1d&zone=Atlantis").status, 400);
    let page = server.get("/rates?zone=Europe/Berlin&from=2026-10-29T00:00").text;
    assert!(page.contains("2026-10-29 00:00 CET to 2026-10-30 13:00 CET"), "{page}");
    assert!(page.contains("Times are of Europe/Berlin."));
    // Of the two sends only the later one lies in that time.
    let table = server.get("/providers?by=recipient_domain&zone=Europe/Berlin&from=2026-10-29T00:00").text;
    assert!(table.contains("data-name=\"Sends\">1<"), "{table}");
}

#[test]
fn groups_are_shown_whole_with_their_tail() {
    let noon: DateTime<Utc> = "2026-10-05T12:00:00Z".parse().unwrap();
    let mut events = Vec::new();
    for number in 0..40_usize {
        let mail = Mail { to: format!("ann@domain{number:02}.example"), ..Mail::new(number, noon) };
        events.push(mail.send());
        if number < 3 {
            events.push(mail.bounce("Permanent", "General"));
        }
    }
    let lake = Lake::of(&events);
    let server = Server::serve(&lake.path(), "--at 2026-10-05T13:00:00Z");
    let page = server.get("/providers?by=recipient_domain&order=bounces").text;
    // 25 rows, one for the other 15, one for all 40.
    assert_eq!(page.matches("<tr role=\"row\"><th scope=\"row\"").count(), 25, "{page}");
    assert!(
        page.contains("<tr role=\"row\" class=\"rest\"><th scope=\"row\" role=\"rowheader\">15 others</th>"),
        "{page}"
    );
    let total = page.split("class=\"total\"").nth(1).unwrap();
    for figure in ["data-name=\"Hard bounces\">3<", "data-name=\"Sends\">40<", "data-name=\"Bounce rate\">7.50\u{a0}%<"]
    {
        assert!(total.contains(figure), "{figure} in {total}");
    }
    let first: Vec<&str> = page.match_indices("domain0").take(3).map(|(at, _)| &page[at..at + 8]).collect();
    assert_eq!(first, ["domain00", "domain00", "domain01"], "a name and its link: most bounces first, then by name");
    assert!(server.get("/providers?by=recipient_domain&limit=100").text.contains("domain39.example"));
    // The tail has pages of its own, from which nobody falls.
    let tail = server.get("/providers?by=recipient_domain&order=bounces&start=25").text;
    assert_eq!(tail.matches("<tr role=\"row\"><th scope=\"row\"").count(), 15, "{tail}");
    assert!(
        tail.contains("26 to 40 of 40") && tail.contains("25 others") && tail.contains("domain39.example"),
        "{tail}"
    );
    assert!(server.get("/providers?by=recipient_domain&order=bounces&start=900").text.contains("26 to 40 of 40"));
    for wrong in [
        "/providers?order=best",
        "/providers?limit=7",
        "/providers?start=-1",
        "/campaigns?by=colour",
        "/rates?compare=now",
        "/bounces?class=bad",
    ] {
        assert_eq!(server.get(wrong).status, 400, "{wrong}");
    }
    let csv = server.get("/api/v1/rates?by=recipient_domain&format=csv");
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"rates.csv\"");
    let mut rows = csv::Reader::from_reader(csv.text.as_bytes());
    let header = rows.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|column| column == name).unwrap();
    let (send, bounce) = (place("send"), place("counted_bounces"));
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    let sum = |column: usize| rows.iter().map(|row| row[column].parse::<u64>().unwrap()).sum::<u64>();
    assert_eq!((rows.len(), sum(send), sum(bounce)), (40, 40, 3));
}

#[test]
fn charts_are_images_too() {
    let server = full();
    for name in ["bounce-rate", "complaint-rate", "plain-bounce-rate", "plain-complaint-rate", "delivery-rate"] {
        let svg = server.get(&format!("/charts/{name}.svg?compare=before&by=provider"));
        assert_eq!((svg.status, svg.header("content-type")), (200, "image/svg+xml"), "{name}");
        let png = server.get(&format!("/charts/{name}.png"));
        assert_eq!((png.status, png.header("content-type")), (200, "image/png"), "{name}");
    }
    for path in ["/charts/bounce-rate", "/charts/bounce-rate.gif", "/charts/luck.svg"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
}
