//! The life of single messages: judged by events written here, and over a generated dump by a plain reading of its lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::dump::{self, files};
use crate::mail::{Lake, Mail, time};
use crate::program::{Run, command, scratch};
use crate::syscalls::Chance;

/// `messages` on a lake; arguments may hold spaces.
fn messages(lake: &Path, arguments: &[&str]) -> Run {
    Run::of(command().arg("messages").args(arguments).arg("--lake").arg(lake))
}

#[track_caller]
fn found(lake: &Path, arguments: &[&str]) -> Vec<Value> {
    let run = messages(lake, &[arguments, &["--format", "json"]].concat()).expect(0);
    run.json().as_array().unwrap().clone()
}

/// Numbers of the mails that were found, in the order of the answer.
#[track_caller]
fn numbers(lake: &Path, arguments: &[&str]) -> Vec<usize> {
    let number = |message: &Value| message["message_id"].as_str().unwrap()[17..25].parse().unwrap();
    found(lake, arguments).iter().map(number).collect()
}

/// A mail whose id has SES's form, with the number where a UUID begins.
fn mail(number: usize, sent: &str) -> Mail {
    let sent = time(sent);
    let id = format!("010f{:012x}-{number:08}-0000-4000-8000-000000000000-000000", sent.timestamp_millis());
    Mail { id, ..Mail::new(number, sent) }
}

/// Another event of a mail, so many seconds after it, with this object of its own.
fn event(mail: &Mail, kind: &str, key: &str, after: i64, mut own: Value) -> String {
    own["timestamp"] = json!(mail.after(after));
    mail.event(kind, key, own)
}

fn open(mail: &Mail, after: i64) -> String {
    event(mail, "Open", "open", after, json!({"ipAddress": "192.0.2.7", "userAgent": "Agent/1.0"}))
}

fn delay(mail: &Mail, after: i64) -> String {
    let delayed =
        json!([{"emailAddress": mail.to, "status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2 mailbox full"}]);
    event(
        mail,
        "DeliveryDelay",
        "deliveryDelay",
        after,
        json!({"delayType": "MailboxFull", "delayedRecipients": delayed}),
    )
}

/// The event with a part of its `mail` object set, or taken out.
fn with(event: &str, field: &str, value: Value) -> String {
    let mut event: Value = serde_json::from_str(event).unwrap();
    match value {
        Value::Null => drop(event["mail"].as_object_mut().unwrap().remove(field)),
        value => event["mail"][field] = value,
    }
    event.to_string()
}

fn harmless(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || !(c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)))
}

#[test]
fn a_life_is_told_in_order() {
    let mail = mail(1, "2026-10-05T12:00:00.250Z");
    let click = json!({"ipAddress": "192.0.2.8", "userAgent": "Agent/2.0", "link": "https://shop.example/a?b=c"});
    // The open comes with the delivery, and the complaint days later; the order of reading is another.
    let lake = Lake::of(&[
        event(&mail, "Click", "click", 273_600, click),
        mail.complaint(),
        open(&mail, 1),
        mail.delivery(),
        delay(&mail, 0),
        mail.send(),
    ]);
    let text = messages(&lake.path(), &["--message-id", &mail.id]).expect(0);
    let expected = "\
message  ID
sent     2026-10-05T12:00:00.250Z
from     shop@shop.example
subject  Your order
set      orders
to       1 recipient
time                      after       event          recipient          detail
2026-10-05T12:00:00.250Z  +0 ms       Send           user1@example.com
2026-10-05T12:00:00.250Z  +0 ms       DeliveryDelay  user1@example.com  MailboxFull  4.2.2  smtp; 452 4.2.2 mailbox full
2026-10-05T12:00:01.250Z  +1.0 s      Delivery       user1@example.com  250 ok
2026-10-05T12:00:01.250Z  +1.0 s      Open           user1@example.com  192.0.2.7  Agent/1.0
2026-10-05T12:01:00.250Z  +1 min 0 s  Complaint      user1@example.com  abuse
2026-10-08T16:00:00.250Z  +3 d 4 h    Click          user1@example.com  https://shop.example/a?b=c  192.0.2.8  Agent/2.0
";
    assert_eq!(text.stdout, expected.replace("ID", &mail.id));
    assert_eq!(text.stderr, "");
}

