//! Alerts: what is wrong now, every rule with its values, what was wrong, and what is silenced.
//!
//! ```text
//! /alerts            open incidents, rules, silences in force, history
//! /alerts/{rule}     the sums, the course, episodes, where it comes from; other thresholds, tried and saved
//! /silences          all silences; one is made and ended here
//! ```

mod form;
mod history;
mod list;
mod open;
pub(crate) mod preview;
mod rule;
mod silences;
mod words;

pub(crate) use history::Incidents;
pub(crate) use list::{RuleOrigin, alerts};
pub(crate) use open::{Known, OpenIncident, open_incidents};
pub(crate) use rule::{alert_rule, save_rule};
pub(crate) use silences::{end as end_made_silence, end_silence, make as make_wished_silence, make_silence, silences};
