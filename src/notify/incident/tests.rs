//! Golden traces on virtual time: what a receiver is told at which minute, worked out by hand.

use std::fmt::Write as _;

use super::*;
use crate::notify::state::Level::{Critical, Unknown, Warning};

fn wants(name: &str) -> Wants {
    Wants {
        name: name.to_owned(),
        levels: Level::ALL.to_vec(),
        rules: Vec::new(),
        repeat: TimeDelta::hours(24),
        forgetful: false,
    }
}

fn key(rule: &str) -> Key {
    Key {
        subject: Subject::Rule,
        rule: rule.to_owned(),
        account_id: Some("1111".to_owned()),
        group: vec![("configuration_set".to_owned(), Some("news".to_owned()))],
    }
}

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
}

fn alarm(level: Level) -> Seen {
    Seen::Alarm(level, Facts { sentence: "much bounces".to_owned(), ..Facts::default() })
}

fn muted() -> Seen {
    Seen::Muted(Critical, Facts::default())
}

/// Checks, each with its minute and what it sees of rule `a`; `deaf` says of a minute and a receiver that it does not answer.
struct Trace {
    memory: Memory,
    receivers: Vec<Wants>,
    log: String,
}

impl Trace {
    fn new(receivers: &[Wants]) -> Self {
        Self { memory: Memory::default(), receivers: receivers.to_vec(), log: String::new() }
    }

    fn check(&mut self, minute: i64, what: Seen) -> &mut Self {
        self.check_as(minute, what, |_| true)
    }

    fn check_as(&mut self, minute: i64, what: Seen, hears: impl Fn(&str) -> bool) -> &mut Self {
        self.observe(minute, vec![Sight { key: key("a"), what }], Some(&["a"]));
        self.send(minute, hears)
    }

    fn observe(&mut self, minute: i64, all: Vec<Sight>, rules: Option<&[&str]>) {
        let rules = rules.map(|rules| rules.iter().map(|rule| (*rule).to_owned()).collect());
        self.memory.observe(&Sights { all, rules }, at(minute));
        // What was written is what the next check reads.
        self.memory = Memory::read(&self.memory.write()).unwrap();
    }

    fn send(&mut self, minute: i64, hears: impl Fn(&str) -> bool) -> &mut Self {
        for due in self.memory.due(&self.receivers, at(minute)) {
            let arrived = hears(&due.receiver);
            let mark = if arrived { "" } else { " (lost)" };
            let (receiver, kind, level) = (&due.receiver, due.kind.as_str(), due.incident.level.as_str());
            writeln!(self.log, "{minute} {receiver} {kind} {level}{mark}").unwrap();
            if arrived {
                self.memory.told(&due, at(minute));
            }
        }
        self.memory.forget(&self.receivers, at(minute));
        self
    }

