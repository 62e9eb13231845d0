//! Silences that somebody made: `alerts/silences.json` beside the lake, the latest first.
//!
//! Made and ended in the dashboard or by `repute silence`; those of `repute.toml` stand there. One that is over stays for a while, with
//! who ended it. Times are RFC 3339. A field that a later version adds is ignored by this one; what an earlier version lacks has a
//! default.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use repute_lake::{Document, Hold, LakeError, Location};
use repute_query::{Dimension, Rule, Silence};
use repute_web::alerting::{MadeSilence, Refusal, SilenceWish};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::state::{End, read_document, read_time, write_document, write_time};
use crate::exit::{remedy_behind, told};

/// Of which form the document is.
const VERSION: u32 = 1;

/// A silence lasts so long at most: what is to be silent for longer belongs into the file.
pub(crate) const LONGEST: TimeDelta = TimeDelta::days(30);

/// One that is over is kept for so long.
const KEPT: TimeDelta = TimeDelta::days(90);

/// So many are kept at most, those that are over first to go.
const MOST: usize = 1_000;

/// Longer texts are no reason and no name.
const LONGEST_REASON: usize = 500;
const LONGEST_NAME: usize = 100;

/// How long whoever writes right now is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the store may take.
const STORE: Duration = Duration::from_secs(10);

/// So often others may be quicker to write.
const ATTEMPTS: u32 = 20;

/// The document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Silences {
    version: u32,
    #[serde(default)]
    silences: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    id: String,
    /// All rules without it.
    #[serde(default)]
    rule: Option<String>,
    /// Only accounts as a whole.
    #[serde(default)]
    total: bool,
    /// Values of dimensions, `account_id` among them.
    #[serde(default)]
    only: Vec<(String, Option<String>)>,
    author: String,
    reason: String,
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    created: DateTime<Utc>,
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    until: DateTime<Utc>,
    /// When and by whom it was ended before.
    #[serde(default)]
    ended: Option<End>,
}

impl Default for Silences {
    fn default() -> Self {
        Self { version: VERSION, silences: Vec::new() }
    }
}

impl Silences {
    /// Reads the document; an error says what is wrong with it.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let silences: Self = read_document(bytes, VERSION)?;
        let names = silences.silences.iter().flat_map(|entry| &entry.only).map(|(name, _)| name);
        // A silence of which less is understood than was meant would cover more.
        match names.map(|name| name.parse::<Dimension>()).find_map(Result::err) {
            Some(error) => Err(error.to_string()),
            None => Ok(silences),
        }
    }

    fn write(&self) -> Vec<u8> {
        write_document(self)
    }

    /// All of them, the latest first.
    pub(crate) fn all(&self) -> Vec<MadeSilence> {
        self.silences.iter().map(Entry::made).collect()
    }

    fn add(&mut self, wish: &SilenceWish, now: DateTime<Utc>) -> Result<String, Refusal> {
        self.sweep(now);
        if self.silences.len() >= MOST {
            return Err(Refusal::Mistake(None, format!("there are {MOST} silences already; end some of them")));
        }
        let entry = Entry {
            id: format!("{:016x}", xxh3_64(format!("{wish:?} {}", now.timestamp_micros()).as_bytes())),
            rule: wish.rule.clone(),
            total: wish.total,
            only: wish.only.iter().map(|(dimension, value)| (dimension.to_string(), value.clone())).collect(),
            author: wish.author.clone(),
            reason: wish.reason.clone(),
            created: now,
            until: wish.until,
            ended: None,
        };
        let id = entry.id.clone();
        if self.silences.iter().all(|known| known.id != id) {
            self.silences.insert(0, entry);
        }
        Ok(id)
    }

    fn end(&mut self, id: &str, by: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
        let Some(entry) = self.silences.iter_mut().find(|entry| entry.id == id) else {
            return Err(Refusal::Missing(format!("there is no silence `{id}`")));
        };
        match &entry.ended {
            Some(End { why: by, .. }) => Err(Refusal::Missing(format!("the silence `{id}` was ended by {by} already"))),
            None if now >= entry.until => Err(Refusal::Missing(format!("the silence `{id}` is over already"))),
            None => {
                entry.ended = Some(End { at: now, why: by.to_owned() });
                self.sweep(now);
                Ok(())
            }
        }
    }

    /// Drops those that are over for long, and of too many those that have been over for longest.
    fn sweep(&mut self, now: DateTime<Utc>) {
        let over = |entry: &Entry| entry.made().over();
        self.silences.retain(|entry| now - over(entry) < KEPT);
        while self.silences.len() >= MOST {
            let ended = self.silences.iter().enumerate().filter(|(_, entry)| over(entry) <= now);
            let Some((oldest, _)) = ended.min_by_key(|(_, entry)| over(entry)) else { break };
            self.silences.remove(oldest);
        }
    }
}

