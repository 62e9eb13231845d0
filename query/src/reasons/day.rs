//! The bounces or the delays of a date by reason: texts are normalised and classed once, when they are read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use chrono::{DateTime, NaiveDate};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, cast, col, lit};
use foldhash::fast::RandomState;
use futures::TryStreamExt;
use repute_lake::schema::column;
use repute_lake::{DataFile, EventType};

use super::classify::Bounce;
use super::mail::{Mail, MailReading, mail_columns};
use super::normalise::normalise;
use crate::codes::{CodeColumns, CodedDay, Codes, SortedTexts, TEXT, Texts, view};
use crate::dated::{Weighed, apart, ends};
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::scan::{Reader, Selection};

/// A day that takes more bytes is not kept; whoever asks reads its rows.
const MOST_BYTES: usize = 24 << 20;

/// Class or type of delay, type and subtype of a bounce, status, normalised text.
pub(crate) type Reason = [Option<Box<str>>; 5];

/// The rows of a date in the order of their times.
#[derive(Debug, Default)]
pub(crate) struct Day {
    /// Microseconds.
    pub(crate) times: Vec<i64>,
    /// Of each row the number of its reason and provider in `pairs`.
    pub(crate) of_pair: Vec<u32>,
    /// Of each row the number of its diagnostic; smaller numbers are texts that come before, none is the smallest.
    pub(crate) of_text: Vec<u32>,
    /// Numbers of reasons and of providers.
    pub(crate) pairs: Vec<(u32, u32)>,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) providers: Vec<Option<Box<str>>>,
    pub(crate) texts: SortedTexts,
    /// Of delays.
    pub(crate) mail: Mail,
    pub(crate) dimensions: BTreeMap<Dimension, Codes>,
    /// With these dimensions it takes too much memory, and has no rows here.
    pub(crate) too_large_with: Option<BTreeSet<Dimension>>,
}

impl Weighed for Day {
    fn bytes(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len()) + TEXT;
        let texts = self.providers.iter().chain(self.reasons.iter().flatten()).map(text);
        let numbers = self.times.len() * (size_of::<i64>() + 2 * size_of::<u32>());
        let pairs = self.pairs.len() * size_of::<(u32, u32)>();
        let dimensions: usize = self.dimensions.values().map(Weighed::bytes).sum();
        numbers + pairs + texts.sum::<usize>() + self.texts.bytes() + self.mail.bytes() + dimensions
    }
}

/// Columns of the scan before those of mail and of the dimensions: `KIND` is the type of a bounce or of a delay.
const TIME: usize = 0;
const PROVIDER: usize = 1;
const DIAGNOSTIC: usize = 2;
const KIND: usize = 3;
const SUBTYPE: usize = 4;
const STATUS: usize = 5;
const FIXED: usize = 6;

/// What was read so far.
#[derive(Default)]
struct Reading {
    times: Vec<i64>,
    of_pair: Vec<u32>,
    of_text: Vec<u32>,
    providers: Texts,
    diagnostics: Texts,
    /// Types, subtypes, statuses.
    kinds: [Texts; 3],
    /// Numbers of kind, subtype, status and diagnostic; each of a row that was read with them, and the provider.
    pairs: HashMap<([u32; 4], u32), u32, RandomState>,
    mail: Option<MailReading>,
    dimensions: CodeColumns,
}

impl CodedDay for Day {
    type Key = EventType;

    fn files(reader: &Reader, date: NaiveDate) -> Vec<DataFile> {
        let (start, end) = ends(date);
        reader.files_between(start, end)
    }

