//! `repute engagement`: opens and clicks, likely bots apart.

use chrono::{TimeDelta, Utc};
use repute_query::{
    Acts, Engaged, Engagement, EngagementQuery, EngagementRows, Selection, Spread, Stepping, Waited, after, count,
    engagement, engagement_report, engagement_table, thousands,
};

use crate::cli::{CountingArgs, EngagementArgs, Global, RowFormat};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::{self, plain, rate};

/// Links longer than this many characters are cut for people; programs get them whole.
const WIDEST: usize = 100;

pub(super) fn run(global: &Global, config: &Config, args: &EngagementArgs) -> Result<Exit, Failure> {
    let now = Utc::now();
    let query = EngagementQuery {
        selection: Selection {
            clock: args.clock.into(),
            since: args.since.map(|when| when.resolve(now)),
            until: args.until.map(|when| when.resolve(now)),
            width: args.window.and_then(|width| width.num_microseconds()),
            by: args.by.clone(),
            only: args.only.clone(),
            ..Selection::default()
        },
        stepping: Stepping::Tumbling,
        groups: args.limit.into(),
        links: args.limit.into(),
    };
    // Whether AWS counts mail does not matter here.
    let counting = CountingArgs::default();
    let found = super::runtime()?.block_on(async {
        let reader = super::reader(global, config, &counting).await?;
        Ok::<_, Failure>(engagement(&reader, &query).await?)
    })?;
    match args.format {
        RowFormat::Json => output::print_json(&engagement_report(&found, &args.by))?,
        RowFormat::Csv => {
            let rows = args.rows.unwrap_or_else(|| EngagementRows::usual(&query));
            let table = engagement_table(&found, &args.by, rows);
            output::print_csv(&table.header, &table.rows)?;
        }
        RowFormat::Text => output::print(&text(&found, args))?,
    }
    Ok(Exit::Done)
}

fn text(found: &Engagement, args: &EngagementArgs) -> String {
    if found.all == Engaged::default() {
        return "no deliveries, opens or clicks like that; `repute lake stats` shows the dates that the lake holds\n"
            .to_owned();
    }
    let header = ["", "messages", "of deliveries", "events", "likely bots", "image proxies", "with bots"];
    let row = |name: &str, acts: &Acts, without_bots: Option<f64>, with_bots: Option<f64>| {
        let counts = [acts.events, acts.bots, acts.proxies].map(thousands).to_vec();
        let first = vec![name.to_owned(), thousands(acts.messages_without_bots), rate(without_bots)];
        [first, counts, vec![rate(with_bots)]].concat()
    };
    let all = &found.all;
    let rows = [
        row("opened", &all.opens, all.open_rate(), all.open_rate_with_bots()),
        row("clicked", &all.clicks, all.click_rate(), all.click_rate_with_bots()),
    ];
    let mut out = format!("deliveries: {}\n", thousands(all.deliveries));
    out += &output::table(&header.map(str::to_owned), &rows, 1);
    out += &waits(found);
    out += &reasons(found);
    out += &windows(found);
    out += &groups(found, args);
    out + &links(found)
}

fn waits(found: &Engagement) -> String {
    let length = |time: Option<TimeDelta>| {
        time.map_or_else(|| "no data".to_owned(), |time| after(time).trim_start_matches('+').to_owned())
    };
    let of = |Waited { without_bots: Spread { median, p90, .. }, .. }: &Waited| {
        format!("half within {}, nine in ten within {}", length(*median), length(*p90))
    };
    format!("first open {}; first click {} of sending\n", of(&found.first_open), of(&found.first_click))
}

fn reasons(found: &Engagement) -> String {
    if found.reasons.is_empty() {
        return String::new();
    }
    let header = ["why", "is", "opens", "clicks"].map(str::to_owned);
    let row = |(reason, opens, clicks): &(repute_query::BotReason, u64, u64)| {
        vec![reason.words().to_owned(), reason.verdict().as_str().to_owned(), thousands(*opens), thousands(*clicks)]
    };
    let rows: Vec<Vec<String>> = found.reasons.iter().map(row).collect();
    format!("\n{}", output::table(&header, &rows, 2))
}

/// Columns of windows and groups.
const FIGURES: [&str; 7] =
    ["deliveries", "opened", "of deliveries", "clicked", "of deliveries", "bot opens", "bot clicks"];

fn figures(figures: &Engaged) -> Vec<String> {
    vec![
        thousands(figures.deliveries),
        thousands(figures.opens.messages_without_bots),
        rate(figures.open_rate()),
        thousands(figures.clicks.messages_without_bots),
        rate(figures.click_rate()),
        thousands(figures.opens.bots),
        thousands(figures.clicks.bots),
    ]
}

fn windows(found: &Engagement) -> String {
    if found.windows.is_empty() {
        return String::new();
    }
    let header: Vec<String> = std::iter::once("from").chain(FIGURES).map(str::to_owned).collect();
    let row = |window: &repute_query::EngagedWindow| {
        [vec![window.start.format("%Y-%m-%d %H:%M").to_string()], figures(&window.figures)].concat()
    };
    let rows: Vec<Vec<String>> = found.windows.iter().map(row).collect();
    format!("\n{}", output::table(&header, &rows, 1))
}

fn groups(found: &Engagement, args: &EngagementArgs) -> String {
    if args.by.is_empty() {
        return String::new();
    }
    let header: Vec<String> = args.by.iter().map(ToString::to_string).chain(FIGURES.map(str::to_owned)).collect();
    let value = |value: &Option<String>| value.as_deref().map_or_else(|| "(none)".to_owned(), cut);
    let row = |group: &repute_query::EngagedGroup| {
        [group.group.iter().map(value).collect::<Vec<_>>(), figures(&group.figures)].concat()
    };
    let mut rows: Vec<Vec<String>> = found.groups.iter().map(row).collect();
    let (others, number) = &found.others;
    if *number > 0 {
        let mut name = vec![String::new(); args.by.len()];
        if let Some(first) = name.first_mut() {
            *first = format!("({} more: see --limit)", thousands(*number));
        }
        rows.push([name, figures(others)].concat());
    }
    format!("\n{}", output::table(&header, &rows, args.by.len()))
}

fn links(found: &Engagement) -> String {
    if found.links.is_empty() {
        return String::new();
    }
    let header = ["link", "tags", "messages", "clicks", "likely bots"].map(str::to_owned);
    let row = |link: &repute_query::ClickedLink| {
        let text = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), cut);
        let counts = [link.clicks.messages_without_bots, link.clicks.events, link.clicks.bots].map(thousands);
        [vec![text(&link.link), text(&link.tags)], counts.to_vec()].concat()
    };
    let rows: Vec<Vec<String>> = found.links.iter().map(row).collect();
    let more = match found.other_links {
        0 => String::new(),
        more => format!("and {}: see --limit\n", count(more, "more link")),
    };
    format!("\n{}{more}", output::table(&header, &rows, 2))
}

fn cut(text: &str) -> String {
    let text = plain(text);
    match text.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}
