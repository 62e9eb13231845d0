//! Tools of others that some tests need. `tests/run` installs them; a test whose tool is missing fails with that advice,
//! or passes with a word on standard error if `REPUTE_TESTS_MAY_SKIP=1`.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::program::{Run, SCRATCH};

/// The python with the libraries of `tests/run`, or nothing if this test may be left out.
pub(crate) fn python() -> Option<PathBuf> {
    match std::env::var_os("REPUTE_PYTHON") {
        Some(path) => Some(path.into()),
        None => skip("REPUTE_PYTHON names no python with deltalake, polars, duckdb and moto"),
    }
}

/// Runs a program of `tests/python` that prints JSON.
#[track_caller]
pub(crate) fn run_python<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
    python: &Path,
    program: &str,
    arguments: I,
) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(program);
    Run::of(Command::new(python).current_dir(SCRATCH).arg("-B").arg(path).args(arguments)).expect(0).json()
}

/// What `tests/node/check.mjs` finds out about pages, or nothing if this test may be left out. Its head says what it takes and gives.
#[track_caller]
pub(crate) fn check_in_browser(question: &Value) -> Option<Value> {
    installed("chromium")?;
    let node = installed("node")?;
    if std::env::var_os("REPUTE_NODE").is_none() {
        return skip("REPUTE_NODE names no folder with playwright-core and axe-core");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node/check.mjs");
    let mut command = Command::new(node);
    command.arg(path).current_dir(SCRATCH).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(question.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    Some(serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}")))
}

/// A tool in `/usr/bin` or `/usr/sbin`, or nothing if this test may be left out.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let found = ["/usr/bin", "/usr/sbin"].iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists());
    found.or_else(|| skip(&format!("{name} is not installed")))
}

/// Says that a test is left out, if it may be.
#[track_caller]
pub(crate) fn skip<T>(why: &str) -> Option<T> {
    assert_eq!(std::env::var("REPUTE_TESTS_MAY_SKIP").as_deref(), Ok("1"), "{why}: run tests/run");
    eprintln!("skipped: {why}");
    None
}
