//! Rows of opens and clicks out of the events table: texts become numbers as they are read.

use std::collections::{BTreeSet, HashMap};

use arrow::array::{Array, AsArray, MapArray, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Int64Type};
use chrono::{DateTime, Utc};
use datafusion::logical_expr::{cast, col};
use foldhash::fast::RandomState;
use futures::TryStreamExt;
use repute_lake::schema::column;
use repute_lake::{DataFile, EventType};

use super::bots::{Act, Judged, judge};
use super::day::{Day, Link, NO_TIME, Row, What, message};
use crate::codes::{CodeColumns, Texts, view};
use crate::dated::apart;
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::scan::{Reader, Selection};

/// From (inclusive) and to (exclusive).
type Span = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// Columns of the scan before those of the dimensions.
const TYPE: usize = 0;
const TIME: usize = 1;
const SENT: usize = 2;
const MESSAGE: usize = 3;
const AGENT: usize = 4;
const LIKELIHOOD: usize = 5;
const LINK: usize = 6;
const LINK_TAGS: usize = 7;
const FIXED: usize = 8;

/// What was read so far.
#[derive(Default)]
pub(super) struct Reading {
    rows: Vec<Row>,
    dimensions: CodeColumns,
    links: HashMap<Link, u32, RandomState>,
    agents: Texts,
    likelihoods: Texts,
    /// What was made of an act by what SES says of it and by its agent.
    judged: HashMap<(Act, u32, u32), What, RandomState>,
    without_id: u64,
}

impl Reading {
    /// The opens and clicks of some time.
    pub(super) async fn of(
        reader: &Reader,
        files: Vec<DataFile>,
        (since, until): Span,
        dimensions: &BTreeSet<Dimension>,
    ) -> Result<Day, QueryError> {
        let selection =
            Selection { since, until, types: vec![EventType::Open, EventType::Click], ..Selection::default() };
        let micros = |name| cast(col(name), DataType::Int64).alias(name);
        let mut columns = vec![
            col(column::EVENT_TYPE),
            micros(column::EVENT_TIME),
            micros(column::SENT_TIME),
            col(column::MESSAGE_ID),
            col(column::USER_AGENT),
            col(column::BOT_LIKELIHOOD),
            col(column::LINK),
            col(column::LINK_TAGS),
        ];
        let mut reading = Self { dimensions: CodeColumns::of(dimensions), ..Self::default() };
        columns.extend(reading.dimensions.expressions(reader));
        let mut stream = reader.rows_of(files, &selection)?.select(columns)?.execute_stream().await?;
        apart(async move {
            while let Some(batch) = stream.try_next().await? {
                reading.take(&batch);
            }
            Ok(reading.into_day())
        })
        .await
    }

    fn take(&mut self, batch: &RecordBatch) {
        let text = |index: usize| batch.column(index).as_string_view_opt();
        let value = |array: Option<&StringViewArray>, row: usize| {
            array.filter(|array| array.is_valid(row)).map(|array| array.value(row).to_owned())
        };
        let [types, ids, agents, likelihoods, links] = [TYPE, MESSAGE, AGENT, LIKELIHOOD, LINK].map(text);
        let [times, sent] = [TIME, SENT].map(|index| batch.column(index).as_primitive::<Int64Type>());
        let tags = batch.column(LINK_TAGS).as_map_opt();
        for row in 0..batch.num_rows() {
            let act = match types.map(|types| types.value(row)) {
                Some("Click") => Act::Click,
                _ => Act::Open,
            };
            let (time, id) = (times.value(row), view(ids, row));
            let link = match value(links, row).filter(|_| act == Act::Click) {
                None => 0,
                Some(url) => self.link(Link { url: url.into(), tags: link_tags(tags, row).into() }),
            };
            let what = self.what(act, view(likelihoods, row), view(agents, row));
            let sent = if sent.is_valid(row) { sent.value(row) } else { NO_TIME };
            let message = id.map_or_else(|| self.nobody(time), message);
            self.rows.push(Row { message, time, sent, link, what });
        }
        self.dimensions.take(batch, FIXED);
    }

