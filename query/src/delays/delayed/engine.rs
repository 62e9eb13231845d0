//! Delays from rows that the query engine reads, in bounded memory.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{cast, col, lit};
use datafusion::prelude::DataFrame;
use futures::TryStreamExt;
use repute_lake::schema::column;

use super::{Counts, DelayCount, Messages, Said, named};
use crate::codes::view;
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::reasons::{FIXED, Found, Frequent, Grouped, mail_key};
use crate::scan::{Reader, Selection};

/// So many providers are told apart.
const MOST_PROVIDERS: usize = 20_000;

/// Columns of the scan after those that reasons are grouped by.
const MESSAGE: usize = FIXED;
const RECIPIENT: usize = FIXED + 1;
const SENT: usize = FIXED + 2;
const EXPIRES: usize = FIXED + 3;
/// Of those the ones that are looked at here too.
const DELAY_TYPE: usize = 0;
const TIME: usize = 5;
const PROVIDER: usize = 6;
const DIAGNOSTIC: usize = 7;

/// Reads the rows of the selection: at most so many reasons, counts, and the messages that they are of.
pub(super) async fn read(
    reader: &Reader,
    selection: &Selection,
    reasons: usize,
) -> Result<(Found, Counts, Messages<Said>), QueryError> {
    let mut grouped = Grouped::default();
    let mut messages = Messages::default();
    let mut matrix = Matrix::default();
    let _turn = reader.turn().await?;
    let mut stream = delays(reader, selection).await?.execute_stream().await?;
    while let Some(batch) = stream.try_next().await? {
        grouped.count(&batch, 0);
        matrix.count(&batch);
        take(&batch, &mut messages)?;
    }
    Ok((grouped.largest(reasons), matrix.told(), messages))
}

async fn delays(reader: &Reader, selection: &Selection) -> Result<DataFrame, QueryError> {
    let none = || lit(ScalarValue::Utf8View(None));
    let micros = |name| cast(col(name), DataType::Int64);
    let columns = vec![
        col(column::DELAY_TYPE).alias("class"),
        none().alias("type"),
        none().alias("subtype"),
        col(column::STATUS).alias("own_status"),
        reader.reason_text().alias("text"),
        micros(column::EVENT_TIME).alias("time"),
        cast(reader.expression(&Dimension::Provider), DataType::Utf8View).alias("provider"),
        col(column::DIAGNOSTIC_CODE).alias("diagnostic"),
        col(column::MESSAGE_ID),
        col(column::RECIPIENT),
        micros(column::SENT_TIME).alias("sent"),
        micros(column::EXPIRATION_TIME).alias("expires"),
    ];
    Ok(reader.events(selection).await?.select(columns)?)
}

/// Adds a batch's delays to the messages that they are of.
fn take(batch: &RecordBatch, messages: &mut Messages<Said>) -> Result<(), QueryError> {
    let column = |index: usize| batch.column(index).as_string_view_opt();
    let [ids, recipients, types, providers, diagnostics] =
        [MESSAGE, RECIPIENT, DELAY_TYPE, PROVIDER, DIAGNOSTIC].map(column);
    let [times, sent, expires] = [TIME, SENT, EXPIRES].map(|index| batch.column(index).as_primitive::<Int64Type>());
    for row in 0..batch.num_rows() {
        let Some(id) = view(ids, row) else { continue };
        let recipient = view(recipients, row).unwrap_or_default();
        let owned = |array| view(array, row).map(str::to_owned);
        let said = Said {
            diagnostic: owned(diagnostics),
            delay_type: owned(types),
            provider: owned(providers),
            expires: expires.is_valid(row).then(|| expires.value(row)),
            recipient: recipient.to_owned(),
            message_id: id.to_owned(),
        };
        let sent = sent.is_valid(row).then(|| sent.value(row));
        messages.add(mail_key(id, recipient), times.value(row), sent, said, |one, other| one > other)?;
    }
    Ok(())
}

/// Delays by type and provider.
struct Matrix {
    types: BTreeMap<Option<String>, Frequent<String, ()>>,
    providers: Frequent<Option<String>, BTreeMap<String, u64>>,
}

impl Default for Matrix {
    fn default() -> Self {
        Self { types: BTreeMap::new(), providers: Frequent::new(MOST_PROVIDERS) }
    }
}

impl Matrix {
    fn count(&mut self, batch: &RecordBatch) {
        let [types, providers] = [DELAY_TYPE, PROVIDER].map(|index| batch.column(index).as_string_view_opt());
        for row in 0..batch.num_rows() {
            let [of_type, provider] = [types, providers].map(|array| view(array, row));
            let owned = |name: Option<&str>| name.map(str::to_owned);
            let known = self.types.entry(owned(of_type)).or_insert_with(|| Frequent::new(MOST_PROVIDERS));
            known.add(named(provider));
            *self.providers.add(owned(provider)).entry(named(of_type)).or_default() += 1;
        }
    }

    fn told(self) -> Counts {
        let types = self.types.into_iter().map(|(name, providers)| {
            let providers: Vec<(String, u64)> = providers.into_counts().map(|(name, c)| (name, c.count)).collect();
            DelayCount { name, events: providers.iter().map(|(_, count)| count).sum(), most: providers }
        });
        let providers = self.providers.into_counts().map(|(name, counted)| DelayCount {
            name,
            events: counted.count,
            most: counted.more.into_iter().collect(),
        });
        (types.collect(), providers.collect())
    }
}
