//! Questions to the lake and their answers: counts, rates, reputation, alerts.
//!
//! ```text
//! Lake ── Reader ──> tallies (kind x recipient class, per window and group), from rollups or from the rows
//!                       │ rates        counts, AWS's and plain rates per window
//!                       │ reputation   the last N eligible sends: what AWS judges by
//!                       │ sliding      every window in steps of a minute
//!                       └ check        rules, findings, one state; attribution: why; backtest: the same in the past
//!            ├────────> reasons        why mail bounced, equal reasons together
//!            ├────────> engagement     opens and clicks, likely bots apart
//!            ├────────> delays         how long deliveries took, what was put off
//!            ├────────> messages       the events of single messages, one by one
//!            └────────> doctor         why a figure is missing or not what it seems
//! ```
//! Only here are queries written; values enter them as literals of the plan, never as text. Everything after the scan is
//! arithmetic on [`Tally`], but for single messages.

mod error;

mod counting;
mod silent;
mod tally;

mod dimension;
mod filter;
mod functions;
mod provider;
mod seen;
mod selection;
mod turns;

mod ahead;
mod answers;
mod coded;
mod codes;
mod counter;
mod dated;
mod part;
mod parts;
mod rollup;
mod rows;
mod scan;

mod calendar;
mod interval;
mod pace;
mod rates;
mod reputation;
mod sliding;

mod alert;
mod attribution;
mod backtest;
mod check;
mod gauge;

mod delays;
mod doctor;
mod engagement;
mod kept;
mod messages;
mod reasons;
mod windows;

mod explain;
mod report;
mod tables;
mod wording;

pub use ahead::read_ahead;
pub use alert::{
    Compare, Confidence, Counting, Expected, JudgedRate, Measured, Metric, Missing, Rule, Silence, State, Unit,
    UnknownMetric, Verdict, Window, decisive, default_rules, judge,
};
pub use attribution::{Attribution, Baseline, Divided, Part, attribute_alarms, attribution};
pub use backtest::{Course, Episode, Point, Standing, backtest, backtest_each, course, standings};
pub use calendar::LocalDays;
pub use check::{CheckOptions, CheckResult, Finding, Group, Muted, check, sentence};
pub use chrono_tz::{TZ_VARIANTS as ZONES, Tz};
pub use counting::{AwsCounts, CountingRules, Exclusion, Side};
pub use delays::{
    DelayCount, DelayReason, DelayRows, Delayed, Delays, DelaysQuery, TIMES, TakenGroup, TakenWindow, TimesTaken,
    Undecided, delays, delays_report, delays_table,
};
pub use dimension::{COLUMNS, Dimension, UnknownDimension};
pub use doctor::{
    Advice, Around, DumpFacts, EventFacts, Failed, ImportRun, LakeFacts, Late, RuleFacts, SampledObject, Seen,
    SendingDelays, Severity, StreamFacts, Watch, WatchedSource, damaged_lake, diagnose, doctor_report, dump_advice,
    dump_report, explanation, lake_advice, no_lake, stream_advice, stream_report, watched_advice,
};
pub use engagement::{
    Acts, BotReason, BotVerdict, ClickedLink, Engaged, EngagedGroup, EngagedWindow, Engagement, EngagementQuery,
    EngagementRows, Spread, WAITS, Waited, bot_reason, engagement, engagement_report, engagement_table,
};
pub use error::QueryError;
pub use explain::{explain_finding, explain_rule};
pub use interval::{headroom, rate, reaches, wilson};
pub use messages::{
    DETAILS, Detail, FoundMessages, MOST_EVENTS, Message, MessageEvent, MessageQuery, bare_message_id, messages,
    sent_time,
};
pub use pace::Pace;
pub use provider::Providers;
pub use rates::{Counts, Rates, Stepping, compared_rates, rates};
pub use reasons::{
    BounceClass, BounceQuery, BounceReasons, Classifier, MOST_REASONS, ReasonGroup, ReasonRule, UnknownClass,
    WrongReason, bounce_reasons, normalise,
};
pub use report::{
    backtest_report, bounces_report, check_report, messages_report, rates_report, rates_text, reputation_report,
};
pub use reputation::{
    BOUNCE_PAUSE, BOUNCE_REVIEW, COMPLAINT_PAUSE, COMPLAINT_REVIEW, RECENT_DAYS, REPRESENTATIVE_VOLUME, Recent,
    Reputation, ReputationQuery, reputation,
};
pub use repute_lake::{
    BadBook, BadClass, BadFilter, BadList, BadRecord, BookedObject, Books, DayFiles, EventType, ImportTotals,
    ImportedObject, KeptRecord, LakeError, LogStanding, ObjectBook, ObjectFilter, ObjectList, ObjectState, ObjectSums,
    RecentImport, TableStatistics, WrongCursor,
};
pub use rollup::RollupStanding;
pub use scan::{Clock, Reader, Selection, Tallied};
pub use silent::{Silent, UnknownSilent};
pub use sliding::{Position, sliding};
pub use tables::{Table, bounces_table, csv_cell, messages_table, rates_table};
pub use tally::{Kind, RecipientClass, Tally};
pub use turns::Turns;
pub use wording::{after, age, count, percent, thousands};
