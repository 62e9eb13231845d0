//! A lake in which all is well, and one thing wrong at a time.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use repute_lake::{BadClass, EventType, LogStanding, ObjectSums, TableStatistics};

use super::*;
use crate::alert::{Compare, Metric, Rule, Silence, default_rules};
use crate::counting::{AwsCounts, Side};
use crate::dimension::Dimension;

fn now() -> DateTime<Utc> {
    "2026-10-31T12:00:00Z".parse().unwrap()
}

fn day(back: u64) -> NaiveDate {
    now().date_naive().checked_sub_days(Days::new(back)).unwrap()
}

/// Mail of ten days: 10,000 sends a day, of which 9,800 are delivered, 150 bounce, 2 complain, some open and click.
fn events() -> EventFacts {
    let types = BTreeMap::from([
        (EventType::Send, 10_000),
        (EventType::Delivery, 9_800),
        (EventType::Bounce, 150),
        (EventType::Complaint, 20),
        (EventType::Open, 3_000),
        (EventType::Click, 300),
    ]);
    EventFacts {
        days: (0..10).map(|back| (day(back), types.clone())).collect(),
        span: Some((now() - TimeDelta::days(10), now() - TimeDelta::minutes(3))),
        accounts: BTreeMap::from([(Some("111122223333".to_owned()), 232_700)]),
        twice: Seen { all: 1_700, are: 0 },
        tagged: Seen { all: 20_000, are: 12_000 },
        delays: SendingDelays { all: 99_500, late: 3, before: 0 },
        complaint_eligible: 70_000,
        ..EventFacts::default()
    }
}

fn side(total: u64, counted: u64) -> Side {
    Side { total, excluded: Vec::new(), counted }
}

fn lake() -> LakeFacts {
    LakeFacts {
        events: events(),
        newest: Some(now() - TimeDelta::minutes(3)),
        aws: AwsCounts {
            eligible_sends: side(100_000, 95_000),
            bounces: side(1_500, 1_200),
            complaint_eligible_sends: side(100_000, 70_000),
            complaints: side(200, 180),
        },
        verified: vec!["corp.example".to_owned()],
        no_feedback_loop: vec!["gmail.com".to_owned()],
        reporting: BTreeMap::from([("yahoo.com".to_owned(), (50_000, 15)), ("small.example".to_owned(), (2_000, 0))]),
        objects: ObjectSums {
            objects: 100,
            records: 232_800,
            events: 232_700,
            duplicates: 60,
            quarantined: 0,
            ignored: 40,
            ..ObjectSums::default()
        },
        recent_records: Seen { all: 162_000, are: 0 },
        last_import: Some(now() - TimeDelta::minutes(2)),
        tables: vec![table("events", 20, 5)],
        dates: 10,
        logs: vec![LogStanding { table: "events", version: 120, checkpoint: Some(100), entries: 20 }],
        coverage: Some((10_000, 10_050, day(1))),
        ..LakeFacts::default()
    }
}

fn table(name: &'static str, files: u64, small_files: u64) -> TableStatistics {
    TableStatistics {
        table: name,
        version: 7,
        files,
        small_files,
        rows: Some(1),
        bytes: 1,
        dates: None,
        partitions: 10,
    }
}

fn around() -> Around {
    Around {
        now: now(),
        max_age: TimeDelta::hours(2),
        last_sends: 10_000,
        rules: default_rules(10_000),
        checks: Some(Watch { last: Some(now() - TimeDelta::minutes(4)), limit: TimeDelta::minutes(15) }),
        receivers: Some(1),
        ..Around::default()
    }
}

/// Names and severities of what is found once a lake and its surroundings have been changed.
fn found(change: impl FnOnce(&mut LakeFacts, &mut Around)) -> Vec<(&'static str, Severity)> {
    advice(change).into_iter().map(|advice| (advice.check, advice.severity)).collect()
}

