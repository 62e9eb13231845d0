//! What was found in the forms for programs: JSON and tables.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::{Acts, Engaged, Engagement, EngagementQuery, Spread, WAITS, Waited};
use crate::dimension::Dimension;
use crate::tables::Table;

/// Which rows a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngagementRows {
    /// One for everything.
    All,
    /// One per window.
    Windows,
    /// One per group.
    Groups,
    /// One per link.
    Links,
    /// One per reason why events are likely bots'.
    Bots,
}

impl EngagementRows {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::All, Self::Windows, Self::Groups, Self::Links, Self::Bots];

    /// The name in options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Windows => "windows",
            Self::Groups => "groups",
            Self::Links => "links",
            Self::Bots => "bots",
        }
    }

    /// What is meant where nothing is said.
    pub fn usual(query: &EngagementQuery) -> Self {
        match (query.selection.by.is_empty(), query.selection.width) {
            (false, _) => Self::Groups,
            (true, Some(_)) => Self::Windows,
            (true, None) => Self::All,
        }
    }
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn acts(acts: &Acts, rate: Option<f64>, rate_with_bots: Option<f64>) -> Value {
    json!({
        "events": acts.events,
        "likely_bots": acts.bots,
        "image_proxies": acts.proxies,
        "messages": acts.messages,
        "messages_without_bots": acts.messages_without_bots,
        "rate": rate_with_bots,
        "rate_without_bots": rate,
    })
}