#[test]
fn machine_forms_hold_every_detail() {
    let mail = mail(1, "2026-10-05T12:00:00Z");
    let lake = Lake::of(&[mail.send(), mail.bounce("Permanent", "General"), delay(&mail, 0)]);
    let life = json!([{
        "message_id": mail.id, "sent": "2026-10-05T12:00:00Z", "source": "shop@shop.example", "subject": "Your order",
        "configuration_set": "orders", "recipients": ["user1@example.com"],
        "events": [
            {"time": "2026-10-05T12:00:00Z", "type": "Send", "recipient": "user1@example.com"},
            {"time": "2026-10-05T12:00:00Z", "type": "DeliveryDelay", "recipient": "user1@example.com", "status": "4.2.2",
             "diagnostic_code": "smtp; 452 4.2.2 mailbox full", "delay_type": "MailboxFull"},
            {"time": "2026-10-05T12:00:01Z", "type": "Bounce", "recipient": "user1@example.com", "bounce_type": "Permanent",
             "bounce_subtype": "General", "status": "5.1.1", "feedback_id": format!("f-{}", mail.id)},
        ],
    }]);
    assert_eq!(json!(found(&lake.path(), &["--recipient", &mail.to])), life);

    let csv = messages(&lake.path(), &["--recipient", &mail.to, "--format", "csv"]).expect(0).stdout;
    let lines: Vec<&str> = csv.lines().collect();
    let header =
        "message_id,sent,source,subject,configuration_set,time,type,recipient,bounce_type,bounce_subtype,status,";
    assert!(lines[0].starts_with(header), "{csv}");
    assert_eq!(lines.len(), 4);
    let bounce = "2026-10-05T12:00:01Z,Bounce,user1@example.com,Permanent,General,5.1.1,";
    assert!(
        lines[3].starts_with(&format!("{},2026-10-05T12:00:00Z,shop@shop.example,Your order,orders,{bounce}", mail.id))
    );
}

