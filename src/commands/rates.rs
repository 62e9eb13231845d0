//! `repute rates`: counts and rates per window and group.

use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{
    AwsCounts, Dimension, LocalDays, Rates, Selection, Stepping, Tz, compared_rates, rates, rates_report, rates_table,
    thousands,
};

use crate::cli::{Global, RatesArgs, RowFormat};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::{self, rate};

/// How far back sliding windows go, unless told otherwise.
const SLIDING_SINCE: TimeDelta = TimeDelta::hours(24);

pub(super) fn run(global: &Global, config: &Config, args: &RatesArgs) -> Result<Exit, Failure> {
    let now = Utc::now();
    let stepping = stepping(args)?;
    let is_sliding = matches!(stepping, Stepping::Sliding(_));
    let until = args.until.map(|when| when.resolve(now)).or(is_sliding.then_some(now));
    let selection = Selection {
        clock: args.clock.into(),
        since: args.since.map(|when| when.resolve(now)).or(until.filter(|_| is_sliding).map(|end| end - SLIDING_SINCE)),
        until,
        width: args.window.and_then(|width| width.num_microseconds()),
        by: args.by.clone(),
        only: args.only.clone(),
        ..Selection::default()
    };
    let (mut rows, counted_with) = super::runtime()?.block_on(async {
        let reader = super::reader(global, config, &args.counting).await?;
        let rows = match args.compare {
            None => rates(&reader, &selection, stepping).await?,
            Some(period) => compared_rates(&reader, &selection, stepping, period).await?,
        };
        Ok::<_, Failure>((rows, super::counted_with(reader.rules())))
    })?;
    if let Some(limit) = args.limit {
        rows.drain(..rows.len().saturating_sub(limit));
    }
    let compared = args.compare.is_some();
    match args.format {
        RowFormat::Json => output::print_json(&rates_report(&rows, &args.by, compared))?,
        RowFormat::Csv => {
            let table = rates_table(&rows, &args.by, compared);
            output::print_csv(&table.header, &table.rows)?;
        }
        RowFormat::Text => output::print(&text(&rows, &selection, args, &counted_with))?,
    }
    Ok(Exit::Done)
}

/// How windows follow one another, if the options go together.
fn stepping(args: &RatesArgs) -> Result<Stepping, Failure> {
    let refuse = |what: &str| Err(Failure::Usage(what.to_owned()));
    let is_multiple_of = |width: TimeDelta, unit: TimeDelta| {
        width.num_microseconds().zip(unit.num_microseconds()).is_some_and(|(width, unit)| width % unit == 0)
    };
    let whole = |width: TimeDelta, unit: TimeDelta| {
        let units = width.num_seconds() / unit.num_seconds();
        u32::try_from(units).ok().filter(|_| is_multiple_of(width, unit))
    };
    if let (Some(period), Some(width)) = (args.compare, args.window)
        && !args.sliding
        && !is_multiple_of(period, width)
    {
        return refuse(
            "--compare must be a multiple of --window, so that windows lie beside each other, as in 7d and 1d",
        );
    }
    if args.compare.is_some() && args.window.is_none() && args.since.is_none() {
        return refuse("--compare needs --window, or --since: a period to look at the one before of");
    }
    match (args.window, args.timezone) {
        (Some(width), Some(zone)) => match whole(width, TimeDelta::days(1)) {
            Some(days) => Ok(Stepping::Days(LocalDays { zone, days })),
            None => refuse(
                "--timezone needs a --window of whole days, as in 1d or 7d; shorter ones are the same everywhere",
            ),
        },
        (Some(width), None) if args.sliding => match whole(width, TimeDelta::minutes(1)) {
            Some(minutes) => Ok(Stepping::Sliding(minutes)),
            None => refuse("--sliding needs a --window of whole minutes, as in 10m or 1h"),
        },
        _ => Ok(Stepping::Tumbling),
    }
}

fn text(rows: &[Rates], selection: &Selection, args: &RatesArgs, counted_with: &str) -> String {
    if rows.is_empty() {
        return "no events in that range; `repute reputation` shows the span the lake has\n".to_owned();
    }
    let windowed = selection.width.is_some();
    let zone = args.timezone.map_or("UTC", Tz::name);
    let mut header: Vec<String> = windowed.then(|| format!("window ({zone})")).into_iter().collect();
    header.extend(selection.by.iter().map(Dimension::to_string));
    let left = header.len();
    let before = if args.compare.is_some() { ["before"].as_slice() } else { &[] };
    let numbers = [
        &["sends", "eligible", "hard bounces", "AWS bounce rate"],
        before,
        &["complaints", "AWS complaint rate"],
        before,
        &["plain bounce rate", "delivery rate"],
    ];
    header.extend(numbers.concat().into_iter().map(str::to_owned));
    let cells = |row: &Rates| {
        let mut cells: Vec<String> =
            windowed.then(|| short_time(row.window_start, args.timezone)).into_iter().collect();
        cells.extend(row.group.iter().map(|value| value.clone().unwrap_or_else(|| "-".to_owned())));
        cells.extend([
            thousands(row.counts.send),
            thousands(row.aws.eligible_sends.counted),
            thousands(row.aws.bounces.counted),
            rate(row.aws.bounce_rate()),
        ]);
        let previous = row.previous.as_ref().map(|previous| &previous.aws);
        cells.extend(before.iter().map(|_| rate(previous.and_then(AwsCounts::bounce_rate))));
        cells.extend([thousands(row.aws.complaints.counted), rate(row.aws.complaint_rate())]);
        cells.extend(before.iter().map(|_| rate(previous.and_then(AwsCounts::complaint_rate))));
        cells.extend([rate(row.counts.bounce_rate()), rate(row.counts.delivery_rate())]);
        cells
    };
    let table = output::table(&header, &rows.iter().map(cells).collect::<Vec<_>>(), left);
    let clock = selection.clock.as_str();
    format!("{table}\nHard bounces and complaints as AWS counts them, by the {clock} clock.\n{counted_with}\n")
}

fn short_time(time: Option<DateTime<Utc>>, zone: Option<Tz>) -> String {
    let shown = |time: DateTime<Utc>| match zone {
        Some(zone) => time.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string(),
        None => time.format("%Y-%m-%d %H:%M").to_string(),
    };
    time.map(shown).unwrap_or_default()
}