fn figures(figures: &Engaged) -> Map<String, Value> {
    let opens = acts(&figures.opens, figures.open_rate(), figures.open_rate_with_bots());
    let clicks = acts(&figures.clicks, figures.click_rate(), figures.click_rate_with_bots());
    [("deliveries", json!(figures.deliveries)), ("opens", opens), ("clicks", clicks)]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

fn seconds(time: Option<TimeDelta>) -> Value {
    json!(time.map(|time| time.num_seconds()))
}

fn spread(spread: &Spread) -> Value {
    let up_to = WAITS.map(Some).into_iter().chain([None]);
    let steps = up_to.zip(spread.steps).map(|(up_to, messages)| json!({"up_to_seconds": up_to, "messages": messages}));
    json!({
        "messages": spread.messages,
        "median_seconds": seconds(spread.median),
        "p90_seconds": seconds(spread.p90),
        "steps": steps.collect::<Vec<_>>(),
    })
}

fn waited(waited: &Waited) -> Value {
    json!({"all": spread(&waited.all), "without_bots": spread(&waited.without_bots)})
}

/// `engagement --format json`. Rates are fractions of deliveries, or null where there are none.
pub fn engagement_report(found: &Engagement, by: &[Dimension]) -> Value {
    let mut object = figures(&found.all);
    let bots = found.reasons.iter().map(|(reason, opens, clicks)| {
        json!({
            "reason": reason.name(), "is": reason.verdict().as_str(), "opens": opens, "clicks": clicks,
            "words": reason.words(), "source": reason.source(),
        })
    });
    let windows = found.windows.iter().map(|window| {
        let mut object = Map::new();
        object.insert("window_start".to_owned(), json!(time(window.start)));
        object.insert("window_end".to_owned(), json!(time(window.end)));
        object.extend(figures(&window.figures));
        Value::Object(object)
    });
    let groups = found.groups.iter().map(|group| {
        let mut object = Map::new();
        object.extend(by.iter().zip(&group.group).map(|(dimension, value)| (dimension.to_string(), json!(value))));
        object.extend(figures(&group.figures));
        Value::Object(object)
    });
    let (others, number) = &found.others;
    let mut other_groups = Map::new();
    other_groups.insert("groups".to_owned(), json!(number));
    other_groups.extend(figures(others));
    let links = found.links.iter().map(|link| {
        json!({
            "link": link.link, "link_tags": link.tags, "clicks": link.clicks.events, "likely_bots": link.clicks.bots,
            "messages": link.clicks.messages, "messages_without_bots": link.clicks.messages_without_bots,
        })
    });
    let parts = [
        ("judged_by_ses", json!(found.judged_by_ses)),
        ("reasons", bots.collect()),
        ("time_to_first_open", waited(&found.first_open)),
        ("time_to_first_click", waited(&found.first_click)),
        ("windows", windows.collect()),
        ("groups", groups.collect()),
        ("others", Value::Object(other_groups)),
        ("links", links.collect()),
        ("other_links", json!(found.other_links)),
    ];
    object.extend(parts.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(object)
}

/// The same as a table of one kind of rows.
pub fn engagement_table(found: &Engagement, by: &[Dimension], rows: EngagementRows) -> Table {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    match rows {
        EngagementRows::All => Table { header: figures_header(), rows: vec![figures_cells(&found.all)] },
        EngagementRows::Windows => {
            let row = |window: &super::EngagedWindow| {
                [vec![time(window.start), time(window.end)], figures_cells(&window.figures)].concat()
            };
            let header = [names(&["window_start", "window_end"]), figures_header()].concat();
            Table { header, rows: found.windows.iter().map(row).collect() }
        }
        EngagementRows::Groups => {
            let row = |group: &super::EngagedGroup| {
                [group.group.iter().map(text).collect(), figures_cells(&group.figures)].concat()
            };
            let header = [by.iter().map(Dimension::to_string).collect(), figures_header()].concat();
            Table { header, rows: found.groups.iter().map(row).collect() }
        }
        EngagementRows::Links => {
            let row = |link: &super::ClickedLink| {
                let Acts { events, bots, messages, messages_without_bots, .. } = link.clicks;
                let numbers = [events, bots, messages, messages_without_bots].map(|number| number.to_string());
                [vec![text(&link.link), text(&link.tags)], numbers.to_vec()].concat()
            };
            let header = ["link", "link_tags", "clicks", "likely_bots", "messages", "messages_without_bots"];
            Table { header: names(&header), rows: found.links.iter().map(row).collect() }
        }
        EngagementRows::Bots => {
            let row = |(reason, opens, clicks): &(super::BotReason, u64, u64)| {
                vec![
                    reason.name().to_owned(),
                    reason.verdict().as_str().to_owned(),
                    opens.to_string(),
                    clicks.to_string(),
                    reason.words().to_owned(),
                    reason.source().to_owned(),
                ]
            };
            let header = ["reason", "is", "opens", "clicks", "words", "source"];
            Table { header: names(&header), rows: found.reasons.iter().map(row).collect() }
        }
    }
}

/// What is told of opens, and in the same order of clicks.
const ACTS: [&str; 7] =
    ["events", "likely_bots", "image_proxies", "messages", "messages_without_bots", "rate", "rate_without_bots"];

fn figures_header() -> Vec<String> {
    let of =
        |act: &'static str| ACTS.map(|name| if name == "events" { act.to_owned() } else { format!("{act}_{name}") });
    std::iter::once("deliveries".to_owned()).chain(of("opens")).chain(of("clicks")).collect()
}

fn figures_cells(figures: &Engaged) -> Vec<String> {
    let fraction = |rate: Option<f64>| rate.map(|rate| rate.to_string()).unwrap_or_default();
    let cells = |acts: &Acts, rate: Option<f64>, without_bots: Option<f64>| {
        let counts = [acts.events, acts.bots, acts.proxies, acts.messages, acts.messages_without_bots];
        let counts = counts.map(|count| count.to_string());
        counts.into_iter().chain([fraction(rate), fraction(without_bots)])
    };
    std::iter::once(figures.deliveries.to_string())
        .chain(cells(&figures.opens, figures.open_rate_with_bots(), figures.open_rate()))
        .chain(cells(&figures.clicks, figures.click_rate_with_bots(), figures.click_rate()))
        .collect()
}
