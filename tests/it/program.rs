//! The program as its users run it: arguments in, exit code and two streams out; or a server and its address.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The executable under test.
pub(crate) const REPUTE: &str = env!("CARGO_BIN_EXE_repute");

/// Where tests write, inside the target folder.
pub(crate) const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");

/// A server that is not ready, or does not stop, within this time has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A folder of this test's own, removed when it is dropped.
pub(crate) fn scratch() -> TempDir {
    tempfile::tempdir_in(SCRATCH).unwrap()
}

/// The program, without the options that the surrounding shell may have set.
pub(crate) fn command() -> Command {
    without_our_variables(Command::new(REPUTE))
}

/// The program under limits of address space (KiB), with as many threads as given in `TOKIO_WORKER_THREADS`' default.
pub(crate) fn command_with_memory(kibibytes: u64) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -v {kibibytes}; exec \"$0\" \"$@\""), REPUTE]);
    without_our_variables(command)
}

fn without_our_variables(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("REPUTE_") || text.starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command.current_dir(SCRATCH).stdin(Stdio::null());
    command
}

/// How a run ended and what it said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program with these arguments.
pub(crate) fn repute<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(arguments: I) -> Run {
    Run::of(command().args(arguments))
}

impl Run {
    /// Runs a command to its end. A process ended by a signal has the code 128 + signal, as in a shell.
    pub(crate) fn of(command: &mut Command) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let output = command.output().unwrap();
        let code = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0));
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Fails the test, showing everything, unless the run ended with `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout))
    }
}

/// `import SOURCE --lake LAKE --format json`, with its summary.
#[track_caller]
pub(crate) fn import(source: &Path, lake: &Path) -> Value {
    import_ending(source, lake, 0)
}

/// The same, ending with another code.
#[track_caller]
pub(crate) fn import_ending(source: &Path, lake: &Path, code: i32) -> Value {
    let arguments =
        [OsStr::new("import"), source.as_ref(), "--lake".as_ref(), lake.as_ref(), "--format".as_ref(), "json".as_ref()];
    repute(arguments).expect(code).json()
}

/// Runs a command on a lake and gives its JSON.
#[track_caller]
pub(crate) fn ask(lake: &Path, arguments: &str) -> Value {
    on(lake, &format!("{arguments} --format json")).expect(0).json()
}

/// Runs a command on a lake; the arguments hold no spaces inside.
pub(crate) fn on(lake: &Path, arguments: &str) -> Run {
    Run::of(command().args(arguments.split(' ')).arg("--lake").arg(lake))
}

/// Looks until there is something to see.
#[track_caller]
pub(crate) fn poll<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A running `serve` or `demo`, ended when it is dropped.
pub(crate) struct Server {
    child: Child,
    log: Arc<Mutex<String>>,
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
}

impl Server {
    /// Serves a lake on a free port.
    pub(crate) fn serve(lake: &Path, arguments: &str) -> Self {
        let mut command = command();
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments.split_whitespace()).arg("--lake").arg(lake);
        Self::start(&mut command)
    }

    /// Starts the command and waits until it says where it serves.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (said, hear) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().unwrap().push_str(&format!("{line}\n"));
                for scheme in ["http://", "https://"] {
                    if let Some((_, rest)) = line.split_once(scheme) {
                        let _ = said.send(format!("{scheme}{}", rest.split('/').next().unwrap_or_default()));
                    }
                }
            }
        });
        let heard = hear.recv_timeout(PATIENCE * 4);
        let mut server = Self { child, log, url: String::new() };
        server.url = heard.unwrap_or_else(|_| panic!("it never said where it serves:\n{}", server.log()));
        server
    }

    /// What it wrote to standard error so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Its number among the processes.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// The response to a GET of this path.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Response {
        self.get_as(path, None)
    }

    /// The same with a `Host` header.
    #[track_caller]
    pub(crate) fn get_as(&self, path: &str, host: Option<&str>) -> Response {
        let mut request = reqwest::Client::new().get(format!("{}{path}", self.url)).timeout(PATIENCE);
        if let Some(host) = host {
            request = request.header("Host", host);
        }
        runtime().block_on(async {
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Response { status, headers, text: response.text().await.unwrap() }
        })
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        signal(&self.child, "TERM");
        poll("the server's end", PATIENCE, || self.child.try_wait().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a child that was started here.
pub(crate) fn signal(child: &Child, name: &str) {
    signal_process(child.id(), name);
}

/// The same by its number.
pub(crate) fn signal_process(id: u32, name: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status().unwrap();
    assert!(status.success());
}

/// An answer of the server.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Response {
    /// A header's value, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// The runtime on which tests talk HTTP.
pub(crate) fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().unwrap())
}

/// Waits for a child up to a limit, then ends it and fails.
#[track_caller]
pub(crate) fn finish_within(mut child: Child, limit: Duration) -> Run {
    let streams = [child.stdout.take().map(reader), child.stderr.take().map(reader)];
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            panic!("still running after {limit:?}");
        }
        thread::sleep(Duration::from_millis(20));
    };
    let [stdout, stderr] = streams.map(|stream| stream.map(|s| s.join().unwrap()).unwrap_or_default());
    Run { code: status.code().unwrap_or(-1), stdout, stderr }
}

fn reader(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    })
}