impl Entry {
    fn made(&self) -> MadeSilence {
        let value = |(name, value): &(String, Option<String>)| Some((name.parse().ok()?, value.clone()));
        MadeSilence {
            id: self.id.clone(),
            silence: Silence {
                rule: self.rule.clone(),
                only: self.only.iter().filter_map(value).collect(),
                total: self.total,
                from: Some(self.created),
                until: self.until,
                reason: self.reason.clone(),
            },
            author: self.author.clone(),
            ended: self.ended.as_ref().map(|end| (end.at, end.why.clone())),
        }
    }
}

/// A wish that makes sense, with spaces around its texts taken away.
pub(crate) fn sensible(wish: SilenceWish, rules: &[Rule], now: DateTime<Utc>) -> Result<SilenceWish, Refusal> {
    let mistake = |field: &str, what: String| Err(Refusal::Mistake(Some(field.to_owned()), what));
    let wish = SilenceWish {
        reason: wish.reason.trim().to_owned(),
        author: wish.author.trim().chars().take(LONGEST_NAME).collect(),
        ..wish
    };
    if wish.reason.is_empty() {
        return mistake("reason", "say why, for whoever finds it".to_owned());
    }
    if wish.reason.chars().count() > LONGEST_REASON {
        return mistake("reason", format!("a reason has {LONGEST_REASON} characters at most"));
    }
    if wish.author.is_empty() {
        return mistake("author", "say who wants it".to_owned());
    }
    if wish.until <= now {
        return mistake("until", "it would be over already; give a later time".to_owned());
    }
    // A minute for whoever types a time thirty days from now.
    if wish.until > now + LONGEST + TimeDelta::minutes(1) {
        let what = format!(
            "a silence lasts {} days at most; write [[silence]] into repute.toml for a longer one",
            LONGEST.num_days()
        );
        return mistake("until", what);
    }
    let groups = || wish.only.iter().filter(|(dimension, _)| *dimension != Dimension::ACCOUNT);
    if let Some((dimension, _)) = groups().next().filter(|_| wish.total) {
        return mistake("only", format!("accounts as a whole have no `{dimension}`; leave one of both out"));
    }
    let Some(name) = &wish.rule else { return Ok(wish) };
    let Some(rule) = rules.iter().find(|rule| rule.name == *name) else {
        let known = rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>().join(", ");
        return mistake("rule", format!("there is no rule `{name}`; known are {known}"));
    };
    if let Some((dimension, _)) = groups().find(|(dimension, _)| !rule.by.contains(dimension)) {
        return mistake("only", format!("`{name}` does not divide by `{dimension}`, so it would cover nothing"));
    }
    Ok(wish)
}

/// Where they are.
pub(crate) fn document(location: &Location) -> Result<Document, LakeError> {
    Document::new(location, "silences.json")
}

/// What is written, as far as it can be read.
pub(crate) async fn read(document: &Document) -> Result<Silences, String> {
    let read = tokio::time::timeout(STORE, document.read()).await;
    let (bytes, _) = read.map_err(|_| "no answer in time".to_owned())?.map_err(|error| words(&error))?;
    let found = bytes.as_deref().map(Silences::read).transpose();
    found.map(Option::unwrap_or_default).map_err(|what| format!("`{}` cannot be read: {what}", document.place()))
}

/// Makes a silence that is [`sensible`], and gives its name and all there are then.
pub(crate) async fn add(
    document: &Document,
    wish: &SilenceWish,
    now: DateTime<Utc>,
) -> Result<(String, Vec<MadeSilence>), Refusal> {
    update(document, now, |silences| silences.add(wish, now)).await
}

/// Ends a silence, and gives all there are then.
pub(crate) async fn end(
    document: &Document,
    id: &str,
    by: &str,
    now: DateTime<Utc>,
) -> Result<Vec<MadeSilence>, Refusal> {
    let by: String = by.chars().take(LONGEST_NAME).collect();
    update(document, now, |silences| silences.end(id, &by, now)).await.map(|((), silences)| silences)
}

/// Reads, changes and writes; begins again where somebody else was quicker.
async fn update<T>(
    document: &Document,
    now: DateTime<Utc>,
    change: impl Fn(&mut Silences) -> Result<T, Refusal>,
) -> Result<(T, Vec<MadeSilence>), Refusal> {
    let late = |_| Refusal::Unwritable(format!("no answer from `{}` in time; try again", document.place()));
    let failed = |error: LakeError| Refusal::Unwritable(words(&error));
    let _held = match document.hold(PATIENCE).await {
        Hold::Taken => {
            let what = format!("somebody else has been writing `{}` for seconds; try again", document.place());
            return Err(Refusal::Unwritable(what));
        }
        held => held,
    };
    for _ in 0..ATTEMPTS {
        let (bytes, version) = tokio::time::timeout(STORE, document.read()).await.map_err(late)?.map_err(failed)?;
        let mut silences = match bytes.as_deref().map(Silences::read).transpose() {
            Ok(silences) => silences.unwrap_or_default(),
            Err(what) => {
                let suffix = format!("damaged-{}", now.format("%Y%m%dT%H%M%SZ"));
                let kept = document.set_aside(bytes.unwrap_or_default(), &suffix).await.map_err(failed)?;
                tracing::warn!(what, kept, "silences cannot be read: they are kept beside, and begin anew");
                Silences::default()
            }
        };
        let done = change(&mut silences)?;
        let written = tokio::time::timeout(STORE, document.replace(silences.write(), &version)).await;
        if written.map_err(late)?.map_err(failed)?.is_some() {
            return Ok((done, silences.all()));
        }
    }
    Err(Refusal::Unwritable(format!("others keep writing `{}`; try again", document.place())))
}