    async fn read(
        reader: &Reader,
        event_type: &EventType,
        date: NaiveDate,
        files: Vec<DataFile>,
        dimensions: &BTreeSet<Dimension>,
    ) -> Result<Self, QueryError> {
        let _turn = reader.turn().await?;
        let (start, end) = ends(date);
        let [since, until] = [start, end].map(DateTime::from_timestamp_micros);
        let is_bounce = *event_type == EventType::Bounce;
        let selection = Selection { since, until, types: vec![*event_type], ..Selection::default() };
        let mut reading = Reading {
            dimensions: CodeColumns::of(dimensions),
            mail: (!is_bounce).then(MailReading::default),
            ..Reading::default()
        };
        let mut columns = fixed_columns(reader, is_bounce);
        columns.extend(reading.mail.iter().flat_map(|_| mail_columns()));
        columns.extend(reading.dimensions.expressions(reader));
        let mut stream = reader.rows_of(files, &selection)?.select(columns)?.execute_stream().await?;
        let dimensions = dimensions.clone();
        let classifier = Arc::clone(&reader.sorting.classifier);
        apart(async move {
            while let Some(batch) = stream.try_next().await? {
                reading.take(&batch);
                if reading.bytes() > MOST_BYTES {
                    return Ok(Day { too_large_with: Some(dimensions), ..Day::default() });
                }
            }
            let class = |[kind, subtype, status]: [Option<&str>; 3], text: Option<&str>| -> [Option<Box<str>>; 3] {
                if !is_bounce {
                    return [kind.map(Into::into), None, None];
                }
                let class = classifier.class(&Bounce { bounce_type: kind, subtype, status, text });
                [Some(class.as_str().into()), kind.map(Into::into), subtype.map(Into::into)]
            };
            Ok(reading.into_day(class))
        })
        .await
    }

    fn dimensions(&self) -> &BTreeMap<Dimension, Codes> {
        &self.dimensions
    }

    fn too_large_with(&self) -> Option<&BTreeSet<Dimension>> {
        self.too_large_with.as_ref()
    }
}

fn fixed_columns(reader: &Reader, is_bounce: bool) -> Vec<Expr> {
    let (kind, subtype) = if is_bounce {
        (col(column::BOUNCE_TYPE), col(column::BOUNCE_SUBTYPE))
    } else {
        (col(column::DELAY_TYPE), lit(ScalarValue::Utf8View(None)))
    };
    vec![
        cast(col(column::EVENT_TIME), DataType::Int64).alias("time"),
        cast(reader.expression(&Dimension::Provider), DataType::Utf8View).alias("provider"),
        col(column::DIAGNOSTIC_CODE).alias("diagnostic"),
        kind.alias("kind"),
        subtype.alias("subtype"),
        col(column::STATUS).alias("own_status"),
    ]
}

impl Reading {
    fn take(&mut self, batch: &RecordBatch) {
        let text = |index: usize| batch.column(index).as_string_view_opt();
        let [providers, diagnostics, kinds, subtypes, statuses] =
            [PROVIDER, DIAGNOSTIC, KIND, SUBTYPE, STATUS].map(text);
        let times = batch.column(TIME).as_primitive::<Int64Type>();
        let [of_kind, of_subtype, of_status] = &mut self.kinds;
        for row in 0..batch.num_rows() {
            let diagnostic = self.diagnostics.number(view(diagnostics, row));
            let reason = [
                of_kind.number(view(kinds, row)),
                of_subtype.number(view(subtypes, row)),
                of_status.number(view(statuses, row)),
                diagnostic,
            ];
            let provider = self.providers.number(view(providers, row));
            let next = u32::try_from(self.pairs.len()).unwrap_or(u32::MAX);
            self.of_pair.push(*self.pairs.entry((reason, provider)).or_insert(next));
            self.of_text.push(diagnostic);
            self.times.push(times.value(row));
        }
        let mut next = FIXED;
        if let Some(mail) = &mut self.mail {
            mail.take(batch, next);
            next += mail_columns().len();
        }
        self.dimensions.take(batch, next);
    }

    /// About what the day will take.
    fn bytes(&self) -> usize {
        let a_row = size_of::<i64>() + 2 * size_of::<u32>();
        let texts = self.diagnostics.bytes() + self.providers.bytes();
        let mail = self.mail.as_ref().map_or(0, MailReading::bytes);
        self.times.len() * a_row + texts + mail + self.dimensions.bytes()
    }