/// An open does not say which of two recipients it was, and is told of either.
#[test]
fn a_message_is_all_its_recipients() {
    let mail = mail(1, "2026-10-05T12:00:00Z");
    let both = json!(["user1@example.com", "Second <Second@Example.ORG>"]);
    let of_second = Mail { to: "second@EXAMPLE.org".to_owned(), ..mail.clone() };
    let lake = Lake::of(&[
        with(&mail.send(), "destination", both.clone()),
        mail.delivery(),
        of_second.bounce("Transient", "General"),
        with(&open(&mail, 9), "destination", both),
    ]);
    for address in ["user1@example.com", "second@example.org", "S <SECOND@example.org>"] {
        let life = found(&lake.path(), &["--recipient", address]);
        assert_eq!(life.len(), 1, "{address}");
        assert_eq!(life[0]["recipients"], json!(["Second@example.org", "user1@example.com"]), "{life:#?}");
        let events: Vec<Value> = life[0]["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| json!([event["type"], event["recipient"]]))
            .collect();
        let open = json!(["Open", null]);
        assert!(events.len() == 5 && events[4] == open, "{events:?}");
    }
    let text = messages(&lake.path(), &["--message-id", &mail.id]).expect(0).stdout;
    assert!(text.contains("\nto       2 recipients\n") && text.contains("Open      -  "), "{text}");
}

#[test]
fn what_is_given_together_must_hold_together() {
    let first = mail(1, "2026-10-05T12:00:00Z");
    let second = Mail { subject: "Réduction de 20 %_".to_owned(), ..mail(2, "2026-10-06T12:00:00Z") };
    let third = Mail { to: first.to.clone(), subject: "YOUR RÉDUCTION".to_owned(), ..mail(3, "2026-10-07T12:00:00Z") };
    let fourth = Mail { to: first.to.clone(), ..mail(4, "2026-10-08T12:00:00Z") };
    let without_subject = |event: String| with(&event, "commonHeaders", Value::Null);
    let lake = Lake::of(&[
        first.send(),
        second.send(),
        // One event says to whom, another what about.
        without_subject(third.delivery()),
        with(&open(&third, 86_400), "destination", json!(["a@example.com", "b@example.com"])),
        fourth.send(),
    ]);
    let lake = lake.path();
    let to = ["--recipient", first.to.as_str()];
    let about = ["--subject", "réDUction"];
    let both = [to, about].concat();
    assert_eq!(numbers(&lake, &to), [1, 3, 4]);
    assert_eq!(numbers(&lake, &about), [2, 3]);
    assert_eq!(numbers(&lake, &both), [3]);
    assert_eq!(numbers(&lake, &["--subject", "%_"]), [2]);
    assert_eq!(numbers(&lake, &["--subject", "your"]), [1, 3, 4]);
    let among = |id: &str| numbers(&lake, &[both.as_slice(), &["--message-id", id]].concat());
    assert_eq!(among(&third.id), [3]);
    assert_eq!(among(&first.id), [0; 0]);

    // A time is that of an event by which a message is found.
    let between =
        |since: &str, until: &str| numbers(&lake, &[to.as_slice(), &["--since", since, "--until", until]].concat());
    assert_eq!(between("2026-10-05T12:00:00Z", "2026-10-07"), [1]);
    assert_eq!(between("2026-10-05T12:00:00.001Z", "2026-10-08T12:00:00Z"), [3]);
    assert_eq!(between("2026-10-08T12:00:00Z", "2026-10-09"), [4]);
    assert_eq!(numbers(&lake, &["--message-id", &first.id, "--since", "2026-10-06"]), [0; 0]);
    assert_eq!(numbers(&lake, &["--message-id", &first.id, "--until", "2026-10-06"]), [1]);
    // The whole life is told, also what lies outside.
    assert_eq!(
        found(&lake, &["--subject", "your réd", "--since", "2026-10-08"])[0]["events"].as_array().unwrap().len(),
        2
    );
}

#[test]
fn the_last_messages_are_shown_and_that_there_are_more() {
    let mails: Vec<Mail> = (1..=5).map(|n| mail(n, &format!("2026-10-05T12:00:0{n}Z"))).collect();
    // The first to be sent is the last that something happened to.
    let events: Vec<String> = mails.iter().map(Mail::send).chain([open(&mails[0], 900)]).collect();
    let lake = Lake::of(&events);
    let asked =
        |limit: &str| messages(&lake.path(), &["--subject", "order", "--limit", limit, "--format", "json"]).expect(0);
    assert_eq!(numbers(&lake.path(), &["--subject", "order", "--limit", "2"]), [4, 5]);
    assert!(asked("4").stderr.contains("more messages fit; these are the last 4"));
    assert_eq!(asked("5").stderr, "");
    assert_eq!(numbers(&lake.path(), &["--subject", "order"]), [1, 2, 3, 4, 5]);
}

/// Whoever opens a message a hundred thousand times fills no memory.
#[test]
fn more_events_than_are_shown_are_said() {
    let mail = mail(1, "2026-10-05T12:00:00Z");
    let opens = (1..=100_000).map(|second| open(&mail, second));
    let lake = Lake::of(&[mail.send()].into_iter().chain(opens).collect::<Vec<_>>());
    let run = messages(&lake.path(), &["--message-id", &mail.id, "--format", "csv"]).expect(0);
    assert_eq!(run.stderr, "these messages have more events; the first 100,000 are shown\n");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 100_001);
    assert!(lines[1].contains(",Send,") && lines[100_000].contains(&mail.after(99_999)[..19]), "{}", lines[100_000]);
}

