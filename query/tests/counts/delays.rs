//! How long deliveries took and what became of delayed mail, from what is kept of dates, against what the query engine reads.

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};
use rand::prelude::*;
use repute_lake::{CompactionMeter, Event, EventChunk, EventRows, EventType, Recipient};
use repute_query::{Clock, DelaysQuery, Dimension, LocalDays, Providers, Reader, Selection, Stepping, Tz, delays};

use crate::lakes::{ACCOUNTS, CAMPAIGNS, DAYS, IPS, SETS, Test, pick, rules, start};

const HOUR: i64 = 3_600_000_000;

fn dimension(name: &str) -> Dimension {
    name.parse().unwrap()
}

/// Mostly some seconds; some at the end of what fits into 16 bits, hours, nothing, or what makes no sense.
fn processing(random: &mut StdRng) -> Option<i64> {
    match random.random_range(0..20) {
        0 => None,
        1 => Some(random.random_range(65_500..65_600)),
        2 => Some(random.random_range(0..50_000_000)),
        3 => [-1, 0, 1_000, 60_000, i64::MAX, i64::MIN].choose(random).copied(),
        4..12 => Some(random.random_range(900..1_100)),
        _ => Some(random.random_range(0..30_000)),
    }
}

/// Messages with what became of them.
struct Mail<'r> {
    random: &'r mut StdRng,
    rows: EventRows,
    /// Of what deliveries took.
    processing: fn(&mut StdRng) -> Option<i64>,
}

impl Mail<'_> {
    fn message(&mut self, number: usize, days: (i64, i64)) {
        let random = &mut *self.random;
        let sent = random.random_range(days.0 * 24 * HOUR..days.1 * 24 * HOUR) / 1_000 * 1_000;
        let sent = start() + TimeDelta::microseconds(sent);
        let id = format!("m{number}-{}", random.random_range(0..1_000_000));
        let domain = ["gmail.com", "else1.example", "else2.example", "Partner.example"].choose(random).unwrap();
        let mut event = Event::new(EventType::Delivery, sent);
        event.message_id = Some(id.into());
        event.sent_time = (!random.random_ratio(1, 300)).then_some(sent);
        event.account_id = pick(random, &ACCOUNTS);
        event.configuration_set = pick(random, &SETS);
        event.outgoing_ip = pick(random, &IPS);
        let campaign = pick(random, &CAMPAIGNS).map(|campaign| (Cow::Borrowed("campaign"), campaign));
        let order = (Cow::Borrowed("order"), Cow::Owned(number.to_string()));
        event.tags = campaign.into_iter().chain([order]).collect::<Vec<_>>().into();
        let address = Some(Cow::Owned(format!("User{number}@{domain}")));
        let shortest = *[20, 300, 300, 300].choose(random).unwrap();
        let mut time = sent + TimeDelta::milliseconds(random.random_range(1..100_000));
        if random.random_ratio(1, 4) {
            time = sent + TimeDelta::milliseconds(random.random_range(shortest * 1_000..100_000_000));
            for _ in 0..random.random_range(1..4) {
                event.expiration_time = random.random_bool(0.8).then_some(sent + TimeDelta::hours(14));
                event.delay_type = pick(random, &[Some("MailboxFull"), Some("SpamDetected"), None]);
                put(&mut self.rows, random, &mut event, EventType::DeliveryDelay, time, &address, "452 4.2.2 full");
                time += TimeDelta::milliseconds(random.random_range(1..20_000_000));
            }
            (event.expiration_time, event.delay_type) = (None, None);
        }
        match random.random_range(0..10) {
            0 => {}
            1 => {
                event.bounce_type = Some("Transient".into());
                let said =
                    *["550 4.4.7 Message expired: unable to deliver", "550 5.1.1 unknown"].choose(random).unwrap();
                put(&mut self.rows, random, &mut event, EventType::Bounce, time, &address, said);
            }
            _ => {
                event.processing_ms = (self.processing)(random);
                put(&mut self.rows, random, &mut event, EventType::Delivery, time, &address, "");
            }
        }
    }
}

fn put(
    rows: &mut EventRows,
    random: &mut StdRng,
    event: &mut Event<'_>,
    event_type: EventType,
    time: DateTime<Utc>,
    address: &Option<Cow<'static, str>>,
    said: &'static str,
) {
    (event.event_type, event.event_time) = (event_type, time);
    let status = said.split(' ').nth(1).map(Cow::Borrowed);
    let diagnostic_code = (!said.is_empty()).then(|| format!("smtp; {said}").into());
    // Other letters are the same recipient.
    let address = address.clone().map(|address| if random.random() { address } else { address.to_lowercase().into() });
    event.recipients = vec![Recipient { address, event_id: random.random(), status, diagnostic_code }];
    rows.push(event, 0);
}

pub(crate) fn mail(
    random: &mut StdRng,
    count: usize,
    days: (i64, i64),
    processing: fn(&mut StdRng) -> Option<i64>,
) -> EventChunk {
    let mut rows = EventRows::new(&["tier".to_owned()], 0);
    rows.start_object("object");
    let mut mail = Mail { random, rows, processing };
    (0..count).for_each(|number| mail.message(number, days));
    mail.rows.finish().unwrap()
}

