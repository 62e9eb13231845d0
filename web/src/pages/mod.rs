//! The pages, and what they have in common.

mod cards;
mod charts;
mod level;
mod overview;
mod sets;
mod verdict;

pub(crate) use charts::{bounce_chart, complaint_chart};
pub(crate) use overview::{overview, warm_up};

use crate::format;
use crate::state::AppState;
use crate::stylesheet;

/// What frames every page.
pub(crate) struct Shell {
    /// Address of the stylesheet.
    pub(crate) stylesheet: &'static str,
    /// Where the lake is; empty where it is not to be told.
    pub(crate) location: String,
    /// The time for which the page was made; empty where it does not matter.
    pub(crate) made: String,
    /// The page the reader is on.
    pub(crate) current: &'static str,
}

/// A page in the navigation.
pub(crate) struct Place {
    pub(crate) address: &'static str,
    pub(crate) name: &'static str,
}

const PLACES: [Place; 1] = [Place { address: "/", name: "Overview" }];

impl Shell {
    /// The frame of a page.
    fn new(state: &AppState, current: &'static str) -> Self {
        let made = format::time(state.now());
        Self { stylesheet: stylesheet::path(), location: format::printable(state.location()), made, current }
    }

    /// A frame that tells nothing about the server.
    pub(crate) fn bare() -> Self {
        Self { stylesheet: stylesheet::path(), location: String::new(), made: String::new(), current: "" }
    }

    /// The last part of the lake's place, which is enough to know it by.
    pub(crate) fn lake_name(&self) -> &str {
        let path = self.location.trim_end_matches('/');
        path.rsplit_once('/').map_or(path, |(_, name)| name)
    }

    pub(crate) fn places(&self) -> &'static [Place] {
        &PLACES
    }
}