#[test]
fn hostile_text_does_no_harm() {
    let subject = "=cmd|'/c calc'!A1\u{1b}]0;x\u{7}\u{202e}\r\n+fake line";
    let mail = Mail { subject: subject.to_owned(), ..mail(1, "2026-10-05T12:00:00Z") };
    let code = format!("@SUM(1)\u{1b}[2J\n{}", "x".repeat(5_000));
    let to = format!("\"\u{1b}[31m\"@{}.example", "y".repeat(1_000));
    let bounced = json!([{"emailAddress": to, "diagnosticCode": code}]);
    let own = json!({"bounceType": "-1", "bounceSubType": "=1", "feedbackId": "\t1", "bouncedRecipients": bounced});
    let lake = Lake::of(&[mail.send(), event(&mail, "Bounce", "bounce", 5, own)]);
    let by_subject = ["--subject", "\u{1b}]0;X"];
    let text = messages(&lake.path(), &by_subject).expect(0);
    assert!(harmless(&text.stdout), "{text:?}");
    assert!(
        text.stdout.contains("subject  =cmd|'/c calc'!A1\\u{1b}]0;x\\u{7}\\u{202e}\\u{d}\\u{a}+fake line\n"),
        "{text:?}"
    );
    assert!(text.stdout.lines().all(|line| line.len() < 1_000), "{text:?}");

    let life = found(&lake.path(), &by_subject);
    assert_eq!(life[0]["subject"], subject);
    assert_eq!(life[0]["events"][1]["diagnostic_code"], code);

    let csv = messages(&lake.path(), &[by_subject.as_slice(), &["--format", "csv"]].concat()).expect(0).stdout;
    for cell in ["\"'=cmd", ",'-1,", ",'=1,", "\"'@SUM(1)", ",'\t1,"] {
        assert!(csv.contains(cell), "{cell} in {csv:?}");
    }

    // What is not found is not said again, and what cannot be read is said without harm.
    let nothing = messages(&lake.path(), &["--message-id", "\u{1b}[31m"]).expect(0);
    assert!(nothing.stdout.is_empty() && harmless(&nothing.stderr), "{nothing:?}");
}

#[test]
fn finding_nothing_is_said_and_no_failure() {
    let lake = Lake::of(&[mail(1, "2026-10-05T12:00:00Z").send()]);
    let unknown = mail(2, "2026-10-05T12:00:00Z").id;
    for (format, stdout) in [("text", ""), ("json", "[]\n")] {
        let run = messages(&lake.path(), &["--message-id", &unknown, "--format", format]).expect(0);
        assert_eq!(run.stdout, stdout);
        assert!(run.stderr.starts_with("no message found; "), "{run:?}");
    }
    let csv = messages(&lake.path(), &["--recipient", "nobody@example.com", "--format", "csv"]).expect(0).stdout;
    assert_eq!(csv.lines().count(), 1);
    for id in ["", "zzz", "010f", "user1", "' or 1=1 --", "%", &"f".repeat(10_000)] {
        let run = messages(&lake.path(), &["--message-id", id]);
        assert_eq!((run.code, run.stdout.as_str()), (if id.is_empty() { 2 } else { 0 }, ""), "{id}: {run:?}");
    }
    for recipient in ["user1", "@example.com", "%@example.com", "user_@example.com", "' or 1=1 --"] {
        assert_eq!(numbers(&lake.path(), &["--recipient", recipient]), [0; 0], "{recipient}");
    }
}

#[test]
fn mistakes_are_usage_errors() {
    let lake = Lake::of(&[mail(1, "2026-10-05T12:00:00Z").send()]);
    for arguments in [
        &[][..],
        &["--since", "1d"],
        &["--recipient", ""],
        &["--recipient", " <> "],
        &["--message-id", " "],
        &["--message-id", "<@email.amazonses.com>"],
        &["--subject", ""],
        &["--subject", "x", "--limit", "0"],
        &["--subject", "x", "--limit", "10001"],
        &["--subject", "x", "--since", "soon"],
        &["--subject", "x", "--format", "xml"],
    ] {
        let run = messages(&lake.path(), arguments).expect(2);
        assert!(run.stdout.is_empty() && run.stderr.starts_with("error: "), "{arguments:?}: {run:?}");
    }
    let nowhere = scratch();
    let run = messages(&nowhere.path().join("none"), &["--subject", "x"]).expect(4);
    assert!(run.stderr.contains("none"), "{run:?}");
    let run = Run::of(command().args(["messages", "--subject", "x"])).expect(2);
    assert!(run.stderr.contains("which lake?"), "{run:?}");
}

