//! `repute doctor firehose://STREAM`: what in a stream's set-up will hurt.

use repute_ingest::{Backup, Encryption, StreamSetup};
use repute_query::{StreamFacts, doctor_report, stream_advice, stream_report};
use serde_json::json;

use super::doctor::{ending, extend, head, text};
use super::sources::set_up;
use crate::cli::{DoctorArgs, Format};
use crate::exit::{Exit, Failure};
use crate::output::{self, plain};

pub(super) fn examine(args: &DoctorArgs, stream: &str) -> Result<Exit, Failure> {
    let setup = super::runtime()?.block_on(set_up(stream))?;
    let facts = facts(&setup);
    let found = stream_advice(&facts);
    match args.format {
        Format::Json => {
            let mut report = json!({"stream": stream_report(&facts)});
            extend(&mut report, doctor_report(&found));
            output::print_json(&report)?;
        }
        Format::Text => {
            let head = head("stream", &facts.name, &found);
            output::print(&format!("{head}\n{}{}", described(&facts), text(&found)))?;
        }
    }
    Ok(ending(&found))
}

fn facts(setup: &StreamSetup) -> StreamFacts {
    let place = setup.place.clone();
    let (own_key, encryption_failure) = match &setup.encryption {
        Encryption::OwnKey(key) => (Some(key.clone()), None),
        Encryption::Failed(why) => (None, Some(why.clone())),
        Encryption::Off | Encryption::AwsKey => (None, None),
    };
    let objects_key = place.as_ref().and_then(|place| place.kms_key.clone());
    let kms_keys = own_key.into_iter().chain(objects_key).collect();
    let facts = StreamFacts {
        name: setup.name.clone(),
        status: setup.status.clone(),
        trouble: setup.trouble.clone(),
        destination: setup.destination.as_str().to_owned(),
        keeps_all: setup.keeps_all(),
        has_backup: setup.backup == Backup::All,
        conversion: setup.conversion,
        is_partitioned: setup.is_partitioned,
        processors: setup.processors.clone(),
        zone: setup.zone.clone(),
        kms_keys,
        encryption_failure,
        is_logged: setup.is_logged,
        ..StreamFacts::default()
    };
    match place {
        None => facts,
        Some(place) => StreamFacts {
            bucket: Some(place.bucket),
            prefix: place.prefix.unwrap_or_default(),
            error_prefix: place.error_prefix,
            compression: place.compression,
            buffer_mib: place.buffer_mib,
            buffer_seconds: place.buffer_seconds,
            ..facts
        },
    }
}

/// How the stream is set up, for people.
fn described(facts: &StreamFacts) -> String {
    let or_none = |text: &str| if text.is_empty() { "none".to_owned() } else { plain(text).into_owned() };
    let buffer = match (facts.buffer_seconds, facts.buffer_mib) {
        (Some(seconds), Some(size)) => format!("{seconds} s or {size} MiB"),
        _ => "not told".to_owned(),
    };
    let lines = [
        ("status", facts.status.clone()),
        ("delivers", format!("to {}", facts.destination)),
        ("bucket", or_none(facts.bucket.as_deref().unwrap_or_default())),
        ("prefix", or_none(&facts.prefix)),
        ("errors", or_none(facts.error_prefix.as_deref().unwrap_or_default())),
        ("stored as", or_none(&facts.compression)),
        ("buffer", buffer),
        ("keys in", facts.zone.clone().unwrap_or_else(|| "UTC".to_owned())),
    ];
    let lines = lines.map(|(name, value)| format!("{name:<9} {value}\n"));
    lines.concat() + "\n"
}
