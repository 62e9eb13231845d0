//! `repute.toml`, and what the program needs to know after flags, variables and the file are put together.
//!
//! Options come from flags, then `REPUTE_*` variables (clap reads both), then the file. A key the file should not have is
//! an error that names the file and line.

mod edit;
mod ingest;
mod limits;
mod notify;
mod people;
mod reasons;
mod rules;
mod serve;
mod sign_in;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use repute_lake::Location;
use repute_query::{
    Classifier, CountingRules, Dimension, Expected, Providers, REPRESENTATIVE_VOLUME, Rule, Silence, Silent, Turns,
};
use repute_web::Capacity;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::cli::{CountingArgs, Global, IngestArgs, ServeArgs, VolumeArgs};
use crate::exit::Failure;
use crate::listening::Limits;
use crate::listening::tls::TlsFiles;
use crate::notify::Notifier;
use crate::when::{parse_duration, parse_time};
pub(crate) use edit::{EditMistake, Edited, changed, values};
use ingest::IngestText;
use notify::{Around, NotifyText};
use reasons::ReasonText;
use rules::{Mistake, RuleText, SentText, SilenceText};
use serve::ServeText;

pub(crate) use ingest::{LandingAt, LandingSettings, LiveRoutes, MirrorUrl, SnsSettings};
pub(crate) use people::{read_tokens, read_users};
pub(crate) use serve::{Serving, read_base_url, read_host};

/// Data older than this is stale, unless told otherwise. Firehose buffers up to 15 minutes; a small sender's nights are
/// quieter than that.
const DEFAULT_MAX_AGE: TimeDelta = TimeDelta::hours(2);

/// The file, as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    lake: Option<String>,
    pub(crate) import: ImportConfig,
    counting: CountingConfig,
    check: CheckConfig,
    /// Recipient domain to mailbox provider, on top of the built-in table.
    providers: BTreeMap<String, String>,
    #[serde(rename = "rule")]
    rules: Vec<Spanned<RuleText>>,
    #[serde(rename = "silence")]
    silences: Vec<Spanned<SilenceText>>,
    #[serde(rename = "reason")]
    reasons: Vec<Spanned<ReasonText>>,
    notify: Vec<Spanned<NotifyText>>,
    serve: ServeText,
    ingest: IngestText,
    /// Where it was read from, to name places in it.
    #[serde(skip)]
    file: File,
}

#[derive(Debug, Default)]
struct File {
    path: PathBuf,
    text: String,
}

