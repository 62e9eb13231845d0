//! Opens and clicks: how many, of how many messages, what of it was made by machines, which links, how soon.
//!
//! ```text
//! days of opens and clicks (read once, kept in memory) ── filter, window, group, message by message ──┐
//! deliveries (rates)                                                                                  ┴──> Engagement
//! ```
//! Only rows of opens and clicks are read, and of deliveries what a rule on likely bots asks for. Counts of messages are exact but for
//! messages whose ids have the same hash of 64 bits: of four million messages any two with a chance of one in two million.

mod bots;
mod count;
mod day;
mod days;
mod reading;
mod report;
mod spread;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use repute_lake::EventType;
use repute_lake::schema::column;

use crate::dimension::Dimension;
use crate::error::QueryError;
use crate::interval::rate;
use crate::kept::Kept;
use crate::rates::{Stepping, rates};
use crate::scan::{Reader, Selection};
use count::{Both, Counted, Names, count};
use days::Days;

pub use bots::{BotReason, BotVerdict, bot_reason};
pub use report::{EngagementRows, engagement_report, engagement_table};
pub use spread::{Spread, WAITS, Waited};

/// Answers that are kept.
const KEPT_ANSWERS: usize = 64;

/// What is kept for questions about one version of the lake, and days for all versions.
pub(crate) struct KeptEngagement {
    pub(crate) days: Arc<Days>,
    answers: Kept<EngagementQuery, Engagement>,
}

impl Default for KeptEngagement {
    fn default() -> Self {
        Self { days: Arc::default(), answers: Kept::at_most(KEPT_ANSWERS) }
    }
}

impl KeptEngagement {
    /// Takes over the days that were read of another version.
    pub(crate) fn continue_from(&mut self, other: &Self) {
        self.days = Arc::clone(&other.days);
    }
}

/// Which opens and clicks, and how they are divided.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EngagementQuery {
    /// Which rows, on which clock, grouped by what; with a width also by windows. The types of events do not matter.
    pub selection: Selection,
    /// How windows follow one another.
    pub stepping: Stepping,
    /// At most so many groups, those with most deliveries.
    pub groups: usize,
    /// At most so many links, those with most clicks.
    pub links: usize,
}

/// Opens or clicks of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Acts {
    /// All events.
    pub events: u64,
    /// Those that are likely bots'.
    pub bots: u64,
    /// Those that image proxies made for readers, perhaps; not among `bots`.
    pub proxies: u64,
    /// Messages with at least one.
    pub messages: u64,
    /// Messages with at least one that is no likely bot's.
    pub messages_without_bots: u64,
}

/// Opens and clicks of some messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Engaged {
    /// Recipient rows of deliveries.
    pub deliveries: u64,
    /// Opens.
    pub opens: Acts,
    /// Clicks.
    pub clicks: Acts,
}

impl Engaged {
    /// Messages that were opened, likely bots left out, over deliveries.
    pub fn open_rate(&self) -> Option<f64> {
        rate(self.opens.messages_without_bots, self.deliveries)
    }

    /// Messages in which something was clicked, likely bots left out, over deliveries.
    pub fn click_rate(&self) -> Option<f64> {
        rate(self.clicks.messages_without_bots, self.deliveries)
    }

    /// The open rate with all that opened.
    pub fn open_rate_with_bots(&self) -> Option<f64> {
        rate(self.opens.messages, self.deliveries)
    }

