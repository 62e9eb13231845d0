//! What rows are grouped and filtered by, as numbers.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use repute_lake::schema::column;
use repute_lake::{CodedTexts, CodedTimes, Coding, EventType};

use super::Sorting;
use super::columns::{Columns, numbers};
use super::span::Kept;
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::reasons::{Bounce, BounceClass, normalise};
use crate::rollup::day::floor;

/// Where the values of a dimension come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Axis {
    /// The texts of a column.
    Column(String),
    /// The providers of recipients' domains.
    Provider,
    /// The classes of bounces' reasons.
    BounceClass,
    /// What is tagged with a name.
    Tag(String),
}

/// The values of a row group's rows.
pub(super) struct Values<'g> {
    /// For each row the place of its value among the names.
    pub(super) numbers: Vec<u32>,
    /// The first is none; a name may be there twice.
    pub(super) names: Vec<Option<&'g str>>,
}

/// The windows of a row group's rows.
pub(super) struct Windows {
    /// For each row the place of its window among the starts; anything where it has no time.
    pub(super) numbers: Vec<u32>,
    pub(super) starts: Vec<i64>,
}

/// With more texts than this, equal ones are put together, so that few values stay few.
const MANY_TEXTS: usize = 16_384;

/// What a class follows from.
const OF_CLASS: [&str; 4] = [column::BOUNCE_TYPE, column::BOUNCE_SUBTYPE, column::STATUS, column::DIAGNOSTIC_CODE];

impl Axis {
    pub(super) fn of(dimension: &Dimension, promoted_tags: &[String]) -> Self {
        match dimension {
            Dimension::Column(name) => Self::Column((*name).to_owned()),
            Dimension::Provider => Self::Provider,
            Dimension::BounceClass => Self::BounceClass,
            Dimension::Tag(name) if promoted_tags.contains(name) => Self::Column(column::promoted(name)),
            Dimension::Tag(name) => Self::Tag(name.clone()),
        }
    }

    /// The columns it is made of.
    pub(super) fn columns(&self) -> Vec<(String, Coding)> {
        let texts = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), Coding::Text)).collect();
        match self {
            Self::Column(name) => texts(&[name]),
            Self::Provider => texts(&[column::RECIPIENT_DOMAIN]),
            Self::BounceClass => texts(&OF_CLASS),
            Self::Tag(_) => vec![(column::TAGS.to_owned(), Coding::Map)],
        }
    }

    pub(super) fn values<'g>(&self, columns: &'g Columns<'_>, sorting: &'g Sorting) -> Result<Values<'g>, QueryError> {
        match self {
            Self::Column(name) => Values::of(columns.texts(name)?, |text| text),
            Self::Tag(name) => Values::of(columns.tag(name)?, |text| text),
            Self::Provider => {
                Values::together(columns.texts(column::RECIPIENT_DOMAIN)?, |domain| sorting.providers.of(domain))
            }
            Self::BounceClass => classes(columns, sorting),
        }
    }
}

impl<'g> Values<'g> {
    fn of(texts: &'g CodedTexts, name: impl Fn(&'g str) -> &'g str) -> Result<Self, QueryError> {
        if texts.texts().len() > MANY_TEXTS {
            return Self::together(texts, name);
        }
        let names = std::iter::once(None).chain(texts.texts().map(|text| Some(name(text)))).collect();
        Ok(Self { numbers: numbers(texts)?, names })
    }

    /// Texts of the same name become one value.
    fn together(texts: &'g CodedTexts, name: impl Fn(&'g str) -> &'g str) -> Result<Self, QueryError> {
        let mut names = vec![None];
        let mut known: HashMap<&str, u32, RandomState> = HashMap::default();
        let mut number = |text| {
            let name = name(text);
            *known.entry(name).or_insert_with(|| {
                names.push(Some(name));
                (names.len() - 1) as u32
            })
        };
        let of_texts: Vec<u32> = texts.texts().map(&mut number).collect();
        Ok(Self { numbers: texts.translate(0, &of_texts)?, names })
    }

    /// Keeps only the rows of a value; says whether there may be any.
    pub(super) fn keep(&self, value: Option<&str>, kept: &mut Kept) -> bool {
        let is_wanted: Vec<bool> = self.names.iter().map(|name| *name == value).collect();
        is_wanted.contains(&true) && kept.only(self.numbers.iter().map(|number| is_wanted[*number as usize]).collect())
    }
}

/// The class of each bounce; other rows have none.
fn classes<'g>(columns: &Columns<'_>, sorting: &Sorting) -> Result<Values<'g>, QueryError> {
    let names = std::iter::once(None).chain(BounceClass::ALL.map(|class| Some(class.as_str()))).collect();
    let events = columns.texts(column::EVENT_TYPE)?;
    let is_bounce: Vec<bool> = events.texts().map(|text| text == EventType::Bounce.as_str()).collect();
    let mut of_rows: Vec<u32> = events.translate(false, &is_bounce)?.into_iter().map(u32::from).collect();
    if !of_rows.contains(&1) {
        return Ok(Values { numbers: of_rows, names });
    }
    let texts = OF_CLASS.map(|name| columns.texts(name));
    let [bounce_type, subtype, status, diagnostic] = texts;
    let texts = [bounce_type?, subtype?, status?, diagnostic?];
    let numbers = texts.iter().map(|texts| numbers(texts)).collect::<Result<Vec<_>, _>>()?;
    let mut known: HashMap<[u32; 4], u32, RandomState> = HashMap::default();
    for (row, of_row) in of_rows.iter_mut().enumerate().filter(|(_, of_row)| **of_row == 1) {
        let key = [0, 1, 2, 3].map(|index| numbers[index][row]);
        *of_row = *known.entry(key).or_insert_with(|| {
            let [bounce_type, subtype, status, diagnostic] =
                [0, 1, 2, 3].map(|index| key[index].checked_sub(1).and_then(|at| texts[index].text(at as usize)));
            let text = diagnostic.map(normalise);
            let class = sorting.classifier.class(&Bounce { bounce_type, subtype, status, text: text.as_deref() });
            BounceClass::ALL.iter().position(|known| *known == class).map_or(0, |place| place as u32 + 1)
        });
    }
    Ok(Values { numbers: of_rows, names })
}

impl Windows {
    /// Windows of a width in microseconds.
    pub(super) fn of(times: &CodedTimes, width: i64) -> Self {
        let (mut starts, mut known) = (Vec::new(), HashMap::<i64, u32, RandomState>::default());
        // Times come nearly in order, so most rows are of the window before theirs.
        let (mut start, mut number) = (None::<i64>, 0);
        let of_time = |time: &i64| {
            let since = start.filter(|start| start <= time).and_then(|start| time.checked_sub(start));
            if since.is_none_or(|since| since >= width) {
                let first = floor(*time, width);
                start = Some(first);
                number = *known.entry(first).or_insert_with(|| {
                    starts.push(first);
                    (starts.len() - 1) as u32
                });
            }
            number
        };
        Self { numbers: times.times.iter().map(of_time).collect(), starts }
    }
}
