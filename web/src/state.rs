//! What the handlers share: the lake as it is now, the clock, and the options of the server.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use repute_query::{
    Around, CheckOptions, Dimension, Expected, ImportRun, REPRESENTATIVE_VOLUME, Reader, Rule, Silence, Watch,
    default_rules,
};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::access::{Access, AccessSettings};
use crate::admission::{Admission, Capacity};
use crate::alerting::{AlertDesk, MadeSilence, Remembered, RuleBook};
use crate::checks::Checks;
use crate::failure::Failure;
use crate::ingest::Intake;
use crate::mend::Mender;
use crate::outlook::Outlooks;
use crate::watched::Watched;

/// Tells the time. A server over a recorded lake may be given a standing clock.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Options of the server.
#[derive(Debug, Clone)]
pub struct Options {
    /// Eligible sends that AWS's rate is taken over.
    pub last_sends: u64,
    /// The reset date, if AWS granted a review: only mail sent from then on is judged.
    pub reset: Option<DateTime<Utc>>,
    /// Data older than this is stale.
    pub max_age: TimeDelta,
    /// Alert rules.
    pub rules: Vec<Rule>,
    /// Findings that are not to be told of, as the file has them.
    pub silences: Vec<Silence>,
    /// The same as somebody made them.
    pub made_silences: Vec<Silence>,
    /// By which dimensions alarms are looked into; the usual ones unless given.
    pub attribute: Option<Vec<Dimension>>,
    /// Mail handed to SES, where the operator says so.
    pub sent: Option<Expected>,
    /// How many receivers of notifications there are, if that is known.
    pub receivers: Option<usize>,
    /// How long ago the last check may have been, where checks are expected to run.
    pub check_every: Option<TimeDelta>,
}

impl Options {
    /// How the rules are checked at this time.
    pub(crate) fn check(&self, now: DateTime<Utc>) -> CheckOptions {
        let silences = self.silences.iter().chain(&self.made_silences).cloned().collect();
        CheckOptions { now, max_age: self.max_age, since: self.reset, silences }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            last_sends: REPRESENTATIVE_VOLUME,
            reset: None,
            max_age: TimeDelta::hours(2),
            rules: default_rules(REPRESENTATIVE_VOLUME),
            silences: Vec::new(),
            made_silences: Vec::new(),
            attribute: None,
            sent: None,
            receivers: None,
            check_every: None,
        }
    }
}

/// Why newer versions of the lake cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Since when.
    pub(crate) since: DateTime<Utc>,
    /// What was reported last.
    pub(crate) what: String,
}

/// State of the application; clones share it.
#[derive(Clone)]
pub struct AppState {
    reader: Arc<watch::Sender<Option<Arc<Reader>>>>,
    trouble: Arc<watch::Sender<Option<Trouble>>>,
    last_check: Arc<watch::Sender<Option<DateTime<Utc>>>>,
    runs: Arc<watch::Sender<Arc<Vec<ImportRun>>>>,
    watched: Arc<watch::Sender<Vec<Watched>>>,
    mender: Option<Arc<dyn Mender>>,
    intake: Option<Arc<Intake>>,
    now: Now,
    location: Arc<str>,
    options: Arc<watch::Sender<Arc<Options>>>,
    remembered: Arc<watch::Sender<Arc<Remembered>>>,
    desk: Option<Arc<dyn AlertDesk>>,
    outlooks: Arc<Outlooks>,
    checks: Arc<Checks>,
    hosts: Arc<[String]>,
    access: Arc<Access>,
    admission: Admission,
}

impl AppState {
    /// A state without a lake yet. `location` is where the lake is or will be, as shown to people.
    pub fn new(location: String, now: Now, options: Options) -> Self {
        let clock = Arc::clone(&now);
        Self {
            reader: Arc::new(watch::Sender::new(None)),
            trouble: Arc::new(watch::Sender::new(None)),
            last_check: Arc::new(watch::Sender::new(None)),
            runs: Arc::default(),
            watched: Arc::default(),
            mender: None,
            intake: None,
            now,
            location: location.into(),
            options: Arc::new(watch::Sender::new(Arc::new(options))),
            remembered: Arc::new(watch::Sender::new(Arc::default())),
            desk: None,
            outlooks: Arc::default(),
            checks: Arc::default(),
            hosts: Arc::new([]),
            access: Arc::new(Access::new(AccessSettings::open(clock))),
            admission: Admission::new(Capacity::default(), None),
        }
    }

    /// Answers under these host names too, beside loopback ones: `reputation.example.com`, for any port or the one it names.
    pub fn with_hosts(self, hosts: Vec<String>) -> Self {
        Self { hosts: hosts.into(), ..self }
    }

    /// Asks who people are.
    pub fn with_access(self, access: Access) -> Self {
        Self { access: Arc::new(access), ..self }
    }

    /// With what imports bad records again; without it none can be.
    pub fn with_mender(self, mender: Arc<dyn Mender>) -> Self {
        Self { mender: Some(mender), ..self }
    }

    pub(crate) fn mender(&self) -> Option<&Arc<dyn Mender>> {
        self.mender.as_ref()
    }

    /// With live routes; without an intake they take nothing.
    pub fn with_intake(self, intake: Arc<Intake>) -> Self {
        Self { intake: Some(intake), ..self }
    }

    pub(crate) fn intake(&self) -> Option<&Intake> {
        self.intake.as_deref()
    }

    /// Tells what imports did, newest first.
    pub fn note_runs(&self, runs: Vec<ImportRun>) {
        self.runs.send_replace(Arc::new(runs));
    }