    #[track_caller]
    fn told(&self, expected: &str) {
        let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(self.log.lines().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn an_incident_is_told_once_and_its_end_once() {
    let mut trace = Trace::new(&[wants("x")]);
    trace.check(0, Seen::Well).check(5, alarm(Critical)).check(10, alarm(Critical)).check(15, alarm(Critical));
    trace.check(20, Seen::Well).check(25, Seen::Well);
    trace.told("5 x opened critical\n20 x resolved critical");
    assert!(trace.memory.incidents.is_empty(), "everybody heard the end");
}

#[test]
fn it_is_repeated_after_a_day() {
    let mut trace = Trace::new(&[wants("x"), Wants { repeat: TimeDelta::hours(1), ..wants("hourly") }]);
    for minute in (0..=2 * 1440 + 30).step_by(30) {
        trace.check(minute, alarm(Warning));
    }
    let of_x: Vec<&str> = trace.log.lines().filter(|line| line.contains(" x ")).collect();
    assert_eq!(of_x, ["0 x opened warning", "1440 x repeated warning", "2880 x repeated warning"]);
    assert_eq!(trace.log.lines().filter(|line| line.contains("hourly repeated")).count(), 48);
}

#[test]
fn a_warning_that_becomes_critical_is_told_again_but_not_every_time_it_wavers() {
    let mut trace = Trace::new(&[wants("x")]);
    trace.check(0, alarm(Warning)).check(5, alarm(Critical)).check(10, alarm(Warning)).check(15, alarm(Critical));
    trace.check(20, alarm(Warning)).check(25, Seen::Well);
    trace.told("0 x opened warning\n5 x escalated critical\n25 x resolved warning");
    // A day later it is repeated as what it is, and then worse is news.
    let mut trace = Trace::new(&[wants("x")]);
    trace.check(0, alarm(Critical)).check(5, alarm(Warning)).check(1440, alarm(Warning)).check(1445, alarm(Critical));
    trace.told("0 x opened critical\n1440 x repeated warning\n1445 x escalated critical");
}

#[test]
fn flapping_makes_incidents_of_its_own() {
    let mut trace = Trace::new(&[wants("x")]);
    let mut ids = BTreeSet::new();
    for round in 0..3 {
        trace.check(round * 10, alarm(Warning));
        ids.insert(trace.memory.incidents[0].id.clone());
        trace.check(round * 10 + 5, Seen::Well);
    }
    trace.told("0 x opened warning\n5 x resolved warning\n10 x opened warning\n15 x resolved warning\n20 x opened warning\n25 x resolved warning");
    assert_eq!(ids.len(), 3);
}

#[test]
fn a_receiver_that_is_down_for_three_checks_is_told_afterwards() {
    let mut trace = Trace::new(&[wants("x"), wants("y")]);
    for minute in [0, 5, 10] {
        trace.check_as(minute, alarm(Warning), |name| name == "y");
    }
    trace.check(15, alarm(Warning)).check(20, alarm(Warning));
    trace.told("0 x opened warning (lost)\n0 y opened warning\n5 x opened warning (lost)\n10 x opened warning (lost)\n15 x opened warning");
}

/// It hears of the whole incident in one message, and of the end of one it was told of once it is back.
#[test]
fn what_ends_while_a_receiver_is_down_is_not_lost() {
    let mut trace = Trace::new(&[wants("x")]);
    trace
        .check_as(0, alarm(Critical), |_| false)
        .check_as(5, Seen::Well, |_| false)
        .check(10, Seen::Well)
        .check(15, Seen::Well);
    trace.told("0 x opened critical (lost)\n5 x resolved critical (lost)\n10 x resolved critical");
    // The end of the first is told before the second begins.
    let mut trace = Trace::new(&[wants("x")]);
    trace.check(0, alarm(Critical)).check_as(5, Seen::Well, |_| false).check(10, alarm(Warning));
    trace.told("0 x opened critical\n5 x resolved critical (lost)\n10 x resolved critical\n10 x opened warning");
    // Nobody is told of last month.
    let mut trace = Trace::new(&[wants("x")]);
    trace.check(0, alarm(Critical)).check_as(5, Seen::Well, |_| false);
    trace.check_as(5 + 7 * 1440, Seen::Well, |_| false).check(10 + 7 * 1440, Seen::Well);
    trace.told("0 x opened critical\n5 x resolved critical (lost)\n10085 x resolved critical (lost)");
}

/// The incident is remembered before it is told: whoever hears it twice hears of the same incident.
#[test]
fn a_check_that_is_killed_between_delivery_and_note_tells_the_same_again() {
    let mut trace = Trace::new(&[wants("x")]);
    trace.observe(0, vec![Sight { key: key("a"), what: alarm(Critical) }], Some(&["a"]));
    let first = trace.memory.due(&trace.receivers, at(0));
    // Killed here. The next one begins with what was written.
    trace.observe(5, vec![Sight { key: key("a"), what: alarm(Critical) }], Some(&["a"]));
    let second = trace.memory.due(&trace.receivers, at(5));
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!((&first[0].incident.id, first[0].kind), (&second[0].incident.id, second[0].kind));
}

#[test]
fn what_cannot_be_judged_stays_open_for_a_week() {
    let mut trace = Trace::new(&[wants("x")]);
    trace.check(0, alarm(Warning)).check(5, Seen::Unjudged).check(10, Seen::Pending);
    // The group has no mail any more: there is no finding.
    for minute in [1439, 1440, 10_079, 10_080] {
        trace.observe(minute, Vec::new(), Some(&["a"]));
        trace.send(minute, |_| true);
    }
    trace.told("0 x opened warning\n1440 x repeated warning\n10079 x repeated warning\n10080 x resolved warning");
}

#[test]
fn muted_incidents_wait_and_their_end_is_told_to_who_knew() {
    let mut trace = Trace::new(&[wants("x")]);
    trace.check(0, muted()).check(5, muted()).check(10, Seen::Well);
    trace.told("");
    let mut trace = Trace::new(&[wants("x")]);
    trace.check(0, alarm(Critical)).check(1440, muted()).check(1500, Seen::Well);
    trace.told("0 x opened critical\n1500 x resolved critical");
    let mut trace = Trace::new(&[wants("x")]);
    trace.check(0, muted()).check(5, alarm(Critical));
    trace.told("5 x opened critical");
}

#[test]
fn a_rule_that_is_gone_ends_its_incidents() {
    let mut trace = Trace::new(&[wants("x")]);
    trace.check(0, alarm(Critical));
    trace.observe(5, Vec::new(), Some(&["b"]));
    assert_eq!(trace.memory.incidents[0].end.as_ref().unwrap().why, "the rule was removed");
    trace.send(5, |_| true);
    trace.told("0 x opened critical\n5 x resolved critical");
}

/// A check that failed says nothing of the rules.
#[test]
fn a_failed_check_opens_its_own_incident_and_leaves_the_others() {
    let check = Key { subject: Subject::Check, rule: "check".to_owned(), account_id: None, group: Vec::new() };
    let mut trace = Trace::new(&[wants("x"), Wants { levels: vec![Warning, Critical], ..wants("y") }]);
    trace.check(0, alarm(Warning));
    for minute in [5, 10] {
        trace.observe(minute, vec![Sight { key: check.clone(), what: alarm(Unknown) }], None);
        trace.send(minute, |_| true);
    }
    let both = |what| vec![Sight { key: key("a"), what: alarm(Warning) }, Sight { key: check.clone(), what }];
    trace.observe(15, both(Seen::Well), Some(&["a"]));
    trace.send(15, |_| true);
    trace.told("0 x opened warning\n0 y opened warning\n5 x opened unknown\n15 x resolved unknown");
}

#[test]
fn receivers_hear_what_they_want() {
    let critical = Wants { levels: vec![Critical], ..wants("c") };
    let other = Wants { rules: vec!["b".to_owned()], ..wants("b") };
    let mut trace = Trace::new(&[critical, other]);
    trace.check(0, alarm(Warning)).check(5, alarm(Critical)).check(10, alarm(Warning)).check(15, Seen::Well);
    trace.check(20, alarm(Warning)).check(25, Seen::Well);
    trace.told("5 c opened critical\n15 c resolved warning");
}

#[test]
fn a_forgetful_receiver_hears_of_it_with_every_check() {
    let mut trace = Trace::new(&[Wants { forgetful: true, ..wants("am") }]);
    trace
        .check(0, alarm(Warning))
        .check(5, alarm(Warning))
        .check(10, alarm(Critical))
        .check(15, Seen::Well)
        .check(20, Seen::Well);
    trace.told("0 am opened warning\n5 am repeated warning\n10 am escalated critical\n15 am resolved critical");
}

#[test]
fn keys_tell_apart_what_differs() {
    let of = |group: &[(&str, Option<&str>)]| {
        let group = group.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect();
        Key { group, ..key("a") }.hash()
    };
    let hashes = [
        of(&[("x", None)]),
        of(&[("x", Some(""))]),
        of(&[("x", Some("null"))]),
        of(&[]),
        of(&[("x", Some("a\",\"b"))]),
    ];
    assert_eq!(hashes.iter().collect::<BTreeSet<_>>().len(), hashes.len());
    assert_ne!(Key { subject: Subject::Check, ..key("a") }.hash(), key("a").hash());
    assert_eq!(key("a").hash(), key("a").hash());
}
