//! What is the matter with a dump, before it is imported.

use super::advice::Severity::{Note, Problem, Warning};
use super::{Advice, Around, DumpFacts, SampledObject};
use crate::interval::rate;
use crate::wording::{age, count, percent, thousands};

/// Objects of fewer bytes on average cost more to open than to read.
const SMALL: u64 = 16 << 10;

pub(super) fn nothing_there(facts: &DumpFacts, _: &Around) -> Option<Advice> {
    if facts.objects > 0 {
        return None;
    }
    let refused = facts.refused.iter().take(5).map(|(path, why)| format!("left out `{path}`: {why}"));
    let advice = Advice::new("nothing_there", Problem, "There is nothing to import")
        .because(format!("no object at `{}`", facts.place));
    Some(refused.fold(advice, Advice::because).remedy(
        "Look at the path or prefix: Firehose writes PREFIX/YYYY/MM/DD/HH/STREAM-... Names that begin with `.` or `_`, folder \
         markers and symbolic links are left out. If the bucket is empty too, look at Firehose's monitoring and at whether \
         the configuration set has an event destination at all.",
    ))
}

pub(super) fn unreadable(facts: &DumpFacts, _: &Around) -> Option<Advice> {
    let failed: Vec<_> = facts.sample.iter().filter_map(|object| Some((object, object.failure.as_ref()?))).collect();
    let lines = failed.iter().take(5).map(|(object, why)| format!("`{}`: {why}", object.name));
    let advice = Advice::new(
        "unreadable",
        Problem,
        format!("{} of {} cannot be read", thousands(failed.len() as u64), looked_at(facts)),
    );
    (!failed.is_empty()).then(|| {
        lines.fold(advice, Advice::because).remedy(
            "Give this user the right to read them: for a bucket s3:GetObject, and kms:Decrypt where objects are encrypted \
             with a key of yours.",
        )
    })
}

pub(super) fn not_supported(facts: &DumpFacts, _: &Around) -> Option<Advice> {
    let odd: Vec<&SampledObject> =
        facts.sample.iter().filter(|object| object.bad.contains_key("unsupported_compression")).collect();
    let first = odd.first()?;
    Some(
        Advice::new("not_supported", Problem, "Objects are compressed in a way that is not read")
            .because(format!(
                "{} of {}, such as `{}` ({})",
                thousands(odd.len() as u64),
                looked_at(facts),
                first.name,
                first.compression
            ))
            .remedy("Set the stream's S3 compression to GZIP, or to none; unpack what is there already."),
    )
}

pub(super) fn no_events(facts: &DumpFacts, _: &Around) -> Option<Advice> {
    let records = facts.records();
    let is_read = facts.sample.iter().any(|object| object.failure.is_none());
    if facts.objects == 0 || facts.event_records() > 0 || !is_read {
        return None;
    }
    if records == 0 {
        return Some(
            Advice::new("no_events", Problem, "The objects hold no records")
                .because(format!(
                    "{}, {} read",
                    count(facts.sample.len() as u64, "object"),
                    count(facts.sample.iter().map(|o| o.decoded).sum(), "byte")
                ))
                .remedy("They are empty, or white space: look at what writes them."),
        );
    }
    let listed = |classes: Vec<(&str, u64)>| {
        classes.iter().map(|(class, number)| format!("{} {class}", thousands(*number))).collect::<Vec<_>>().join(", ")
    };
    let ignored: Vec<(&str, u64)> = facts.ignored().into_iter().collect();
    let bad: Vec<(&str, u64)> = facts.bad().into_iter().map(|(class, (number, _))| (class, number)).collect();
    Some(
        Advice::new("no_events", Problem, "There is no SES event among the records")
            .because(format!("{} looked at", count(records, "record")))
            .and((!ignored.is_empty()).then(|| format!("left out, since they are no sending events: {}", listed(ignored))))
            .and((!bad.is_empty()).then(|| format!("not understood: {}", listed(bad))))
            .remedy(
                "This is another kind of data: look at the prefix. SES's sending events have `eventType` and `mail`, bare or in \
                 an SNS, SQS, EventBridge or CloudWatch Logs wrapper.",
            ),
    )
}

pub(super) fn bad_records(facts: &DumpFacts, _: &Around) -> Option<Advice> {
    let bad = facts.bad();
    let number: u64 = bad.values().map(|(number, _)| number).sum();
    if number == 0 || facts.event_records() == 0 {
        return None;
    }
    let share = rate(number, facts.records()).unwrap_or_default();
    let lines =
        bad.iter().map(|(class, (number, reason))| format!("{} {class}, such as: {reason}", thousands(*number)));
    let advice = Advice::new(
        "bad_records",
        if share >= 0.01 { Problem } else { Warning },
        format!(
            "{} of {} would go to the quarantine ({})",
            thousands(number),
            count(facts.records(), "record"),
            percent(share)
        ),
    );
    Some(lines.fold(advice, Advice::because).remedy(
        "The good records are imported all the same, and the bad ones are kept. docs/doctor.md says what each class means.",
    ))
}

pub(super) fn error_output(facts: &DumpFacts, _: &Around) -> Option<Advice> {
    let wrapped: u64 = facts
        .sample
        .iter()
        .flat_map(|object| &object.envelopes)
        .filter(|(envelope, _)| envelope.contains("firehose error"))
        .map(|(_, number)| number)
        .sum();
    (wrapped > 0).then(|| {
        Advice::new("error_output", Warning, "Records are from Firehose's error output")
            .because(format!("{} wrapped in errorCode and rawData", count(wrapped, "record")))
            .remedy(
                "They are read as well, and their events imported. But Firehose could not deliver them where it should: see \
                 the errorCode in them, and the stream's monitoring.",
            )
    })
}

pub(super) fn small_objects(facts: &DumpFacts, _: &Around) -> Option<Advice> {
    let average = facts.bytes / facts.objects.max(1);
    (facts.objects >= 100 && average < SMALL).then(|| {
        Advice::new("small_objects", Note, "The dump consists of many small objects, which are slow to list and read")
            .because(format!("{} of {} bytes on average", count(facts.objects, "object"), thousands(average)))
            .remedy("Raise the stream's buffer (up to 900 seconds or 128 MB); `repute import` reads them as they are.")
    })
}

fn looked_at(facts: &DumpFacts) -> String {
    format!("{} looked at", count(facts.sample.len() as u64, "object"))
}

pub(super) fn old(facts: &DumpFacts, around: &Around) -> Option<Advice> {
    let (_, newest) = facts.events.span?;
    let old = around.now - newest;
    (old > around.max_age).then(|| {
        Advice::new("old", Note, format!("The newest event of the objects looked at is {} old", age(old)))
            .because(newest.format("%Y-%m-%d %H:%M UTC").to_string())
            .remedy(
                "If mail is sent today, this is not all of it, or not the prefix that Firehose writes to now. The dashboard \
                 begins with the last 21 days: choose another range to see older mail.",
            )
    })
}
