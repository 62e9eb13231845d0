//! Tools of others that some tests need. `tests/run` installs them; a test whose tool is missing fails with that advice,
//! or passes with a word on standard error if `REPUTE_TESTS_MAY_SKIP=1`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

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
