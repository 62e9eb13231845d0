//! `repute serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::TimeDelta;
use clap::Args;
use url::Url;

use super::counting::{CountingArgs, VolumeArgs};
use super::ingest::IngestArgs;
use super::watch::WatchArgs;
use crate::config::{read_base_url, read_host};
use crate::when::parse_duration;

#[derive(Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; other addresses than those of loopback only if people have to sign in [default: 127.0.0.1:8025]
    #[arg(long, env = "REPUTE_LISTEN", value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Host names under which requests are answered, beside those of loopback
    #[arg(long = "host", env = "REPUTE_HOSTS", value_name = "NAME[:PORT]", value_delimiter = ',', value_parser = read_host)]
    pub(crate) hosts: Vec<String>,
    /// Where people reach the dashboard, as <https://ses.example.com>; with https cookies are sent over TLS only
    #[arg(long, env = "REPUTE_BASE_URL", value_name = "URL", value_parser = read_base_url)]
    pub(crate) base_url: Option<Url>,
    /// Who may sign in with a password; `repute user` keeps this file
    #[arg(long, env = "REPUTE_USERS_FILE", value_name = "FILE")]
    pub(crate) users_file: Option<PathBuf>,
    /// Which programs may use the API and the metrics; `repute token` keeps this file
    #[arg(long, env = "REPUTE_TOKENS_FILE", value_name = "FILE")]
    pub(crate) tokens_file: Option<PathBuf>,
    /// Where it is noted who signed in, saw addresses, took data away or changed something [default: the log]
    #[arg(long, env = "REPUTE_AUDIT_FILE", value_name = "FILE")]
    pub(crate) audit_file: Option<PathBuf>,
    /// Speak TLS with this certificate and those that it depends on, in PEM; read again when the file changes
    #[arg(long, env = "REPUTE_TLS_CERTIFICATE", value_name = "FILE")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// The key of the certificate, in PEM
    #[arg(long, env = "REPUTE_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) volume: VolumeArgs,
    #[command(flatten)]
    pub(crate) counting: CountingArgs,
    /// Data older than this is shown as stale [default: 2h]
    #[arg(long, env = "REPUTE_MAX_AGE", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) max_age: Option<TimeDelta>,
    #[command(flatten)]
    pub(crate) ingest: IngestArgs,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}
