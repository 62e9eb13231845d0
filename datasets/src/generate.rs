//! The one verb: sends are made in order of time, their events wait until they are due, and everything is counted as it
//! is written.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::rc::Rc;

use chrono::SecondsFormat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::arrivals::{Arrivals, Parcel};
use crate::calendar::Calendar;
use crate::domain::Domains;
use crate::error::GenerateError;
use crate::fate::{travel, unfold};
use crate::firehose::Firehose;
use crate::ledger::{Ledger, rfc3339};
use crate::message::Message;
use crate::outcome::Event;
use crate::plan::{ACCOUNT_ID, Plan, REGION, VERIFIED_DOMAINS};
use crate::profile::{INCIDENT_CAMPAIGN, MARKETING, PROFILES};
use crate::rarity::rarities;
use crate::reputation::Standing;
use crate::truth::{Incident, Truth};
use crate::wire;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod recount;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

/// A record comes twice about every this many events (0.3 %).
const DUPLICATE_EVERY: u32 = 333;
/// One duplicate in this many comes in a later object, as after a delivery that was tried again; the rest follow within
/// seconds.
const LATE_DUPLICATE_EVERY: u32 = 5;
const PROGRESS_EVERY: u64 = 4_096;

/// Writes the dump and its `truth.json` into `out_dir`, a new or empty folder, and returns the truth.
///
/// `progress` is told now and then how many unique events are written. Memory holds one object, the mail that still waits
/// for later events, and the counts behind the truth.
///
/// # Errors
///
/// [`GenerateError`], with the path that could not be written or the part of the plan that cannot be.
pub fn generate(plan: &Plan, out_dir: &Path, progress: &mut dyn FnMut(u64)) -> Result<Truth, GenerateError> {
    plan.check()?;
    prepare(out_dir)?;
    let mut generator = Generator::new(plan, out_dir, progress);
    generator.run()?;
    let truth = generator.truth();
    let path = out_dir.join("truth.json");
    let file = File::create(&path).map_err(GenerateError::write(&path))?;
    let mut writer = BufWriter::new(file);
    serde_json::to_writer(&mut writer, &truth).map_err(|error| GenerateError::write(&path)(error.into()))?;
    writer.write_all(b"\n").and_then(|()| writer.flush()).map_err(GenerateError::write(&path))?;
    Ok(truth)
}

fn prepare(out_dir: &Path) -> Result<(), GenerateError> {
    fs::create_dir_all(out_dir).map_err(GenerateError::write(out_dir))?;
    let mut entries = fs::read_dir(out_dir).map_err(GenerateError::write(out_dir))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(GenerateError::NotEmpty { path: out_dir.to_owned() }),
    }
}

struct Generator<'a> {
    plan: &'a Plan,
    end: i64,
    population: u32,
    domains: Domains,
    rng: ChaCha8Rng,
    arrivals: Arrivals,
    firehose: Firehose,
    ledger: Ledger,
    standing: Standing,
    written: u64,
    duplicates: u64,
    /// Events until the next one that is duplicated.
    until_duplicate: u32,
    span: Option<(i64, i64)>,
    progress: &'a mut dyn FnMut(u64),
}

impl<'a> Generator<'a> {
    fn new(plan: &'a Plan, out_dir: &Path, progress: &'a mut dyn FnMut(u64)) -> Self {
        Self {
            plan,
            end: plan.end.timestamp_millis(),
            // People get several mails each.
            population: u32::try_from(plan.events / 20).unwrap_or(u32::MAX / 2).clamp(50, u32::MAX / 2),
            domains: Domains::new(),
            rng: ChaCha8Rng::seed_from_u64(plan.seed),
            arrivals: Arrivals::default(),
            firehose: Firehose::new(plan, out_dir),
            ledger: Ledger::default(),
            standing: Standing::default(),
            written: 0,
            duplicates: 0,
            until_duplicate: DUPLICATE_EVERY,
            span: None,
            progress,
        }
    }

