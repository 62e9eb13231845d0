//! Which rows a selection asks for, as filters of the events table.

use std::collections::BTreeSet;

use arrow::datatypes::DataType;
use chrono::{DateTime, Utc};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, cast, col, lit};
use repute_lake::schema::column;

use crate::dimension::Dimension;
use crate::selection::{Clock, MINUTE, Selection};

/// Minutes are asked for one by one up to so many.
const MOST_RANGES: usize = 100;

/// What a row of the events table must be; `expression` gives that of a dimension.
pub(crate) fn filters(selection: &Selection, expression: impl Fn(&Dimension) -> Expr) -> Vec<Expr> {
    let time = || col(selection.clock.column());
    let mut filters = Vec::new();
    if selection.clock == Clock::Sent {
        filters.push(time().is_not_null());
    }
    if let Some(since) = selection.since {
        filters.push(time().gt_eq(at(since)));
        if selection.clock == Clock::Event {
            filters.push(col(column::EVENT_DATE).gt_eq(date(since)));
        }
    }
    if let Some(until) = selection.until {
        filters.push(time().lt(at(until)));
        if selection.clock == Clock::Event {
            filters.push(col(column::EVENT_DATE).lt_eq(date(until)));
        }
    }
    if let Some(as_of) = selection.as_of {
        filters.push(col(column::EVENT_TIME).lt(at(as_of)));
        filters.push(col(column::EVENT_DATE).lt_eq(date(as_of)));
    }
    if let (Some(first), Some(last)) = (selection.minutes.iter().min(), selection.minutes.iter().max()) {
        filters.push(time().gt_eq(micros(*first)));
        filters.push(time().lt(micros(last + MINUTE)));
        if selection.clock == Clock::Event {
            let dates: BTreeSet<_> = selection.minutes.iter().map(|m| m.div_euclid(1_440 * MINUTE)).collect();
            let dates =
                dates.into_iter().map(|day| date(DateTime::from_timestamp(day * 86_400, 0).unwrap_or_default()));
            filters.push(col(column::EVENT_DATE).in_list(dates.collect(), false));
        }
        // Ranges tell which pages need not be read; so many of them would take longer than reading.
        if selection.minutes.len() <= MOST_RANGES {
            let range = |m: &i64| time().gt_eq(micros(*m)).and(time().lt(micros(m + MINUTE)));
            filters.extend(selection.minutes.iter().map(range).reduce(Expr::or));
        } else {
            let minute = cast(time(), DataType::Int64) / lit(MINUTE) * lit(MINUTE);
            filters.push(minute.in_list(selection.minutes.iter().map(|minute| lit(*minute)).collect(), false));
        }
    }
    if !selection.types.is_empty() {
        let names = selection.types.iter().map(|t| lit(ScalarValue::Utf8View(Some(t.as_str().to_owned()))));
        filters.push(col(column::EVENT_TYPE).in_list(names.collect(), false));
    }
    for (dimension, value) in &selection.only {
        let expression = expression(dimension);
        filters.push(match value {
            Some(value) => expression.eq(lit(ScalarValue::Utf8View(Some(value.clone())))),
            None => expression.is_null(),
        });
    }
    filters
}

/// A time as a literal.
pub(crate) fn at(time: DateTime<Utc>) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(time.timestamp_micros()), Some("UTC".into())))
}

fn micros(time: i64) -> Expr {
    at(DateTime::from_timestamp_micros(time).unwrap_or_default())
}

fn date(time: DateTime<Utc>) -> Expr {
    let days = i32::try_from(time.timestamp().div_euclid(86_400)).unwrap_or(i32::MAX);
    lit(ScalarValue::Date32(Some(days)))
}
