//! `GET /metrics` for Prometheus: the judged rates, the state of every rule, and what imports did, in its text format.
//!
//! Label sets are bounded: of configuration sets, providers and groups those with the most mail have series of their own. A rate
//! without a denominator has no series, since it is not 0.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use prometheus::{Encoder, Error, Gauge, GaugeVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder};
use repute_query::{
    AwsCounts, CheckResult, Dimension, Finding, Rates, Reader, Reputation, ReputationQuery, Selection,
    State as RuleState, Stepping, rates, reputation,
};

use crate::access::Visitor;
use crate::checks::latest_check;
use crate::failure::{ApiFailure, Failure};
use crate::state::AppState;
use crate::watched::Watched;

/// So many configuration sets, providers and findings have series of their own.
const MOST_SETS: usize = 100;
const MOST_PROVIDERS: usize = 25;
const MOST_FINDINGS: usize = 500;

/// Providers are told apart over this time.
const PROVIDER_HOURS: i64 = 24;

/// `GET /metrics`.
pub(crate) async fn metrics(State(state): State<AppState>, visitor: Visitor) -> Result<Response, ApiFailure> {
    let registry = Registry::new_custom(Some("repute".to_owned()), None)?;
    family(&registry, "build_info", "Version of repute", &["version"])?
        .with_label_values(&[env!("CARGO_PKG_VERSION")])
        .set(1.0);
    // Figures that may be old are not told: Prometheus would take them for those of now.
    let reader = state.current();
    number(&registry, "lake_readable", "Whether the lake can be read", f64::from(u8::from(reader.is_ok())))?;
    if let Some(at) = state.last_check() {
        let help = "When repute check last came to its end, whatever it said";
        number(&registry, "last_check_timestamp_seconds", help, seconds(at))?;
    }
    watched(&registry, &state.watched())?;
    if let Ok(reader) = reader {
        figures(&registry, &reader, &state, &visitor).await?;
    }
    let (mut text, encoder) = (Vec::new(), TextEncoder::new());
    encoder.encode(&registry.gather(), &mut text)?;
    Ok(([(CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response())
}

async fn figures(
    registry: &Registry,
    reader: &Arc<Reader>,
    state: &AppState,
    visitor: &Visitor,
) -> Result<(), Failure> {
    let (options, now) = (state.options(), state.now());
    let judged = ReputationQuery { last_sends: options.last_sends, since: options.reset, as_of: Some(now) };
    let by_provider = Selection {
        since: Some(now - TimeDelta::hours(PROVIDER_HOURS)),
        as_of: Some(now),
        by: vec![Dimension::Provider],
        ..Selection::default()
    };
    let (found, judged, providers) = tokio::try_join!(
        latest_check(state, reader),
        reputation(reader, &judged),
        rates(reader, &by_provider, Stepping::Tumbling),
    )?;
    rules(registry, &found, visitor)?;
    judged_rates(registry, judged)?;
    provider_rates(registry, providers)?;
    imports(registry, reader)?;
    Ok(())
}

fn family(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, Error> {
    let family = GaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

fn number(registry: &Registry, name: &str, help: &str, value: f64) -> Result<(), Error> {
    let gauge = Gauge::new(name, help)?;
    gauge.set(value);
    registry.register(Box::new(gauge))
}

fn seconds(time: DateTime<Utc>) -> f64 {
    time.timestamp_micros() as f64 / 1e6
}

/// As Nagios plugins end: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
fn state_number(state: RuleState) -> f64 {
    match state {
        RuleState::Ok | RuleState::Pending => 0.0,
        RuleState::Warning => 1.0,
        RuleState::Critical => 2.0,
        RuleState::NoData => 3.0,
    }
}

fn rules(registry: &Registry, found: &CheckResult, visitor: &Visitor) -> Result<(), Error> {
    const STATES: &str = "0 OK or PENDING, 1 WARNING, 2 CRITICAL, 3 NO DATA";
    const LABELS: [&str; 3] = ["rule", "account_id", "group"];
    number(registry, "check_state", &format!("State of all rules together: {STATES}"), state_number(found.state))?;
    if let Some(newest) = found.newest_event {
        number(registry, "newest_event_timestamp_seconds", "Time of the newest event", seconds(newest))?;
    }
    let help = format!("State of a rule for an account or group: {STATES}");
    let states = family(registry, "rule_state", &help, &LABELS)?;
    let help = "Whether a rule is silenced or inhibited for an account or group";
    let muted = family(registry, "rule_muted", help, &LABELS)?;
    for finding in found.findings.iter().take(MOST_FINDINGS) {
        let (account, group) = (finding.account_id.as_deref().unwrap_or_default(), group(finding, visitor));
        let labels = [finding.rule.as_str(), account, &group];
        muted.with_label_values(&labels).set(f64::from(u8::from(finding.muted.is_some())));
        states.with_label_values(&labels).set(state_number(finding.verdict.state));
    }
    Ok(())
}

/// `configuration_set=news`; empty for an account as a whole.
fn group(finding: &Finding, visitor: &Visitor) -> String {
    let value = |(dimension, value): &(Dimension, Option<String>)| {
        format!("{dimension}={}", visitor.text(value.as_deref().unwrap_or_default()))
    };
    finding.group.iter().map(value).collect::<Vec<_>>().join(",")
}

/// The two rates that AWS judges, with what they are made of.
struct Judged {
    sends: GaugeVec,
    bounces: GaugeVec,
    bounce_ratio: GaugeVec,
    complaint_sends: GaugeVec,
    complaints: GaugeVec,
    complaint_ratio: GaugeVec,
}

impl Judged {
    fn new(registry: &Registry, whose: &str, over: &str, labels: &[&str]) -> Result<Self, Error> {
        let family =
            |name: &str, help: &str| family(registry, &format!("{whose}_{name}"), &format!("{help}, {over}"), labels);
        Ok(Self {
            sends: family("eligible_sends", "Sends that AWS counts")?,
            bounces: family("counted_bounces", "Hard bounces that AWS counts")?,
            bounce_ratio: family("bounce_ratio", "Counted bounces by eligible sends")?,
            complaint_sends: family("complaint_eligible_sends", "Sends that AWS counts for complaints")?,
            complaints: family("counted_complaints", "Complaints that AWS counts")?,
            complaint_ratio: family("complaint_ratio", "Counted complaints by their eligible sends")?,
        })
    }

    fn set(&self, labels: &[&str], aws: &AwsCounts) {
        self.sends.with_label_values(labels).set(aws.eligible_sends.counted as f64);
        self.bounces.with_label_values(labels).set(aws.bounces.counted as f64);
        self.complaint_sends.with_label_values(labels).set(aws.complaint_eligible_sends.counted as f64);
        self.complaints.with_label_values(labels).set(aws.complaints.counted as f64);
        for (family, rate) in [(&self.bounce_ratio, aws.bounce_rate()), (&self.complaint_ratio, aws.complaint_rate())] {
            if let Some(rate) = rate {
                family.with_label_values(labels).set(rate);
            }
        }
    }
}

fn judged_rates(registry: &Registry, mut judged: Vec<Reputation>) -> Result<(), Error> {
    const OVER: &str = "over the last eligible sends";
    judged.sort_by_key(|row| std::cmp::Reverse(row.aws.eligible_sends.counted));
    let accounts = Judged::new(registry, "account", OVER, &["account_id"])?;
    let sets = Judged::new(registry, "configuration_set", OVER, &["account_id", "configuration_set"])?;
    let mut told = 0;
    for row in &judged {
        let account = row.account_id.as_deref().unwrap_or_default();
        match &row.configuration_set {
            None => accounts.set(&[account], &row.aws),
            Some(set) if told < MOST_SETS => {
                sets.set(&[account, set.as_deref().unwrap_or_default()], &row.aws);
                told += 1;
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn provider_rates(registry: &Registry, mut rows: Vec<Rates>) -> Result<(), Error> {
    rows.sort_by_key(|row| std::cmp::Reverse(row.aws.eligible_sends.counted));
    let providers = Judged::new(registry, "provider", "of the last 24 hours", &["provider"])?;
    for row in rows.iter().take(MOST_PROVIDERS) {
        let name = row.group.first().and_then(Option::as_deref).unwrap_or_default();
        providers.set(&[name], &row.aws);
    }
    Ok(())
}

/// Sources that are watched: there are as many as the operator has named.
fn watched(registry: &Registry, sources: &[Watched]) -> Result<(), Error> {
    if sources.is_empty() {
        return Ok(());
    }
    let family = |name: &str, help: &str| family(registry, &format!("watch_{name}"), help, &["source"]);
    let failing = family("failing", "Whether the last look at a watched source failed")?;
    let success = family("last_success_timestamp_seconds", "When a look at the source last came to its end")?;
    let import = family("last_import_timestamp_seconds", "When something of the source was last imported")?;
    let lag = family("lag_seconds", "From the writing of the oldest object of the last import to its import")?;
    let unreadable = family("unreadable_objects", "Objects that could not be read, and are tried again")?;
    let total = |name: &str, help: &str| {
        let counters = IntCounterVec::new(Opts::new(format!("watch_{name}_total"), help), &["source"])?;
        registry.register(Box::new(counters.clone()))?;
        Ok::<_, Error>(counters)
    };
    let failures = total("failures", "Looks and imports that failed since the start")?;
    let imported = total("imported_objects", "Objects imported since the start")?;
    let received = total("messages_received", "Messages received since the start")?;
    let deleted = total("messages_deleted", "Messages done and deleted since the start")?;
    let refused = total("messages_refused", "Messages left to the dead-letter queue since the start")?;
    for one in sources {
        let labels = [one.source.as_str()];
        failing.with_label_values(&labels).set(f64::from(u8::from(one.trouble.is_some())));
        unreadable.with_label_values(&labels).set(one.unreadable as f64);
        for (gauge, at) in [(&success, one.last_success), (&import, one.last_import)] {
            at.into_iter().for_each(|at| gauge.with_label_values(&labels).set(seconds(at)));
        }
        if let Some(behind) = one.lag {
            lag.with_label_values(&labels).set(behind.num_milliseconds() as f64 / 1_000.0);
        }
        failures.with_label_values(&labels).inc_by(one.failures);
        imported.with_label_values(&labels).inc_by(one.imported);
        if let Some(messages) = one.messages {
            received.with_label_values(&labels).inc_by(messages.received);
            deleted.with_label_values(&labels).inc_by(messages.deleted);
            refused.with_label_values(&labels).inc_by(messages.refused);
        }
    }
    Ok(())
}

fn imports(registry: &Registry, reader: &Reader) -> Result<(), Error> {
    let totals = reader.imports();
    for (name, help, value) in [
        ("import_objects_total", "Objects imported", totals.objects),
        ("import_bytes_total", "Bytes of imported objects as stored", totals.bytes),
        ("import_records_total", "Records read", totals.records),
        ("import_events_total", "Records that were new events", totals.events),
        ("import_duplicates_total", "Records that were there already", totals.duplicates),
        ("import_quarantined_total", "Records that could not be read", totals.quarantined),
        ("import_ignored_total", "Control messages and the like", totals.ignored),
    ] {
        let counter = IntCounter::new(name, help)?;
        counter.inc_by(value);
        registry.register(Box::new(counter))?;
    }
    match totals.last_import {
        Some(time) => {
            number(registry, "last_import_timestamp_seconds", "When the last object was imported", seconds(time))
        }
        None => Ok(()),
    }
}
