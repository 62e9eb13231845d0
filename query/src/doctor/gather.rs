//! The few questions behind the facts: from what is counted already where that will do, else over no more rows than
//! [`RECENT_ROWS`] or so.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast as cast_array;
use arrow::datatypes::{DataType, Int64Type};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use datafusion::functions_aggregate::count::count;
use datafusion::functions_aggregate::sum::sum;
use datafusion::logical_expr::{Expr, cast, col, lit};
use futures::StreamExt;
use repute_lake::EventType;
use repute_lake::schema::column;
use xxhash_rust::xxh3::xxh3_64;

use super::facts::{EventFacts, LakeFacts, Late, RuleFacts, Seen, SendingDelays};
use super::{Around, rules};
use crate::alert::{Expected, Metric, Rule, Window};
use crate::counting::AwsCounts;
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::gauge;
use crate::scan::{Reader, Selection, Tallied};
use crate::tally::{Kind, RecipientClass, Tally};

const DAY: i64 = 86_400_000_000;

/// What is looked at row by row are the newest days, as many as hold so many rows, at least one and at most seven.
const RECENT_ROWS: u64 = 2_000_000;
const RECENT_DAYS: usize = 7;

/// So many bounces and complaints are held against each other, and so many events are looked at for tags.
const TWIN_ROWS: usize = 500_000;
const TAG_ROWS: usize = 20_000;

/// Domains with fewer deliveries are not judged.
const MANY_DELIVERIES: u64 = 1_000;

/// Rules are held against the windows of so many days.
const RULE_DAYS: i64 = 7;

/// What does not depend on the time it is.
pub(super) async fn facts(reader: &Reader) -> Result<LakeFacts, QueryError> {
    // Before anything is counted.
    let rollups = reader.rollup_standing().await.unwrap_or_default();
    let by_day = reader.tallies(&Selection { width: Some(DAY), ..Selection::default() }).await?;
    let by = vec![Dimension::ACCOUNT, Dimension::CONFIGURATION_SET];
    let scopes = reader.tallies(&Selection { by, ..Selection::default() }).await?;
    let mut facts = LakeFacts { events: counted(&by_day, &scopes), rollups, ..LakeFacts::default() };
    let all = scopes.iter().fold(Tally::default(), |mut sum, row| {
        sum += &row.tally;
        sum
    });
    facts.aws = AwsCounts::of(&all);
    facts.events.complaint_eligible = facts.aws.complaint_eligible_sends.counted;
    facts.verified = reader.rules().verified_identities().into_iter().map(str::to_owned).collect();
    facts.no_feedback_loop = reader.rules().no_feedback_loop().into_iter().map(str::to_owned).collect();
    from_books(reader, &mut facts);
    let Some(since) = recent(&facts.events.days) else { return Ok(facts) };
    let newest = reader.newest().await?.unwrap_or(since);
    facts.events.span = facts.events.days.keys().next().map(|first| (midnight(*first), newest));
    facts.recent = Some((since, newest));
    let recent = Selection { since: Some(since), ..Selection::default() };
    facts.events.twice = twice(reader, &facts.events, &recent).await?;
    facts.events.tagged = tagged(reader, &recent).await?;
    facts.events.delays = delays(reader, &recent).await?;
    audience(reader, &recent, &mut facts).await?;
    Ok(facts)
}

/// The same with what depends on the time and on the configuration.
pub(super) async fn as_of(reader: &Reader, facts: &LakeFacts, around: &Around) -> Result<LakeFacts, QueryError> {
    let mut facts = facts.clone();
    let latest = reader.newest().await?;
    facts.newest = reader.newest_event(around.now).await?;
    facts.latest = latest.filter(|latest| *latest > around.now);
    if facts.latest.is_some() {
        let since = around.now + TimeDelta::microseconds(1);
        let rows = reader.tallies(&Selection { since: Some(since), ..Selection::default() }).await?;
        facts.future = rows.iter().map(|row| types(&row.tally).values().sum::<u64>()).sum();
    }
    for rule in around.rules.iter().filter(|rule| !rules::is_default(rule, around.last_sends)) {
        facts.rules.insert(rule.name.clone(), measured(reader, rule, around.now).await?);
    }
    facts.coverage = coverage(reader, around).await?;
    if let Some(books) = reader.books() {
        let recent = books.objects.since(around.now - TimeDelta::days(7));
        facts.recent_records = recent.iter().fold(Seen::default(), |sum, import| Seen {
            all: sum.all + import.records,
            are: sum.are + import.quarantined,
        });
    }
    Ok(facts)
}

