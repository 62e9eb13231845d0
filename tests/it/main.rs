//! End-to-end tests: the real executable and server, judged by the generator's truth, by numbers worked out by hand, or
//! by other readers of Delta tables; never by our own parser.
//!
//! `tests/run` installs what they need. A test whose tool is missing fails with that advice, or passes with the word
//! `skipped` if `REPUTE_TESTS_MAY_SKIP=1`.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]

mod driver;
mod dump;
mod front;
mod mail;
mod program;
mod proxy;
mod receivers;
mod servers;
mod syscalls;
mod tools;

mod compact;
mod damage;
mod firehose;
mod fsck;
mod import;
mod interrupted;
mod packing;
mod quarantine;
mod readers;
mod s3;
mod s3_dates;
mod s3_faults;
mod samples;
mod truth;

mod counting;
mod crash;
mod disk;
mod durability;

mod alerting;
mod attribution;
mod bounces;
mod check;
mod cron;
mod delays;
mod engagement;
mod gauges;
mod help;
mod messages;
mod notify;
mod peers;
mod replay;
mod replaying;
mod rollups;
mod rules;
mod search;
mod setup;
mod windows;

mod deliveries;
mod landing;
mod topics;

mod access;
mod accessible;
mod api;
mod listen;
mod overload;
mod paths;

mod browser;
mod demo;
mod desk;
mod doctor;
mod hostile;
mod imports;
mod live;
mod masks;
mod metrics;
mod serve;
mod signed_elsewhere;
mod watch;
mod watch_directory;
mod watch_queues;
mod watch_settings;
mod watch_sources;

mod house;