    pub(crate) fn runs(&self) -> Arc<Vec<ImportRun>> {
        Arc::clone(&self.runs.borrow())
    }

    /// Tells how watching a source goes; sources are shown in the order in which they were first told of.
    pub fn note_watched(&self, watched: Watched) {
        self.watched.send_modify(|all| match all.iter_mut().find(|one| one.source == watched.source) {
            Some(one) => *one = watched,
            None => all.push(watched),
        });
    }

    pub(crate) fn watched(&self) -> Vec<Watched> {
        self.watched.borrow().clone()
    }

    /// What lies around the lake's data.
    pub(crate) fn around(&self) -> Around {
        let options = self.options();
        Around {
            now: self.now(),
            max_age: options.max_age,
            last_sends: options.last_sends,
            rules: options.rules.clone(),
            silences: options.silences.iter().chain(&options.made_silences).cloned().collect(),
            sent: options.sent.clone(),
            checks: options.check_every.map(|limit| Watch { last: self.last_check(), limit }),
            receivers: options.receivers,
            runs: self.runs().to_vec(),
            watched: self.watched().iter().map(Watched::facts).collect(),
        }
    }

    /// Works on so many requests at once, on this runtime.
    pub fn with_capacity(self, capacity: Capacity, workers: Handle) -> Self {
        Self { admission: Admission::new(capacity, Some(workers)), ..self }
    }

    /// Works on something where requests are worked on.
    pub fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.admission.spawn(work)
    }

    /// Lets the requests from now on see another version of the lake.
    pub fn replace_reader(&self, reader: Arc<Reader>) {
        self.reader.send_replace(Some(reader));
    }

    /// Whether there has been a lake to see.
    pub fn has_lake(&self) -> bool {
        self.reader.borrow().is_some()
    }

    /// Tells that the lake could not be looked at, and why: pages say so above what was read last, programs are refused. Whether that
    /// is news.
    pub fn note_trouble(&self, what: String) -> bool {
        let since = self.trouble.borrow().as_ref().map_or_else(|| self.now(), |trouble| trouble.since);
        let trouble = Some(Trouble { since, what });
        self.trouble.send_replace(trouble.clone()) != trouble
    }

    /// Tells that the lake was looked at, and is shown at its newest version.
    pub fn note_looked(&self) {
        self.trouble.send_if_modified(|trouble| trouble.take().is_some());
    }

    /// Tells when `repute check` last came to its end, as far as that is known.
    pub fn note_check(&self, at: Option<DateTime<Utc>>) {
        self.last_check.send_replace(at);
    }

    pub(crate) fn last_check(&self) -> Option<DateTime<Utc>> {
        *self.last_check.borrow()
    }

    /// Why what is shown may be old, if it may.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.trouble.borrow().clone()
    }

    /// The lake at the newest version that could be read; `None` as long as there is none.
    pub fn reader(&self) -> Option<Arc<Reader>> {
        self.reader.borrow().clone()
    }

    /// The lake for whoever cannot be told that figures may be old.
    ///
    /// # Errors
    /// [`Failure::NoLake`] and [`Failure::Unreadable`].
    pub(crate) fn current(&self) -> Result<Arc<Reader>, Failure> {
        match self.trouble() {
            None => self.reader().ok_or(Failure::NoLake),
            Some(trouble) => Err(Failure::Unreadable(trouble)),
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.now)()
    }

    pub(crate) fn location(&self) -> &str {
        &self.location
    }

    pub(crate) fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Who may do what.
    pub fn access(&self) -> &Access {
        &self.access
    }

    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }

    /// The options as they are now: rules and silences may change while the server runs.
    pub(crate) fn options(&self) -> Arc<Options> {
        Arc::clone(&self.options.borrow())
    }

    /// Lets pages make silences and save rules.
    pub fn with_desk(self, desk: Arc<dyn AlertDesk>) -> Self {
        Self { desk: Some(desk), ..self }
    }

    pub(crate) fn desk(&self) -> Option<Arc<dyn AlertDesk>> {
        self.desk.clone()
    }

    /// Puts rules and silences of the file in force.
    pub fn replace_rules(&self, book: RuleBook) {
        self.options.send_if_modified(|options| {
            let RuleBook { rules, silences } = book;
            let is_new = options.rules != rules || options.silences != silences;
            if is_new {
                *options = Arc::new(Options { rules, silences, ..Options::clone(options) });
            }
            is_new
        });
    }

    /// Tells what is remembered of alerts; silences that were made are heeded from now on.
    pub fn note_alerts(&self, remembered: Remembered) {
        self.heed(&remembered.silences);
        self.remembered.send_replace(Arc::new(remembered));
    }

    /// The same of silences alone.
    pub(crate) fn note_silences(&self, silences: Vec<MadeSilence>) {
        self.heed(&silences);
        self.remembered.send_modify(|remembered| {
            *remembered = Arc::new(Remembered { silences, ..Remembered::clone(remembered) });
        });
    }

    fn heed(&self, made: &[MadeSilence]) {
        let made_silences: Vec<Silence> =
            made.iter().map(|made| Silence { until: made.over(), ..made.silence.clone() }).collect();
        self.options.send_if_modified(|options| {
            let is_new = options.made_silences != made_silences;
            if is_new {
                *options = Arc::new(Options { made_silences, ..Options::clone(options) });
            }
            is_new
        });
    }

    pub(crate) fn checks(&self) -> &Checks {
        &self.checks
    }

    pub(crate) fn outlooks(&self) -> &Outlooks {
        &self.outlooks
    }

    pub(crate) fn remembered(&self) -> Arc<Remembered> {
        Arc::clone(&self.remembered.borrow())
    }
}