fn midnight(date: NaiveDate) -> DateTime<Utc> {
    date.and_time(NaiveTime::MIN).and_utc()
}

fn types(tally: &Tally) -> BTreeMap<EventType, u64> {
    let mut types = BTreeMap::new();
    for kind in Kind::ALL {
        let rows = tally.all(kind);
        if rows > 0 {
            *types.entry(kind.event_type()).or_default() += rows;
        }
    }
    types
}

fn counted(by_day: &[Tallied], scopes: &[Tallied]) -> EventFacts {
    let mut events = EventFacts::default();
    for row in by_day {
        let date = DateTime::from_timestamp_micros(row.window).unwrap_or_default().date_naive();
        events.days.insert(date, types(&row.tally));
    }
    for row in scopes {
        let (account, set) = (row.group.first().cloned().flatten(), row.group.get(1).cloned().flatten());
        let of_types = types(&row.tally);
        *events.accounts.entry(account).or_default() += of_types.values().sum::<u64>();
        if set.is_none() {
            of_types.iter().for_each(|(of, rows)| *events.without_set.entry(*of).or_default() += rows);
        }
    }
    events
}

fn from_books(reader: &Reader, facts: &mut LakeFacts) {
    let Some(books) = reader.books() else { return };
    let totals = books.objects.list(&repute_lake::ObjectFilter::default(), None, 0);
    facts.objects = totals.map(|list| list.sums).unwrap_or_default();
    facts.last_import = books.objects.totals().last_import;
    let early = books.objects.spans(None, None).filter(|[at, _, last]| last > at).map(|[at, _, last]| last - at);
    facts.early_imports = early.fold((0, None), |(number, most), by| (number + 1, most.max(Some(by))));
    facts.bad = books.bad.classes();
    facts.tables = books.tables.clone();
    facts.dates = books.days.len() as u64;
    facts.compaction_due = books.compaction_due;
    facts.logs = books.logs.clone();
}

/// From when on rows are looked at.
fn recent(days: &BTreeMap<NaiveDate, BTreeMap<EventType, u64>>) -> Option<DateTime<Utc>> {
    let mut rows = 0;
    let mut first = None;
    for (date, types) in days.iter().rev().take(RECENT_DAYS) {
        rows += types.values().sum::<u64>();
        if first.is_some() && rows > RECENT_ROWS {
            break;
        }
        first = Some(*date);
    }
    first.map(midnight)
}

/// Bounces and complaints of which there is one with and one without a configuration set.
async fn twice(reader: &Reader, events: &EventFacts, recent: &Selection) -> Result<Seen, QueryError> {
    let reports = [EventType::Bounce, EventType::Complaint];
    let all: u64 = reports.iter().map(|of| events.rows(*of)).sum();
    let without: u64 = reports.iter().filter_map(|of| events.without_set.get(of)).sum();
    if without == 0 || without == all {
        return Ok(Seen { all, are: 0 });
    }
    let selection = Selection { types: reports.to_vec(), ..recent.clone() };
    let columns = [column::EVENT_TYPE, column::MESSAGE_ID, column::RECIPIENT, column::CONFIGURATION_SET];
    let rows = reader.events(&selection).await?.select(columns.map(text))?.limit(0, Some(TWIN_ROWS))?;
    let mut stream = rows.execute_stream().await?;
    // Of each report: how many rows with a configuration set, and how many without.
    let mut found: HashMap<u64, (u64, u64)> = HashMap::new();
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let [of, message, recipient, set] = std::array::from_fn(|index| batch.column(index).as_string_view());
        for row in (0..batch.num_rows()).filter(|row| message.is_valid(*row)) {
            let recipient = if recipient.is_valid(row) { recipient.value(row) } else { "" };
            let key = format!("{}\0{}\0{}", of.value(row), message.value(row), recipient.to_lowercase());
            let counts = found.entry(xxh3_64(key.as_bytes())).or_default();
            *if set.is_valid(row) { &mut counts.0 } else { &mut counts.1 } += 1;
        }
    }
    let all = found.values().map(|(with, without)| with + without).sum();
    let twins = found.values().filter(|(with, without)| *with > 0 && *without > 0);
    Ok(Seen { all, are: twins.map(|(with, without)| with + without).sum() })
}

