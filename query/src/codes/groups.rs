//! Which group a row of kept days belongs to, and whether it passes the filters: worked out once for every row.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use super::{Codes, read_as};
use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::provider::Providers;
use crate::scan::Selection;
use crate::wording::thousands;

/// More groups would fill the memory.
const MOST_GROUPS: usize = 500_000;

/// Stands for a row that does not pass.
const NONE: u32 = u32::MAX;

/// A day: how many rows it has, and the values of their dimensions.
type Coded<'d> = (usize, &'d BTreeMap<Dimension, Codes>);

/// The groups of some days' rows.
pub(crate) struct Groups {
    is_any: bool,
    /// Of each day, the group of each row; empty where all are of one group and pass.
    days: Vec<Vec<u32>>,
    names: Vec<Vec<Option<String>>>,
}

/// What the groups of the dimensions before are divided into by one more.
#[derive(Default)]
struct Level<'d> {
    /// Of each group the one that it is part of, and its value.
    groups: Vec<(u32, Option<&'d str>)>,
    numbers: HashMap<(u32, Option<&'d str>), u32, RandomState>,
}

impl<'d> Level<'d> {
    /// Divides the rows of a day by the values of their codes.
    fn divide(&mut self, groups: &mut [u32], codes: &Codes, values: &[Option<&'d str>]) {
        // Rows of the same code often have the same group before: each is looked up once as long as that stays.
        let mut of_code: Vec<(u32, u32)> = vec![(NONE, NONE); values.len()];
        for (group, code) in groups.iter_mut().zip(&codes.numbers).filter(|(group, _)| **group != NONE) {
            let (Some(value), Some(known)) = (values.get(*code as usize), of_code.get_mut(*code as usize)) else {
                *group = NONE;
                continue;
            };
            if known.0 != *group {
                *known = (*group, self.number(*group, *value));
            }
            *group = known.1;
        }
    }

    fn number(&mut self, parent: u32, value: Option<&'d str>) -> u32 {
        *self.numbers.entry((parent, value)).or_insert_with(|| {
            self.groups.push((parent, value));
            u32::try_from(self.groups.len() - 1).unwrap_or(NONE)
        })
    }
}

/// Leaves only rows whose code passes.
fn keep(groups: &mut [u32], codes: &Codes, passes: &[bool]) {
    for (group, code) in groups.iter_mut().zip(&codes.numbers) {
        if !passes.get(*code as usize).copied().unwrap_or_default() {
            *group = NONE;
        }
    }
}

impl Groups {
    /// # Errors
    /// [`QueryError::Question`] for more groups than the memory is for.
    pub(crate) fn of<'d>(
        days: impl IntoIterator<Item = Coded<'d>>,
        selection: &Selection,
        providers: &'d Providers,
    ) -> Result<Self, QueryError> {
        let Selection { by, only, .. } = selection;
        let mut levels: Vec<Level<'_>> = by.iter().map(|_| Level::default()).collect();
        let mut of_days = Vec::new();
        for (rows, day) in days {
            if by.is_empty() && only.is_empty() {
                of_days.push(Vec::new());
                continue;
            }
            let mut groups = vec![0; rows];
            for (dimension, wanted) in only {
                let codes = codes(day, dimension)?;
                let passes: Vec<bool> =
                    told(codes, dimension, providers).map(|value| value == wanted.as_deref()).collect();
                keep(&mut groups, codes, &passes);
            }
            for (dimension, level) in by.iter().zip(&mut levels) {
                let codes = codes(day, dimension)?;
                level.divide(&mut groups, codes, &told(codes, dimension, providers).collect::<Vec<_>>());
            }
            if levels.last().is_some_and(|level| level.groups.len() > MOST_GROUPS) {
                let most = thousands(MOST_GROUPS as u64);
                return Err(QueryError::Question(format!("more than {most} groups; choose what has fewer values")));
            }
            of_days.push(groups);
        }
        let mut names: Vec<Vec<Option<String>>> = vec![Vec::new()];
        for level in levels {
            let name = |(parent, value): &(u32, Option<&str>)| {
                let mut name = names.get(*parent as usize).cloned().unwrap_or_default();
                name.push(value.map(str::to_owned));
                name
            };
            names = level.groups.iter().map(name).collect();
        }
        Ok(Self { is_any: !by.is_empty(), days: of_days, names })
    }

    /// Whether rows are divided at all.
    pub(crate) fn is_any(&self) -> bool {
        self.is_any
    }

    /// The group of a row; nothing if it does not pass.
    pub(crate) fn of_row(&self, day: usize, place: usize) -> Option<u32> {
        let groups = self.days.get(day)?;
        if groups.is_empty() { Some(0) } else { groups.get(place).copied().filter(|group| *group != NONE) }
    }

    /// Values of the groups, by their numbers.
    pub(crate) fn names(&self) -> Vec<Vec<Option<String>>> {
        self.names.clone()
    }
}

fn codes<'d>(day: &'d BTreeMap<Dimension, Codes>, dimension: &Dimension) -> Result<&'d Codes, QueryError> {
    let missing = || QueryError::Question(format!("{dimension} was not read"));
    day.get(read_as(dimension)).ok_or_else(missing)
}

/// The values of a dimension by their numbers.
fn told<'d>(
    codes: &'d Codes,
    dimension: &Dimension,
    providers: &'d Providers,
) -> impl Iterator<Item = Option<&'d str>> + use<'d> {
    let is_provider = *dimension == Dimension::Provider;
    let told = move |value: &'d str| if is_provider { providers.of(value) } else { value };
    codes.values.iter().map(move |value| value.as_deref().map(told))
}