/// Message ids as people find them.
#[test]
fn an_id_is_taken_as_a_header_has_it() {
    let mail = mail(1, "2026-10-05T12:00:00Z");
    let lake = Lake::of(&[mail.send()]);
    for (before, after) in
        [("", ""), (" ", " "), ("<", ">"), ("<", "@eu-west-1.amazonses.com>"), ("", "@email.amazonses.com")]
    {
        assert_eq!(numbers(&lake.path(), &["--message-id", &format!("{before}{}{after}", mail.id)]), [1]);
    }
    assert_eq!(numbers(&lake.path(), &["--message-id", &format!("{}@shop.example", mail.id)]), [0; 0]);
}

/// Events without `mail.timestamp`, and ids whose time is not that of the mail: AWS promises neither.
#[test]
fn an_event_is_found_whatever_is_known_of_its_time() {
    let mail = mail(1, "2026-10-05T12:00:00Z");
    let untimed = |event: String| with(&event, "timestamp", Value::Null);
    let edited = Mail { sent: time("2026-10-09T12:00:00Z"), ..self::mail(2, "2026-10-05T12:00:00Z") };
    let only_untimed = self::mail(3, "2026-10-20T12:00:00Z");
    let mut lake =
        Lake::of(&[mail.send(), untimed(mail.bounce("Permanent", "General")), untimed(open(&mail, 864_000))]);
    lake.add(&[edited.send(), edited.delivery(), untimed(only_untimed.complaint())]);
    let events = |arguments: &[&str]| {
        let life = found(&lake.path(), arguments);
        (life.len(), life[0]["events"].as_array().unwrap().len(), life[0]["sent"].clone())
    };
    for (mail, count, sent) in [
        (&mail, 3, json!("2026-10-05T12:00:00Z")),
        (&edited, 2, json!("2026-10-09T12:00:00Z")),
        (&only_untimed, 1, Value::Null),
    ] {
        assert_eq!(events(&["--message-id", &mail.id]), (1, count, sent.clone()));
        assert_eq!(events(&["--recipient", &mail.to]), (1, count, sent));
    }
    let text = messages(&lake.path(), &["--message-id", &only_untimed.id]).expect(0).stdout;
    assert!(text.contains("\n2026-10-20T12:01:00Z         Complaint  user3@example.com  abuse\n"), "{text}");
}

/// Data files of a lake's events.
fn data_files(lake: &Path) -> Vec<PathBuf> {
    let mut found = files(&lake.join("events"));
    found.retain(|path| path.extension().is_some_and(|extension| extension == "parquet"));
    found
}

/// Only files of the right time are read: those of other days may be gone.
#[test]
fn a_look_up_reads_only_files_of_its_time() {
    let [first, second, third, fourth] = [1, 2, 3, 4].map(|n| mail(n, &format!("2026-10-0{}T12:00:00Z", n + 4)));
    let lake = Lake::of(&[
        first.send(),
        second.send(),
        second.delivery(),
        third.send(),
        fourth.send(),
        // Opened on the day of the fourth.
        open(&second, 2 * 86_400),
    ]);
    let lake = lake.path();
    let gone = ["event_date=2026-10-05", "event_date=2026-10-07"];
    for file in data_files(&lake) {
        if gone.iter().any(|date| file.to_string_lossy().contains(date)) {
            fs::remove_file(file).unwrap();
        }
    }
    let days = ["--since", "2026-10-06", "--until", "2026-10-06T18:00:00Z"];
    for arguments in [
        &["--message-id", &second.id][..],
        &[&["--message-id", second.id.as_str(), "--subject", "order"][..], &days].concat(),
        &[&["--message-id", second.id.as_str(), "--recipient", second.to.as_str()][..]].concat(),
        &[&["--recipient", second.to.as_str()][..], &days].concat(),
        &[&["--subject", "order"][..], &days].concat(),
    ] {
        let life = found(&lake, arguments);
        assert_eq!((life.len(), life[0]["events"].as_array().unwrap().len()), (1, 3), "{arguments:?}: {life:#?}");
    }
    // Whatever needs the missing files fails and names one, also an id that is not where its time says.
    for arguments in [
        ["--message-id", &third.id],
        ["--message-id", &mail(9, "2026-10-06T12:00:00Z").id],
        ["--message-id", "another-form"],
        ["--recipient", &second.to],
    ] {
        let run = messages(&lake, &arguments).expect(4);
        assert!(run.stdout.is_empty() && gone.iter().any(|date| run.stderr.contains(date)), "{arguments:?}: {run:?}");
    }
}

