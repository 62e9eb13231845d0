//! The command line of repute: `repute help` says what it does, README.md how to begin.

mod cli;
mod commands;
mod config;
mod exit;
mod output;
mod progress;
mod when;

use std::process::ExitCode;

fn main() -> ExitCode {
    exit::finish(cli::parse().and_then(commands::run))
}