impl File {
    /// Reads a file that an option or the configuration names, and what it is.
    fn read(path: &Path, what: &str) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::Usage(format!("cannot read the {what} `{}`: {error}", path.display())))?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// What it says.
    fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, Failure> {
        toml::from_str(&self.text)
            .map_err(|error| self.refuse(error.span().map_or(0, |span| span.start), error.message()))
    }

    /// A mistake at a byte of the file.
    fn refuse(&self, at: usize, what: &str) -> Failure {
        let line = self.text.get(..at).unwrap_or(&self.text).matches('\n').count() + 1;
        Failure::Usage(format!("{}:{line}: {what}", self.path.display()))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ImportConfig {
    pub(crate) jobs: Option<u16>,
    pub(crate) max_bad: Option<u64>,
    pub(crate) promoted_tags: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CountingConfig {
    verified: Vec<String>,
    no_feedback_loop: Option<Vec<String>>,
    #[serde(deserialize_with = "silent")]
    count: Vec<Silent>,
    last_sends: Option<u64>,
    #[serde(deserialize_with = "time")]
    reset: Option<DateTime<Utc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CheckConfig {
    #[serde(deserialize_with = "duration")]
    max_age: Option<TimeDelta>,
    /// Whether the default rules hold beside those of the file.
    default_rules: Option<bool>,
    /// How much mail was handed to SES.
    sent: Option<SentText>,
    /// By which dimensions alarms are looked into.
    #[serde(deserialize_with = "dimensions")]
    attribute: Option<Vec<Dimension>>,
    /// Where the dashboard is, for people who are told of something.
    dashboard: Option<Spanned<String>>,
    /// Asked for after each check, so that a watchdog notices when there are none.
    heartbeat_url: Option<Spanned<String>>,
    /// Where checks remember what they told, if that is not beside the lake.
    state: Option<String>,
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = match toml::Value::deserialize(deserializer)? {
        toml::Value::String(text) => text,
        toml::Value::Datetime(time) => time.to_string(),
        other => return Err(serde::de::Error::custom(format!("expected a time, found `{other}`"))),
    };
    parse_time(&text).map(Some).map_err(serde::de::Error::custom)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TimeDelta>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map(Some).map_err(serde::de::Error::custom)
}

fn dimensions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Dimension>>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    names.iter().map(|name| name.parse().map_err(serde::de::Error::custom)).collect::<Result<_, _>>().map(Some)
}

fn silent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Silent>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    names.iter().map(|name| name.parse().map_err(serde::de::Error::custom)).collect()
}

/// Has the Delta library write its log without asking whether an entry is there already.
const UNSAFE_RENAME: &str = "AWS_S3_ALLOW_UNSAFE_RENAME";

impl Config {
    /// Reads the file that was named, or `repute.toml` here if there is one.
    pub(crate) fn load(global: &Global) -> Result<Self, Failure> {
        let default = PathBuf::from("repute.toml");
        let path = match &global.config {
            Some(path) => path,
            None if default.exists() => &default,
            None => return Ok(Self::default()),
        };
        let file = File::read(path, "configuration")?;
        Self::parse(&file.text, path)
    }

    /// Reads a text as the file that lies there.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        let config: Self = file.parse()?;
        let config = Self { file, ..config };
        // Whatever the command: a mistake in a rule must not wait for the next check.
        config.alerts(REPRESENTATIVE_VOLUME)?;
        config.reasons()?;
        config.notifiers("")?;
        config.urls()?;
        config.serving(&ServeArgs::default())?;
        config.landing(&IngestArgs::default())?;
        config.live_routes(&IngestArgs::default())?;
        Ok(config)
    }

    /// The file it was read from, if there is one, and its text.
    pub(crate) fn source(&self) -> Option<(&Path, &str)> {
        (!self.file.path.as_os_str().is_empty()).then_some((self.file.path.as_path(), self.file.text.as_str()))
    }

    /// The rules in force, AWS's rate taken over `last_sends` eligible sends, and the silences.
    pub(crate) fn alerts(&self, last_sends: u64) -> Result<(Vec<Rule>, Vec<Silence>), Failure> {
        let refuse = |(span, what): Mistake| self.file.refuse(span.start, &what);
        let rules =
            rules::rules(&self.rules, self.check.default_rules.unwrap_or(true), last_sends, self.check.sent.as_ref())
                .map_err(refuse)?;
        let silences = rules::silences(&self.silences, &rules).map_err(refuse)?;
        Ok((rules, silences))
    }

    /// How much mail was handed to SES, if that was said.
    pub(crate) fn sent(&self) -> Option<Expected> {
        self.check.sent.as_ref().map(SentText::expected)
    }

    /// How many receivers of notifications there are.
    pub(crate) fn receivers(&self) -> usize {
        self.notify.len()
    }

    /// By which rules bounces are known.
    pub(crate) fn reasons(&self) -> Result<Classifier, Failure> {
        reasons::reasons(&self.reasons).map_err(|(span, what): Mistake| self.file.refuse(span.start, &what))
    }

    /// Who is told of alerts; `source` is where those come from.
    pub(crate) fn notifiers(&self, source: &str) -> Result<Vec<Notifier>, Failure> {
        let (rules, _) = self.alerts(REPRESENTATIVE_VOLUME)?;
        let rules: Vec<String> = rules.into_iter().map(|rule| rule.name).collect();
        let folder = self.file.path.parent().unwrap_or(Path::new(""));
        let around = Around { folder, rules: &rules, source };
        notify::notifiers(&self.notify, &around).map_err(|(span, what)| self.file.refuse(span.start, &what))
    }

    /// The dashboard, and what is asked for after each check.
    pub(crate) fn urls(&self) -> Result<(Option<&str>, Option<&str>), Failure> {
        for url in [&self.check.dashboard, &self.check.heartbeat_url].into_iter().flatten() {
            notify::http_url(url.get_ref()).map_err(|what| self.file.refuse(url.span().start, &what))?;
        }
        Ok((
            self.check.dashboard.as_ref().map(|url| url.get_ref().as_str()),
            self.check.heartbeat_url.as_ref().map(|url| url.get_ref().as_str()),
        ))
    }

    /// Where the dashboard is, and who may sign in.
    pub(crate) fn serving(&self, args: &ServeArgs) -> Result<Serving, Failure> {
        self.serve.read(&self.file, args)
    }

    /// Where what live routes and queues receive lands.
    pub(crate) fn landing(&self, args: &IngestArgs) -> Result<LandingSettings, Failure> {
        self.ingest.landing(&self.file, args)
    }

    /// Which live routes there are; nothing if there are none.
    pub(crate) fn live_routes(&self, args: &IngestArgs) -> Result<Option<LiveRoutes>, Failure> {
        self.ingest.routes(&self.file, args)
    }

    /// The users file.
    pub(crate) fn users_file(&self, given: Option<&PathBuf>) -> Result<PathBuf, Failure> {
        self.serve.users_file(given, &self.file).ok_or_else(|| which("users"))
    }

    /// The tokens file.
    pub(crate) fn tokens_file(&self, given: Option<&PathBuf>) -> Result<PathBuf, Failure> {
        self.serve.tokens_file(given, &self.file).ok_or_else(|| which("tokens"))
    }

    /// Where checks remember what they told.
    pub(crate) fn memory(&self, global: &Global) -> Result<Location, Failure> {
        match &self.check.state {
            Some(place) => Ok(Location::parse(place)?),
            None => self.location(global),
        }
    }

    /// Where the certificate and its key lie, if TLS is wanted.
    pub(crate) fn tls_files(&self, args: &ServeArgs) -> Result<Option<TlsFiles>, Failure> {
        self.serve.tls_files(args, self.file.path.parent().unwrap_or(Path::new("")))
    }

    /// What connections may take.
    pub(crate) fn limits(&self) -> Limits {
        self.serve.limits.limits()
    }

    /// What the requests to a server may take.
    pub(crate) fn capacity(&self) -> Capacity {
        self.serve.limits.capacity()
    }

    /// How many windows and groups an answer of the server may have.
    pub(crate) fn most_rows(&self) -> usize {
        self.serve.limits.most_rows()
    }

    /// In whose turn requests read rows.
    pub(crate) fn turns(&self) -> Turns {
        self.serve.limits.turns()
    }

    /// Where the lake is.
    pub(crate) fn location(&self, global: &Global) -> Result<Location, Failure> {
        let text = global.lake.as_ref().or(self.lake.as_ref()).ok_or_else(|| {
            Failure::Usage(
                "which lake? Give --lake DIR, set REPUTE_LAKE, or write `lake = \"DIR\"` into repute.toml".to_owned(),
            )
        })?;
        let location = Location::parse(text)?;
        if location.directory().is_none() && std::env::var_os(UNSAFE_RENAME).is_some() {
            return Err(Failure::Usage(format!(
                "{UNSAFE_RENAME} is set: with it, of two importers that commit at once one erases the other's commit; unset it"
            )));
        }
        Ok(location)
    }

    /// Whose mail counts.
    pub(crate) fn rules(&self, counting: &CountingArgs) -> CountingRules {
        let given =
            |flags: &Vec<String>, file: &Vec<String>| if flags.is_empty() { file.clone() } else { flags.clone() };
        let verified = given(&counting.verified, &self.counting.verified);
        let silent = given(&counting.no_feedback_loop, self.counting.no_feedback_loop.as_ref().unwrap_or(&Vec::new()));
        let count = if counting.count.is_empty() { &self.counting.count } else { &counting.count };
        let silent = if silent.is_empty() && self.counting.no_feedback_loop.is_none() {
            CountingRules::default().no_feedback_loop().into_iter().map(str::to_owned).collect()
        } else {
            silent
        };
        CountingRules::new(verified, silent).counting(count.iter().copied())
    }

    /// Mailbox providers.
    pub(crate) fn providers(&self) -> Providers {
        Providers::default().with(self.providers.clone())
    }

    /// Eligible sends that AWS's rate is taken over.
    pub(crate) fn last_sends(&self, volume: &VolumeArgs) -> u64 {
        volume.last_sends.or(self.counting.last_sends).unwrap_or(REPRESENTATIVE_VOLUME).max(1)
    }

    /// The reset date.
    pub(crate) fn reset(&self, volume: &VolumeArgs) -> Option<DateTime<Utc>> {
        volume.reset.or(self.counting.reset)
    }

    /// By which dimensions alarms are looked into, if that was said.
    pub(crate) fn attribute(&self) -> Option<&[Dimension]> {
        self.check.attribute.as_deref()
    }

    /// From which age on data is stale.
    pub(crate) fn max_age(&self, flag: Option<TimeDelta>) -> TimeDelta {
        flag.or(self.check.max_age).unwrap_or(DEFAULT_MAX_AGE)
    }
}

