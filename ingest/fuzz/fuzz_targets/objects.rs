//! Any bytes as an object: the compact reader must give what the general way gives.
//!
//! In `ingest`: `cargo fuzz run -s none objects`; a stable compiler will do.
#![no_main]

use libfuzzer_sys::fuzz_target;
use repute_ingest::{Limits, read_object};

/// Every record with its place and bytes.
fn records(object: &[u8], limits: &Limits) -> Vec<String> {
    let mut all = Vec::new();
    let outcome = read_object(object, limits, &mut |place, raw, verdict| {
        all.push(format!("{}:{} {verdict:?} {}", place.offset, place.line, raw.escape_ascii()));
    });
    assert!(outcome.is_ok(), "memory can be read");
    all
}

fuzz_target!(|object: &[u8]| {
    // At this depth the compact reader gives up on everything.
    let general = records(object, &Limits { max_depth: 11, ..Limits::default() });
    if !general.iter().any(|record| record.contains("TooDeep")) {
        assert_eq!(records(object, &Limits::default()), general);
    }
});
