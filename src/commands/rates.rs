//! `repute rates`: counts and rates per window and group.

use chrono::{DateTime, SecondsFormat, Utc};
use repute_query::{Dimension, Rates, Selection, rates, rates_report, thousands};

use crate::cli::{Global, RatesArgs, RowFormat};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::{self, rate};

pub(super) fn run(global: &Global, config: &Config, args: &RatesArgs) -> Result<Exit, Failure> {
    let now = Utc::now();
    let selection = Selection {
        clock: args.clock.into(),
        since: args.since.map(|when| when.resolve(now)),
        until: args.until.map(|when| when.resolve(now)),
        width: args.window.and_then(|width| width.num_microseconds()),
        by: args.by.clone(),
        only: args.only.clone(),
        ..Selection::default()
    };
    let mut rows = super::runtime()?.block_on(async {
        let reader = super::reader(global, config, &args.counting).await?;
        Ok::<_, Failure>(rates(&reader, &selection).await?)
    })?;
    if let Some(limit) = args.limit {
        rows.drain(..rows.len().saturating_sub(limit));
    }
    match args.format {
        RowFormat::Json => output::print_json(&rates_report(&rows, &args.by))?,
        RowFormat::Csv => output::print_csv(&csv_header(&args.by), &rows.iter().map(csv_row).collect::<Vec<_>>())?,
        RowFormat::Text => output::print(&text(&rows, &selection))?,
    }
    Ok(Exit::Done)
}

fn time(time: Option<DateTime<Utc>>) -> String {
    time.map(|t| t.to_rfc3339_opts(SecondsFormat::AutoSi, true)).unwrap_or_default()
}

fn csv_header(by: &[Dimension]) -> Vec<String> {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut header = names(&["window_start", "window_end"]);
    header.extend(by.iter().map(Dimension::to_string));
    header.extend(names(&[
        "send",
        "delivery",
        "hard_bounce",
        "soft_bounce",
        "undetermined_bounce",
        "complaint",
        "reject",
        "delivery_delay",
        "open",
        "click",
        "rendering_failure",
        "subscription",
        "eligible_sends",
        "counted_bounces",
        "aws_bounce_rate",
        "complaint_eligible_sends",
        "counted_complaints",
        "aws_complaint_rate",
        "plain_bounce_rate",
        "plain_complaint_rate",
        "plain_delivery_rate",
    ]));
    header
}

fn csv_row(row: &Rates) -> Vec<String> {
    let fraction = |rate: Option<f64>| rate.map(|r| r.to_string()).unwrap_or_default();
    let counts = &row.counts;
    let mut cells = vec![time(row.window_start), time(row.window_end)];
    cells.extend(row.group.iter().map(|value| value.clone().unwrap_or_default()));
    let counted = [
        counts.send,
        counts.delivery,
        counts.hard_bounce,
        counts.soft_bounce,
        counts.undetermined_bounce,
        counts.complaint,
        counts.reject,
        counts.delivery_delay,
        counts.open,
        counts.click,
        counts.rendering_failure,
        counts.subscription,
    ];
    cells.extend(counted.map(|n| n.to_string()));
    cells.extend([
        row.aws.eligible_sends.counted.to_string(),
        row.aws.bounces.counted.to_string(),
        fraction(row.aws.bounce_rate()),
        row.aws.complaint_eligible_sends.counted.to_string(),
        row.aws.complaints.counted.to_string(),
        fraction(row.aws.complaint_rate()),
        fraction(counts.bounce_rate()),
        fraction(counts.complaint_rate()),
        fraction(counts.delivery_rate()),
    ]);
    cells
}

fn text(rows: &[Rates], selection: &Selection) -> String {
    if rows.is_empty() {
        return "no events in that range; `repute reputation` shows the span the lake has\n".to_owned();
    }
    let windowed = selection.width.is_some();
    let mut header: Vec<String> = windowed.then(|| "window (UTC)".to_owned()).into_iter().collect();
    header.extend(selection.by.iter().map(Dimension::to_string));
    let left = header.len();
    let numbers = ["sends", "eligible", "hard bounces", "AWS bounce rate", "complaints", "AWS complaint rate"];
    header.extend(numbers.into_iter().chain(["plain bounce rate", "delivery rate"]).map(str::to_owned));
    let cells = |row: &Rates| {
        let mut cells: Vec<String> = windowed.then(|| short_time(row.window_start)).into_iter().collect();
        cells.extend(row.group.iter().map(|value| value.clone().unwrap_or_else(|| "-".to_owned())));
        cells.extend([
            thousands(row.counts.send),
            thousands(row.aws.eligible_sends.counted),
            thousands(row.aws.bounces.counted),
            rate(row.aws.bounce_rate()),
            thousands(row.aws.complaints.counted),
            rate(row.aws.complaint_rate()),
            rate(row.counts.bounce_rate()),
            rate(row.counts.delivery_rate()),
        ]);
        cells
    };
    let table = output::table(&header, &rows.iter().map(cells).collect::<Vec<_>>(), left);
    format!("{table}\nHard bounces and complaints as AWS counts them, by the {} clock.\n", selection.clock.as_str())
}

fn short_time(time: Option<DateTime<Utc>>) -> String {
    time.map(|t| t.format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default()
}