fn advice(change: impl FnOnce(&mut LakeFacts, &mut Around)) -> Vec<Advice> {
    let (mut facts, mut around) = (lake(), around());
    change(&mut facts, &mut around);
    lake_advice(&facts, &around)
}

/// All of a type is taken out.
fn without(facts: &mut LakeFacts, of: EventType) {
    facts.events.days.values_mut().for_each(|day| _ = day.remove(&of));
}

use Severity::{Note, Problem, Warning};

#[test]
fn where_all_is_well_nothing_is_said() {
    assert_eq!(found(|_, _| ()), []);
}

#[test]
fn types_that_are_missing() {
    for (of, expected) in [
        (EventType::Delivery, ("missing_deliveries", Warning)),
        (EventType::Bounce, ("missing_bounces", Problem)),
        (EventType::Complaint, ("missing_complaints", Warning)),
        (EventType::Open, ("no_tracking", Note)),
        (EventType::Click, ("no_tracking", Note)),
    ] {
        assert_eq!(found(|facts, _| without(facts, of)), [expected], "{of}");
    }
    let told = advice(|facts, _| without(facts, EventType::Send));
    assert_eq!((told[0].check, told[0].severity), ("missing_sends", Problem));
    assert_eq!(
        told[0].evidence[0],
        "132,700 rows in the lake: 98,000 Delivery, 1,500 Bounce, 200 Complaint, 30,000 Open, 3,000 Click"
    );
    // Little mail without a bounce is nothing odd, nor is a sample.
    let little = |facts: &mut LakeFacts, _: &mut Around| {
        without(facts, EventType::Bounce);
        facts.events.days = facts.events.days.split_off(&day(0));
        facts.events.days.get_mut(&day(0)).unwrap().insert(EventType::Send, 4_999);
    };
    assert_eq!(found(little), []);
    assert!(types::missing_bounces(&EventFacts { is_sample: true, ..events() }).is_none());
}

#[test]
fn types_that_stopped() {
    let stop = |of: EventType, days: u64| {
        move |facts: &mut LakeFacts, _: &mut Around| {
            (0..=days).for_each(|back| _ = facts.events.days.get_mut(&day(back)).unwrap().remove(&of));
        }
    };
    assert_eq!(found(stop(EventType::Bounce, 1)), [], "one whole day may be chance, or a day off");
    assert_eq!(found(stop(EventType::Bounce, 2)), [("stopped", Problem)]);
    let told = advice(stop(EventType::Bounce, 2));
    assert_eq!(told[0].title, "Bounce events stopped coming while mail went on");
    assert_eq!(
        told[0].evidence,
        ["the last Bounce is of 2026-10-28; at the rate before, about 300 would have come since"]
    );
    assert_eq!(found(stop(EventType::Send, 2)), [("stopped", Problem)]);
    assert_eq!(found(stop(EventType::Open, 4)), [("stopped", Warning)]);
    // 20 complaints a day: two days make 40. Of 2 a day as many days say nothing.
    let rare = |facts: &mut LakeFacts, around: &mut Around| {
        facts.events.days.values_mut().for_each(|day| _ = day.insert(EventType::Complaint, 2));
        stop(EventType::Complaint, 3)(facts, around);
    };
    assert_eq!(found(rare), []);
    // Where all mail stops, no type has.
    let all =
        |facts: &mut LakeFacts, _: &mut Around| (0..3).for_each(|back| drop(facts.events.days.remove(&day(back))));
    assert_eq!(found(all), []);
}

