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

/// Values of the dimensions by number, the same in all days.
#[derive(Default)]
struct Values<'d> {
    numbers: HashMap<Option<&'d str>, u32, RandomState>,
    list: Vec<Option<&'d str>>,
}

impl<'d> Values<'d> {
    fn number(&mut self, value: Option<&'d str>) -> u32 {
        *self.numbers.entry(value).or_insert_with(|| {
            self.list.push(value);
            u32::try_from(self.list.len() - 1).unwrap_or(NONE)
        })
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
        let by = &selection.by;
        let mut values: Vec<Values<'_>> = by.iter().map(|_| Values::default()).collect();
        let mut numbers: HashMap<Vec<u32>, u32, RandomState> = HashMap::default();
        let mut of_days = Vec::new();
        for (rows, day) in days {
            if by.is_empty() && selection.only.is_empty() {
                of_days.push(Vec::new());
                continue;
            }
            let only: Vec<(&Codes, Vec<bool>)> =
                selection.only.iter().map(|only| passing(day, only, providers)).collect::<Result<_, _>>()?;
            let columns: Vec<&Codes> = by.iter().map(|dimension| codes(day, dimension)).collect::<Result<_, _>>()?;
            let mut global: Vec<Vec<u32>> = Vec::new();
            for ((dimension, codes), values) in by.iter().zip(&columns).zip(&mut values) {
                global.push(told(codes, dimension, providers).map(|value| values.number(value)).collect());
            }
            let mut groups = Vec::with_capacity(rows);
            let mut key = vec![0; by.len()];
            for place in 0..rows {
                if only.iter().any(|(codes, passes)| !of_code(passes, codes, place)) {
                    groups.push(NONE);
                    continue;
                }
                for ((codes, global), number) in columns.iter().zip(&global).zip(&mut key) {
                    *number = of_code(global, codes, place);
                }
                let group = match numbers.get(&key) {
                    Some(group) => *group,
                    None => {
                        let group = u32::try_from(numbers.len()).unwrap_or(NONE);
                        numbers.insert(key.clone(), group);
                        group
                    }
                };
                groups.push(group);
            }
            if numbers.len() > MOST_GROUPS {
                let most = thousands(MOST_GROUPS as u64);
                return Err(QueryError::Question(format!("more than {most} groups; choose what has fewer values")));
            }
            of_days.push(groups);
        }
        let mut names = vec![Vec::new(); numbers.len()];
        for (key, group) in numbers {
            let of_key = key
                .iter()
                .zip(&values)
                .map(|(number, values)| values.list.get(*number as usize).copied().flatten().map(str::to_owned));
            if let Some(name) = names.get_mut(group as usize) {
                *name = of_key.collect();
            }
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

/// Which values of a dimension pass.
fn passing<'d>(
    day: &'d BTreeMap<Dimension, Codes>,
    (dimension, wanted): &(Dimension, Option<String>),
    providers: &'d Providers,
) -> Result<(&'d Codes, Vec<bool>), QueryError> {
    let codes = codes(day, dimension)?;
    Ok((codes, told(codes, dimension, providers).map(|value| value == wanted.as_deref()).collect()))
}

fn of_code<T: Copy + Default>(of_codes: &[T], codes: &Codes, place: usize) -> T {
    let code = codes.numbers.get(place).copied().unwrap_or(NONE);
    of_codes.get(code as usize).copied().unwrap_or_default()
}
