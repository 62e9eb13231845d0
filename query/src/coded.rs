//! Counts rows by the numbers of their texts, where a question needs no more of them: each text of a dictionary is looked at once.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use repute_lake::EventType;
use repute_lake::schema::column;

use crate::counter::Counter;
use crate::counting::CountingRules;
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::functions::Shape;
use crate::provider::Providers;
use crate::selection::Selection;
use crate::tally::{Kind, RecipientClass, cell};

/// What a selection needs of the files.
pub(crate) struct CodedPlan {
    /// Columns that are read.
    pub(crate) columns: Vec<String>,
    time: Option<&'static str>,
    dimensions: Vec<(Dimension, String)>,
    wanted: Vec<bool>,
    rules: Arc<CountingRules>,
    providers: Arc<Providers>,
}

/// What tells bounces and complaints apart.
const DIVIDING: [&str; 4] =
    [column::BOUNCE_TYPE, column::BOUNCE_SUBTYPE, column::COMPLAINT_FEEDBACK_TYPE, column::COMPLAINT_SUBTYPE];

impl CodedPlan {
    /// Nothing where the selection needs more than the numbers of texts.
    pub(crate) fn of(
        selection: &Selection,
        rules: &Arc<CountingRules>,
        providers: &Arc<Providers>,
        promoted_tags: &[String],
    ) -> Option<Self> {
        if !selection.only.is_empty() || rules.looks_at_addresses() {
            return None;
        }
        let source = |dimension: &Dimension| match dimension {
            Dimension::Column(name) => Some((*name).to_owned()),
            Dimension::Provider => Some(column::RECIPIENT_DOMAIN.to_owned()),
            Dimension::Tag(name) if promoted_tags.contains(name) => Some(column::promoted(name)),
            _ => None,
        };
        let dimensions: Vec<(Dimension, String)> = selection
            .by
            .iter()
            .map(|dimension| Some((dimension.clone(), source(dimension)?)))
            .collect::<Option<_>>()?;
        let time = selection.width.map(|_| selection.clock.column());
        let fixed = [column::EVENT_TYPE, column::RECIPIENT_DOMAIN].into_iter().chain(DIVIDING).chain(time);
        let columns = fixed.map(str::to_owned).chain(dimensions.iter().map(|(_, name)| name.clone())).collect();
        let is_wanted = |of: EventType| selection.types.is_empty() || selection.types.contains(&of);
        let wanted = Kind::ALL.iter().map(|kind| is_wanted(kind.event_type())).collect();
        Some(Self { columns, time, dimensions, wanted, rules: Arc::clone(rules), providers: Arc::clone(providers) })
    }

    /// A file's counter: what was made of its dictionaries is kept from batch to batch.
    pub(crate) fn file(&self) -> CodedFile<'_> {
        CodedFile {
            plan: self,
            shapes: Codes::default(),
            classes: Codes::default(),
            values: self.dimensions.iter().map(|_| Codes::default()).collect(),
        }
    }
}

/// Counts the rows of one file.
pub(crate) struct CodedFile<'p> {
    plan: &'p CodedPlan,
    shapes: Codes<Shape>,
    classes: Codes<RecipientClass>,
    values: Vec<Codes<u32>>,
}

/// What was made of the texts of a dictionary.
struct Codes<T> {
    /// Held, so that another one cannot come to lie in its place.
    dictionary: Option<StringArray>,
    made: Vec<T>,
    of_null: Option<T>,
}

impl<T> Default for Codes<T> {
    fn default() -> Self {
        Self { dictionary: None, made: Vec::new(), of_null: None }
    }
}