#[test]
fn routes_sets_tags_and_accounts() {
    let told = advice(|facts, _| {
        facts.events.twice = Seen { all: 1_700, are: 340 };
        facts.events.without_set = BTreeMap::from([(EventType::Bounce, 170), (EventType::Delivery, 4_000)]);
    });
    assert_eq!(told.iter().map(|advice| advice.check).collect::<Vec<_>>(), ["both_routes", "no_configuration_set"]);
    assert!(
        told[0].evidence[0].starts_with("340 of 1,700 bounce or complaint rows have a twin"),
        "{:?}",
        told[0].evidence
    );
    assert_eq!(told[1].evidence, ["without one: 170 of 1,500 Bounce, 4,000 of 98,000 Delivery"]);
    let all_without = |facts: &mut LakeFacts, _: &mut Around| {
        without(facts, EventType::Send);
        let rows = [EventType::Bounce, EventType::Complaint, EventType::Delivery].map(|of| (of, facts.events.rows(of)));
        facts.events.without_set = rows.into();
    };
    assert_eq!(found(all_without), [("missing_sends", Problem), ("no_configuration_set", Problem)]);
    assert_eq!(found(|facts, _| facts.events.tagged = Seen { all: 20_000, are: 0 }), [("no_tags", Note)]);
    assert_eq!(found(|facts, _| facts.events.tagged = Seen { all: 20, are: 0 }), []);
    let other = (Some("444455556666".to_owned()), 10);
    assert_eq!(
        found(|facts, _| _ = facts.events.accounts.insert(other.0.clone(), other.1)),
        [("several_accounts", Note)]
    );
}

#[test]
fn clocks_that_are_wrong() {
    let future = |facts: &mut LakeFacts, _: &mut Around| {
        facts.future = 3;
        facts.latest = Some(now() + TimeDelta::hours(5));
    };
    assert_eq!(found(future), [("future_events", Problem)]);
    assert!(advice(future)[0].evidence[0].contains("3 rows after now; the latest is 5h00m ahead"));
    let little = |facts: &mut LakeFacts, _: &mut Around| {
        facts.future = 3;
        facts.latest = Some(now() + TimeDelta::minutes(4));
    };
    assert_eq!(found(little), [], "clocks may differ by some minutes");
    let early =
        |by: i64| move |facts: &mut LakeFacts, _: &mut Around| facts.early_imports = (2, Some(TimeDelta::minutes(by)));
    assert_eq!(found(early(90)), [("imported_before_it_happened", Warning)]);
    assert_eq!(found(early(1)), []);
    let delays = |late: u64, before: u64| {
        move |facts: &mut LakeFacts, _: &mut Around| facts.events.delays = SendingDelays { all: 99_500, late, before }
    };
    assert_eq!(found(delays(600, 0)), [("late_events", Note)]);
    assert_eq!(found(delays(400, 0)), []);
    assert_eq!(found(delays(0, 1)), [("late_events", Warning)]);
}

#[test]
fn old_data_says_where_it_stopped() {
    let stale = |imported: i64| {
        move |facts: &mut LakeFacts, _: &mut Around| {
            facts.newest = Some(now() - TimeDelta::hours(3));
            facts.last_import = Some(now() - TimeDelta::minutes(imported));
        }
    };
    let told = advice(stale(170));
    assert_eq!((told[0].check, told[0].title.as_str()), ("stale", "The newest event is 3h00m old"));
    assert!(told[0].remedy.starts_with("Imports have stopped"), "{}", told[0].remedy);
    assert!(advice(stale(3))[0].remedy.starts_with("Imports run and find only old events"));
}

#[test]
fn rates_that_are_impossible() {
    let few = |facts: &mut LakeFacts, _: &mut Around| facts.aws.eligible_sends = side(10_000, 9_999);
    assert_eq!(found(few), [("nothing_eligible", Note)]);
    let none = |facts: &mut LakeFacts, _: &mut Around| facts.aws.eligible_sends = side(10_000, 0);
    assert_eq!(found(none), [("nothing_eligible", Problem)]);
    let gmail = |facts: &mut LakeFacts, _: &mut Around| facts.aws.complaint_eligible_sends = side(10_000, 0);
    assert_eq!(found(gmail), [("complaints_impossible", Problem)]);
}