/// Of files of the right time, only those are read whose Bloom filter knows the id: the data of others may be damaged.
#[test]
fn a_look_up_reads_only_row_groups_that_may_hold_the_id() {
    let sent = "2026-10-05T12:00:00Z";
    let [known, damaged] = [1, 2].map(|number| mail(number, sent));
    let [other, other_damaged] = [3, 4].map(|number| Mail::new(number, time(sent)));
    let mut lake = Lake::of(&[known.send(), known.delivery(), other.send()]);
    let whole = data_files(&lake.path());
    lake.add(&[damaged.send(), damaged.delivery(), other_damaged.send()]);
    let lake = lake.path();
    let file = data_files(&lake).into_iter().find(|file| !whole.contains(file)).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    // Pages of the first columns, `sent_time` among them; filters and metadata lie at the end.
    bytes[4..300].fill(0);
    fs::write(&file, bytes).unwrap();
    for mail in [&known, &other] {
        let life = found(&lake, &["--message-id", &mail.id]);
        assert_eq!((life.len(), life[0]["recipients"][0].as_str()), (1, Some(mail.to.as_str())));
    }
    let name = file.file_name().unwrap().to_str().unwrap();
    for mail in [&damaged, &other_damaged] {
        let run = messages(&lake, &["--message-id", &mail.id]).expect(4);
        assert!(run.stdout.is_empty() && run.stderr.contains(name) && run.stderr.contains("lake fsck"), "{run:?}");
    }
}

