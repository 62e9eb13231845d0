//! Servers of others that speak AWS's protocols, each ended when it is dropped.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::program::{command, poll, scratch};
use crate::tools::run_python;

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// A moto server with the stream `ses-events`.
pub(crate) struct Moto {
    child: Child,
    pub(crate) endpoint: String,
}

impl Moto {
    pub(crate) fn start(python: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(python);
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &free.port().to_string()]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let moto = Self { child, endpoint: format!("http://{free}") };
        poll("moto's port", PATIENCE, || TcpStream::connect(free).ok());
        run_python(python, "stream.py", ["make", &moto.endpoint]);
        moto
    }

    /// The program as a user of this server, which lets everybody do everything.
    pub(crate) fn command(&self) -> Command {
        as_user("test", &self.endpoint)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program with the access key `user` of a server.
fn as_user(user: &str, endpoint: &str) -> Command {
    let mut command = command();
    command.env("AWS_ACCESS_KEY_ID", user).env("AWS_SECRET_ACCESS_KEY", format!("{user}-secret"));
    command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_ALLOW_HTTP", "true").env("AWS_REGION", "us-east-1");
    command
}

/// Who a request to [`SeaweedFs`] comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Who {
    /// May do everything.
    Owner,
    /// May list and read.
    Reader,
    /// Has keys that nobody knows.
    Stranger,
}

/// A SeaweedFS server with the empty buckets `raw` and `lake`, whose S3 interface checks signatures.
pub(crate) struct SeaweedFs {
    child: Child,
    pub(crate) endpoint: String,
    python: PathBuf,
    _folder: TempDir,
}

/// Owner and reader, with their keys.
const IDENTITIES: &str = r#"{"identities":[
  {"name":"owner","credentials":[{"accessKey":"owner","secretKey":"owner-secret"}],"actions":["Admin","Read","List","Tagging","Write"]},
  {"name":"reader","credentials":[{"accessKey":"reader","secretKey":"reader-secret"}],"actions":["Read","List"]}
]}"#;

/// Ports a server needs.
const PORTS: [&str; 10] = [
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
    "admin.port.grpc",
];

impl SeaweedFs {
    /// Starts the server that lies beside the python.
    pub(crate) fn start(python: &Path) -> Self {
        let folder = scratch();
        let identities = folder.path().join("s3.json");
        std::fs::write(&identities, IDENTITIES).unwrap();
        // All are held until all are known, so that no two are the same.
        let free: Vec<TcpListener> = PORTS.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = free.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        drop(free);
        // The shell ends the server when this process closes its standard input, however that ends.
        let mut command = Command::new("sh");
        command.args(["-c", r#""$@" & read -r _; kill -9 $!"#, "sh"]).arg(python.with_file_name("weed"));
        command.args(["-logtostderr=true", "mini", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-bucket=lake,raw"]);
        command.args(["-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]);
        command.arg(format!("-dir={}", folder.path().display())).arg(format!("-s3.config={}", identities.display()));
        command.args(PORTS.iter().zip(&ports).map(|(name, port)| format!("-{name}={port}")));
        let child = command
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let endpoint = format!("http://127.0.0.1:{}", ports[0]);
        let server = Self { child, endpoint, python: python.to_owned(), _folder: folder };
        server.python(["wait"]);
        server
    }

    /// The program as this user.
    pub(crate) fn command(&self, who: Who) -> Command {
        let key = match who {
            Who::Owner => "owner",
            Who::Reader => "reader",
            Who::Stranger => "stranger",
        };
        as_user(key, &self.endpoint)
    }

    /// Copies a folder into the bucket `raw`, below `prefix`.
    pub(crate) fn upload(&self, folder: &Path, prefix: &str) {
        self.python(["upload", &folder.to_string_lossy(), prefix]);
    }

    /// What `tests/python/s3.py` says to this.
    pub(crate) fn python<const N: usize>(&self, arguments: [&str; N]) -> serde_json::Value {
        run_python(&self.python, "s3.py", [self.endpoint.as_str()].into_iter().chain(arguments))
    }
}

impl Drop for SeaweedFs {
    fn drop(&mut self) {
        // Closes its standard input.
        let _ = self.child.wait();
    }
}