fn words(error: &LakeError) -> String {
    let error = anyhow::anyhow!(error.to_string());
    match remedy_behind(&error) {
        Some(remedy) => format!("{}; {remedy}", told(&error)),
        None => told(&error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use repute_query::default_rules;

    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    fn wish(reason: &str) -> SilenceWish {
        SilenceWish {
            rule: Some("bounce_rate_10m".to_owned()),
            only: vec![(Dimension::CONFIGURATION_SET, Some("news".to_owned()))],
            total: false,
            until: at(60),
            reason: reason.to_owned(),
            author: "jane".to_owned(),
        }
    }

    #[test]
    fn what_was_made_is_read_again() {
        let mut silences = Silences::default();
        let first = silences.add(&wish("a \"quote\"\n\u{202e}"), at(0)).unwrap();
        let second = silences.add(&wish("b"), at(1)).unwrap();
        assert_ne!(first, second);
        silences.end(&first, "joe", at(2)).unwrap();
        let read = Silences::read(&silences.write()).unwrap();
        assert_eq!(read, silences);
        let all = read.all();
        assert_eq!((all[0].id.as_str(), all[0].over(), all[0].holds(at(59))), (second.as_str(), at(60), true));
        assert_eq!((all[1].ended.clone(), all[1].holds(at(2))), (Some((at(2), "joe".to_owned())), false));
        assert_eq!(all[1].silence.reason, "a \"quote\"\n\u{202e}");
    }

    #[test]
    fn one_that_is_over_is_not_ended_again() {
        let mut silences = Silences::default();
        let id = silences.add(&wish("a"), at(0)).unwrap();
        let refusal = |silences: &mut Silences, id: &str, minute| match silences.end(id, "joe", at(minute)) {
            Err(Refusal::Missing(what)) => what,
            other => format!("{other:?}"),
        };
        assert_eq!(refusal(&mut silences, "x", 1), "there is no silence `x`");
        assert_eq!(refusal(&mut silences, &id, 60), format!("the silence `{id}` is over already"));
        silences.end(&id, "jane", at(59)).unwrap();
        assert_eq!(refusal(&mut silences, &id, 59), format!("the silence `{id}` was ended by jane already"));
    }

    #[test]
    fn those_that_are_over_go_first() {
        let mut silences = Silences::default();
        for number in 0..MOST as i64 {
            silences.add(&wish(&number.to_string()), at(number % 50)).unwrap();
        }
        assert_eq!(silences.silences.len(), MOST);
        assert!(silences.add(&wish("one more"), at(50)).is_err());
        let id = silences.silences[700].id.clone();
        silences.end(&id, "jane", at(51)).unwrap();
        silences.add(&wish("one more"), at(52)).unwrap();
        assert!(silences.silences.iter().all(|entry| entry.id != id));
        silences.sweep(at(60) + KEPT);
        assert!(silences.silences.is_empty());
    }

    #[test]
    fn mistakes_name_their_field() {
        let rules = default_rules(10_000);
        let field = |wish: SilenceWish| match sensible(wish, &rules, at(0)) {
            Err(Refusal::Mistake(field, _)) => field,
            other => Some(format!("{other:?}")),
        };
        assert!(sensible(wish(" a "), &rules, at(0)).is_ok_and(|wish| wish.reason == "a"));
        assert!(sensible(SilenceWish { rule: None, ..wish("a") }, &rules, at(0)).is_ok());
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(field(wish(" \n")), named("reason"));
        assert_eq!(field(wish(&"x".repeat(501))), named("reason"));
        assert_eq!(field(SilenceWish { until: at(0), ..wish("a") }), named("until"));
        assert_eq!(field(SilenceWish { until: at(0) + TimeDelta::days(31), ..wish("a") }), named("until"));
        assert_eq!(field(SilenceWish { rule: named("<b>"), ..wish("a") }), named("rule"));
        assert_eq!(field(SilenceWish { total: true, ..wish("a") }), named("only"));
        assert_eq!(field(SilenceWish { only: vec![(Dimension::Provider, None)], ..wish("a") }), named("only"));
        assert_eq!(field(SilenceWish { author: " ".to_owned(), ..wish("a") }), named("author"));
    }

    #[test]
    fn what_is_not_understood_silences_nothing() {
        let text = r#"{"version": 1, "silences": [{"id": "1", "only": [["colour", "red"]], "author": "a", "reason": "b",
            "created": "2026-11-01T00:00:00Z", "until": "2026-11-02T00:00:00Z"}]}"#;
        assert!(Silences::read(text.as_bytes()).unwrap_err().contains("unknown dimension `colour`"));
        let known = Silences::read(text.replace("colour", "provider").as_bytes()).unwrap().all();
        assert_eq!(known[0].silence.only, [(Dimension::Provider, Some("red".to_owned()))]);
    }
}
