//! After a check: remember what was seen, deliver what is due, remember what arrived.
//!
//! ```text
//! hold or claim ─> read ─> observe ─> write ─> deliver ─> read ─> note ─> write
//! ```
//! Beside a local lake one check at a time does so, by a lock. In a bucket it claims the sending in the memory itself, by a
//! conditional write, for as long as that takes at most. Where nothing can be remembered, messages go out all the same.

use std::io::{self, Write};
use std::time::Duration;

use axum::body::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use repute_lake::{Document, DocumentVersion, Hold, LakeError, Location};

use super::history::History;
use super::incident::{Due, Sights, Wants};
use super::message::Message;
use super::state::{Incident, Kind, LastCheck, Memory, Sender};
use super::{Notifier, Receiver, Undelivered, deliver, http};
use crate::exit::{remedy_behind, told};
use crate::output::plain;

/// How long whoever sends right now is waited for.
const PATIENCE: Duration = Duration::from_secs(70);

/// The same for who has nothing to send.
const SHORT_PATIENCE: Duration = Duration::from_secs(1);

/// What is said where that was in vain.
const LEFT: &str = "another check has been sending for a minute; what is due is left to it and to the next check";

/// How long a claim lasts: longer than all receivers may take.
const CLAIM: TimeDelta = TimeDelta::seconds(150);

/// How often a claim of somebody else's is looked at.
const STEP: Duration = Duration::from_millis(500);

/// How long the store may take for the memory.
const STORE: Duration = Duration::from_secs(10);

/// So often others may be quicker to write.
const ATTEMPTS: u32 = 20;

/// A ping may take so long.
const PING: Duration = Duration::from_secs(10);

/// The memory of the checks of a lake.
pub(crate) fn document(location: &Location) -> Result<Document, LakeError> {
    Document::new(location, "state.json")
}

/// What is over.
pub(crate) fn history(location: &Location) -> Result<Document, LakeError> {
    Document::new(location, "history.json")
}

/// What is needed to tell.
pub(crate) struct Telling<'a> {
    pub(crate) notifiers: &'a [Notifier],
    /// Where it is remembered, and where what is over; nothing where there is no place.
    pub(crate) document: Option<Document>,
    pub(crate) history: Option<Document>,
    pub(crate) dashboard: Option<&'a str>,
    /// The time of the check.
    pub(crate) now: DateTime<Utc>,
    /// Tells this run from others.
    pub(crate) run: String,
}

/// What is wrong with the memory.
enum Amiss {
    /// Somebody else was always quicker.
    Contended,
    Failed(LakeError),
    Late,
}

impl Amiss {
    /// What it is, and what helps if that is known.
    fn words(&self) -> (String, Option<&'static str>) {
        match self {
            Self::Contended => ("others keep writing it".to_owned(), None),
            Self::Late => ("no answer in time".to_owned(), None),
            Self::Failed(error) => {
                let error = anyhow::anyhow!(error.to_string());
                (told(&error), remedy_behind(&error))
            }
        }
    }
}

/// Who may send.
enum Turn {
    /// This check, and what it remembers could be written.
    Ours(Box<Memory>),
    /// This check, although nothing can be remembered.
    Forgetful,
    /// Another one, all the time.
    Theirs,
}

