//! Answers from kept counts and from rows against those that the query engine gives, for random lakes, selections and versions.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod delays;
mod lakes;
mod parts;
mod reasons;
mod rollups;
mod rows;