    fn run(&mut self) -> Result<(), GenerateError> {
        let mut calendar = Calendar::new(self.plan);
        let mut rarities = rarities().into_iter();
        let expected = self.plan.events as f64 / events_per_message(i64::MAX);
        let rarity_every = ((expected / 2.0) as u64 / rarities.len() as u64).max(1);
        let mut events = Vec::new();
        let (mut sends, mut due) = (0u64, 0u64);
        let mut now = self.plan.start().timestamp_millis();
        while due < self.plan.events {
            let remaining = (self.plan.events - due) as f64 / events_per_message(self.end - now);
            let mut slot = calendar.next(remaining, &mut self.rng);
            now = slot.sent;
            self.deliver(now)?;
            sends += 1;
            let rarity = if sends.is_multiple_of(rarity_every) { rarities.next() } else { None };
            slot.set = rarity.and_then(|rarity| rarity.set).unwrap_or(slot.set);
            slot.incident &= slot.set == MARKETING;
            let mut message = Message::draw(slot, self.population, &self.domains, &mut self.rng);
            if let Some(rarity) = rarity {
                rarity.address(&mut message, &self.domains, self.population, &mut self.rng);
            }
            events.clear();
            let decree = rarity.and_then(|rarity| rarity.decree);
            unfold(&message, decree, &self.domains, &mut self.rng, &mut events);
            events.retain(|event| event.time < self.end);
            events.truncate(usize::try_from(self.plan.events - due).unwrap_or(usize::MAX));
            due += events.len() as u64;
            let message = Rc::new(message);
            for event in events.drain(..) {
                let arrival = event.time + travel(&mut self.rng);
                self.arrivals.push(arrival, Parcel::Fresh(Rc::clone(&message), event));
            }
        }
        self.deliver(i64::MAX)?;
        self.firehose.close()?;
        (self.progress)(self.written);
        Ok(())
    }

    /// Writes everything that arrives up to `until`.
    fn deliver(&mut self, until: i64) -> Result<(), GenerateError> {
        while let Some((time, parcel)) = self.arrivals.pop(until) {
            match parcel {
                Parcel::Fresh(message, event) => self.write(time, &message, &event)?,
                Parcel::Again(record) => {
                    self.firehose.put(time, |out| out.push_str(&record))?;
                    self.duplicates += 1;
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, time: i64, message: &Message, event: &Event) -> Result<(), GenerateError> {
        self.ledger.count(message, event, &self.domains);
        self.standing.count(message, event, &self.domains);
        let (first, last) = self.span.unwrap_or((event.time, event.time));
        self.span = Some((first.min(event.time), last.max(event.time)));
        let domains = &self.domains;
        let record = self.firehose.put(time, |out| wire::write(out, message, event, domains))?;
        self.written += 1;
        if self.written.is_multiple_of(PROGRESS_EVERY) {
            (self.progress)(self.written);
        }
        self.until_duplicate -= 1;
        if self.until_duplicate == 0 {
            self.until_duplicate = self.rng.random_range(1..DUPLICATE_EVERY * 2);
            let late = self.rng.random_range(0..LATE_DUPLICATE_EVERY) == 0;
            let wait = if late {
                i64::from(self.plan.buffer_seconds) * 1_000 + self.rng.random_range(60_000..7_200_000)
            } else {
                self.rng.random_range(0..5_000)
            };
            self.arrivals.push(time + wait, Parcel::Again(record.into()));
        }
        Ok(())
    }

    fn truth(&self) -> Truth {
        let (first, last) = self.span.unwrap_or_default();
        Truth {
            seed: self.plan.seed,
            framing: self.plan.framing,
            gzip: self.plan.gzip,
            records: self.written + self.duplicates,
            events: self.written,
            duplicates: self.duplicates,
            rows: self.ledger.rows,
            objects: self.firehose.objects,
            bytes: self.firehose.bytes,
            decoded_bytes: self.firehose.decoded_bytes,
            first_event: rfc3339(first, SecondsFormat::Millis),
            last_event: rfc3339(last, SecondsFormat::Millis),
            account_id: ACCOUNT_ID.to_owned(),
            region: REGION.to_owned(),
            verified_domains: VERIFIED_DOMAINS.map(str::to_owned).to_vec(),
            incident: self.plan.incident.then(|| {
                let (from, to) = self.plan.incident_window();
                Incident {
                    configuration_set: PROFILES[MARKETING].name.to_owned(),
                    campaign: INCIDENT_CAMPAIGN.to_owned(),
                    from: rfc3339(from.timestamp_millis(), SecondsFormat::Secs),
                    to: rfc3339(to.timestamp_millis(), SecondsFormat::Secs),
                }
            }),
            totals: self.ledger.totals(),
            reputation: self.standing.reputation(),
            cells: self.ledger.cells(&self.domains),
        }
    }
}

/// How many events a message leads to on average, if only those of the next so many milliseconds count: its Send, a
/// Delivery or Bounce within seconds, and opens and clicks over hours.
fn events_per_message(milliseconds: i64) -> f64 {
    let left = milliseconds as f64;
    1.0 + 0.98 * (1.0 - (-left / 3_000.0).exp()) + 0.75 * (1.0 - (-left / 14_400_000.0).exp())
}