#[test]
fn mail_that_is_missing() {
    let of = |sends: u64, expected: u64| {
        move |facts: &mut LakeFacts, _: &mut Around| facts.coverage = Some((sends, expected, day(1)))
    };
    assert_eq!(found(of(9_600, 10_000)), []);
    assert_eq!(found(of(9_400, 10_000)), [("coverage", Warning)]);
    assert_eq!(found(of(4_000, 10_000)), [("coverage", Problem)]);
    assert_eq!(found(of(11_000, 10_000)), [("coverage", Warning)]);
    assert_eq!(found(of(11_000, 0)), [], "nobody said what was sent on that day");
    assert_eq!(found(|facts, _| facts.coverage = None), [("coverage", Note)]);
    assert_eq!(
        advice(of(9_400, 10_000))[0].evidence,
        ["2026-10-30: 9,400 sends in the lake of 10,000 handed to SES (94 %)"]
    );
}

#[test]
fn identities_and_feedback_loops() {
    let own = |verified: bool| {
        move |facts: &mut LakeFacts, _: &mut Around| {
            facts.own_domains = BTreeMap::from([("shop.example".to_owned(), (500, 40))]);
            facts.verified.retain(|_| verified);
        }
    };
    assert_eq!(found(own(true)), [("verified_identities", Warning)]);
    assert!(advice(own(false))[0].title.starts_with("No verified identities were given"));
    assert_eq!(advice(own(false))[0].evidence[1], "shop.example: 500 sends and 40 hard bounces, counted");
    assert_eq!(found(|facts, _| facts.verified.clear()), [("verified_identities", Note)]);
    // 15 complaints of 52,000: in 40,000 there would be 11.
    let silent = |deliveries: u64| {
        move |facts: &mut LakeFacts, _: &mut Around| {
            _ = facts.reporting.insert("web.example".to_owned(), (deliveries, 0));
        }
    };
    assert_eq!(found(silent(130_000)), [("feedback_loops", Warning)]);
    assert_eq!(found(silent(20_000)), []);
}

fn run(listed: u64, imported: u64, failed: u64) -> ImportRun {
    let failures =
        (0..failed).map(|number| Failed { object: format!("s3://b/{number}"), reason: "AccessDenied".into() });
    ImportRun {
        span: (now() - TimeDelta::minutes(3), now() - TimeDelta::minutes(2)),
        sources: vec!["s3://b".to_owned()],
        listed,
        imported,
        skipped: listed - imported - failed,
        failed,
        failures: failures.collect(),
        error: None,
    }
}

#[test]
fn sources_that_fail_are_named_with_what_to_do() {
    let source = |source: &str, last: Option<i64>, trouble: Option<&str>| WatchedSource {
        source: source.to_owned(),
        last_success: last.map(|minutes| now() - TimeDelta::minutes(minutes)),
        trouble: trouble.map(str::to_owned),
        failures: 3,
        unreadable: 0,
    };
    let of = |watched: Vec<WatchedSource>| watched_advice(&watched, now());
    assert_eq!(of(vec![source("s3://a/", Some(0), None), source("b", None, None)]), None);
    let gone = of(vec![source("s3://a/", None, Some("NoSuchBucket")), source("b", Some(0), None)]).unwrap();
    assert_eq!(gone.severity, Problem);
    assert_eq!(gone.title, "The watched source `s3://a/` cannot be imported from");
    let why = "`s3://a/`: NoSuchBucket; 3 failed attempts; it has not worked since the server was started";
    assert_eq!(gone.evidence, [why]);
    assert!(gone.remedy.contains("s3:ListBucket") && !gone.remedy.contains("sqs:"), "{}", gone.remedy);
    // What has only stumbled is less grave.
    let short = of(vec![source("sqs://q", Some(2), Some("timeout")), source("dump", Some(2), Some("gone"))]).unwrap();
    assert_eq!((short.severity, short.title.as_str()), (Warning, "2 watched sources cannot be imported from"));
    assert!(short.evidence[0].contains("it last worked 2m ago, "), "{:?}", short.evidence);
    assert!(short.remedy.contains("sqs:ReceiveMessage") && short.remedy.contains("mounted"), "{}", short.remedy);
    assert_eq!(of(vec![source("sqs://q", Some(11), Some("timeout"))]).unwrap().severity, Problem);
    let unreadable = WatchedSource { unreadable: 2, ..source("dump", Some(0), None) };
    let told = of(vec![unreadable]).unwrap();
    assert_eq!((told.severity, told.title.as_str()), (Warning, "Objects of 1 watched source cannot be read"));
    let in_lake = |_: &mut LakeFacts, around: &mut Around| around.watched = vec![source("b", None, Some("no"))];
    assert_eq!(found(in_lake), [("watched_sources", Problem)]);
}

