//! Who may use the dashboard: what the configuration names is read here and handed to `web`, again whenever a file changes.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use repute_web::access::{Access, AccessSettings, Audit, Entry};
use serde_json::json;

use crate::config::{Serving, read_tokens, read_users};
use crate::exit::Failure;
use crate::notify::{Secret, http_client};

/// How often files are looked at for changes.
const REFRESH: Duration = Duration::from_secs(1);

/// The identity provider has answered by then, or not at all.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where audit lines go that no file is given for; shown whatever else is logged.
pub(crate) const AUDIT_LOG: &str = "audit";

/// Sets up sign-in as configured.
pub(crate) fn set_up(serving: &Serving, is_tls: bool) -> Result<Access, Failure> {
    let secrets = [
        serving.proxy.as_ref().and_then(|proxy| proxy.secret.as_ref()),
        serving.oidc.as_ref().and_then(|oidc| oidc.client_secret.as_ref()),
    ];
    let secrets = secrets.into_iter().flatten().filter_map(Secret::path);
    for path in [&serving.users_file, &serving.tokens_file].into_iter().flatten().map(PathBuf::as_path).chain(secrets) {
        warn_of_readers(path);
    }
    let users = serving.users_file.as_deref().map(read_users).transpose()?;
    let tokens = serving.tokens_file.as_deref().map(read_tokens).transpose()?;
    let is_secure = is_tls || serving.base_url.as_ref().is_some_and(|url| url.scheme() == "https");
    let audit = match &serving.audit_file {
        Some(path) => Some(audit_to_file(path)?),
        None if serving.asks_for_sign_in() => Some(audit_to_log()),
        None => None,
    };
    if !is_secure && users.is_some() && !serving.listen.ip().is_loopback() {
        tracing::warn!(
            "passwords cross the network readable: serve by TLS, or behind a proxy that does with an https `base_url`"
        );
    }
    let proxy = match &serving.proxy {
        Some(front) => Some(front.complete(front.secret.as_ref().map(read_secret).transpose()?)),
        None => None,
    };
    let oidc = match &serving.oidc {
        Some(identity) => {
            let http = http_client(PATIENCE).map_err(|error| Failure::Usage(error.words().to_owned()))?;
            Some(identity.complete(identity.client_secret.as_ref().map(read_secret).transpose()?, http))
        }
        None => None,
    };
    Ok(Access::new(AccessSettings {
        audit,
        base_url: serving.base_url.clone(),
        is_secure,
        users,
        tokens,
        proxy,
        oidc,
        idle: serving.idle,
        longest: serving.longest,
        ..AccessSettings::open(Arc::new(Utc::now))
    }))
}

fn read_secret(secret: &Secret) -> Result<String, Failure> {
    secret.read().map_err(|error| Failure::Usage(error.words().to_owned()))
}

/// Says so where others may read a file that holds secrets.
pub(crate) fn warn_of_readers(path: &Path) {
    /// Rights of those who are neither owner nor in the group.
    const OTHERS: u32 = 0o007;
    if fs::metadata(path).is_ok_and(|file| file.permissions().mode() & OTHERS != 0) {
        tracing::warn!("everybody on this machine may read `{}`: chmod o= it", path.display());
    }
}

/// Reaches the identity provider, and takes changes of the files up, for ever.
pub(crate) async fn follow(serving: &Serving, access: &Access) {
    tokio::join!(access.reach_provider(), follow_files(serving, access));
}

async fn follow_files(serving: &Serving, access: &Access) {
    let mut users = Watched::new(serving.users_file.as_ref());
    let mut tokens = Watched::new(serving.tokens_file.as_ref());
    loop {
        tokio::time::sleep(REFRESH).await;
        if let Some(users) = users.changed(read_users) {
            access.replace_users(users);
        }
        if let Some(tokens) = tokens.changed(read_tokens) {
            access.replace_tokens(tokens);
        }
    }
}

/// A file, and what tells whether it is still the same.
pub(crate) struct Watched {
    path: Option<PathBuf>,
    stamp: Option<Stamp>,
}

/// Inode, change time and size.
type Stamp = (u64, i64, i64, u64);

impl Watched {
    pub(crate) fn new(path: Option<&PathBuf>) -> Self {
        Self { path: path.cloned(), stamp: path.and_then(|path| stamp(path)) }
    }

    /// What the file says now, if that may be something new. A file that cannot be read, or has a mistake, is told of once, and what it
    /// said before stays in force.
    pub(crate) fn changed<T>(&mut self, read: impl FnOnce(&Path) -> Result<T, Failure>) -> Option<T> {
        let path = self.path.as_ref()?;
        let now = stamp(path);
        if now == self.stamp {
            return None;
        }
        self.stamp = now;
        match read(path) {
            Ok(read) => Some(read),
            Err(Failure::Usage(what)) => {
                tracing::error!("{what}; what it said before stays in force");
                None
            }
            Err(_) => None,
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let file = fs::metadata(path).ok()?;
    Some((file.ino(), file.ctime(), file.ctime_nsec(), file.size()))
}

/// Appends audit lines to a file that only we read. It is opened for each line, so that it may be moved away meanwhile.
fn audit_to_file(path: &Path) -> Result<Audit, Failure> {
    let path = path.to_owned();
    let open = move || {
        OpenOptions::new().append(true).create(true).mode(0o600).open(&path).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot write the audit file `{}`: {error}", path.display()))
        })
    };
    open().map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(Arc::new(move |entry| open()?.write_all(format!("{}\n", line(entry)).as_bytes())))
}

/// Logs audit lines.
fn audit_to_log() -> Audit {
    Arc::new(|entry| {
        tracing::info!(target: AUDIT_LOG, "{}", line(entry));
        Ok(())
    })
}

/// An audit line as JSON: without control characters, whatever was asked for.
fn line(entry: &Entry<'_>) -> String {
    let line = json!({
        "time": entry.time.to_rfc3339_opts(SecondsFormat::Millis, true),
        "who": entry.who,
        "how": entry.how,
        "peer": entry.peer.map(|peer| peer.to_string()),
        "what": entry.what.as_str(),
        "path": entry.path,
        "query": entry.query,
    });
    line.to_string()
}