fn text(name: &str) -> Expr {
    cast(col(name), DataType::Utf8View).alias(name)
}

/// Events with a tag of the sender's.
async fn tagged(reader: &Reader, recent: &Selection) -> Result<Seen, QueryError> {
    let events = reader.events(recent).await?.filter(col(column::CONFIGURATION_SET).is_not_null())?;
    let campaigns = vec![count(lit(1_i64)).alias("all"), count(col(column::CAMPAIGN)).alias("are")];
    let found = events.clone().aggregate(vec![], campaigns)?.collect().await?;
    let seen = found.first().map(|batch| Seen { all: number(batch, 0, 0), are: number(batch, 1, 0) });
    let seen = seen.unwrap_or_default();
    if seen.are > 0 || seen.all == 0 {
        return Ok(seen);
    }
    let tags = events.select(vec![col(column::TAGS)])?.limit(0, Some(TAG_ROWS))?.collect().await?;
    let mut seen = Seen::default();
    for batch in &tags {
        let Some(maps) = batch.column(0).as_map_opt() else { continue };
        for row in 0..maps.len() {
            seen.all += 1;
            seen.are += u64::from(maps.is_valid(row) && has_own_tag(&maps.value(row)));
        }
    }
    Ok(seen)
}

/// Whether a tag's name is none of those that SES sets.
fn has_own_tag(entries: &arrow::array::StructArray) -> bool {
    let names = cast_array(entries.column(0), &DataType::Utf8View);
    names.is_ok_and(|names| names.as_string_view().iter().flatten().any(|name| !name.starts_with("ses:")))
}

async fn delays(reader: &Reader, recent: &Selection) -> Result<SendingDelays, QueryError> {
    let selection = Selection { types: vec![EventType::Delivery, EventType::Bounce], ..recent.clone() };
    let micros = |name: &str| cast(col(name), DataType::Int64);
    let took = || micros(column::EVENT_TIME) - micros(column::SENT_TIME);
    let limit = |delta: TimeDelta| lit(delta.num_microseconds().unwrap_or(i64::MAX));
    let events = reader.events(&selection).await?.filter(col(column::SENT_TIME).is_not_null())?;
    let are = |fits: Expr, name: &str| sum(cast(fits, DataType::Int64)).alias(name);
    let figures = vec![
        count(lit(1_i64)).alias("all"),
        are(took().gt(limit(Late::AFTER)), "late"),
        are(took().lt(limit(-Late::BEFORE)), "before"),
    ];
    let found = events.aggregate(vec![], figures)?.collect().await?;
    let delays = |batch: &RecordBatch| SendingDelays {
        all: number(batch, 0, 0),
        late: number(batch, 1, 0),
        before: number(batch, 2, 0),
    };
    Ok(found.first().map(delays).unwrap_or_default())
}

/// Mail to the sender's own domains, and which domains complain.
async fn audience(reader: &Reader, recent: &Selection, facts: &mut LakeFacts) -> Result<(), QueryError> {
    const COUNTED: [EventType; 4] = [EventType::Send, EventType::Delivery, EventType::Bounce, EventType::Complaint];
    let senders = Selection { by: vec![Dimension::Column(column::FROM_DOMAIN)], ..recent.clone() };
    let senders = reader.tallies(&Selection { types: vec![EventType::Send], ..senders }).await?;
    let own: BTreeSet<String> = senders.iter().filter_map(|row| row.group.first().cloned().flatten()).collect();
    let selection = Selection { types: COUNTED.to_vec(), ..recent.clone() };
    let keys = [column::RECIPIENT_DOMAIN, column::EVENT_TYPE, column::BOUNCE_TYPE].map(text).to_vec();
    let rows = reader.events(&selection).await?.aggregate(keys, vec![count(lit(1_i64)).alias("rows")])?;
    let mut stream = rows.execute_stream().await?;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let [domain, of, bounce] = std::array::from_fn(|index| batch.column(index).as_string_view());
        for row in (0..batch.num_rows()).filter(|row| domain.is_valid(*row)) {
            let (domain, rows) = (domain.value(row), number(&batch, 3, row));
            let class = reader.rules().class(Some(domain), None);
            let is_hard = bounce.is_valid(row) && bounce.value(row) == "Permanent";
            if matches!(class, RecipientClass::Ordinary | RecipientClass::NoFeedbackLoop)
                && let Some(own) = covering(domain, &own)
            {
                let counts = facts.own_domains.entry(own.to_owned()).or_default();
                match of.value(row) {
                    "Send" => counts.0 += rows,
                    "Bounce" if is_hard => counts.1 += rows,
                    _ => {}
                }
            }
            if class == RecipientClass::Ordinary {
                match of.value(row) {
                    "Delivery" => facts.reporting.entry(domain.to_owned()).or_default().0 += rows,
                    "Complaint" => facts.reporting.entry(domain.to_owned()).or_default().1 += rows,
                    _ => {}
                }
            }
        }
    }
    facts.reporting.retain(|_, (deliveries, complaints)| *complaints > 0 || *deliveries >= MANY_DELIVERIES);
    Ok(())
}