#[test]
fn imports_that_left_something_out() {
    let failed = |facts: &mut LakeFacts, around: &mut Around| {
        facts.objects.objects = 3;
        around.runs = vec![run(10, 7, 1)];
    };
    let told = advice(failed);
    assert_eq!((told[0].check, told[0].severity), ("failed_objects", Warning));
    assert_eq!(
        told[0].evidence,
        ["2m ago: 10 objects listed = 7 imported + 2 skipped + 1 failed", "`s3://b/0`: AccessDenied"]
    );
    assert_eq!(
        found(|_, around| around.runs = vec![run(10, 7, 0), run(10, 7, 1)]),
        [],
        "the next import could read it"
    );
    let bad = |open: u64, recent: u64| {
        move |facts: &mut LakeFacts, _: &mut Around| {
            let newest = now() - TimeDelta::days(1);
            facts.bad = vec![BadClass { class: "bad_time".into(), open, resolved: 9, newest }];
            facts.recent_records.are = recent;
        }
    };
    assert_eq!(found(bad(5, 0)), [("quarantined", Note)]);
    assert_eq!(found(bad(5, 5)), [("quarantined", Warning)]);
    assert_eq!(found(bad(2_328, 0)), [("quarantined", Problem)]);
    assert_eq!(found(bad(0, 0)), []);
    assert_eq!(found(|facts, _| facts.objects.events -= 1), [("not_conserved", Problem)]);
}

#[test]
fn a_lake_without_events_says_why() {
    let empty = |change: fn(&mut LakeFacts, &mut Around)| {
        let (mut facts, mut around) = (LakeFacts::default(), around());
        change(&mut facts, &mut around);
        let told = lake_advice(&facts, &around);
        (told[0].check, told[0].title.clone())
    };
    let records = |quarantined: u64, ignored: u64| ObjectSums {
        objects: 2,
        records: quarantined + ignored,
        quarantined,
        ignored,
        ..ObjectSums::default()
    };
    _ = records;
    assert_eq!(empty(|_, _| ()), ("empty_lake", "The lake is empty: nothing has been imported".to_owned()));
    assert_eq!(empty(|_, around| around.runs = vec![run(2, 0, 2)]).1, "The lake is empty: no object could be read");
    let of = |sums: ObjectSums| {
        let told = lake_advice(&LakeFacts { objects: sums, ..LakeFacts::default() }, &around());
        told[0].title.clone()
    };
    assert_eq!(of(records(0, 0)), "The lake is empty: the objects that were imported hold no records");
    assert_eq!(of(records(5, 1)), "The lake is empty: no record could be read as an SES event");
    assert_eq!(of(records(1, 5)), "The lake is empty: all records are of a kind that is left out");
}

#[test]
fn upkeep_that_is_due() {
    assert_eq!(found(|facts, _| facts.tables = vec![table("events", 400, 390)]), [], "nothing can be put together");
    let small = |facts: &mut LakeFacts, _: &mut Around| {
        facts.tables = vec![table("events", 400, 390)];
        facts.compaction_due = (390, 5_000_000);
    };
    assert_eq!(found(small), [("small_files", Warning)]);
    assert_eq!(advice(small)[0].evidence[1], "390 files of 5 MB would be put together");
    assert_eq!(found(|facts, _| facts.logs[0].entries = 101), [("checkpoints", Warning)]);
    assert_eq!(found(|facts, _| facts.rollups.rows_behind = 2_000_000), [("rollups", Note)]);
    let read_only = |facts: &mut LakeFacts, _: &mut Around| {
        facts.rollups.rows_behind = 2_000_000;
        facts.rollups.is_read_only = true;
    };
    assert_eq!(found(read_only), [("rollups", Warning)]);
}

