//! `[[notify]]` as written in `repute.toml`: who is told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::TimeDelta;
use lettre::message::Mailbox;
use serde::Deserialize;
use toml::Spanned;
use url::Url;

use super::rules::{Mistake, one_of};
use crate::notify::{
    Alertmanager, Command, Level, Notifier, PAGERDUTY_URL, PagerDuty, Receiver, Secret, Slack, Smtp, Sns, Template,
    Tls, WHY_NOT_SES, Wants, Webhook, is_amazon, is_host,
};
use crate::when::parse_duration;

/// Told again while it lasts, unless told otherwise.
const REPEAT: TimeDelta = TimeDelta::hours(24);

/// One message may take so long, unless told otherwise, and no longer than this.
const TIMEOUT: TimeDelta = TimeDelta::seconds(10);
const LONGEST: TimeDelta = TimeDelta::seconds(60);

/// Names of what is told although no rule has it.
const OWN_RULES: [&str; 2] = ["no_mail", "check"];

/// `[[notify]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NotifyText {
    name: String,
    to: String,
    states: Option<Vec<String>>,
    rules: Vec<String>,
    repeat: Option<String>,
    timeout: Option<String>,
    url: Option<String>,
    url_file: Option<PathBuf>,
    url_env: Option<String>,
    token_file: Option<PathBuf>,
    token_env: Option<String>,
    template: Option<String>,
    routing_key: Option<String>,
    routing_key_file: Option<PathBuf>,
    routing_key_env: Option<String>,
    topic: Option<String>,
    server: Option<String>,
    port: Option<u16>,
    tls: Option<String>,
    ca_file: Option<PathBuf>,
    from: Option<String>,
    recipients: Option<Vec<String>>,
    username: Option<String>,
    password_file: Option<PathBuf>,
    password_env: Option<String>,
    allow_ses: Option<bool>,
    command: Option<Vec<String>>,
}

/// What is known when a table is read.
pub(super) struct Around<'a> {
    /// The folder of the configuration file, which paths in it are relative to.
    pub(super) folder: &'a Path,
    /// Names of the rules in force.
    pub(super) rules: &'a [String],
    /// What PagerDuty is told that events come from.
    pub(super) source: &'a str,
}

/// The receivers of the file.
pub(super) fn notifiers(texts: &[Spanned<NotifyText>], around: &Around<'_>) -> Result<Vec<Notifier>, Mistake> {
    let mut names = BTreeSet::new();
    texts
        .iter()
        .map(|text| {
            let of = text.get_ref();
            let told = |what: String| (text.span(), format!("notify `{}`: {what}", of.name));
            if !names.insert(&of.name) {
                return Err(told("there is another one of this name; give it a name of its own".to_owned()));
            }
            notifier(of, around).map_err(told)
        })
        .collect()
}

fn notifier(text: &NotifyText, around: &Around<'_>) -> Result<Notifier, String> {
    let is_name = (1..=64).contains(&text.name.len())
        && text.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if !is_name {
        return Err("`name` is required: up to 64 letters, digits, `_` and `-`".to_owned());
    }
    let reader = one_of(&text.to, &TARGETS).map_err(|what| format!("`to`: {what}"))?;
    text.refuse_keys_of_others(reader.1)?;
    let to = (reader.0)(text, around)?;
    let levels = match &text.states {
        None => Level::ALL.to_vec(),
        Some(names) if names.is_empty() => return Err("`states` names none, so that nothing would be told".to_owned()),
        Some(names) => {
            let known = Level::ALL.map(|level| (level.as_str(), level));
            names
                .iter()
                .map(|name| one_of(name, &known))
                .collect::<Result<_, _>>()
                .map_err(|what| format!("`states`: {what}"))?
        }
    };
    for name in &text.rules {
        if !around.rules.contains(name) && !OWN_RULES.contains(&name.as_str()) {
            let known = around.rules.iter().map(String::as_str).chain(OWN_RULES).collect::<Vec<_>>().join(", ");
            return Err(format!("`rules`: there is no rule `{name}`; known are {known}"));
        }
    }
    let repeat = duration("repeat", text.repeat.as_deref())?.unwrap_or(REPEAT);
    if repeat < TimeDelta::minutes(1) {
        return Err("`repeat` is shorter than a minute; write at least \"1m\"".to_owned());
    }
    let timeout = duration("timeout", text.timeout.as_deref())?.unwrap_or(TIMEOUT);
    if timeout > LONGEST {
        return Err("`timeout` may be 60s at most, so that a check comes to its end".to_owned());
    }
    let wants = Wants {
        name: text.name.clone(),
        levels,
        rules: text.rules.clone(),
        repeat,
        forgetful: matches!(to, Receiver::Alertmanager(_)),
    };
    Ok(Notifier { wants, timeout: timeout.to_std().unwrap_or(Duration::from_secs(10)), to })
}