impl Telling<'_> {
    /// Tells all there is to tell, and notes that a check ended with this state.
    pub(crate) async fn after_check(&self, sights: &Sights, state: &str) {
        if self.notifiers.is_empty() {
            return self.only_note(sights, state).await;
        }
        let held = match &self.document {
            Some(document) => document.hold(PATIENCE).await,
            None => Hold::Lockless,
        };
        if matches!(held, Hold::Taken) {
            return self.say(LEFT);
        }
        let wants = self.wants();
        let (memory, is_kept) = match self.turn(sights, state, &wants, matches!(held, Hold::Held(_))).await {
            Turn::Ours(memory) => (*memory, true),
            Turn::Forgetful => {
                let mut memory = Memory::default();
                memory.observe(sights, self.now);
                (memory, false)
            }
            Turn::Theirs => return,
        };
        let due = memory.due(&wants, self.now);
        if due.is_empty() {
            return;
        }
        let messages = due.into_iter().map(|due| (due.clone(), Message::of(&due, self.now, self.dashboard)));
        let deliveries = deliver(self.notifiers, &messages.collect::<Vec<_>>()).await;
        for (notifier, delivery) in self.notifiers.iter().zip(&deliveries) {
            if let Some(why) = &delivery.why {
                let name = &notifier.wants.name;
                let count = repute_query::count(delivery.missing as u64, "message");
                self.say(&format!("notify `{name}`: {count} not delivered: {why}; tried again at the next check"));
            }
        }
        if is_kept {
            let arrived: Vec<Due> = deliveries.into_iter().flat_map(|delivery| delivery.arrived).collect();
            self.note(&arrived, state, &wants).await;
        }
    }

    /// Notes that a check ended. One that tells nobody remembers incidents too, unless there is another that tells somebody: it may
    /// have other rules, as a plugin of Nagios has beside cron.
    async fn only_note(&self, sights: &Sights, state: &str) {
        let Some(document) = &self.document else { return };
        let held = document.hold(SHORT_PATIENCE).await;
        if matches!(held, Hold::Taken) {
            return;
        }
        let noted = self.update(|memory| {
            if memory.is_told(self.now) {
                memory.last_check = Some(LastCheck { at: self.now, state: state.to_owned() });
            } else {
                memory.observe(sights, self.now);
                self.end(memory, state, &[]);
            }
            true
        });
        if let Err(amiss) = noted.await {
            self.complain(&amiss);
        }
    }

    fn wants(&self) -> Vec<Wants> {
        self.notifiers.iter().map(|notifier| notifier.wants.clone()).collect()
    }

    /// Takes in what was seen, and claims the sending where there is something to send. Whoever holds the lock need not heed a claim:
    /// it is that of a check that was killed.
    async fn turn(&self, sights: &Sights, state: &str, wants: &[Wants], is_alone: bool) -> Turn {
        let start = tokio::time::Instant::now();
        loop {
            let mut is_taken = false;
            let observed = self.update(|memory| {
                memory.telling = Some(self.now);
                memory.observe(sights, self.now);
                let is_idle = memory.due(wants, self.now).is_empty();
                let theirs = memory.sender.as_ref().filter(|sender| sender.until > self.now && sender.run != self.run);
                is_taken = theirs.is_some() && !is_idle && !is_alone;
                if is_taken {
                    return false;
                }
                if is_idle {
                    self.end(memory, state, wants);
                } else {
                    memory.sender = Some(Sender { run: self.run.clone(), until: self.now + CLAIM });
                }
                true
            });
            match observed.await {
                Ok(_) if is_taken && start.elapsed() >= PATIENCE => {
                    self.say(LEFT);
                    return Turn::Theirs;
                }
                Ok(_) if is_taken => tokio::time::sleep(STEP).await,
                Ok(memory) => return Turn::Ours(Box::new(memory)),
                Err(amiss) => {
                    self.complain(&amiss);
                    return Turn::Forgetful;
                }
            }
        }
    }

    /// Notes what arrived.
    async fn note(&self, arrived: &[Due], state: &str, wants: &[Wants]) {
        let noted = self.update(|memory| {
            for due in arrived {
                memory.told(due, self.now);
            }
            if memory.sender.as_ref().is_some_and(|sender| sender.run == self.run) {
                memory.sender = None;
            }
            self.end(memory, state, wants);
            true
        });
        if let Err(amiss) = noted.await {
            self.complain(&amiss);
        }
    }

    fn end(&self, memory: &mut Memory, state: &str, wants: &[Wants]) {
        memory.last_check = Some(LastCheck { at: self.now, state: state.to_owned() });
        let given_up = memory.forget(wants, self.now);
        if given_up > 0 {
            let count = repute_query::count(given_up as u64, "incident");
            self.say(&format!("gave up telling the end of {count}, a week after it"));
        }
    }

    /// Reads the memory, changes it, and writes it unless the change says no; begins again where somebody else was quicker.
    async fn update(&self, mut change: impl FnMut(&mut Memory) -> bool) -> Result<Memory, Amiss> {
        let Some(document) = &self.document else {
            let mut memory = Memory::default();
            change(&mut memory);
            return Ok(memory);
        };
        for _ in 0..ATTEMPTS {
            let (mut memory, version) = self.read(document).await?;
            if !change(&mut memory) {
                return Ok(memory);
            }
            // First the history: an incident may stand in both, but must not be lost between them.
            let past = std::mem::take(&mut memory.past);
            if let Err(amiss) = self.add_to_history(&past).await {
                self.complain_of_history(&amiss);
                memory.keep(past);
            }
            let written = in_time(document.replace(memory.write(), &version)).await?;
            if written.is_some() {
                return Ok(memory);
            }
        }
        Err(Amiss::Contended)
    }

    async fn read(&self, document: &Document) -> Result<(Memory, DocumentVersion), Amiss> {
        let (bytes, version) = in_time(document.read()).await?;
        let Some(bytes) = bytes else { return Ok((Memory::default(), version)) };
        match Memory::read(&bytes) {
            Ok(memory) => Ok((memory, version)),
            Err(what) => {
                self.set_aside(document, bytes, &what, "what is open is told anew").await?;
                Ok((Memory::default(), version))
            }
        }
    }

    async fn add_to_history(&self, past: &[Incident]) -> Result<(), Amiss> {
        let Some(document) = self.history.as_ref().filter(|_| !past.is_empty()) else { return Ok(()) };
        for _ in 0..ATTEMPTS {
            let (bytes, version) = in_time(document.read()).await?;
            let mut history = match bytes.as_deref().map(History::read).transpose() {
                Ok(history) => history.unwrap_or_default(),
                Err(what) => {
                    self.set_aside(document, bytes.unwrap_or_default(), &what, "the history begins anew").await?;
                    History::default()
                }
            };
            history.add(past, self.now);
            if in_time(document.replace(history.write(), &version)).await?.is_some() {
                return Ok(());
            }
        }
        Err(Amiss::Contended)
    }

    /// Keeps a document that cannot be read beside it.
    async fn set_aside(&self, document: &Document, bytes: Bytes, what: &str, so: &str) -> Result<(), Amiss> {
        let suffix = format!("damaged-{}", self.now.format("%Y%m%dT%H%M%SZ"));
        let kept = in_time(document.set_aside(bytes, &suffix)).await?;
        let place = document.place();
        self.say(&format!("`{place}` cannot be read: {what}; it is kept as `{kept}`, and {so}"));
        Ok(())
    }

    fn complain_of_history(&self, amiss: &Amiss) {
        if !self.notifiers.is_empty() {
            let (what, _) = amiss.words();
            self.say(&format!("what is over cannot be put into the history yet: {what}"));
        }
    }

    fn complain(&self, amiss: &Amiss) {
        // Whoever tells nobody misses nothing but the heartbeat, and may have no right to write here.
        if self.notifiers.is_empty() {
            return;
        }
        let (what, remedy) = amiss.words();
        let remedy = remedy.unwrap_or("name a place that can be written as `state` under [check]");
        self.say(&format!(
            "what was told cannot be remembered, so that the next check may tell it again: {what}; {remedy}"
        ));
    }

    /// A line for people, beside the one for the monitoring system.
    fn say(&self, text: &str) {
        let _ = writeln!(io::stderr(), "warning: {}", plain(text));
    }

    /// Sends a test message to one or all of the receivers, and says what became of it.
    pub(crate) async fn test(&self) -> Vec<(String, Result<(), Undelivered>)> {
        let mut results = Vec::new();
        for notifier in self.notifiers {
            let message = |kind| Message::test(self.now, kind, self.dashboard);
            let mut sent = notifier.to.deliver(&message(Kind::Opened), notifier.timeout).await;
            // Where something would stay open, it is closed.
            if sent.is_ok() && matches!(notifier.to, Receiver::PagerDuty(_) | Receiver::Alertmanager(_)) {
                let resolved = Message { before: Some(super::Level::Warning), ..message(Kind::Resolved) };
                sent = notifier.to.deliver(&resolved, notifier.timeout).await;
            }
            results.push((notifier.wants.name.clone(), sent));
        }
        results
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, LakeError>>) -> Result<T, Amiss> {
    tokio::time::timeout(STORE, work).await.map_err(|_| Amiss::Late)?.map_err(Amiss::Failed)
}

/// Tells a watchdog that a check came to its end.
pub(crate) async fn ping(url: &str) {
    let sent = async { http::send(http::client(PING)?.get(url)).await };
    if let Err(error) = sent.await {
        let _ = writeln!(io::stderr(), "warning: heartbeat_url: {}", error.words());
    }
}