#[test]
fn alarms_that_nobody_would_hear() {
    let last = |last: Option<i64>| {
        move |_: &mut LakeFacts, around: &mut Around| {
            let last = last.map(|minutes| now() - TimeDelta::minutes(minutes));
            around.checks = Some(Watch { last, limit: TimeDelta::minutes(15) });
        }
    };
    assert_eq!(found(last(Some(15))), []);
    assert_eq!(found(last(Some(16))), [("checks_not_running", Warning)]);
    assert_eq!(found(last(None)), [("checks_not_running", Warning)]);
    let nobody = |_: &mut LakeFacts, around: &mut Around| {
        around.receivers = Some(0);
        around.checks = Some(Watch { last: None, limit: TimeDelta::minutes(15) });
    };
    assert_eq!(found(nobody), [("checks_not_running", Note), ("nobody_is_told", Note)]);
    assert_eq!(found(|_, around| around.checks = None), []);
}

/// What is said of one rule beside the default ones.
fn of_rule(rule: Rule, facts: RuleFacts) -> Vec<(&'static str, String)> {
    let told = advice(|lake, around| {
        lake.rules.insert(rule.name.clone(), facts);
        around.rules.push(rule);
    });
    told.into_iter().map(|advice| (advice.check, advice.evidence[0].clone())).collect()
}

#[test]
fn rules_that_can_never_fire() {
    let rule = || Rule { warn: Some(0.05), ..Rule::new("mine", Metric::BounceRate) };
    assert_eq!(of_rule(rule(), RuleFacts::default()), []);
    let only = Rule { only: vec![(Dimension::CONFIGURATION_SET, Some("newz".to_owned()))], ..rule() };
    assert_eq!(
        of_rule(only.clone(), RuleFacts { rows: Some(0), most: None }),
        [("never_measured", "rule mine: no mail in the lake has configuration_set = newz".to_owned())]
    );
    assert_eq!(of_rule(only, RuleFacts { rows: Some(1), most: None }), []);
    let delays = Rule { warn: Some(0.1), ..Rule::new("mine", Metric::DelayRate) };
    assert_eq!(
        of_rule(delays, RuleFacts::default()),
        [("never_measured", "rule mine: it watches delay_rate, and there are no DeliveryDelay events".to_owned())]
    );
    let high = Rule { warn: Some(2.0), critical: Some(5.0), ..rule() };
    assert_eq!(
        of_rule(high, RuleFacts::default()),
        [("never_reached", "rule mine: bounce_rate can never reach 500 %".to_owned())]
    );
    let none = Rule { warn: None, ..rule() };
    assert_eq!(of_rule(none, RuleFacts::default())[0].0, "never_reached");
    let below = Rule { compare: Compare::Below, warn: Some(0.0), ..rule() };
    assert_eq!(of_rule(below, RuleFacts::default())[0].0, "never_reached");
    let floor = Rule { min_sends: 500, ..rule() };
    assert_eq!(
        of_rule(floor.clone(), RuleFacts { rows: None, most: Some(499) }),
        [("never_enough", "rule mine: needs 500 sends in its window; there have been 499 at most".to_owned())]
    );
    assert_eq!(of_rule(floor, RuleFacts { rows: None, most: Some(500) }), []);
    let silence = |days: i64| Silence {
        total: false,
        from: None,
        rule: Some("mine".to_owned()),
        only: Vec::new(),
        until: now() + TimeDelta::days(days),
        reason: "known".to_owned(),
    };
    assert_eq!(found(|_, around| around.silences = vec![silence(31)]), [("silenced_for_long", Warning)]);
    assert_eq!(found(|_, around| around.silences = vec![silence(30)]), []);
}