    /// `class` gives what comes first of a reason: class, type and subtype of a bounce.
    fn into_day(self, class: impl Fn([Option<&str>; 3], Option<&str>) -> [Option<Box<str>>; 3]) -> Day {
        let mut order: Vec<u32> = (0..u32::try_from(self.times.len()).unwrap_or(u32::MAX)).collect();
        order.sort_by_key(|place| self.times.get(*place as usize));
        let [kinds, subtypes, statuses] = self.kinds.map(Texts::into_values);
        let (ranks, texts) = ranked(self.diagnostics.into_values());
        let mut pairs: Vec<(([u32; 4], u32), u32)> = self.pairs.into_iter().collect();
        pairs.sort_unstable_by_key(|(_, number)| *number);
        let normal = Normal::of(&texts);
        let mut reasons: HashMap<[u32; 4], u32, RandomState> = HashMap::default();
        let mut told: Vec<Reason> = Vec::new();
        let mut numbers: HashMap<(u32, u32), u32, RandomState> = HashMap::default();
        let mut of_reason: Vec<(u32, u32)> = Vec::new();
        // What differs in the diagnostic alone is one reason if the normalised texts are the same.
        let mut renumbered = Vec::with_capacity(pairs.len());
        for (([kind, subtype, status, text], provider), _) in pairs {
            let of_text = at(&normal.numbers, at(&ranks, text));
            let reason = *reasons.entry([kind, subtype, status, of_text]).or_insert_with(|| {
                let value = |list: &[Option<Box<str>>], number: u32| list.get(number as usize).cloned().flatten();
                let own = [value(&kinds, kind), value(&subtypes, subtype), value(&statuses, status)];
                let text = value(&normal.texts, of_text);
                let [class, kind, subtype] = class(own.each_ref().map(Option::as_deref), text.as_deref());
                let [_, _, status] = own;
                told.push([class, kind, subtype, status, text]);
                u32::try_from(told.len() - 1).unwrap_or(u32::MAX)
            });
            renumbered.push(*numbers.entry((reason, provider)).or_insert_with(|| {
                of_reason.push((reason, provider));
                u32::try_from(of_reason.len() - 1).unwrap_or(u32::MAX)
            }));
        }
        Day {
            mail: self.mail.map(|mail| mail.into_mail(&order)).unwrap_or_default(),
            dimensions: self.dimensions.into_codes(&order),
            times: order.iter().filter_map(|place| self.times.get(*place as usize).copied()).collect(),
            of_pair: order.iter().map(|place| at(&renumbered, at(&self.of_pair, *place))).collect(),
            of_text: order.iter().map(|place| at(&ranks, at(&self.of_text, *place))).collect(),
            pairs: of_reason,
            reasons: told,
            providers: self.providers.into_values(),
            texts: SortedTexts::of(&texts),
            too_large_with: None,
        }
    }
}

fn at(numbers: &[u32], place: u32) -> u32 {
    numbers.get(place as usize).copied().unwrap_or_default()
}

/// The texts in their order, none first, and of each text by its number before the place that it has now.
fn ranked(texts: Vec<Option<Box<str>>>) -> (Vec<u32>, Vec<Option<Box<str>>>) {
    let mut sorted: Vec<(Option<Box<str>>, usize)> = texts.into_iter().zip(0..).collect();
    sorted.sort_unstable();
    let mut ranks = vec![0; sorted.len()];
    for (rank, (_, number)) in (0..).zip(&sorted) {
        if let Some(place) = ranks.get_mut(*number) {
            *place = rank;
        }
    }
    (ranks, sorted.into_iter().map(|(text, _)| text).collect())
}

/// Normalised texts, and of each diagnostic the number of its own.
struct Normal {
    texts: Vec<Option<Box<str>>>,
    numbers: Vec<u32>,
}

impl Normal {
    fn of(diagnostics: &[Option<Box<str>>]) -> Self {
        let mut texts = Texts::default();
        let numbers = diagnostics.iter().map(|text| texts.number(text.as_deref().map(normalise).as_deref())).collect();
        Self { texts: texts.into_values(), numbers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_texts_are_their_order() {
        let text = |text: &str| Some(Box::from(text));
        let (ranks, texts) = ranked(vec![text("b"), text("a"), None, text("ab")]);
        assert_eq!(texts, [None, text("a"), text("ab"), text("b")]);
        assert_eq!(ranks, [3, 1, 0, 2]);
    }
}
