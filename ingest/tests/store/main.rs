//! Import against everything that an object store can do to it, in memory and by seeds.
//!
//! `REPUTE_TEST_SEEDS` says how many seeds each suite tries, `REPUTE_TEST_SEED` which single one is replayed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod dump;
mod faulty;
mod importer;
mod readback;
mod schedule;
mod seeds;

mod compaction;
mod creation;
mod outcomes;
mod simulation;
mod together;
