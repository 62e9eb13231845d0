//! Counts and rates per window and group.

use serde_json::{Map, Value, json};

use super::time;
use crate::counting::Side;
use crate::dimension::Dimension;
use crate::rates::{Counts, Rates};

/// `rates --format json`: an array with one object per window and group; with `previous` where the period before was asked for.
pub fn rates_report(rows: &[Rates], by: &[Dimension], compared: bool) -> Value {
    let object = |row: &Rates| {
        let mut object = Map::new();
        object.insert("window_start".to_owned(), row.window_start.map_or(Value::Null, time));
        object.insert("window_end".to_owned(), row.window_end.map_or(Value::Null, time));
        for (dimension, value) in by.iter().zip(&row.group) {
            object.insert(dimension.to_string(), json!(value));
        }
        object.extend(figures(row));
        if compared {
            let previous = row.previous.as_ref().map(|row| {
                let mut object = figures(row);
                object.insert("window_start".to_owned(), row.window_start.map_or(Value::Null, time));
                object.insert("window_end".to_owned(), row.window_end.map_or(Value::Null, time));
                object
            });
            object.insert("previous".to_owned(), json!(previous));
        }
        Value::Object(object)
    };
    rows.iter().map(object).collect()
}

/// The same on one line. Of answers with many rows nothing is made but the text.
pub fn rates_text(rows: &[Rates], by: &[Dimension]) -> String {
    let names: Vec<String> = by.iter().map(|dimension| json!(dimension.to_string()).to_string()).collect();
    let mut text = String::from("[");
    let mut window = (None, String::new());
    for row in rows {
        let ends = [row.window_start, row.window_end];
        if window.0 != Some(ends) {
            let [start, end] = ends.map(|end| end.map_or(Value::Null, time));
            window = (Some(ends), format!(r#""window_start":{start},"window_end":{end}"#));
        }
        text.push_str(if text.len() > 1 { ",{" } else { "{" });
        text.push_str(&window.1);
        for (name, value) in names.iter().zip(&row.group) {
            put(&mut text, format_args!(",{name}:{}", json!(value)));
        }
        put_figures(&mut text, row);
        text.push('}');
    }
    text.push(']');
    text
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Text takes whatever is written to it.
    let _ = std::fmt::Write::write_fmt(text, what);
}

/// What [`figures`] has, as text.
fn put_figures(text: &mut String, row: &Rates) {
    let (counts, aws, rate) = (&row.counts, &row.aws, |rate: Option<f64>| json!(rate));
    let numbers = [
        ("send", counts.send),
        ("delivery", counts.delivery),
        ("hard_bounce", counts.hard_bounce),
        ("soft_bounce", counts.soft_bounce),
        ("undetermined_bounce", counts.undetermined_bounce),
        ("complaint", counts.complaint),
        ("reject", counts.reject),
        ("delivery_delay", counts.delivery_delay),
        ("open", counts.open),
        ("click", counts.click),
        ("rendering_failure", counts.rendering_failure),
        ("subscription", counts.subscription),
    ];
    let mut before = r#","counts":{"#;
    for (name, number) in numbers {
        put(text, format_args!(r#"{before}"{name}":{number}"#));
        before = ",";
    }
    let Side { counted: sends, .. } = aws.eligible_sends;
    let Side { counted: bounces, .. } = aws.bounces;
    put(text, format_args!(r#"}},"aws":{{"eligible_sends":{sends},"counted_bounces":{bounces}"#));
    put(text, format_args!(r#","bounce_rate":{}"#, rate(aws.bounce_rate())));
    let Side { counted: sends, .. } = aws.complaint_eligible_sends;
    let Side { counted: complaints, .. } = aws.complaints;
    put(text, format_args!(r#","complaint_eligible_sends":{sends},"counted_complaints":{complaints}"#));
    put(text, format_args!(r#","complaint_rate":{}}},"plain":{{"#, rate(aws.complaint_rate())));
    put(text, format_args!(r#""bounce_rate":{},"#, rate(counts.bounce_rate())));
    put(text, format_args!(r#""complaint_rate":{},"#, rate(counts.complaint_rate())));
    put(text, format_args!(r#""delivery_rate":{}}}"#, rate(counts.delivery_rate())));
}

fn figures(row: &Rates) -> Map<String, Value> {
    let aws = json!({
        "eligible_sends": row.aws.eligible_sends.counted,
        "counted_bounces": row.aws.bounces.counted,
        "bounce_rate": row.aws.bounce_rate(),
        "complaint_eligible_sends": row.aws.complaint_eligible_sends.counted,
        "counted_complaints": row.aws.complaints.counted,
        "complaint_rate": row.aws.complaint_rate(),
    });
    let plain = json!({
        "bounce_rate": row.counts.bounce_rate(),
        "complaint_rate": row.counts.complaint_rate(),
        "delivery_rate": row.counts.delivery_rate(),
    });
    [("counts", counts(&row.counts)), ("aws", aws), ("plain", plain)]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

fn counts(counts: &Counts) -> Value {
    json!({
        "send": counts.send,
        "delivery": counts.delivery,
        "hard_bounce": counts.hard_bounce,
        "soft_bounce": counts.soft_bounce,
        "undetermined_bounce": counts.undetermined_bounce,
        "complaint": counts.complaint,
        "reject": counts.reject,
        "delivery_delay": counts.delivery_delay,
        "open": counts.open,
        "click": counts.click,
        "rendering_failure": counts.rendering_failure,
        "subscription": counts.subscription,
    })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::counting::AwsCounts;
    use crate::tally::{Kind, RecipientClass, Tally};

    #[test]
    fn rates_are_the_same_as_text() {
        let mut rows = Vec::new();
        for (index, value) in [None, Some("größe \"x\"\n"), Some("")].into_iter().enumerate() {
            let mut tally = Tally::default();
            for (kind, rows) in Kind::ALL.into_iter().zip(1..).filter(|_| index > 0) {
                tally.add(kind, RecipientClass::ALL[rows % 4], rows as u64 * 7 + index as u64);
            }
            let window_start = DateTime::from_timestamp_micros(index as i64 / 2 * 1_234_567);
            rows.push(Rates {
                window_start,
                window_end: window_start.filter(|_| index > 1),
                group: vec![value.map(str::to_owned)],
                counts: Counts::of(&tally),
                aws: AwsCounts::of(&tally),
                previous: None,
            });
        }
        let by = ["tag:\"odd\"".parse().unwrap()];
        assert_eq!(rates_text(&rows, &by), rates_report(&rows, &by, false).to_string());
        assert_eq!(rates_text(&[], &by), "[]");
    }
}
