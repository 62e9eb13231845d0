//! Findings in machine form: names are a contract.

use serde_json::{Value, json};

use super::{Advice, DumpFacts, SampledObject, Severity};
use crate::report::time;

/// Findings, worst first, with how many there are of each severity.
pub fn doctor_report(found: &[Advice]) -> Value {
    let number = |severity: Severity| found.iter().filter(|advice| advice.severity == severity).count();
    let advice = |advice: &Advice| {
        json!({
            "check": advice.check,
            "severity": advice.severity.as_str(),
            "title": advice.title,
            "evidence": advice.evidence,
            "remedy": advice.remedy,
            "documentation": format!("docs/doctor.md#{}", advice.check),
        })
    };
    json!({
        "problems": number(Severity::Problem),
        "warnings": number(Severity::Warning),
        "notes": number(Severity::Note),
        "findings": found.iter().map(advice).collect::<Vec<_>>(),
    })
}

/// What was looked at of a dump.
pub fn dump_report(facts: &DumpFacts) -> Value {
    let rows = |of: repute_lake::EventType| (of.as_str().to_owned(), facts.events.rows(of).into());
    let types: serde_json::Map<String, Value> =
        repute_lake::EventType::ALL.into_iter().map(rows).filter(|(_, rows)| *rows != json!(0)).collect();
    json!({
        "place": facts.place,
        "objects": facts.objects,
        "bytes": facts.bytes,
        "more_objects": facts.is_cut,
        "left_out": facts.refused.iter().map(|(path, why)| json!({"path": path, "why": why})).collect::<Vec<_>>(),
        "looked_at": facts.sample.len(),
        "records": facts.records(),
        "events": facts.event_records(),
        "rows": types,
        "first_event": facts.events.span.map(|(first, _)| time(first)),
        "last_event": facts.events.span.map(|(_, last)| time(last)),
        "sample": facts.sample.iter().map(object).collect::<Vec<_>>(),
    })
}

fn object(object: &SampledObject) -> Value {
    let bad =
        object.bad.iter().map(|(class, (number, why))| (class.clone(), json!({"records": number, "such_as": why})));
    json!({
        "name": object.name,
        "size": object.size,
        "decoded": object.decoded,
        "compression": object.compression,
        "framing": object.framing,
        "envelopes": object.envelopes,
        "records": object.records,
        "events": object.events,
        "bad": bad.collect::<serde_json::Map<_, _>>(),
        "ignored": object.ignored,
        "only_its_beginning": object.is_cut,
        "failure": object.failure,
        "first_event": object.span.map(|(first, _)| time(first)),
        "last_event": object.span.map(|(_, last)| time(last)),
    })
}
