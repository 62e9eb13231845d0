//! `repute bounces`: why mail bounced, equal reasons together.

use chrono::{DateTime, Utc};
use repute_query::{
    BounceQuery, BounceReasons, Dimension, MOST_REASONS, ReasonGroup, bounce_reasons, bounces_report, bounces_table,
    count, percent, rate, thousands,
};

use crate::cli::{BouncesArgs, CountingArgs, Global, RowFormat};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::{self, plain};

pub(super) fn run(global: &Global, config: &Config, args: &BouncesArgs) -> Result<Exit, Failure> {
    let now = Utc::now();
    let query = BounceQuery {
        since: args.since.map(|when| when.resolve(now)),
        until: args.until.map(|when| when.resolve(now)),
        by: args.by.clone(),
        only: args.only.clone(),
        classes: args.class.clone(),
        limit: args.limit.into(),
        with_addresses: args.addresses,
    };
    // Whether AWS counts a bounce does not matter here.
    let counting = CountingArgs { verified: Vec::new(), no_feedback_loop: Vec::new(), count: Vec::new() };
    let found = super::runtime()?.block_on(async {
        let reader = super::reader(global, config, &counting).await?;
        Ok::<_, Failure>(bounce_reasons(&reader, &query).await?)
    })?;
    match args.format {
        RowFormat::Json => output::print_json(&bounces_report(&found, &args.by))?,
        RowFormat::Csv => {
            let table = bounces_table(&found, &args.by);
            output::print_csv(&table.header, &table.rows)?;
        }
        RowFormat::Text => output::print(&text(&found, &args.by))?,
    }
    Ok(Exit::Done)
}

fn providers(group: &ReasonGroup) -> String {
    let one = |(name, count): &(String, u64)| format!("{name} {}", thousands(*count));
    group.providers.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn text(found: &BounceReasons, by: &[Dimension]) -> String {
    if found.bounces == 0 {
        return "no bounces like that; `repute reputation` shows the span the lake has\n".to_owned();
    }
    let share = |count: u64| rate(count, found.bounces).map(percent).unwrap_or_default();
    let header = ["class", "bounces", "share"].map(str::to_owned);
    let rows: Vec<Vec<String>> =
        found.classes.iter().map(|(class, count)| vec![class.to_string(), thousands(*count), share(*count)]).collect();
    let mut out = format!("{}\n", output::table(&header, &rows, 1));
    for group in &found.groups {
        out += &of_group(group, by, &share(group.count));
    }
    if found.others > 0 {
        let groups = count(found.other_groups, "other reason");
        out += &format!("{} ({}) of {groups}: see --limit\n", count(found.others, "bounce"), share(found.others));
    }
    if found.is_cut {
        out += &format!(
            "There are more than {} reasons. Those seen least were put to the others while counting; a number may lack as many as it says.\n",
            thousands(MOST_REASONS as u64)
        );
    }
    out
}

fn of_group(group: &ReasonGroup, by: &[Dimension], share: &str) -> String {
    let lack = if group.missed > 0 { format!(" (may lack {})", thousands(group.missed)) } else { String::new() };
    let kind = [&group.bounce_type, &group.subtype].map(|part| part.as_deref().unwrap_or("-"));
    let short = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M").to_string();
    let values = by.iter().zip(&group.group);
    let values: String = values.map(|(by, value)| format!("  {by} {}", value.as_deref().unwrap_or("(none)"))).collect();
    let mut out = format!(
        "{}{lack}, {share}  {}  {}  {}{values}\n  {}\n",
        thousands(group.count),
        group.class,
        group.status.as_deref().unwrap_or("-"),
        kind.join("/"),
        group.text.as_deref().unwrap_or("(no diagnostic)"),
    );
    out += &format!("  {} to {} UTC; {}\n", short(group.first), short(group.last), providers(group));
    if let Some(example) = &group.example {
        out += &format!("  last: {example}\n");
    }
    // The lines' ends are ours, all else may come from whoever answered.
    out.split('\n').map(|line| plain(line).into_owned()).collect::<Vec<_>>().join("\n") + "\n"
}