impl<T: Copy> Codes<T> {
    /// Makes something of each text of the column's dictionary, unless that is the one before.
    fn take<'a>(&mut self, column: Option<&'a ArrayRef>, mut make: impl FnMut(Option<&str>) -> T) -> Coded<'a> {
        if self.of_null.is_none() {
            self.of_null = Some(make(None));
        }
        let Some(coded) = column.and_then(|column| column.as_dictionary_opt::<Int32Type>()) else { return Coded(None) };
        let Some(texts) = coded.values().as_string_opt::<i32>() else { return Coded(None) };
        let place = |texts: &StringArray| (texts.value_data().as_ptr(), texts.value_offsets().as_ptr(), texts.len());
        if self.dictionary.as_ref().is_none_or(|known| place(known) != place(texts)) {
            self.made.clear();
            self.made.extend((0..texts.len()).map(|index| make(texts.is_valid(index).then(|| texts.value(index)))));
            self.dictionary = Some(texts.clone());
        }
        Coded(Some((coded.keys(), texts)))
    }

    fn get(&self, coded: &Coded<'_>, row: usize) -> Option<T> {
        match coded.code(row) {
            Some(code) => self.made.get(code).copied(),
            None => self.of_null,
        }
    }
}

/// A column's numbers and texts; a column that is not there is null everywhere.
struct Coded<'a>(Option<(&'a arrow::array::PrimitiveArray<Int32Type>, &'a StringArray)>);

impl<'a> Coded<'a> {
    fn of(column: Option<&'a ArrayRef>) -> Self {
        Self(column.and_then(|column| {
            let coded = column.as_dictionary_opt::<Int32Type>()?;
            Some((coded.keys(), coded.values().as_string_opt::<i32>()?))
        }))
    }

    fn code(&self, row: usize) -> Option<usize> {
        let (keys, _) = self.0?;
        keys.is_valid(row).then(|| keys.value(row) as usize)
    }

    fn text(&self, row: usize) -> Option<&'a str> {
        let (_, texts) = self.0?;
        let code = self.code(row)?;
        texts.is_valid(code).then(|| texts.value(code))
    }
}

impl CodedFile<'_> {
    /// Adds the rows of a batch.
    pub(crate) fn count(&mut self, batch: &RecordBatch, counter: &mut Counter) -> Result<(), QueryError> {
        let Self { plan, shapes, classes, values } = self;
        let column = |name: &str| batch.column_by_name(name);
        let events = shapes.take(column(column::EVENT_TYPE), Shape::of);
        let domains = classes.take(column(column::RECIPIENT_DOMAIN), |domain| plan.rules.class(domain, None));
        let [bounce, bounce_subtype, feedback, complaint_subtype] = DIVIDING.map(|name| Coded::of(column(name)));
        let mut groups = Vec::with_capacity(values.len());
        for (index, ((dimension, name), values)) in plan.dimensions.iter().zip(values.iter_mut()).enumerate() {
            let is_provider = *dimension == Dimension::Provider;
            groups.push(values.take(column(name), |text| {
                counter.number(index, text.map(|text| if is_provider { plan.providers.of(text) } else { text }))
            }));
        }
        let times = plan.time.map(|name| column(name)?.as_primitive_opt::<TimestampMicrosecondType>());
        let mut numbers = vec![0; values.len()];
        for row in 0..batch.num_rows() {
            let kind = match shapes.get(&events, row) {
                Some(Shape::Is(kind)) => Some(kind),
                Some(Shape::Divided) => Kind::of(
                    events.text(row).unwrap_or_default(),
                    bounce.text(row),
                    bounce_subtype.text(row),
                    feedback.text(row),
                    complaint_subtype.text(row),
                ),
                Some(Shape::Unknown) | None => None,
            };
            let Some(kind) = kind.filter(|kind| plan.wanted[*kind as usize]) else { continue };
            let Some(class) = classes.get(&domains, row) else { continue };
            let time = match times {
                None => 0,
                Some(Some(times)) if times.is_valid(row) => times.value(row),
                Some(_) => continue,
            };
            for ((values, coded), number) in values.iter().zip(&groups).zip(&mut numbers) {
                *number = values.get(coded, row).unwrap_or_default();
            }
            counter.add_row(time, &numbers, cell(kind, class));
        }
        counter.end_batch()
    }
}
