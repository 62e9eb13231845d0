//! Alerts beyond the lake: what checks remember of incidents, silences, and the file with the rules.
//!
//! ```text
//! alerts/state.json, history.json, silences.json, repute.toml ── the program looks ──> AppState::note_alerts, replace_rules
//! pages that change something ── AlertDesk ──> the program writes ──────────────────────────┘
//! ```
//! Nothing here reads or writes a file.

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use repute_query::{Dimension, Group, Metric, Rule, Silence};

/// How bad an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// At the first threshold.
    Warning,
    /// At the second.
    Critical,
    /// A check could say nothing.
    Unknown,
}

impl Severity {
    /// The name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Something that is or was wrong, from when a check first saw it until one saw that it was over.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Its name.
    pub id: String,
    /// The rule's name; `no_mail` and `check` where it is of none.
    pub rule: String,
    /// Whether it is of a rule.
    pub is_of_rule: bool,
    /// Account.
    pub account_id: Option<String>,
    /// Which part of it.
    pub group: Group,
    /// What the rule watches, as far as that is known.
    pub metric: Option<Metric>,
    /// How bad it was when it was last seen.
    pub severity: Severity,
    /// How bad it was at worst.
    pub worst: Severity,
    /// What was wrong at worst, in a sentence.
    pub sentence: String,
    /// The value at worst.
    pub value: Option<f64>,
    /// Where it comes from, if somebody looked.
    pub why: Option<String>,
    /// When it was first seen.
    pub since: DateTime<Utc>,
    /// When it was last seen.
    pub seen: DateTime<Utc>,
    /// Nobody is told of it right now: it is silenced, or another rule says worse of the same.
    pub is_muted: bool,
    /// When it ended, and why.
    pub end: Option<(DateTime<Utc>, String)>,
    /// Who was told of it.
    pub told: Vec<String>,
}

/// A silence that somebody made, beside those of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeSilence {
    /// Its name.
    pub id: String,
    /// What it covers, from when and until when.
    pub silence: Silence,
    /// Who made it.
    pub author: String,
    /// When it was ended before its time, and by whom.
    pub ended: Option<(DateTime<Utc>, String)>,
}

impl MadeSilence {
    /// When it is or was over.
    pub fn over(&self) -> DateTime<Utc> {
        self.ended.as_ref().map_or(self.silence.until, |(at, _)| self.silence.until.min(*at))
    }

    /// Whether it holds at this time.
    pub fn holds(&self, now: DateTime<Utc>) -> bool {
        now < self.over()
    }
}

/// What is remembered of alerts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Remembered {
    /// Incidents: those that are open, then those that are over, the latest first.
    pub incidents: Vec<Incident>,
    /// Silences that were made, the latest first.
    pub silences: Vec<MadeSilence>,
    /// Why some of it cannot be read, if it cannot.
    pub trouble: Option<String>,
}

/// A silence that somebody asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct SilenceWish {
    /// Only this rule.
    pub rule: Option<String>,
    /// Only these values.
    pub only: Vec<(Dimension, Option<String>)>,
    /// Only accounts as a whole.
    pub total: bool,
    /// When it ends.
    pub until: DateTime<Utc>,
    /// Why.
    pub reason: String,
    /// Who asks.
    pub author: String,
}

/// Keys of a rule that can be changed on its page, in the order of the form.
pub const RULE_KEYS: [&str; 12] = [
    "warn",
    "critical",
    "min_sends",
    "min_events",
    "window",
    "last_sends",
    "for",
    "keep_firing_for",
    "hits",
    "no_data",
    "look_back",
    "confidence",
];

/// New values of keys, as typed; an empty one leaves the key out.
pub type RuleChanges = Vec<(String, String)>;

/// A rule as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenRule {
    /// Values of [`RULE_KEYS`] as they are written, or would be; empty where the key is left out.
    pub values: Vec<(&'static str, String)>,
    /// Whether it stands in the file; a default rule need not.
    pub is_in_file: bool,
    /// The file, for people.
    pub place: Option<String>,
    /// Which version of the file this is.
    pub version: String,
    /// Why nothing can be saved, if it cannot.
    pub obstacle: Option<String>,
}

/// A rule with changes, not in force.
#[derive(Debug, Clone, PartialEq)]
pub struct TriedRule {
    /// As a check would use it.
    pub rule: Rule,
    /// As it would be written: a `[[rule]]` of TOML.
    pub toml: String,
}

/// Rules and silences of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleBook {
    /// The rules in force.
    pub rules: Vec<Rule>,
    /// The silences that stand in the file.
    pub silences: Vec<Silence>,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// What was typed makes no sense; the field, where it is one.
    Mistake(Option<String>, String),
    /// There is no such thing any more.
    Missing(String),
    /// The file is another one than the page was made from; lines that differ.
    Changed(String),
    /// It cannot be written.
    Unwritable(String),
}

/// What the program does for pages that change something.
pub trait AlertDesk: Send + Sync {
    /// Makes a silence, and tells its name and all there are now.
    fn silence(
        &self,
        wish: SilenceWish,
        now: DateTime<Utc>,
    ) -> BoxFuture<'_, Result<(String, Vec<MadeSilence>), Refusal>>;

    /// Ends a silence, and tells all there are now.
    fn end_silence<'a>(
        &'a self,
        id: &'a str,
        by: &'a str,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<MadeSilence>, Refusal>>;

    /// A rule in force as it is written.
    fn written<'a>(&'a self, rule: &'a Rule) -> BoxFuture<'a, Result<WrittenRule, Refusal>>;

    /// The rule with changes.
    fn tried<'a>(&'a self, rule: &'a Rule, changes: &'a RuleChanges) -> BoxFuture<'a, Result<TriedRule, Refusal>>;

    /// Writes the rule with changes into the file, if that is still of this version, and tells what is in force then.
    fn save<'a>(
        &'a self,
        rule: &'a Rule,
        changes: &'a RuleChanges,
        version: &'a str,
    ) -> BoxFuture<'a, Result<RuleBook, Refusal>>;
}
