//! Rows become days: one pass over the files, counting each row by the minute it happened in and the minute its mail was sent in.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Int16Type, Int64Type};
use chrono::{DateTime, NaiveDate};
use datafusion::logical_expr::{Expr, cast, col};
use datafusion::prelude::SessionContext;
use foldhash::fast::RandomState;
use futures::StreamExt;
use repute_lake::schema::column;
use repute_lake::{EventType, EventsTable};
use tokio::task::JoinSet;

use super::day::{Count, Counts, DAY, Day, Facts, Scopes};
use crate::error::QueryError;
use crate::filter::at;
use crate::scan::MINUTE;
use crate::tally::Kind;

/// Counts the table's rows that happened before `until` (microseconds), by event date. `cell` gives the tally's cell of a row.
pub(super) async fn days(
    context: &SessionContext,
    table: EventsTable,
    cell: Expr,
    until: Option<i64>,
) -> Result<BTreeMap<NaiveDate, Day>, QueryError> {
    let mut rows = context.read_table(Arc::new(table))?;
    if let Some(until) = until.and_then(DateTime::from_timestamp_micros) {
        rows = rows.filter(col(column::EVENT_TIME).lt(at(until)))?;
    }
    let micros = |name: &str| cast(col(name), DataType::Int64);
    let text = |name: &str| cast(col(name), DataType::Utf8View);
    let rows = rows.select(vec![
        micros(column::EVENT_TIME).alias("happened"),
        micros(column::SENT_TIME).alias("sent"),
        text(column::ACCOUNT_ID).alias("account"),
        text(column::CONFIGURATION_SET).alias("set"),
        cell.alias("cell"),
    ])?;
    let mut parts = JoinSet::new();
    for mut stream in rows.execute_stream_partitioned().await? {
        parts.spawn(async move {
            let mut counter = Counter::default();
            while let Some(batch) = stream.next().await {
                counter.count(&batch?);
            }
            Ok::<_, QueryError>(counter.into_days())
        });
    }
    let mut days: BTreeMap<NaiveDate, Day> = BTreeMap::new();
    while let Some(part) = parts.join_next().await {
        let part = part.map_err(|error| QueryError::Question(format!("counting ended early: {error}")))?;
        for (date, day) in part? {
            let joined = days.get(&date).map(|known| known.and(&day));
            days.insert(date, joined.unwrap_or(day));
        }
    }
    Ok(days)
}

#[derive(Default)]
struct Counter {
    scopes: Scopes,
    days: HashMap<i64, DayCounter, RandomState>,
}

/// Rows by minute, and by scope and cell: 24 and 8 bits.
type Keyed = HashMap<(i64, u32), u64, RandomState>;

#[derive(Default)]
struct DayCounter {
    happened: Keyed,
    sent: Keyed,
    reports: Vec<Count>,
    facts: Facts,
}

fn key(time: i64, scope: u32, cell: i16) -> (i64, u32) {
    (time.div_euclid(MINUTE), scope << 8 | u32::from(cell.cast_unsigned() & 0xff))
}

fn counts(keyed: Keyed) -> Counts {
    let count = |((minute, key), rows): ((i64, u32), u64)| Count {
        scope: key >> 8,
        cell: (key & 0xff) as i16,
        time: minute * MINUTE,
        rows,
    };
    Counts::of(keyed.into_iter().map(count).collect())
}

impl Counter {
    fn count(&mut self, batch: &RecordBatch) {
        let happened = batch.column(0).as_primitive::<Int64Type>();
        let sent = batch.column(1).as_primitive::<Int64Type>();
        let (accounts, sets) = (batch.column(2).as_string_view(), batch.column(3).as_string_view());
        let cells = batch.column(4).as_primitive::<Int16Type>();
        let mut numbers = Numbers::of(accounts, sets);
        for row in 0..batch.num_rows() {
            let time = happened.value(row);
            let day = self.days.entry(time.div_euclid(DAY)).or_default();
            day.facts.newest = day.facts.newest.max(time);
            if cells.is_null(row) {
                continue;
            }
            let (cell, scope) = (cells.value(row), numbers.number(row, &mut self.scopes));
            *day.happened.entry(key(time, scope, cell)).or_default() += 1;
            let sent = sent.is_valid(row).then(|| sent.value(row));
            let kind = Kind::ALL.get(cell as usize / 4).map(|kind| kind.event_type());
            match (kind, sent) {
                (Some(EventType::Send), sent) if sent != Some(time) => day.facts.sends_at_once = false,
                _ => {}
            }
            match (kind, sent) {
                (_, None) => {}
                (Some(EventType::Bounce | EventType::Complaint), Some(time)) => {
                    day.reports.push(Count { scope, cell, time, rows: 1 });
                }
                (_, Some(time)) => *day.sent.entry(key(time, scope, cell)).or_default() += 1,
            }
        }
    }

    fn into_days(self) -> Vec<(NaiveDate, Day)> {
        let scopes = self.scopes.list;
        let date = |day: i64| DateTime::from_timestamp(day * 86_400, 0).unwrap_or_default().date_naive();
        let day = |counted: DayCounter| Day {
            scopes: scopes.clone(),
            happened: counts(counted.happened),
            sent: counts(counted.sent),
            reports: Counts::of(counted.reports),
            facts: counted.facts,
        };
        self.days.into_iter().map(|(number, counted)| (date(number), day(counted))).collect()
    }
}

/// Numbers of the scopes of a batch's rows. Equal views (length, first letters, place of the rest) of one array are equal texts, so that
/// texts are looked at once for each place they lie at.
struct Numbers<'a> {
    accounts: &'a StringViewArray,
    sets: &'a StringViewArray,
    seen: HashMap<Views, u32, RandomState>,
    last: Option<(Views, u32)>,
}

type Views = (Option<u128>, Option<u128>);

impl<'a> Numbers<'a> {
    fn of(accounts: &'a StringViewArray, sets: &'a StringViewArray) -> Self {
        Self { accounts, sets, seen: HashMap::default(), last: None }
    }

    fn number(&mut self, row: usize, scopes: &mut Scopes) -> u32 {
        let view = |array: &StringViewArray| array.is_valid(row).then(|| array.views()[row]);
        let views = (view(self.accounts), view(self.sets));
        if let Some((last, number)) = self.last
            && last == views
        {
            return number;
        }
        let text = |array: &StringViewArray| array.is_valid(row).then(|| array.value(row).to_owned());
        let number = *self.seen.entry(views).or_insert_with(|| scopes.number(&(text(self.accounts), text(self.sets))));
        self.last = Some((views, number));
        number
    }
}
