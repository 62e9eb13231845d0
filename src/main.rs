//! The command line of repute: `repute help` says what it does, README.md how to begin.

mod access;
mod alerting;
mod aws;
mod cli;
mod commands;
mod config;
mod exit;
mod intake;
mod listening;
mod notify;
mod output;
mod progress;
mod roll;
mod runs;
mod watching;
mod when;

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

/// Rows are built and freed by several threads at once, which the system's allocator answers with memory it keeps.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    exit::finish(cli::parse().and_then(commands::run))
}
