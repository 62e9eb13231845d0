//! Receivers of notifications: an HTTP server that keeps what it is sent, and servers of others, each ended when it is dropped.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{poll, runtime, scratch};
use crate::tools::{installed, run_python};

const PATIENCE: Duration = Duration::from_secs(30);

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Request {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// An HTTP server that answers every request with the same status.
pub(crate) struct Hook {
    pub(crate) url: String,
    kept: Arc<Mutex<Vec<Request>>>,
    status: Arc<Mutex<u16>>,
    server: tokio::task::JoinHandle<()>,
}

type Kept = (Arc<Mutex<Vec<Request>>>, Arc<Mutex<u16>>);

impl Hook {
    pub(crate) fn start() -> Self {
        Self::start_at(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(crate) fn start_at(listener: TcpListener) -> Self {
        async fn keep(
            State((kept, status)): State<Kept>,
            method: Method,
            uri: Uri,
            headers: HeaderMap,
            body: Bytes,
        ) -> (StatusCode, &'static str) {
            let body = String::from_utf8(body.to_vec()).unwrap();
            kept.lock().unwrap().push(Request { method: method.to_string(), path: uri.to_string(), headers, body });
            let status = *status.lock().unwrap();
            (StatusCode::from_u16(status).unwrap(), if status == 200 { "ok" } else { "not now" })
        }
        let url = format!("http://{}", listener.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        let (kept, status) = (Arc::default(), Arc::new(Mutex::new(200)));
        let router = Router::new().fallback(keep).with_state((Arc::clone(&kept), Arc::clone(&status)));
        let server = runtime().spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
        Self { url, kept, status, server }
    }

    /// What arrived since this was asked last.
    pub(crate) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.kept.lock().unwrap())
    }

    /// The bodies of what arrived since this was asked last.
    #[track_caller]
    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.take().iter().map(Request::json).collect()
    }

    pub(crate) fn answer(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// An address nobody listens at.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A process that is ended when this is dropped.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Debian's Alertmanager.
pub(crate) struct Alertmanager {
    pub(crate) url: String,
    _process: Process,
    _folder: TempDir,
}

impl Alertmanager {
    /// One that passes on what it is told to a webhook within a second; nothing if this test may be left out.
    pub(crate) fn start(hook: &str) -> Option<Self> {
        let program = installed("prometheus-alertmanager")?;
        let folder = scratch();
        let config = folder.path().join("alertmanager.yml");
        let text = format!(
            "route: {{ receiver: hook, group_wait: 1s, group_interval: 1s, repeat_interval: 1h, group_by: ['...'] }}\n\
             receivers:\n- name: hook\n  webhook_configs: [{{ url: \"{hook}/from-alertmanager\", send_resolved: true }}]\n"
        );
        fs::write(&config, text).unwrap();
        let address = free_address();
        let process = Process::start(
            Command::new(program)
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.path={}", folder.path().join("data").display()))
                .arg(format!("--web.listen-address={address}"))
                .arg("--cluster.listen-address="),
        );
        let started = Self { url: format!("http://{address}"), _process: process, _folder: folder };
        poll("Alertmanager", PATIENCE, || started.get("/-/ready").map(|_| ()));
        Some(started)
    }

    fn get(&self, path: &str) -> Option<String> {
        let url = format!("{}{path}", self.url);
        runtime().block_on(async { reqwest::get(url).await.ok()?.error_for_status().ok()?.text().await.ok() })
    }

    /// The alerts that are active, as its own API lists them.
    pub(crate) fn active(&self) -> Vec<Value> {
        let text = self.get("/api/v2/alerts?active=true").unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

/// An SMTP server of Python's (aiosmtpd) that keeps mail as files.
pub(crate) struct MailServer {
    pub(crate) address: SocketAddr,
    _process: Process,
    folder: TempDir,
}

impl MailServer {
    /// `kind` is plain, starttls or implicit; `name` is what it greets as.
    pub(crate) fn start(python: &Path, kind: &str, name: &str) -> Self {
        let folder = scratch();
        let address = free_address();
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/smtp.py");
        let process = Process::start(
            Command::new(python)
                .arg("-B")
                .arg(program)
                .arg(folder.path())
                .args([&address.port().to_string(), kind, name])
                .current_dir(folder.path()),
        );
        let server = Self { address, _process: process, folder };
        let is_up = || TcpStream::connect(address).ok().filter(|_| server.folder.path().join("ready").exists());
        poll("the SMTP server", PATIENCE, is_up);
        server
    }

    /// The certificate of a server that encrypts.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// Mail so far, in order: `from`, `to`, `login`, `tls`, `headers`, `text`.
    pub(crate) fn mail(&self, python: &Path) -> Vec<Value> {
        let read = run_python(python, "smtp.py", [self.folder.path().as_os_str(), "read".as_ref()]);
        read.as_array().unwrap().clone()
    }
}