    /// An event without a message id belongs to a message of its own.
    fn nobody(&mut self, time: i64) -> u64 {
        self.without_id += 1;
        message(&format!("\u{0} {time} {}", self.without_id))
    }

    /// Numbers from 1; 0 is no link.
    fn link(&mut self, link: Link) -> u32 {
        let next = u32::try_from(self.links.len() + 1).unwrap_or(u32::MAX);
        *self.links.entry(link).or_insert(next)
    }

    fn what(&mut self, act: Act, likelihood: Option<&str>, agent: Option<&str>) -> What {
        let key = (act, self.likelihoods.number(likelihood), self.agents.number(agent));
        *self.judged.entry(key).or_insert_with(|| match judge(act, likelihood, agent) {
            Judged::Reader => What::of_reader(act),
            Judged::By(reason) => What::new(act, reason),
        })
    }

    /// The rows by message and time.
    fn into_day(self) -> Day {
        let mut order: Vec<u32> = (0..u32::try_from(self.rows.len()).unwrap_or(u32::MAX)).collect();
        let rows = &self.rows;
        order.sort_unstable_by_key(|place| rows.get(*place as usize).map(|row| (row.message, row.time, row.link)));
        let mut links: Vec<(u32, Link)> = self.links.into_iter().map(|(link, number)| (number, link)).collect();
        links.sort_unstable_by_key(|(number, _)| *number);
        let none = Link { url: "".into(), tags: "".into() };
        Day {
            dimensions: self.dimensions.into_codes(&order),
            rows: order.iter().filter_map(|place| rows.get(*place as usize).copied()).collect(),
            links: std::iter::once(none).chain(links.into_iter().map(|(_, link)| link)).collect(),
        }
    }
}

/// `position=header; colour=red`, in the order of names.
fn link_tags(tags: Option<&MapArray>, row: usize) -> String {
    let Some(entries) = tags.filter(|tags| tags.is_valid(row)).map(|tags| tags.value(row)) else {
        return String::new();
    };
    let [names, values] =
        [0, 1].map(|index| entries.columns().get(index).and_then(|column| column.as_string_opt::<i32>()));
    let (Some(names), Some(values)) = (names, values) else { return String::new() };
    let mut pairs: Vec<String> = (0..names.len())
        .map(|entry| {
            format!("{}={}", names.value(entry), if values.is_valid(entry) { values.value(entry) } else { "" })
        })
        .collect();
    pairs.sort();
    pairs.join("; ")
}

/// Times of deliveries, by the hash of their message.
pub(super) type Delivered = HashMap<u64, Vec<i64>, RandomState>;

/// Adds the times of the messages' deliveries from (inclusive) to (inclusive) a time.
pub(super) async fn add_deliveries(
    reader: &Reader,
    files: Vec<DataFile>,
    (from, to): (i64, i64),
    mut delivered: Delivered,
) -> Result<Delivered, QueryError> {
    let selection = Selection {
        since: DateTime::from_timestamp_micros(from),
        until: DateTime::from_timestamp_micros(to.saturating_add(1)),
        types: vec![EventType::Delivery],
        ..Selection::default()
    };
    let columns = vec![cast(col(column::EVENT_TIME), DataType::Int64).alias("time"), col(column::MESSAGE_ID)];
    let mut stream = reader.rows_of(files, &selection)?.select(columns)?.execute_stream().await?;
    apart(async move {
        while let Some(batch) = stream.try_next().await? {
            let (times, ids) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_string_view_opt());
            for row in 0..batch.num_rows() {
                if let Some(times_of) = view(ids, row).and_then(|id| delivered.get_mut(&message(id))) {
                    times_of.push(times.value(row));
                }
            }
        }
        Ok(delivered)
    })
    .await
}
