//! The pages, and what they have in common.

mod alerts;
mod bar;
mod bars;
mod bounces;
mod breakdown;
mod cards;
mod delays;
mod engagement;
mod groups;
mod health;
mod imports;
mod level;
mod messages;
mod overview;
mod pager;
mod panel;
mod places;
mod quarantine;
mod rates;
mod tiles;
mod verdict;

pub(crate) use alerts::{
    RuleOrigin, alert_rule, alerts, end_made_silence, end_silence, make_silence, make_wished_silence, preview,
    save_rule, silences,
};
pub(crate) use bounces::bounces;
pub(crate) use breakdown::{campaigns, providers};
pub(crate) use delays::delays;
pub(crate) use engagement::{engagement_chart, engagement_page};
pub(crate) use health::{advice, health};
pub(crate) use imports::imports;
pub(crate) use messages::{SEARCH_LIMIT, Sought, message, messages};
pub(crate) use overview::{overview, warm_up};
pub(crate) use quarantine::{REFUSED, bad_record, mend, quarantine, retry};
pub(crate) use rates::{chart, rates_page};

use std::sync::Arc;

use askama::Template;
use axum::response::Html;
use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{QueryError, Reader};

use self::places::{Links, navigation, with_query};
use crate::access::{SignedIn, signed_in};
use crate::failure::{Failure, PageFailure};
use crate::filters::{Filters, Range};
use crate::format;
use crate::history::extent;
use crate::state::AppState;
use crate::zone::Zone;
use crate::{script, stylesheet};

/// What frames every page.
pub(crate) struct Shell {
    /// Address of the stylesheet.
    pub(crate) stylesheet: &'static str,
    /// Address of the script.
    pub(crate) script: &'static str,
    /// Where the lake is; empty where it is not to be told.
    pub(crate) location: String,
    /// The time for which the page was made; empty where it does not matter.
    pub(crate) made: String,
    /// The page the reader is on.
    pub(crate) current: &'static str,
    /// The query string of its filters, which links to other pages keep; empty for the usual ones.
    pub(crate) query: String,
    /// The zone of its times.
    pub(crate) zone: &'static str,
    /// Why its figures may be old, if they may.
    pub(crate) stale: Option<String>,
    /// How old the newest event is.
    pub(crate) freshness: String,
    /// Who has signed in; nobody where nobody does.
    pub(crate) signed_in: Option<SignedIn>,
    /// Whether the page is fetched again while it is looked at.
    pub(crate) live: bool,
}

impl Shell {
    /// The frame of a page.
    fn new(state: &AppState, current: &'static str) -> Self {
        let made = format::time(state.now());
        Self { location: format::printable(state.location()), made, current, live: true, ..Self::bare() }
    }

    /// A frame that tells nothing about the server.
    pub(crate) fn bare() -> Self {
        Self {
            stylesheet: stylesheet::path(),
            script: script::path(),
            location: String::new(),
            made: String::new(),
            current: "",
            query: String::new(),
            zone: Zone::UTC.name(),
            stale: None,
            freshness: String::new(),
            signed_in: signed_in(),
            live: false,
        }
    }

    /// With times of the filters' zone, and links that keep the filters.
    fn with_filters(self, state: &AppState, filters: &Filters) -> Self {
        let query = if filters.are_usual() { String::new() } else { filters.to_query() };
        Self { made: filters.zone.time(state.now()), zone: filters.zone.name(), query, ..self }
    }

    /// The last part of the lake's place, which is enough to know it by.
    pub(crate) fn lake_name(&self) -> &str {
        let path = self.location.trim_end_matches('/');
        path.rsplit_once('/').map_or(path, |(_, name)| name)
    }

    /// The pages in their groups.
    pub(crate) fn navigation(&self) -> Vec<Links> {
        navigation(self.current, &self.query)
    }

    /// Another page with the same filters.
    pub(crate) fn link(&self, address: &str) -> String {
        with_query(address, &self.query)
    }
}

/// What a page of figures stands on.
pub(crate) struct Ground {
    pub(crate) reader: Arc<Reader>,
    pub(crate) shell: Shell,
}

impl Ground {
    /// The lake and the frame of a page; where there is nothing to show yet, the page that says so instead.
    async fn of(
        state: &AppState,
        path: &'static str,
        filters: &Filters,
    ) -> Result<Result<Self, Html<String>>, PageFailure> {
        let zone = filters.zone;
        let mut shell = Shell::new(state, path).with_filters(state, filters);
        let trouble = state.trouble();
        let Some(reader) = state.reader() else {
            return match trouble {
                None => Ok(Err(Html(EmptyPage { shell }.render()?))),
                Some(trouble) => Err(Failure::Unreadable(trouble).into()),
            };
        };
        let now = state.now();
        let Some(newest) = reader.newest_event(now).await? else {
            return Ok(Err(Html(EmptyPage { shell }.render()?)));
        };
        let age = format::duration(now - newest);
        shell.freshness = format!("Newest event {age} old, {}", zone.time(newest));
        shell.stale = match trouble {
            Some(trouble) => Some(format!(
                "The lake cannot be read since {}: what is shown was read before.",
                zone.time(trouble.since)
            )),
            None if now - newest > state.options().max_age => Some(format!(
                "Nothing newer than {age} has been imported, so the figures end at {}.",
                zone.time(newest)
            )),
            None => None,
        };
        Ok(Ok(Self { reader, shell }))
    }
}

#[derive(Template)]
#[template(path = "empty.html")]
struct EmptyPage {
    shell: Shell,
}

/// Where to look instead, on a page whose filters let nothing pass.
pub(crate) struct Elsewhere {
    pub(crate) path: &'static str,
    /// Whose mail was asked for.
    pub(crate) scope: String,
    /// From, to and the address for it, if there is anything at another time.
    pub(crate) times: Option<(String, String, String)>,
    /// The address without any filter but the time, if there is one.
    pub(crate) unfiltered: Option<String>,
}

impl Elsewhere {
    async fn find(
        reader: &Reader,
        path: &'static str,
        filters: &Filters,
        now: DateTime<Utc>,
    ) -> Result<Self, QueryError> {
        let found = extent(reader, filters, now + TimeDelta::microseconds(1)).await?;
        let times = found.map(|(from, to)| {
            let query = filters.with_range(Range::Free(Some(from), Some(to))).to_query();
            (filters.zone.time(from), filters.zone.time(to), query)
        });
        let all = Filters { only: Vec::new(), ..filters.clone() };
        Ok(Self {
            path,
            scope: bar::scope(filters),
            times,
            unfiltered: (!filters.only.is_empty()).then(|| all.to_query()),
        })
    }
}