/// Reads a target's keys.
type Read = fn(&NotifyText, &Around<'_>) -> Result<Receiver, String>;

/// The targets, and the keys of each.
const TARGETS: [(&str, (Read, &[&str])); 7] = [
    ("webhook", (webhook, &["url", "url_file", "url_env", "token_file", "token_env", "template"])),
    ("slack", (slack, &["url", "url_file", "url_env"])),
    ("pagerduty", (pagerduty, &["routing_key", "routing_key_file", "routing_key_env", "url"])),
    ("alertmanager", (alertmanager, &["url", "token_file", "token_env"])),
    ("sns", (sns, &["topic"])),
    (
        "smtp",
        (
            smtp,
            &[
                "server",
                "port",
                "tls",
                "ca_file",
                "from",
                "recipients",
                "username",
                "password_file",
                "password_env",
                "allow_ses",
            ],
        ),
    ),
    ("command", (command, &["command"])),
];

impl NotifyText {
    fn refuse_keys_of_others(&self, own: &[&str]) -> Result<(), String> {
        let given = [
            ("url", self.url.is_some()),
            ("url_file", self.url_file.is_some()),
            ("url_env", self.url_env.is_some()),
            ("token_file", self.token_file.is_some()),
            ("token_env", self.token_env.is_some()),
            ("template", self.template.is_some()),
            ("routing_key", self.routing_key.is_some()),
            ("routing_key_file", self.routing_key_file.is_some()),
            ("routing_key_env", self.routing_key_env.is_some()),
            ("topic", self.topic.is_some()),
            ("server", self.server.is_some()),
            ("port", self.port.is_some()),
            ("tls", self.tls.is_some()),
            ("ca_file", self.ca_file.is_some()),
            ("from", self.from.is_some()),
            ("recipients", self.recipients.is_some()),
            ("username", self.username.is_some()),
            ("password_file", self.password_file.is_some()),
            ("password_env", self.password_env.is_some()),
            ("allow_ses", self.allow_ses.is_some()),
            ("command", self.command.is_some()),
        ];
        match given.into_iter().find(|(name, is_given)| *is_given && !own.contains(name)) {
            Some((name, _)) => Err(format!("`{name}` is no key of \"{}\", which takes {}", self.to, own.join(", "))),
            None => Ok(()),
        }
    }

    fn url(&self, around: &Around<'_>) -> Result<Secret, String> {
        if let Some(url) = &self.url {
            http_url(url)?;
        }
        secret("url", (&self.url, &self.url_file, &self.url_env), around.folder)?
            .ok_or_else(|| "it needs a `url`, or `url_file` or `url_env` that hold it".to_owned())
    }

    fn token(&self, around: &Around<'_>) -> Result<Option<Secret>, String> {
        secret("token", (&None, &self.token_file, &self.token_env), around.folder)
    }
}

fn webhook(text: &NotifyText, around: &Around<'_>) -> Result<Receiver, String> {
    let template = text.template.as_deref().map(Template::parse).transpose()?;
    Ok(Receiver::Webhook(Webhook { url: text.url(around)?, token: text.token(around)?, template }))
}

fn slack(text: &NotifyText, around: &Around<'_>) -> Result<Receiver, String> {
    Ok(Receiver::Slack(Slack { url: text.url(around)? }))
}

fn pagerduty(text: &NotifyText, around: &Around<'_>) -> Result<Receiver, String> {
    let url = text.url.clone().unwrap_or_else(|| PAGERDUTY_URL.to_owned());
    http_url(&url)?;
    let key = secret("routing_key", (&text.routing_key, &text.routing_key_file, &text.routing_key_env), around.folder)?;
    let routing_key = key.ok_or("it needs the `routing_key` of an Events API v2 integration, or `routing_key_file` or `routing_key_env` that hold it")?;
    Ok(Receiver::PagerDuty(PagerDuty { url, routing_key, source: around.source.to_owned() }))
}

fn alertmanager(text: &NotifyText, around: &Around<'_>) -> Result<Receiver, String> {
    let url = text.url.as_deref().ok_or("it needs a `url`, as in \"http://127.0.0.1:9093\"")?;
    Ok(Receiver::Alertmanager(Alertmanager { url: http_url(url)?, token: text.token(around)? }))
}

fn sns(text: &NotifyText, _: &Around<'_>) -> Result<Receiver, String> {
    let topic = text.topic.as_deref().ok_or("it needs a `topic`: its ARN")?;
    let parts: Vec<&str> = topic.split(':').collect();
    let is_arn =
        matches!(parts.as_slice(), ["arn", _, "sns", region, _, name] if !region.is_empty() && !name.is_empty());
    if !is_arn {
        return Err(format!("`{topic}` is no topic's ARN; write it as \"arn:aws:sns:eu-west-1:111122223333:name\""));
    }
    Ok(Receiver::Sns(Sns { topic: topic.to_owned() }))
}

fn smtp(text: &NotifyText, around: &Around<'_>) -> Result<Receiver, String> {
    let server = text.server.as_deref().ok_or("it needs a `server`: the host that takes the mail")?;
    if !is_host(server) {
        return Err(format!("`{server}` is no host name; write it without a scheme, and the port as `port`"));
    }
    let allow_ses = text.allow_ses.unwrap_or(false);
    if is_amazon(server) && !allow_ses {
        return Err(format!("`{server}` is Amazon's: {WHY_NOT_SES}"));
    }
    let known = [("starttls", (Tls::Upgraded, 587)), ("implicit", (Tls::Implicit, 465)), ("plain", (Tls::Plain, 25))];
    let (tls, port) =
        one_of(text.tls.as_deref().unwrap_or("starttls"), &known).map_err(|what| format!("`tls`: {what}"))?;
    let mailbox = |text: &String| {
        text.parse::<Mailbox>()
            .map_err(|_| format!("`{text}` is no address; write \"ops@example.com\" or \"Ops <ops@example.com>\""))
    };
    let from = mailbox(text.from.as_ref().ok_or("it needs `from`: the address it writes from")?)?;
    let recipients = text.recipients.iter().flatten().map(mailbox).collect::<Result<Vec<_>, _>>()?;
    if recipients.is_empty() {
        return Err("it needs `recipients`, as in [\"ops@example.com\"]".to_owned());
    }
    let password = secret("password", (&None, &text.password_file, &text.password_env), around.folder)?;
    let login = match (&text.username, password) {
        (Some(user), Some(password)) => Some((user.clone(), password)),
        (None, None) => None,
        (Some(_), None) => return Err("`username` needs `password_file` or `password_env`".to_owned()),
        (None, Some(_)) => return Err("the password needs a `username`".to_owned()),
    };
    if login.is_some() && tls == Tls::Plain {
        return Err(
            "with tls = \"plain\" the password would be readable on the wire; write \"starttls\" or \"implicit\""
                .to_owned(),
        );
    }
    Ok(Receiver::Smtp(Box::new(Smtp {
        server: server.to_owned(),
        port: text.port.unwrap_or(port),
        tls,
        ca_file: text.ca_file.as_ref().map(|path| around.folder.join(path)),
        from,
        recipients,
        login,
        allow_ses,
    })))
}

fn command(text: &NotifyText, _: &Around<'_>) -> Result<Receiver, String> {
    let words = text.command.clone().unwrap_or_default();
    match words.first() {
        None => Err("it needs a `command`: the program and its arguments, as in [\"/usr/local/bin/page\", \"--now\"]"
            .to_owned()),
        // cron and systemd know few folders.
        Some(program) if !program.starts_with('/') => Err(format!(
            "`{program}` is no absolute path, and cron looks into few folders; write \"/usr/bin/{program}\" or where it is"
        )),
        Some(_) => Ok(Receiver::Command(Command { words })),
    }
}

/// A secret, or where it is; at most one of the three.
pub(super) fn secret(
    name: &str,
    (text, file, variable): (&Option<String>, &Option<PathBuf>, &Option<String>),
    folder: &Path,
) -> Result<Option<Secret>, String> {
    let given = [
        text.clone().map(Secret::Text),
        file.as_ref().map(|path| Secret::File(folder.join(path))),
        variable.clone().map(Secret::Variable),
    ];
    let mut given = given.into_iter().flatten();
    let first = given.next();
    if given.next().is_some() {
        return Err(format!("`{name}`, `{name}_file` and `{name}_env` exclude each other; keep one"));
    }
    if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
        return Err(format!("`{name}` is empty"));
    }
    Ok(first)
}

/// A URL that can be posted to.
pub(super) fn http_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| format!("`{text}` is no URL of http or https; write it as \"https://example.com/path\""))
}

fn duration(name: &str, text: Option<&str>) -> Result<Option<TimeDelta>, String> {
    text.map(parse_duration).transpose().map_err(|what| format!("`{name}`: {what}"))
}
