//! What the dashboard needs beyond the lake: the memory of checks, silences, and the file with the rules.
//!
//! ```text
//! look (every few seconds): state.json, history.json, silences.json, repute.toml ──> the server's state
//! desk (when somebody asks): silences.json, repute.toml <── what was typed, by the rules of the loader
//! ```

mod diff;
mod file;
mod memory;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use repute_lake::{Document, LakeError, Location};
use repute_query::Rule;
use repute_web::AppState;
use repute_web::alerting::{
    AlertDesk, MadeSilence, Refusal, RuleBook, RuleChanges, SilenceWish, TriedRule, WrittenRule,
};
use tokio::time::timeout;

use crate::config::Config;
use crate::notify::silences;
use file::RuleFile;
use memory::Memories;

/// How often is looked: a local file costs nothing, a bucket a request each.
const EVERY: Duration = Duration::from_secs(3);
const EVERY_REMOTE: Duration = Duration::from_secs(15);

/// A look that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The desk of a server.
pub(crate) struct Desk {
    memories: Memories,
    silences: Document,
    file: RuleFile,
}

impl Desk {
    /// `place` is where checks remember, `last_sends` what was said beside the file.
    pub(crate) fn new(config: &Config, place: &Location, last_sends: u64) -> Result<Self, LakeError> {
        let path = config.source().map(|(path, _)| std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path)));
        Ok(Self {
            memories: Memories::new(place)?,
            silences: silences::document(place)?,
            file: RuleFile::new(path, last_sends, config.source().map(|(_, text)| text)),
        })
    }

    /// Keeps the server's state as the files are, for as long as it is polled.
    pub(crate) async fn watch(self: Arc<Self>, state: AppState) {
        let every = if self.silences.is_remote() { EVERY_REMOTE } else { EVERY };
        loop {
            // What takes too long is looked at again; what was seen last stays.
            let _ = timeout(PATIENCE, self.look(&state)).await;
            tokio::time::sleep(every).await;
        }
    }

    /// Looks once.
    pub(crate) async fn look(&self, state: &AppState) {
        let silences = silences::read(&self.silences).await;
        let (mut remembered, last_check) = self.memories.look().await;
        if let Some(last_check) = last_check {
            state.note_check(last_check);
        }
        match silences {
            Ok(silences) => remembered.silences = silences.all(),
            // Whoever cannot read silences hears too much, not too little.
            Err(what) => remembered.trouble = Some(what),
        }
        if let Some(book) = self.file.look() {
            state.replace_rules(book);
        }
        remembered.trouble = remembered.trouble.or_else(|| self.file.trouble());
        state.note_alerts(remembered);
    }

    fn rules(&self, of: &Config) -> Result<Vec<Rule>, Refusal> {
        let rules = of.alerts(self.file.last_sends()).map(|(rules, _)| rules);
        rules.map_err(|failure| Refusal::Mistake(None, file::words(failure)))
    }
}

impl AlertDesk for Desk {
    fn silence(
        &self,
        wish: SilenceWish,
        now: DateTime<Utc>,
    ) -> BoxFuture<'_, Result<(String, Vec<MadeSilence>), Refusal>> {
        async move {
            let rules = self.rules(&self.file.config()?)?;
            let wish = silences::sensible(wish, &rules, now)?;
            silences::add(&self.silences, &wish, now).await
        }
        .boxed()
    }

    fn end_silence<'a>(
        &'a self,
        id: &'a str,
        by: &'a str,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<Vec<MadeSilence>, Refusal>> {
        silences::end(&self.silences, id, by, now).boxed()
    }

    fn written<'a>(&'a self, rule: &'a Rule) -> BoxFuture<'a, Result<WrittenRule, Refusal>> {
        async move { Ok(self.file.written(rule)) }.boxed()
    }

    fn tried<'a>(&'a self, rule: &'a Rule, changes: &'a RuleChanges) -> BoxFuture<'a, Result<TriedRule, Refusal>> {
        async move { self.file.tried(rule, changes) }.boxed()
    }

    fn save<'a>(
        &'a self,
        rule: &'a Rule,
        changes: &'a RuleChanges,
        version: &'a str,
    ) -> BoxFuture<'a, Result<RuleBook, Refusal>> {
        async move { self.file.save(rule, changes, version) }.boxed()
    }
}
