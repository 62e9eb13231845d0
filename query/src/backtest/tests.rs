//! The past by sums against the past by tallies: the same episodes for random lakes, rules and times.

use std::borrow::Cow;
use std::path::Path;

use rand::prelude::*;
use rand::rngs::StdRng;
use repute_lake::{Event, EventChunk, EventRows, EventType, Lake, Location, Recipient};

use super::*;
use crate::alert::{Compare, Confidence, Counting, Machine, Metric, Missing, default_rules, judge};
use crate::check::series::{Question, Series, Spans, series};
use crate::counting::CountingRules;
use crate::provider::Providers;
use crate::scan::Clock;
use crate::silent::Silent;
use crate::tally::Tally;
use crate::{CheckOptions, check};

const DAYS: i64 = 5;
const SETS: [Option<&str>; 4] = [Some("news"), Some("receipts"), Some(""), None];
const ACCOUNTS: [Option<&str>; 3] = [Some("111122223333"), Some("444455556666"), None];
const ADDRESSES: [&str; 5] =
    ["a@gmail.com", "b@corp.example", "bounce@simulator.amazonses.com", "c@else.example", "d@yahoo.com"];

fn start() -> DateTime<Utc> {
    "2026-10-01T00:00:00Z".parse().unwrap()
}

/// Mail in bursts of an hour or two, some of them bad, with days on which one of the sets is silent.
fn rows(random: &mut StdRng, count: usize) -> EventChunk {
    let mut rows = EventRows::new(&[], 0);
    rows.start_object("object");
    for _ in 0..count {
        let day = random.random_range(0..DAYS);
        let hour = [3, 9, 10, 17][random.random_range(0..4)];
        let second = day * 86_400 + hour * 3_600 + random.random_range(0..5_400);
        let time =
            start() + TimeDelta::seconds(second) + TimeDelta::microseconds(random.random_range(0..1_000) * 1_000);
        let is_bad = (day + hour) % 4 == 0;
        let kinds: &[EventType] = match is_bad {
            true => &[EventType::Send, EventType::Bounce, EventType::Send, EventType::Complaint],
            false => &[EventType::Send, EventType::Send, EventType::Delivery, EventType::Send, EventType::Bounce],
        };
        let event_type = *kinds.choose(random).unwrap();
        let mut event = Event::new(event_type, time);
        event.sent_time = match event_type {
            EventType::Send => Some(time),
            _ => Some(time - TimeDelta::milliseconds(random.random_range(0..90_000_000))),
        };
        let mut pick = |values: &[Option<&'static str>]| values.choose(random).copied().flatten().map(Cow::Borrowed);
        event.account_id = pick(&ACCOUNTS);
        event.configuration_set = pick(if day == 2 { &SETS[1..] } else { &SETS });
        if event_type == EventType::Bounce {
            event.bounce_type = pick(&[Some("Permanent"), Some("Permanent"), Some("Transient"), Some("Undetermined")]);
            event.bounce_subtype = pick(&[Some("General"), Some("General"), Some("OnAccountSuppressionList"), None]);
        }
        let address = pick(&ADDRESSES.map(Some));
        event.recipients = vec![Recipient { address, event_id: random.random(), ..Recipient::default() }];
        rows.push(&event, 0);
    }
    rows.finish().unwrap()
}

async fn reader(folder: &Path, random: &mut StdRng) -> Reader {
    let location = Location::parse(folder.to_str().unwrap()).unwrap();
    let mut lake = Lake::open_or_create(&location, &[]).await.unwrap();
    for _ in 0..2 {
        let chunk = rows(random, 6_000);
        lake.append(vec![chunk], start(), 2).await.unwrap();
    }
    let rules = CountingRules::new(["corp.example".to_owned()], ["gmail.com".to_owned()]);
    Reader::new(&lake, rules.counting([Silent::Undetermined]), Providers::default()).unwrap()
}

fn random_rule(random: &mut StdRng) -> Rule {
    let metric = *[Metric::BounceRate, Metric::ComplaintRate, Metric::SoftBounceRate, Metric::Sends, Metric::Bounces]
        .choose(random)
        .unwrap();
    let by = match random.random_range(0..4) {
        0 => Vec::new(),
        1 => vec![Dimension::Provider],
        2 => vec![Dimension::CONFIGURATION_SET, Dimension::Provider],
        _ => vec![Dimension::CONFIGURATION_SET],
    };
    let is_number = !metric.is_rate();
    let threshold =
        |random: &mut StdRng| if is_number { random.random_range(1.0..40.0) } else { random.random_range(0.01..0.4) };
    let compare = if random.random_bool(0.2) { Compare::Below } else { Compare::Above };
    let (low, high) = (threshold(random), threshold(random));
    let (low, high) = (f64::min(low, high), f64::max(low, high));
    let (warn, critical) = if compare == Compare::Above { (low, high) } else { (high, low) };
    Rule {
        counting: if metric.is_judged_by_aws() && random.random() { Counting::Aws } else { Counting::Plain },
        clock: if random.random_bool(0.2) { Clock::Sent } else { Clock::Event },
        window: Window::Minutes(*[1, 5, 10, 60].choose(random).unwrap()),
        total: by.is_empty() || random.random(),
        by,
        compare,
        warn: Some(warn),
        critical: random.random_bool(0.7).then_some(critical),
        min_sends: random.random_range(0..20),
        min_events: random.random_range(0..3),
        confidence: *[Confidence::Rate, Confidence::Interval, Confidence::IntervalOfGroups].choose(random).unwrap(),
        pending_minutes: if random.random() { random.random_range(0..6) } else { 0 },
        keep_minutes: if random.random() { random.random_range(0..6) } else { 0 },
        hits: if random.random_bool(0.3) { (2, 4) } else { (1, 1) },
        missing: *[Missing::NoData, Missing::Keep, Missing::Ok, Missing::Warning].choose(random).unwrap(),
        look_back_minutes: random.random_range(1..90),
        ..Rule::new("test", metric)
    }
}

/// The past as it was played before sums: tallies of every window, piece by piece.
async fn by_tallies(reader: &Reader, rule: &Rule, since: DateTime<Utc>, now: DateTime<Utc>) -> Vec<Episode> {
    let mut courses: BTreeMap<Whose, (Machine<'_>, Vec<Stretch>)> = BTreeMap::new();
    let question = Question::of(rule, std::slice::from_ref(rule));
    for (from, to) in days(since, now) {
        let found: Vec<Series> = series(reader, &question, from, to, None).await.unwrap();
        let mut ends: BTreeMap<Whose, BTreeMap<i64, Tally>> = BTreeMap::new();
        for series in found {
            let Spans::Minutes { ends: found, .. } = series.spans else { panic!("minutes were asked for") };
            let is_nobody = series.account_id.is_none() && series.group.is_empty() && found.is_empty();
            if !is_nobody || courses.keys().all(|(_, group)| !group.is_empty()) {
                ends.insert((series.account_id, series.group), found);
            }
        }
        for whose in ends.keys() {
            courses.entry(whose.clone()).or_insert_with(|| (Machine::new(rule), Vec::new()));
        }
        let (empty, none) = (Tally::default(), BTreeMap::new());
        for (whose, (machine, episodes)) in &mut courses {
            let ends = ends.get(whose).unwrap_or(&none);
            for end in from.timestamp().div_euclid(60) + 1..=to.timestamp().div_euclid(60) {
                let measured = rule.metric.measure(rule.counting, ends.get(&end).unwrap_or(&empty));
                let verdict = judge(rule, measured, !whose.1.is_empty()).state;
                let state = machine.step(end, verdict).state;
                let at = DateTime::from_timestamp(end * 60, 0).unwrap();
                take(rule, episodes, at, state, measured);
            }
        }
    }
    let mut all = Vec::new();
    for (whose, (_, episodes)) in courses {
        all.extend(episodes.into_iter().map(|stretch| stretch.into_episode(rule, &whose)));
    }
    all.sort_by(|a, b| (a.from, &a.rule, &a.group).cmp(&(b.from, &b.rule, &b.group)));
    all
}

fn take(rule: &Rule, episodes: &mut Vec<Stretch>, at: DateTime<Utc>, state: State, measured: Measured) {
    let is_alarm = matches!(state, State::Warning | State::Critical);
    match episodes.last_mut().filter(|stretch| stretch.ongoing) {
        Some(stretch) if is_alarm => {
            stretch.to = at;
            stretch.state = if state == State::Critical { state } else { stretch.state };
            stretch.worst = if rule.is_worse(measured, stretch.worst) { measured } else { stretch.worst };
        }
        Some(stretch) => stretch.ongoing = false,
        None if is_alarm => episodes.push(Stretch { state, from: at, to: at, ongoing: true, worst: measured }),
        None => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_tell_the_same_episodes_as_tallies() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = StdRng::seed_from_u64(26);
    let reader = reader(folder.path(), &mut random).await;
    let mut told = 0;
    for _ in 0..20 {
        let rule = random_rule(&mut random);
        let minute = |random: &mut StdRng| *[1, 60, 3_600].choose(random).unwrap();
        let since = start() + TimeDelta::seconds(random.random_range(-40_000..100_000) / minute(&mut random) * 60);
        let now = start() + TimeDelta::seconds(random.random_range(200_000..DAYS * 86_400 + 40_000));
        let rules = [rule.clone(), Rule { warn: rule.warn.map(|warn| warn / 2.0), ..rule.clone() }];
        let episodes = backtest(&reader, &rules[..1], since, now, None).await.unwrap();
        let reference = by_tallies(&reader, &rule, since, now).await;
        assert_eq!(episodes, reference, "{since} to {now}: {rule:?}");
        // Played beside another one it goes the same way.
        let both = backtest(&reader, &rules, since, now, None).await.unwrap();
        let alone = backtest(&reader, &rules[1..], since, now, None).await.unwrap();
        assert_eq!(both.len(), episodes.len() + alone.len(), "{rule:?}");
        told += episodes.len();
    }
    assert!(told > 60, "{told} episodes prove little");
}

/// The last sends at each midnight are those of the question that a check asks.
#[tokio::test(flavor = "multi_thread")]
async fn looks_at_the_last_sends_are_those_of_a_check() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = StdRng::seed_from_u64(27);
    let reader = reader(folder.path(), &mut random).await;
    for volume in [1, 40, 700, 4_000, 1_000_000] {
        let reset = random.random::<bool>().then(|| start() + TimeDelta::seconds(random.random_range(0..200_000)));
        let rule = Rule { total: true, ..default_rules(volume).swap_remove(0) };
        let question = Question::of(&rule, std::slice::from_ref(&rule));
        let now = start() + TimeDelta::seconds(random.random_range(300_000..500_000));
        let mut times: Vec<DateTime<Utc>> = (0..7).map(|day| start() + TimeDelta::days(day)).collect();
        times.push(now);
        for (found, time) in volumes(&reader, volume, reset, &times).await.unwrap().iter().zip(&times) {
            let mut told: BTreeMap<Whose, Tally> = BTreeMap::new();
            for of in found {
                let set = of.configuration_set.clone().map(|set| (Dimension::CONFIGURATION_SET, set));
                told.insert((of.account_id.clone(), set.into_iter().collect()), of.tally.clone());
            }
            let mut asked: BTreeMap<Whose, Tally> = BTreeMap::new();
            for series in series(&reader, &question, *time, *time, reset).await.unwrap() {
                let Spans::Volume { tally, .. } = series.spans else { panic!("a volume was asked for") };
                asked.insert((series.account_id, series.group), *tally);
            }
            assert_eq!(told, asked, "{volume} at {time}");
        }
    }
}

/// What is told of now is what a check says.
#[tokio::test(flavor = "multi_thread")]
async fn standings_are_those_of_a_check() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = StdRng::seed_from_u64(28);
    let reader = reader(folder.path(), &mut random).await;
    let mut seen = BTreeSet::new();
    for _ in 0..40 {
        let rule = Rule { missing: Missing::NoData, clock: Clock::Event, ..random_rule(&mut random) };
        let now =
            start() + TimeDelta::seconds(random.random_range(1..DAYS * 24) * 3_600 + random.random_range(0..6_000));
        let options = CheckOptions { now, max_age: TimeDelta::days(9), since: None, silences: Vec::new() };
        let rules = [rule];
        let result = check(&reader, &rules, &options).await.unwrap();
        let standings = standings(&reader, &rules, now - TimeDelta::days(1), now, None).await.unwrap();
        for finding in &result.findings {
            let is_its = |s: &&Standing| (&s.account_id, &s.group) == (&finding.account_id, &finding.group);
            let standing = standings.iter().find(is_its).unwrap();
            assert_eq!(standing.state, finding.verdict.state, "at {now}: {finding:?} {:?}", rules[0]);
            assert!(standing.since <= now);
            seen.insert(finding.verdict.state.as_str());
        }
    }
    assert!(seen.len() >= 4, "{seen:?}");
}

#[test]
fn a_state_holds_since_a_check_would_have_told_it() {
    let rule = Rule { look_back_minutes: 3, ..Rule::new("test", Metric::Bounces) };
    // One bounce in a minute is told for three minutes; then none is; then one again.
    let rule = Rule { warn: Some(1.0), confidence: Confidence::Rate, ..rule };
    let bounce = |minute: i64| {
        let mut tally = Tally::default();
        tally.add(crate::tally::Kind::HardBounce, crate::tally::RecipientClass::Ordinary, 1);
        (minute, Sums::of(Metric::Bounces, Counting::Aws, &tally))
    };
    let minutes = [bounce(10), bounce(20), bounce(21)];
    let whose = (None, Group::new());
    let since_at = |last: i64| {
        let mut track = Track::new(&rule, None);
        track.minutes(&minutes, 1, false, 1..=last);
        let standing = track.standing(&rule, &whose).unwrap();
        (standing.state, standing.since.timestamp() / 60, standing.is_older)
    };
    assert_eq!(since_at(10), (State::Ok, 1, true));
    assert_eq!(since_at(11), (State::Warning, 11, false), "the minute that ends at 11");
    assert_eq!(since_at(13), (State::Warning, 11, false));
    assert_eq!(since_at(14), (State::Ok, 14, false));
    assert_eq!(since_at(24), (State::Warning, 21, false));
}
