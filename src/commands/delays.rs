//! `repute delays`: how long deliveries took, what was put off and why, what still waits.

use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{
    DelayRows, Delayed, Delays, DelaysQuery, Dimension, Selection, Stepping, TimesTaken, Undecided, after, count,
    delays, delays_report, delays_table, thousands,
};

use crate::cli::{CountingArgs, DelaysArgs, Global, RowFormat};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::{self, plain};

pub(super) fn run(global: &Global, config: &Config, args: &DelaysArgs) -> Result<Exit, Failure> {
    let now = Utc::now();
    let query = DelaysQuery {
        selection: Selection {
            since: args.since.map(|when| when.resolve(now)),
            until: args.until.map(|when| when.resolve(now)),
            width: args.window.and_then(|width| width.num_microseconds()),
            by: args.by.clone(),
            only: args.only.clone(),
            ..Selection::default()
        },
        stepping: Stepping::Tumbling,
        groups: args.limit.into(),
        reasons: args.limit.into(),
    };
    // Whether AWS counts mail does not matter here.
    let counting = CountingArgs::default();
    let found = super::runtime()?.block_on(async {
        let reader = super::reader(global, config, &counting).await?;
        Ok::<_, Failure>(delays(&reader, &query).await?)
    })?;
    match args.format {
        RowFormat::Json => output::print_json(&delays_report(&found, &args.by, now, args.limit.into()))?,
        RowFormat::Csv => {
            let rows = args.rows.unwrap_or_else(|| DelayRows::usual(&query));
            let table = delays_table(&found, &args.by, rows);
            output::print_csv(&table.header, &table.rows)?;
        }
        RowFormat::Text => output::print(&text(&found, args, now))?,
    }
    Ok(Exit::Done)
}

/// Columns of times.
const FIGURES: [&str; 5] = ["deliveries", "p50", "p95", "p99", "worst"];

fn figures(times: &TimesTaken) -> Vec<String> {
    let ranks = [times.p50, times.p95, times.p99, times.worst].map(length);
    [vec![thousands(times.deliveries)], ranks.to_vec()].concat()
}

fn length(milliseconds: Option<i64>) -> String {
    let words = |time: i64| after(TimeDelta::milliseconds(time)).trim_start_matches('+').to_owned();
    milliseconds.map_or_else(|| "no data".to_owned(), words)
}

fn table(first: Vec<String>, rows: &[Vec<String>]) -> String {
    let left = first.len();
    output::table(&[first, FIGURES.map(str::to_owned).to_vec()].concat(), rows, left)
}

fn text(found: &Delays, args: &DelaysArgs, now: DateTime<Utc>) -> String {
    if found.all.deliveries + found.unknown + found.delayed.events == 0 {
        return "no deliveries or delays like that; `repute lake stats` shows the dates that the lake holds\n"
            .to_owned();
    }
    let mut out = table(Vec::new(), &[figures(&found.all)]);
    if found.unknown > 0 {
        out += &format!("{} more deliveries do not say how long they took\n", thousands(found.unknown));
    }
    if !found.windows.is_empty() {
        let row = |window: &repute_query::TakenWindow| {
            [vec![window.start.format("%Y-%m-%d %H:%M").to_string()], figures(&window.times)].concat()
        };
        out += &format!("\n{}", table(vec!["from".to_owned()], &found.windows.iter().map(row).collect::<Vec<_>>()));
    }
    out += &groups(found, &args.by);
    out + &delayed(&found.delayed, now, args.limit.into())
}

fn groups(found: &Delays, by: &[Dimension]) -> String {
    if by.is_empty() {
        return String::new();
    }
    let value = |value: &Option<String>| plain(value.as_deref().unwrap_or("(none)")).into_owned();
    let row = |group: &repute_query::TakenGroup| {
        [group.group.iter().map(value).collect::<Vec<_>>(), figures(&group.times)].concat()
    };
    let rows: Vec<Vec<String>> = found.groups.iter().map(row).collect();
    let more = match found.others {
        (0, _) => String::new(),
        (groups, deliveries) => {
            format!("and {} with {} deliveries: see --limit\n", count(groups, "more group"), thousands(deliveries))
        }
    };
    format!("\n{}{more}", table(by.iter().map(ToString::to_string).collect(), &rows))
}

fn delayed(delayed: &Delayed, now: DateTime<Utc>, limit: usize) -> String {
    if delayed.events == 0 {
        return "\nnothing was put off\n".to_owned();
    }
    let (waiting, overdue) = (delayed.waiting(now).count() as u64, delayed.overdue(now).count() as u64);
    let mut out = format!(
        "\nput off {} times: {}, of which {} were delivered afterwards, {} bounced ({} of them given up), {} still wait, {} are past their time without a word\n",
        thousands(delayed.events),
        count(delayed.messages, "message"),
        thousands(delayed.delivered.deliveries),
        thousands(delayed.bounced),
        thousands(delayed.expired),
        thousands(waiting),
        thousands(overdue),
    );
    let header = ["type", "most at", "events"].map(str::to_owned);
    let rows: Vec<Vec<String>> = delayed
        .types
        .iter()
        .map(|of_type| {
            let most: Vec<String> =
                of_type.most.iter().map(|(name, events)| format!("{name} {}", thousands(*events))).collect();
            let name = of_type.name.clone().unwrap_or_else(|| "(none)".to_owned());
            vec![name, plain(&most.join(", ")).into_owned(), thousands(of_type.events)]
        })
        .collect();
    out += &format!("\n{}", output::table(&header, &rows, 2));
    for reason in &delayed.reasons {
        let providers: Vec<String> =
            reason.providers.iter().map(|(name, events)| format!("{name} {}", thousands(*events))).collect();
        let lack = if reason.missed > 0 { format!(" (may lack {})", thousands(reason.missed)) } else { String::new() };
        let lines = format!(
            "{}{lack}  {}  {}\n  {}\n  {}",
            thousands(reason.events),
            reason.delay_type.as_deref().unwrap_or("-"),
            reason.status.as_deref().unwrap_or("-"),
            reason.text.as_deref().unwrap_or("(no diagnostic)"),
            providers.join(", "),
        );
        let lines: Vec<String> = lines.split('\n').map(|line| plain(line).into_owned()).collect();
        out += &format!("\n{}\n", lines.join("\n"));
    }
    out + &undecided("still waiting", delayed.waiting(now), limit)
        + &undecided("past their time", delayed.overdue(now), limit)
}

fn undecided<'d>(name: &str, messages: impl Iterator<Item = &'d Undecided>, limit: usize) -> String {
    let short = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M").to_string();
    let row = |one: &Undecided| {
        vec![
            one.message_id.clone(),
            one.recipient.clone(),
            one.delay_type.clone().unwrap_or_else(|| "-".to_owned()),
            short(one.first),
            short(one.last),
            one.expires.map_or_else(|| "-".to_owned(), short),
        ]
    };
    let rows: Vec<Vec<String>> = messages.take(limit).map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let header = [name, "to", "type", "first put off", "last", "until"].map(str::to_owned);
    format!("\n{}", output::table(&header, &rows, 6))
}