/// Whoever reads the output may leave, as `head` does.
#[test]
fn a_reader_that_leaves_is_no_failure() {
    let mails: Vec<String> = (1..=2_000).map(|n| mail(n, "2026-10-05T12:00:00Z").send()).collect();
    let lake = Lake::of(&mails);
    for format in ["text", "json", "csv"] {
        let mut command = command();
        command
            .args(["messages", "--subject", "order", "--limit", "10000", "--format", format, "--lake"])
            .arg(lake.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut some = [0; 100];
        child.stdout.take().unwrap().read_exact(&mut some).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{format}");
    }
}

/// What a line of the dump says of its recipients: the message's id, and for each row its type, time, recipient and what
/// tells it from others.
fn rows_of(event: &Value) -> (String, Vec<Value>) {
    let (kind, mail) = (event["eventType"].as_str().unwrap(), &event["mail"]);
    let key = match kind {
        "Rendering Failure" => "failure".to_owned(),
        "DeliveryDelay" => "deliveryDelay".to_owned(),
        other => other.to_lowercase(),
    };
    let own = &event[&key];
    let time = own.get("timestamp").unwrap_or(&mail["timestamp"]);
    let address = |text: &Value| {
        let text = text.as_str().unwrap();
        let bare = text.rsplit_once('<').map_or(text, |(_, rest)| rest.trim_end_matches('>'));
        let (local, domain) = bare.rsplit_once('@').unwrap();
        json!(format!("{local}@{}", domain.to_lowercase()))
    };
    let all = |list: &Value| list.as_array().unwrap().iter().map(address).collect::<Vec<_>>();
    let each = |list: &Value| -> Vec<Value> {
        list.as_array().unwrap().iter().map(|recipient| address(&recipient["emailAddress"])).collect()
    };
    let recipients = match kind {
        "Delivery" => all(&own["recipients"]),
        "Bounce" => each(&own["bouncedRecipients"]),
        "Complaint" => each(&own["complainedRecipients"]),
        "DeliveryDelay" => each(&own["delayedRecipients"]),
        "Open" | "Click" | "Subscription" => match all(&mail["destination"]).as_slice() {
            [one] => vec![one.clone()],
            _ => vec![Value::Null],
        },
        _ => all(&mail["destination"]),
    };
    let told = [
        "feedbackId",
        "bounceType",
        "bounceSubType",
        "smtpResponse",
        "processingTimeMillis",
        "delayType",
        "userAgent",
        "ipAddress",
        "link",
        "reason",
    ];
    let told: Vec<&Value> = told.iter().map(|name| &own[*name]).collect();
    let row = |recipient: Value| json!([kind, time, recipient, told]);
    (mail["messageId"].as_str().unwrap().to_owned(), recipients.into_iter().map(row).collect())
}

/// The same of an event in the answer.
fn row_told(event: &Value) -> Value {
    let told = [
        "feedback_id",
        "bounce_type",
        "bounce_subtype",
        "smtp_response",
        "processing_ms",
        "delay_type",
        "user_agent",
        "ip_address",
        "link",
        "reason",
    ];
    let told: Vec<&Value> = told.iter().map(|name| &event[*name]).collect();
    json!([event["type"], event["time"], event["recipient"], told])
}

/// Every row of a dump by message, read line by line with nothing of ours; what stands twice is one.
fn lives(dump: &dump::Dump) -> BTreeMap<String, BTreeSet<String>> {
    let mut lives: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for object in dump.objects() {
        for line in BufReader::new(fs::File::open(object).unwrap()).lines() {
            let (id, rows) = rows_of(&serde_json::from_str(&line.unwrap()).unwrap());
            lives.entry(id).or_default().extend(rows.iter().map(Value::to_string));
        }
    }
    lives
}

#[track_caller]
fn assert_same_life(message: &Value, lives: &BTreeMap<String, BTreeSet<String>>) {
    let id = message["message_id"].as_str().unwrap();
    let events = message["events"].as_array().unwrap();
    let mut told: Vec<String> = events.iter().map(|event| row_told(event).to_string()).collect();
    told.sort();
    assert_eq!(told, lives[id].iter().cloned().collect::<Vec<_>>(), "{id}");
    let times: Vec<&str> = events.iter().map(|event| event["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
}

/// 20 messages and 10 recipients of 100,000 generated events.
#[test]
fn lives_equal_the_lines_of_the_dump() {
    let lives = lives(dump::ndjson());
    let (lake, _) = dump::lake();
    println!("seed {}, {} messages", dump::SEED, lives.len());
    let mut chance = Chance(dump::SEED);
    let recipient = |row: &String| serde_json::from_str::<Value>(row).unwrap()[2].as_str().map(str::to_owned);
    let (shared, single): (Vec<_>, Vec<_>) =
        lives.iter().partition(|(_, rows)| rows.iter().filter_map(recipient).collect::<BTreeSet<_>>().len() > 1);
    let (mut shown, mut later) = (0, 0);
    for number in 0..20 {
        let among = if number % 4 == 0 { &shared } else { &single };
        let (id, rows) = among[chance.below(among.len())];
        let messages = found(lake, &["--message-id", id]);
        assert_eq!(messages.len(), 1, "{id}");
        assert_same_life(&messages[0], &lives);
        shown += rows.len();
        later += usize::from(rows.len() > 2);
    }
    assert!(shown > 40 && later > 3, "{shown} rows, {later} messages with more than a send and a delivery");

    let mut by_recipient: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (id, rows) in &lives {
        for recipient in rows.iter().filter_map(recipient) {
            by_recipient.entry(recipient.to_lowercase()).or_default().insert(id);
        }
    }
    let recipients: Vec<(&String, &BTreeSet<&str>)> = by_recipient.iter().collect();
    for _ in 0..10 {
        let (recipient, ids) = recipients[chance.below(recipients.len())];
        let messages = found(lake, &["--recipient", &recipient.to_uppercase(), "--limit", "10000"]);
        let found: BTreeSet<&str> = messages.iter().map(|message| message["message_id"].as_str().unwrap()).collect();
        assert_eq!((&found, messages.len()), (ids, ids.len()), "{recipient}");
        messages.iter().for_each(|message| assert_same_life(message, &lives));
    }
}
