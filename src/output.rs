//! Standard output: JSON, CSV and tables. Text from events is made harmless before it reaches a terminal or spreadsheet.

use std::borrow::Cow;
use std::io::{self, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use repute_query::csv_cell;
use serde_json::Value;

/// Prints lines and flushes, so that a reader that left is noticed.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Prints a value as indented JSON.
pub(crate) fn print_json(value: &Value) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))?;
    Ok(())
}

/// Prints rows as CSV. Cells that a spreadsheet would take for a formula get a leading `'`.
pub(crate) fn print_csv(header: &[String], rows: &[Vec<String>]) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(io::stdout().lock());
    writer.write_record(header).map_err(io_error)?;
    for row in rows {
        writer.write_record(row.iter().map(|cell| csv_cell(cell).into_owned())).map_err(io_error)?;
    }
    writer.flush()
}

/// The error of standard output behind one of the CSV writer's, so that a reader that left is noticed here, too.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// A table whose first `left` columns are text and the others numbers.
pub(crate) fn table(header: &[String], rows: &[Vec<String>], left: usize) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(header);
    for row in rows {
        table.add_row(row.iter().map(|cell| plain(cell).into_owned()));
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index >= left {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table.to_string().lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    lines.concat()
}

/// Text without what would move a terminal's cursor or hide something: control and bidirectional characters are escaped.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if harmful(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Bytes with a unit: `1.2 GB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A rate as a percentage, or `no data`.
pub(crate) fn rate(rate: Option<f64>) -> String {
    rate.map_or_else(|| "no data".to_owned(), repute_query::percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmful_text_is_disarmed() {
        assert_eq!(plain("ok \u{1b}[31m\u{202e}x"), "ok \\u{1b}[31m\\u{202e}x");
        assert_eq!(csv_cell("=1+1"), "'=1+1");
        assert_eq!(csv_cell("marketing"), "marketing");
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_234_567), "1.2 MB");
    }
}