    /// The click rate with all that clicked.
    pub fn click_rate_with_bots(&self) -> Option<f64> {
        rate(self.clicks.messages, self.deliveries)
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Engagement {
    /// All of it.
    pub all: Engaged,
    /// Why events are not simply taken for a reader's, each reason with its opens and clicks; in the order of the rules.
    pub reasons: Vec<(BotReason, u64, u64)>,
    /// Events that SES itself judged, one way or the other.
    pub judged_by_ses: u64,
    /// By windows, if asked for, in their order; those without any event are not there.
    pub windows: Vec<EngagedWindow>,
    /// The largest groups, if asked for.
    pub groups: Vec<EngagedGroup>,
    /// All other groups together, and how many they are. A message that is in several counts in each.
    pub others: (Engaged, u64),
    /// The links with most clicks.
    pub links: Vec<ClickedLink>,
    /// How many more links there are.
    pub other_links: u64,
    /// From sending to the first open.
    pub first_open: Waited,
    /// From sending to the first click.
    pub first_click: Waited,
}

/// A window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngagedWindow {
    /// Its start.
    pub start: DateTime<Utc>,
    /// Its end.
    pub end: DateTime<Utc>,
    /// What happened in it, or to mail that was sent in it.
    pub figures: Engaged,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngagedGroup {
    /// Values of the dimensions.
    pub group: Vec<Option<String>>,
    /// Its figures.
    pub figures: Engaged,
}

/// A link, with the tags that it has in mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClickedLink {
    /// Where it leads; `None` for clicks that do not say.
    pub link: Option<String>,
    /// `name=value; ...`, if it has any.
    pub tags: Option<String>,
    /// Clicks on it.
    pub clicks: Acts,
}

/// Counts opens and clicks.
///
/// On [`crate::Clock::Sent`] these are the opens and clicks, up to now, of mail that was sent in the range, over the deliveries of that
/// mail: a rate of at most 100 % for mail with one recipient. On [`crate::Clock::Event`] whatever happened in the range, over the
/// deliveries in it.
///
/// # Errors
/// [`QueryError::Question`] where there is more than the memory is for, and for sliding windows.
pub async fn engagement(reader: &Reader, query: &EngagementQuery) -> Result<Arc<Engagement>, QueryError> {
    let mut query = query.clone();
    query.selection.types.clear();
    query.selection = reader.without_idle_bounds(&query.selection).await?;
    let asked = query.clone();
    reader.engagement.answers.get(asked, async || ask(reader, &query).await).await
}

async fn ask(reader: &Reader, query: &EngagementQuery) -> Result<Engagement, QueryError> {
    let days = reader.engagement.days.of(reader, &query.selection).await?;
    let turn = reader.turn().await?;
    let (counted, names) = count(days, query, reader.providers()).await?;
    drop(turn);
    let delivered = Delivered::ask(reader, query).await?;
    Ok(told(counted, &names, delivered, query))
}

/// Deliveries, which are what rates are over.
struct Delivered {
    all: u64,
    windows: Vec<(DateTime<Utc>, DateTime<Utc>, u64)>,
    groups: BTreeMap<Vec<Option<String>>, u64>,
    /// Whether deliveries cannot be divided as clicks are.
    is_whole: bool,
}

impl Delivered {
    async fn ask(reader: &Reader, query: &EngagementQuery) -> Result<Self, QueryError> {
        let link = Dimension::Column(column::LINK);
        let only = query.selection.only.iter().filter(|(dimension, _)| *dimension != link).cloned().collect();
        let is_whole = query.selection.by.contains(&link);
        let by = if is_whole { Vec::new() } else { query.selection.by.clone() };
        let all = Selection { types: vec![EventType::Delivery], width: None, only, by, ..query.selection.clone() };
        let rows = rates(reader, &all, Stepping::Tumbling).await?;
        let mut delivered = Self { all: 0, windows: Vec::new(), groups: BTreeMap::new(), is_whole };
        for row in rows {
            delivered.all += row.counts.delivery;
            if row.counts.delivery > 0 {
                delivered.groups.insert(row.group, row.counts.delivery);
            }
        }
        if query.selection.width.is_some() || query.stepping != Stepping::Tumbling {
            let windows = Selection { by: Vec::new(), width: query.selection.width, ..all };
            for row in rates(reader, &windows, query.stepping).await? {
                if let (Some(start), Some(end)) = (row.window_start, row.window_end) {
                    delivered.windows.push((start, end, row.counts.delivery));
                }
            }
        }
        Ok(delivered)
    }
}

fn engaged(deliveries: u64, both: Both) -> Engaged {
    Engaged { deliveries, opens: both.opens, clicks: both.clicks }
}

fn told(counted: Counted, names: &Names, delivered: Delivered, query: &EngagementQuery) -> Engagement {
    let reasons: Vec<(BotReason, u64, u64)> = BotReason::all()
        .filter_map(|reason| {
            let [opens, clicks] = counted.reasons.get(reason.index() + 1).copied()?;
            (opens + clicks > 0).then_some((reason, opens, clicks))
        })
        .collect();
    let likely = reasons.iter().filter(|(reason, ..)| reason.is_of_ses());
    let judged_by_ses = counted.readers + likely.map(|(_, opens, clicks)| opens + clicks).sum::<u64>();
    let (links, other_links) = links(&counted, names, query.links);
    let all = engaged(delivered.all, counted.all);
    let windows = windows(names, &delivered);
    let (groups, others) = if query.selection.by.is_empty() {
        Default::default()
    } else {
        groups(&counted, names, delivered, query.groups)
    };
    let (first_open, first_click) = (counted.first_open.told(), counted.first_click.told());
    Engagement { all, reasons, judged_by_ses, windows, groups, others, links, other_links, first_open, first_click }
}

fn windows(names: &Names, delivered: &Delivered) -> Vec<EngagedWindow> {
    let mut windows: BTreeMap<DateTime<Utc>, EngagedWindow> = BTreeMap::new();
    for ((start, end), both) in &names.windows {
        windows.insert(*start, EngagedWindow { start: *start, end: *end, figures: engaged(0, *both) });
    }
    for (start, end, deliveries) in &delivered.windows {
        let silent = || EngagedWindow { start: *start, end: *end, figures: Engaged::default() };
        windows.entry(*start).or_insert_with(silent).figures.deliveries = *deliveries;
    }
    windows.into_values().collect()
}

fn groups(
    counted: &Counted,
    names: &Names,
    mut delivered: Delivered,
    limit: usize,
) -> (Vec<EngagedGroup>, (Engaged, u64)) {
    let mut groups: Vec<EngagedGroup> = Vec::new();
    for (number, both) in &counted.groups {
        let group = names.groups.get(*number as usize).cloned().unwrap_or_default();
        let deliveries =
            if delivered.is_whole { delivered.all } else { delivered.groups.remove(&group).unwrap_or_default() };
        groups.push(EngagedGroup { group, figures: engaged(deliveries, *both) });
    }
    if !delivered.is_whole {
        let silent = std::mem::take(&mut delivered.groups).into_iter();
        groups.extend(
            silent.map(|(group, deliveries)| EngagedGroup { group, figures: engaged(deliveries, Both::default()) }),
        );
    }
    let size = |group: &EngagedGroup| {
        let Engaged { deliveries, opens, clicks } = &group.figures;
        std::cmp::Reverse((*deliveries, opens.messages + clicks.messages))
    };
    groups.sort_by(|a, b| size(a).cmp(&size(b)).then_with(|| a.group.cmp(&b.group)));
    let rest = groups.split_off(groups.len().min(limit));
    let mut others = Both::default();
    rest.iter().for_each(|group| others.sum(&Both { opens: group.figures.opens, clicks: group.figures.clicks }));
    let deliveries = rest.iter().map(|group| group.figures.deliveries);
    let deliveries = if delivered.is_whole { delivered.all } else { deliveries.sum() };
    (groups, (engaged(deliveries, others), rest.len() as u64))
}

fn links(counted: &Counted, names: &Names, limit: usize) -> (Vec<ClickedLink>, u64) {
    let mut clicked: Vec<(&day::Link, &Acts)> = counted
        .links
        .iter()
        .filter_map(|(number, clicks)| Some((names.links.get(*number as usize)?, clicks)))
        .collect();
    clicked.sort_by(|(a, of_a), (b, of_b)| {
        (of_b.messages_without_bots, of_b.events).cmp(&(of_a.messages_without_bots, of_a.events)).then_with(|| a.cmp(b))
    });
    let more = clicked.len().saturating_sub(limit) as u64;
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let link = |(link, clicks): (&day::Link, &Acts)| ClickedLink {
        link: text(&link.url),
        tags: text(&link.tags),
        clicks: *clicks,
    };
    (clicked.into_iter().take(limit).map(link).collect(), more)
}
