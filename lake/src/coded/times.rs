//! A column of times.

use parquet::column::reader::{ColumnReaderImpl, get_column_reader, get_typed_column_reader};
use parquet::data_type::Int64Type;
use parquet::errors::Result;

use super::chunk::Chunk;
use super::wrong;

/// Room for more rows is only made when they are there: a damaged file may speak of any number.
const MOST_ROOM: usize = 1 << 20;

/// The time of each row in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodedTimes {
    /// Of each row; anything where it has none.
    pub times: Vec<i64>,
    /// Whether a row has none; empty where all have one.
    pub nulls: Vec<bool>,
}

impl CodedTimes {
    /// No time in any row.
    pub(super) fn nothing(rows: usize) -> Self {
        Self { times: vec![0; rows], nulls: vec![true; rows] }
    }
}

pub(super) fn read(chunk: &Chunk, rows: usize) -> Result<CodedTimes> {
    let description = chunk.description();
    let present = description.max_def_level();
    let reader = get_column_reader(description, Box::new(chunk.pages(rows)?));
    // What may be read so was looked at before: it is a column of 64-bit numbers.
    let mut reader: ColumnReaderImpl<Int64Type> = get_typed_column_reader(reader);
    let (mut values, mut levels) = (Vec::with_capacity(rows.min(MOST_ROOM)), Vec::new());
    let (read, ..) = reader.read_records(rows, (present > 0).then_some(&mut levels), None, &mut values)?;
    if read != rows {
        return Err(wrong("a column of another length than its row group"));
    }
    if values.len() == rows {
        return Ok(CodedTimes { times: values, nulls: Vec::new() });
    }
    let mut values = values.into_iter();
    let times = levels.iter().map(|level| if *level == present { values.next().unwrap_or(0) } else { 0 }).collect();
    Ok(CodedTimes { times, nulls: levels.iter().map(|level| *level != present).collect() })
}
