//! The columns of a row group, each taken apart when it is first asked for.

use std::cell::OnceCell;

use repute_lake::schema::column;
use repute_lake::{CodedGroup, CodedTexts, Coding};

use super::axis::Axis;
use crate::error::QueryError;

/// Where texts come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Column(String),
    /// What tags hold under this name.
    Tag(String),
}

/// The texts of a row group.
pub(super) struct Columns<'g> {
    group: &'g CodedGroup,
    known: Vec<(&'g Source, OnceCell<CodedTexts>)>,
}

impl Source {
    /// All that a question may ask for.
    pub(super) fn all(columns: &[(String, Coding)], axes: &[Axis]) -> Vec<Self> {
        let of_columns = columns.iter().filter(|(_, coding)| *coding == Coding::Text);
        let of_columns = of_columns.map(|(name, _)| Self::Column(name.clone()));
        let tags = axes.iter().filter_map(|axis| match axis {
            Axis::Tag(name) => Some(Self::Tag(name.clone())),
            Axis::Column(_) | Axis::Provider | Axis::BounceClass => None,
        });
        let mut all: Vec<Self> = Vec::new();
        for source in of_columns.chain(tags) {
            if !all.contains(&source) {
                all.push(source);
            }
        }
        all
    }
}

impl<'g> Columns<'g> {
    pub(super) fn of(group: &'g CodedGroup, sources: &'g [Source]) -> Self {
        Self { group, known: sources.iter().map(|source| (source, OnceCell::new())).collect() }
    }

    /// The texts of a column.
    pub(super) fn texts(&self, name: &str) -> Result<&CodedTexts, QueryError> {
        self.get(|source| matches!(source, Source::Column(column) if column == name))
    }

    /// What tags hold under a name.
    pub(super) fn tag(&self, name: &str) -> Result<&CodedTexts, QueryError> {
        self.get(|source| matches!(source, Source::Tag(tag) if tag == name))
    }

    fn get(&self, is_asked: impl Fn(&Source) -> bool) -> Result<&CodedTexts, QueryError> {
        let found = self.known.iter().find(|(source, _)| is_asked(source));
        let (source, known) = found.ok_or_else(|| QueryError::Question("a column that was not read".to_owned()))?;
        if let Some(texts) = known.get() {
            return Ok(texts);
        }
        let texts = match source {
            Source::Column(name) => self.group.texts(name)?,
            Source::Tag(name) => self.group.under_key(column::TAGS, name)?,
        };
        Ok(known.get_or_init(|| texts))
    }
}

/// The number of each row's text, beginning with 1; 0 for none.
pub(super) fn numbers(texts: &CodedTexts) -> Result<Vec<u32>, QueryError> {
    let all: Vec<u32> = (1..).take(texts.texts().len()).collect();
    Ok(texts.translate(0, &all)?)
}