impl Test {
    async fn append_mail(&mut self, count: usize, days: (i64, i64)) {
        let chunk = mail(&mut self.random, count, days, processing);
        self.lake.append(vec![chunk], start(), 2).await.unwrap();
    }

    fn delays_query(&mut self) -> DelaysQuery {
        let filter = self.filter();
        let random = &mut self.random;
        let mut only = filter.only.clone();
        let values: [(&str, &[Option<&str>]); 4] = [
            ("provider", &[Some("Gmail"), Some("else1.example"), None]),
            ("recipient_domain", &[Some("gmail.com"), Some("partner.example")]),
            ("tag:campaign", &CAMPAIGNS),
            ("tag:order", &[Some("7"), Some("of no row")]),
        ];
        for (name, values) in values {
            if random.random_ratio(1, 6) {
                only.push((dimension(name), pick(random, values).map(Cow::into_owned)));
            }
        }
        let names = ["configuration_set", "provider", "outgoing_ip", "tag:campaign", "tag:tier"];
        let count = *[0, 1, 1, 1, 2].choose(random).unwrap();
        let by = names.sample(random, count).map(|name| dimension(name)).collect();
        let width = *[None, Some(HOUR), Some(6 * HOUR), Some(24 * HOUR), Some(7_777_777_777)].choose(random).unwrap();
        let clock = *[Clock::Event, Clock::Event, Clock::Sent].choose(random).unwrap();
        let local = LocalDays { zone: Tz::Asia__Kathmandu, days: random.random_range(1..3) };
        let stepping = if random.random_ratio(1, 4) { Stepping::Days(local) } else { Stepping::Tumbling };
        let selection = Selection { only, by, width, clock, ..filter };
        DelaysQuery { selection, stepping, groups: random.random_range(1..20), reasons: 5 }
    }

    /// Says how many answers had deliveries, and how many had delays.
    async fn compare_delays(&mut self, kept: &Reader, questions: usize) -> (usize, usize) {
        let by_engine = self.reader().await.without_rollups().by_engine();
        let mut told = (0, 0);
        for _ in 0..questions {
            let asked = self.delays_query();
            let answer = delays(kept, &asked).await.unwrap();
            assert_eq!(answer, delays(&by_engine, &asked).await.unwrap(), "{asked:?}");
            told.0 += usize::from(answer.all.deliveries > 0);
            told.1 += usize::from(answer.delayed.delivered.deliveries > 0 && answer.delayed.expired > 0);
        }
        told
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_of_dates_answers_like_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    let mut test = Test::new(folder.path(), 21).await;
    test.append_mail(20_000, (0, DAYS)).await;
    let first = test.reader().await;
    let told = test.compare_delays(&first, 150).await;
    assert!(told.0 > 75 && told.1 > 40, "many answers are not empty: {told:?}");
    // Files come to dates that were kept, and to a new one.
    test.append_mail(2_000, (2, DAYS + 1)).await;
    let second = test.reader().await.continuing(&first).await;
    test.compare_delays(&second, 50).await;
    test.lake.compact(start(), 2, &CompactionMeter::default()).await.unwrap();
    let third = test.reader().await.continuing(&second).await;
    test.compare_delays(&third, 50).await;
}

/// A date with more orders than have a number: those that are asked for are kept, and all of them are read.
#[tokio::test(flavor = "multi_thread")]
async fn more_values_than_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut test = Test::new(folder.path(), 22).await;
    let chunk = mail(&mut test.random, 95_000, (0, 1), |random| Some(random.random_range(300..9_000)));
    test.lake.append(vec![chunk], start(), 2).await.unwrap();
    let kept = test.reader().await;
    let by_engine = test.reader().await.by_engine();
    for (by, only) in [("tag:order", None), ("provider", Some("77")), ("tag:order", Some("78"))] {
        let selection = Selection {
            by: vec![dimension(by)],
            only: only.map(|order: &str| (dimension("tag:order"), Some(order.to_owned()))).into_iter().collect(),
            until: only.map(|_| start() + TimeDelta::hours(30)),
            ..Selection::default()
        };
        let asked = DelaysQuery { selection, stepping: Stepping::Tumbling, groups: 9, reasons: 1 };
        let answer = delays(&kept, &asked).await.unwrap();
        assert_eq!(answer, delays(&by_engine, &asked).await.unwrap(), "{asked:?}");
        let groups = answer.groups.len() as u64 + answer.others.0;
        assert!(if only.is_none() { groups > 70_000 } else { groups == 1 }, "{groups}");
    }
}

/// Sliding windows are refused, and nothing is no error.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_lake_has_no_times() {
    let folder = tempfile::tempdir().unwrap();
    let test = Test::new(folder.path(), 23).await;
    let reader = Reader::new(&test.lake, rules(), Providers::default()).unwrap();
    let selection = Selection { width: Some(HOUR), ..Selection::default() };
    let asked = DelaysQuery { selection, stepping: Stepping::Tumbling, groups: 9, reasons: 1 };
    assert_eq!(*delays(&reader, &asked).await.unwrap(), repute_query::Delays::default());
    assert!(delays(&reader, &DelaysQuery { stepping: Stepping::Sliding(5), ..asked }).await.is_err());
}