fn which(kind: &str) -> Failure {
    Failure::Usage(format!(
        "which {kind} file? Give --{kind}-file FILE, set REPUTE_{}_FILE, or write `{kind}_file = \"{kind}.toml\"` under [serve] in repute.toml",
        kind.to_uppercase()
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        match Config::parse(text, Path::new("repute.toml")) {
            Err(Failure::Usage(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_full_file_is_read() {
        let text = r#"
lake = "./lake"
[import]
jobs = 4
max_bad = 10
promoted_tags = ["tier"]
[counting]
verified = ["corp.example"]
no_feedback_loop = ["gmail.com"]
last_sends = 5000
reset = 2026-10-01T00:00:00Z
[check]
max_age = "30m"
[providers]
"corp.test" = "Corp"
"#;
        let config = Config::parse(text, Path::new("repute.toml")).unwrap();
        assert_eq!(config.import.jobs, Some(4));
        assert_eq!(config.check.max_age, Some(TimeDelta::minutes(30)));
        assert_eq!(config.counting.reset, parse_time("2026-10-01").ok());
        assert_eq!(config.providers().of("corp.test"), "Corp");
    }

    #[test]
    fn mistakes_name_the_file_and_line() {
        assert!(
            refusal("lake = \"x\"\n[check]\nmaxage = \"2h\"\n").starts_with("repute.toml:3: unknown field `maxage`")
        );
        assert!(refusal("[check]\nmax_age = \"soon\"\n").starts_with("repute.toml:2: `soon` is no duration"));
        assert!(refusal("lake = 5\n").starts_with("repute.toml:1: invalid type"));
        assert!(refusal("[counting\n").starts_with("repute.toml:1:"));
    }
}