fn object(name: &str, records: u64, events: u64) -> SampledObject {
    SampledObject {
        name: name.to_owned(),
        size: 100_000,
        compression: "gzip".into(),
        framing: "lines".into(),
        records,
        events,
        ..SampledObject::default()
    }
}

fn dump() -> DumpFacts {
    DumpFacts {
        place: "./dump".to_owned(),
        objects: 2,
        bytes: 200_000,
        sample: vec![object("a", 500, 500), object("b", 500, 500)],
        events: EventFacts { is_sample: true, ..events() },
        ..DumpFacts::default()
    }
}

fn dump_found(change: impl FnOnce(&mut DumpFacts)) -> Vec<(&'static str, Severity)> {
    let mut facts = dump();
    change(&mut facts);
    dump_advice(&facts, &around()).into_iter().map(|advice| (advice.check, advice.severity)).collect()
}

#[test]
fn dumps_before_they_are_imported() {
    assert_eq!(dump_found(|_| ()), []);
    assert_eq!(dump_found(|facts| *facts = DumpFacts::default()), [("nothing_there", Problem)]);
    let nothing = |object: &mut SampledObject| (object.records, object.events) = (3, 0);
    let others = |facts: &mut DumpFacts| {
        facts.events = EventFacts::default();
        facts.sample.iter_mut().for_each(nothing);
        facts.sample[0].ignored.insert("inbound_mail".into(), 3);
        facts.sample[1].bad.insert("not_ses".into(), (3, "no event".into()));
    };
    assert_eq!(dump_found(others), [("no_events", Problem)]);
    let zip = |facts: &mut DumpFacts| {
        facts.sample[0].compression = "zip".into();
        facts.sample[0].bad.insert("unsupported_compression".into(), (1, "zip".into()));
    };
    assert_eq!(dump_found(zip), [("not_supported", Problem), ("bad_records", Warning)]);
    let bad = |facts: &mut DumpFacts| drop(facts.sample[0].bad.insert("bad_time".into(), (30, "time `x`".into())));
    assert_eq!(dump_found(bad), [("bad_records", Problem)]);
    assert_eq!(dump_found(|facts| facts.sample[0].failure = Some("denied".into())), [("unreadable", Problem)]);
    let error =
        |facts: &mut DumpFacts| _ = facts.sample[0].envelopes.insert("event in firehose error output".into(), 4);
    assert_eq!(dump_found(error), [("error_output", Warning)]);
    assert_eq!(dump_found(|facts| facts.objects = 500), [("small_objects", Note)]);
    let old = |facts: &mut DumpFacts| facts.events.span = facts.events.span.map(|(first, _)| (first, first));
    assert_eq!(dump_found(old), [("old", Note)]);
}

/// What a check is called is where its explanation stands.
#[test]
fn every_check_is_explained() {
    let source = [
        "advice",
        "alerts",
        "audience",
        "clock",
        "coverage",
        "dump",
        "freshness",
        "imports",
        "lake",
        "rules",
        "stream",
        "tags",
        "types",
        "upkeep",
        "watched",
    ];
    let mut names = Vec::new();
    for file in source {
        let path = format!("{}/src/doctor/{file}.rs", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let mut rest = text.as_str();
        while let Some((_, after)) = rest.split_once("Advice::new(") {
            let name = after.split('"').nth(1).unwrap_or_default();
            names.push(name.to_owned());
            rest = after;
        }
    }
    names.retain(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && !name.is_empty());
    names.sort();
    names.dedup();
    assert!(names.len() >= 40, "{names:?}");
    for name in names {
        assert!(!explanation(&name).is_empty(), "docs/doctor.md says nothing of {name}");
    }
    for class in ["truncated_json", "bad_base64", "not_ses"] {
        assert!(!explanation(class).is_empty(), "{class}");
    }
    assert!(explanation("bad_base64").len() == 1 && explanation("nothing of that name").is_empty());
}
