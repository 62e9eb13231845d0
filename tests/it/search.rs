//! The pages and the API of single messages, through the real server.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::mail::{Lake, Mail, time};
use crate::program::{Run, Server, command};

const AT: &str = "--at 2026-10-05T18:00:00Z";

fn noon() -> DateTime<Utc> {
    time("2026-10-05T12:00:00Z")
}

/// A mail whose id has SES's form, with the number where a UUID begins.
fn mail(number: usize, sent: DateTime<Utc>) -> Mail {
    let id = format!("010f{:012x}-{number:08}-0000-4000-8000-000000000000-000000", sent.timestamp_millis());
    Mail { id, ..Mail::new(number, sent) }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// `messages` on a lake; arguments may hold spaces.
fn messages(lake: &Lake, arguments: &[&str]) -> Run {
    Run::of(command().arg("messages").args(arguments).arg("--lake").arg(lake.path())).expect(0)
}

/// Three mails: delivered and opened, bounced, delayed. The third was sent a day before.
fn lake() -> (Lake, [Mail; 3]) {
    let first = Mail { subject: "Your order 4711".to_owned(), ..mail(1, noon()) };
    let second =
        Mail { subject: "Your invoice".to_owned(), set: "billing".to_owned(), ..mail(2, noon() + TimeDelta::hours(1)) };
    let third = mail(3, noon() - TimeDelta::days(1));
    let delayed = json!([{"emailAddress": third.to, "status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2 mailbox of user3@example.com full"}]);
    let delay = json!({"timestamp": third.after(600), "delayType": "MailboxFull", "expirationTime": third.after(50_400), "delayedRecipients": delayed});
    let open = json!({"timestamp": first.after(300), "ipAddress": "192.0.2.7", "userAgent": "Agent/1.0"});
    let lake = Lake::of(&[
        first.send(),
        first.delivery(),
        first.event("Open", "open", open),
        second.send(),
        second.bounce("Permanent", "General"),
        third.send(),
        third.event("DeliveryDelay", "deliveryDelay", delay),
    ]);
    (lake, [first, second, third])
}

/// Links to messages on a page, in their order, with the state beside each.
fn found(page: &str) -> Vec<(String, String)> {
    let rows = page.split("<tr role=\"row\"><th scope=\"row\" role=\"rowheader\"><a href=\"/messages/").skip(1);
    let row = |row: &str| {
        let id = row.split(['"', '?']).next().unwrap().to_owned();
        let state = row.split("class=\"chip").nth(1).unwrap().split("</svg>").nth(1).unwrap();
        (id, state.split('<').next().unwrap().to_owned())
    };
    rows.map(row).collect()
}

#[test]
fn one_field_finds_by_address_id_and_subject() {
    let (lake, [first, second, third]) = lake();
    let server = Server::serve(&lake.path(), AT);
    let start = server.get("/messages");
    assert_eq!(start.status, 200);
    assert!(
        start.text.contains("Nothing is looked for yet") && start.text.contains("event_type=Complaint"),
        "{}",
        start.text
    );
    let row = |mail: &Mail, state: &str| (mail.id.clone(), state.to_owned());
    let header = format!("<{}@eu-west-1.amazonses.com>", first.id);
    for (query, rows) in [
        (format!("q={}", encoded("USER1@example.com")), vec![row(&first, "Opened")]),
        (format!("q={}", encoded("Jane Doe <user2@example.com>")), vec![row(&second, "Bounced")]),
        (format!("q={}", first.id), vec![row(&first, "Opened")]),
        (format!("q={}", encoded(&header)), vec![row(&first, "Opened")]),
        // What was sent last comes first.
        ("q=your".to_owned(), vec![row(&second, "Bounced"), row(&first, "Opened"), row(&third, "Put off")]),
        ("range=24h&q=your".to_owned(), vec![row(&second, "Bounced"), row(&first, "Opened")]),
        // An id is found whatever the range.
        (format!("range=24h&q={}", third.id), vec![row(&third, "Put off")]),
        ("q=your&configuration_set=billing".to_owned(), vec![row(&second, "Bounced")]),
        ("bounce_type=Permanent".to_owned(), vec![row(&second, "Bounced")]),
        ("filter=event_type&value=DeliveryDelay".to_owned(), vec![row(&third, "Put off")]),
        (format!("recipient={}&subject=order", encoded(&first.to)), vec![row(&first, "Opened")]),
        (format!("recipient={}&subject=invoice", encoded(&first.to)), vec![]),
    ] {
        let page = server.get(&format!("/messages?{query}"));
        assert_eq!(page.status, 200, "{query}");
        assert_eq!(found(&page.text), rows, "{query}: {}", page.text);
    }
}

#[test]
fn what_is_not_there_is_explained() {
    let (lake, _) = lake();
    let server = Server::serve(&lake.path(), AT);
    let text = |query: &str| server.get(&format!("/messages?{query}")).text;
    let nobody = text("range=24h&q=nobody%40example.com");
    assert!(
        nobody.contains("No message found") && nobody.contains("There is no message to nobody@example.com"),
        "{nobody}"
    );
    assert!(nobody.contains("href=\"/messages?range=all&#38;q=nobody%40example.com\""), "{nobody}");
    assert!(!text("range=all&q=nobody%40example.com").contains("Look at all times"));
    let old = mail(9, time("2026-01-01T00:00:00Z")).id;
    let outside = text(&format!("q={old}&zone=Europe/Berlin"));
    for part in [
        "The id says that it was sent at 2026-01-01 01:00 CET.",
        "The lake holds events from 2026-10-04",
        "its events lie outside",
    ] {
        assert!(outside.contains(part), "{part} in {outside}");
    }
    let within = text(&format!("q={}", mail(9, noon() + TimeDelta::hours(2)).id));
    assert!(
        within.contains("a time of which the lake has events") && within.contains("have not been imported yet"),
        "{within}"
    );
    let strange = text("message_id=4711");
    assert!(strange.contains("It does not look like an id of SES&#39;s"), "{strange}");
    assert!(text("q=ab").contains("give at least 3 letters of it"));
    for wrong in ["limit=7", "q=abc&q=def", "range=fortnight", "zone=Mars"] {
        assert_eq!(server.get(&format!("/messages?{wrong}")).status, 400, "{wrong}");
    }
    let page = server.get(&format!("/messages/{old}"));
    assert_eq!(page.status, 404);
    assert!(page.text.contains("its events lie outside"), "{}", page.text);
}

#[test]
fn too_many_are_said_with_their_number() {
    let mails: Vec<String> =
        (0..120).map(|number| mail(number, noon() + TimeDelta::seconds(number as i64)).send()).collect();
    let lake = Lake::of(&mails);
    let server = Server::serve(&lake.path(), AT);
    let page = server.get("/messages?range=24h&zone=Europe/Berlin&subject=order").text;
    assert_eq!(found(&page).len(), 50);
    for part in [
        "120 messages with \u{201c}order\u{201d} in the subject; shown are the 50 sent last",
        "70 more fit. To find one among them: choose a shorter range, give the recipient, choose a configuration set, add a filter",
        "2026-10-05 14:01:59",
        "href=\"/messages?range=24h&#38;zone=Europe%2FBerlin&#38;subject=order&#38;limit=200\"",
        "/api/v1/messages?since=",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let all = server.get("/messages?range=24h&subject=order&limit=200").text;
    assert_eq!(found(&all).len(), 120);
    assert!(all.contains("120 messages with") && !all.contains("more fit"), "{all}");
}

#[test]
fn a_life_is_shown_in_order() {
    let (lake, [first, second, third]) = lake();
    let server = Server::serve(&lake.path(), AT);
    let page = server.get(&format!("/messages/{}?zone=America/New_York", first.id));
    assert_eq!(page.status, 200);
    let mut rest = page.text.as_str();
    for part in
        ["Accepted by SES", "Delivered</span>", "250 ok", "handed over after 1.0 s", "Opened</span>", "Agent/1.0"]
    {
        let place = rest.find(part).unwrap_or_else(|| panic!("{part} in {}", page.text));
        rest = &rest[place..];
    }
    for part in [
        "Your order 4711",
        "2026-10-05 08:00:00.000 EDT",
        "08:05:00.000",
        "+5 min 0 s",
        "Monday, 5 October 2026",
        "user1@example.com",
    ] {
        assert!(page.text.contains(part), "{part} in {}", page.text);
    }
    let bounced = server.get(&format!("/messages/{}", second.id)).text;
    assert!(bounced.contains("Permanent \u{b7} General \u{b7} 5.1.1"), "{bounced}");
    let delayed = server.get(&format!("/messages/{}", third.id)).text;
    assert!(
        delayed.contains("tried until 2026-10-05 02:00:00 UTC")
            && delayed.contains("mailbox of user3@example.com full"),
        "{delayed}"
    );
    assert!(delayed.contains(&format!("/api/v1/messages?message_id={}", third.id)), "{delayed}");
    assert_eq!(server.get(&format!("/messages/{}?zone=Mars", first.id)).status, 400);
}

/// Each recipient has a lane; an open stands across all, as it does not say whose it is.
#[test]
fn recipients_have_lanes() {
    let first = mail(1, noon());
    let both = json!(["user1@example.com", "Second <second@example.org>"]);
    let to_both = |event: String| {
        let mut event: Value = serde_json::from_str(&event).unwrap();
        event["mail"]["destination"] = both.clone();
        event.to_string()
    };
    let second = Mail { to: "second@example.org".to_owned(), ..first.clone() };
    let open = json!({"timestamp": first.after(300), "ipAddress": "192.0.2.7", "userAgent": "Agent/1.0"});
    let lake = Lake::of(&[
        to_both(first.send()),
        to_both(first.delivery()),
        to_both(second.bounce("Permanent", "NoEmail")),
        to_both(first.event("Open", "open", open)),
    ]);
    let server = Server::serve(&lake.path(), AT);
    let page = server.get(&format!("/messages/{}", first.id)).text;
    assert!(page.contains("Side by side") && page.contains("1 of 2 recipients"), "{page}");
    assert_eq!(page.matches("colspan=\"2\"").count(), 1, "{page}");
    assert!(page.contains("which recipient is not known"), "{page}");
    let list = server.get("/messages?q=order").text;
    assert!(list.contains("1 of 2</span>") && list.contains("second@example.org, user1@example.com"), "{list}");
    let alone = server.get(&format!("/messages/{}", mail(2, noon()).id));
    assert_eq!(alone.status, 404);
}

#[test]
fn more_events_than_a_page_holds() {
    let first = mail(1, noon());
    let open = |second: i64| {
        let own = json!({"timestamp": first.after(second), "ipAddress": "192.0.2.7", "userAgent": "Agent/1.0"});
        first.event("Open", "open", own)
    };
    let events: Vec<String> = std::iter::once(first.send()).chain((1..=700).map(open)).collect();
    let lake = Lake::of(&events);
    let page = Server::serve(&lake.path(), AT).get(&format!("/messages/{}", first.id)).text;
    assert_eq!(page.matches("<li class=\"step\">").count(), 500);
    assert!(page.contains("201 more events follow; CSV and JSON have them."), "{page}");
}

#[test]
fn the_api_answers_as_the_command_line() {
    let (lake, [first, second, _]) = lake();
    let server = Server::serve(&lake.path(), AT);
    for (path, arguments) in [
        (format!("message_id={}", first.id), vec!["--message-id", &first.id]),
        (format!("q={}", first.id), vec!["--message-id", &first.id]),
        (format!("recipient={}", encoded(&second.to)), vec!["--recipient", &second.to]),
        ("subject=your&limit=2".to_owned(), vec!["--subject", "your", "--limit", "2"]),
        (
            "subject=your&since=2026-10-05T00:00:00Z&until=2026-10-05T12:30:00Z".to_owned(),
            vec!["--subject", "your", "--since", "2026-10-05", "--until", "2026-10-05T12:30:00Z"],
        ),
        ("recipient=nobody@example.com".to_owned(), vec!["--recipient", "nobody@example.com"]),
    ] {
        let answer = server.get(&format!("/api/v1/messages?{path}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json(), messages(&lake, &[&arguments[..], &["--format", "json"]].concat()).json(), "{path}");
        let csv = server.get(&format!("/api/v1/messages?{path}&format=csv"));
        assert_eq!(csv.text, messages(&lake, &[&arguments[..], &["--format", "csv"]].concat()).stdout, "{path}");
    }
    let set = server.get("/api/v1/messages?configuration_set=billing").json();
    assert_eq!(set.as_array().unwrap().len(), 1);
    for (wrong, status, what) in [
        ("", 422, "what to look for is missing"),
        ("limit=0&subject=abc", 400, "`limit` is `0`"),
        ("subjct=abc", 400, "unknown parameter `subjct`"),
        ("subject=ab", 422, "at least 3 letters"),
        ("subject=abc&format=xml", 400, "`format` is `xml`"),
        ("subject=abc&since=soon", 400, "`since` is `soon`"),
    ] {
        let problem = server.get(&format!("/api/v1/messages?{wrong}"));
        assert_eq!((problem.status, problem.header("content-type")), (status, "application/problem+json"), "{wrong}");
        assert!(problem.text.contains(what), "{}", problem.text);
    }
}

const HOSTILE: &str = "=<script>alert(1)</script>\"'><img src=x onerror=alert(2)> \u{1b}[31m\u{202e}&amp;";

#[test]
fn hostile_text_is_inert() {
    let first = Mail {
        set: HOSTILE.to_owned(),
        subject: HOSTILE.to_owned(),
        to: "\"<script>alert(3)</script>\"@<b>.example".to_owned(),
        id: format!("../../{HOSTILE}?a=b#c%2F"),
        ..mail(1, noon())
    };
    let said = json!([{"emailAddress": first.to, "diagnosticCode": HOSTILE, "status": HOSTILE}]);
    let own = json!({"timestamp": first.after(5), "bounceType": HOSTILE, "bounceSubType": HOSTILE, "feedbackId": HOSTILE, "bouncedRecipients": said});
    let clicked = json!({"timestamp": first.after(9), "ipAddress": HOSTILE, "userAgent": HOSTILE, "link": HOSTILE, "linkTags": {HOSTILE: [HOSTILE]}});
    let lake = Lake::of(&[
        first.send(),
        first.delivery(),
        first.event("Bounce", "bounce", own),
        first.event("Click", "click", clicked),
    ]);
    let server = Server::serve(&lake.path(), AT);
    let list = server.get(&format!("/messages?q={}", encoded("<SCRIPT>")));
    let link = list.text.split("<a href=\"/messages/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let message = server.get(&format!("/messages/{link}"));
    assert_eq!((list.status, message.status), (200, 200), "{link}");
    let hostile = encoded(HOSTILE);
    for path in [
        format!("/messages?q={}", encoded("<SCRIPT>")),
        format!("/messages/{link}"),
        format!("/messages?q={hostile}"),
        format!("/messages?recipient={hostile}&message_id={hostile}"),
        format!("/messages?configuration_set={hostile}"),
        format!("/messages/{}", hostile.replace('+', "%20")),
        "/engagement?by=link".to_owned(),
        "/engagement?by=configuration_set".to_owned(),
        format!("/engagement?link={hostile}"),
        "/delays?by=configuration_set".to_owned(),
    ] {
        // What is sent on unseen stays what was typed.
        let lines: Vec<_> = server
            .get(&path)
            .text
            .lines()
            .filter(|line| !line.contains("type=\"hidden\""))
            .map(str::to_owned)
            .collect();
        let text = lines.join("\n");
        assert!(!text.contains("<script>") && !text.contains("<img") && !text.contains("<b>"), "{path}: {text}");
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{path}: {text}");
    }
    let csv = server.get("/api/v1/engagement?by=link&format=csv").text;
    assert!(csv.contains("\"'=<script>"), "a cell that begins with `=` is a formula: {csv}");
}
