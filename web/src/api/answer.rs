//! Answers that are no JSON.

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use repute_query::{Table, csv_cell};

use crate::access::shown;

/// A table as a file to keep, with cells that a spreadsheet does not take for formulas, and addresses as whoever asks may see them.
pub(crate) fn csv(name: &str, table: &Table) -> anyhow::Result<Response> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&table.header)?;
    for row in &table.rows {
        writer.write_record(row.iter().map(|cell| csv_cell(&shown(cell)).into_owned()))?;
    }
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")),
    ];
    Ok((headers, writer.into_inner()?).into_response())
}