/// The domain of these that is the domain or one above it.
fn covering<'a>(domain: &str, own: &'a BTreeSet<String>) -> Option<&'a str> {
    let mut rest = Some(domain);
    while let Some(name) = rest {
        if let Some(found) = own.get(name) {
            return Some(found);
        }
        rest = name.split_once('.').map(|(_, parent)| parent);
    }
    None
}

/// What a rule finds: mail that it is about, and how much of it a window has had.
async fn measured(reader: &Reader, rule: &Rule, now: DateTime<Utc>) -> Result<RuleFacts, QueryError> {
    let mut found = RuleFacts::default();
    if !rule.only.is_empty() {
        let rows = reader.tallies(&Selection { only: rule.only.clone(), ..Selection::default() }).await?;
        found.rows = Some(rows.iter().map(|row| types(&row.tally).values().sum::<u64>()).sum());
    }
    let is_scope = |dimension: &Dimension| [Dimension::ACCOUNT, Dimension::CONFIGURATION_SET].contains(dimension);
    let is_by_scope = rule.by.iter().chain(rule.only.iter().map(|(dimension, _)| dimension)).all(is_scope);
    if rule.metric.is_gauge() || !is_by_scope || rule.metric.denominator().is_none() {
        return Ok(found);
    }
    let (since, width) = match rule.window {
        Window::LastSends(_) => (None, None),
        Window::Minutes(minutes) => (Some(now - TimeDelta::days(RULE_DAYS)), Some(i64::from(minutes) * 60_000_000)),
    };
    let by: Vec<Dimension> = std::iter::once(Dimension::ACCOUNT).chain(rule.by.iter().cloned()).collect();
    let selection = Selection { clock: rule.clock, since, width, by, only: rule.only.clone(), ..Selection::default() };
    let rows = reader.tallies(&selection).await?;
    let mut accounts: BTreeMap<(i64, Option<String>), Tally> = BTreeMap::new();
    let mut most = 0;
    for row in rows.iter() {
        let account = row.group.first().cloned().flatten();
        *accounts.entry((row.window, account)).or_default() += &row.tally;
        if !rule.by.is_empty() {
            most = most.max(rule.metric.measure(rule.counting, &row.tally).sends);
        }
    }
    if rule.total {
        let sends = accounts.values().map(|tally| rule.metric.measure(rule.counting, tally).sends);
        most = sends.max().unwrap_or_default().max(most);
    }
    // A window that slides lies in two of those that follow one another.
    found.most = Some(if width.is_some() { most * 2 } else { most });
    Ok(found)
}

async fn coverage(reader: &Reader, around: &Around) -> Result<Option<(u64, u64, NaiveDate)>, QueryError> {
    let of_rules = around.rules.iter().filter_map(|rule| rule.expected.as_ref());
    let expected: Option<&Expected> = around.sent.as_ref().into_iter().chain(of_rules).next();
    let Some(expected) = expected else { return Ok(None) };
    let rule = Rule { expected: Some(expected.clone()), ..Rule::new("coverage", Metric::Coverage) };
    let readings = gauge::readings(reader, &rule, around.now).await?;
    let reading =
        |reading: &gauge::Reading| (reading.measured.events, reading.measured.sends, reading.span.0.date_naive());
    Ok(readings.first().map(reading))
}

fn number(batch: &RecordBatch, column: usize, row: usize) -> u64 {
    let Some(values) = batch.column(column).as_primitive_opt::<Int64Type>() else { return 0 };
    if values.is_valid(row) { u64::try_from(values.value(row)).unwrap_or_default() } else { 0 }
}
