//! What in a Firehose stream's set-up will hurt whoever counts by what it writes.

use serde_json::{Value, json};

use super::Advice;
use super::advice::Severity::{Note, Problem, Warning};

/// A buffer of more seconds delays every figure by more than half of the shortest default alert window, ten minutes.
const LONG_BUFFER: i32 = 300;

/// A buffer of fewer seconds makes many small objects.
const SHORT_BUFFER: i32 = 60;

/// A stream as it is set up.
#[derive(Debug, Clone, Default)]
pub struct StreamFacts {
    /// Its name.
    pub name: String,
    /// `ACTIVE`, `CREATING`, ...
    pub status: String,
    /// Why it has this status.
    pub trouble: Option<String>,
    /// Where it delivers to, for people.
    pub destination: String,
    /// The bucket in which its records, or some of them, lie.
    pub bucket: Option<String>,
    /// Whether all of them lie there, and not only those that could not be delivered.
    pub keeps_all: bool,
    /// Whether records are kept as they were before they were processed.
    pub has_backup: bool,
    /// Before the names of objects, with expressions.
    pub prefix: String,
    /// The same of objects with error records.
    pub error_prefix: Option<String>,
    /// `GZIP`, `UNCOMPRESSED`, ...
    pub compression: String,
    /// An object is written when so many MiB have come, or
    pub buffer_mib: Option<i32>,
    /// when the first record is so many seconds old.
    pub buffer_seconds: Option<i32>,
    /// The format into which records are converted.
    pub conversion: Option<&'static str>,
    /// Whether records go to folders by their content.
    pub is_partitioned: bool,
    /// What is done to records before.
    pub processors: Vec<String>,
    /// The time zone of the dates in keys, unless it is UTC.
    pub zone: Option<String>,
    /// Keys of KMS that are one's own: of the stream, and of its objects.
    pub kms_keys: Vec<String>,
    /// Why the stream's encryption failed.
    pub encryption_failure: Option<String>,
    /// Whether Firehose tells CloudWatch Logs of what it cannot deliver.
    pub is_logged: bool,
}

type StreamCheck = fn(&StreamFacts) -> Option<Advice>;

const CHECKS: [StreamCheck; 13] = [
    status,
    no_bucket,
    failed_only,
    conversion,
    encryption_failed,
    buffer,
    no_error_prefix,
    undated_prefix,
    partitioned,
    lambda,
    not_logged,
    compression,
    encrypted,
];

/// What there is to say about a stream. The worst comes first.
pub fn stream_advice(facts: &StreamFacts) -> Vec<Advice> {
    let mut found: Vec<Advice> = CHECKS.iter().filter_map(|check| check(facts)).collect();
    found.sort_by_key(|advice| std::cmp::Reverse(advice.severity));
    found
}

/// How the stream is set up, in machine form.
pub fn stream_report(facts: &StreamFacts) -> Value {
    json!({
        "name": facts.name,
        "status": facts.status,
        "destination": facts.destination,
        "bucket": facts.bucket,
        "keeps_all": facts.keeps_all,
        "has_backup": facts.has_backup,
        "prefix": facts.prefix,
        "error_prefix": facts.error_prefix,
        "compression": facts.compression,
        "buffer_mib": facts.buffer_mib,
        "buffer_seconds": facts.buffer_seconds,
        "conversion": facts.conversion,
        "partitioned": facts.is_partitioned,
        "processors": facts.processors,
        "time_zone": facts.zone.as_deref().unwrap_or("UTC"),
        "kms_keys": facts.kms_keys,
        "logged": facts.is_logged,
    })
}

fn status(facts: &StreamFacts) -> Option<Advice> {
    let severity = match facts.status.as_str() {
        "ACTIVE" => return None,
        "CREATING" => Warning,
        _ => Problem,
    };
    Some(
        Advice::new("stream_status", severity, "The stream takes no records")
            .because(format!("its status is {}", facts.status))
            .and(facts.trouble.clone())
            .remedy("Wait if it is being created; otherwise mend or create it again. SES drops events while a stream takes none."),
    )
}

fn no_bucket(facts: &StreamFacts) -> Option<Advice> {
    facts.bucket.is_none().then(|| {
        Advice::new("stream_no_bucket", Problem, "The stream keeps nothing in S3")
            .because(format!("it delivers to {}", facts.destination))
            .remedy(
                "Give it a backup in S3 of all records, or let the configuration set publish to a second stream that writes to \
                 S3. What is not kept cannot be counted later.",
            )
    })
}

fn failed_only(facts: &StreamFacts) -> Option<Advice> {
    let bucket = facts.bucket.as_ref().filter(|_| !facts.keeps_all)?;
    Some(
        Advice::new("stream_failed_only", Warning, "The stream's bucket holds only what could not be delivered")
            .because(format!("it delivers to {}; failed records go to `{bucket}`", facts.destination))
            .remedy(
                "Set the backup to all records if repute is to read them from S3. Where the stream delivers to repute itself \
                 that is not needed, but makes good whatever its landing area loses.",
            ),
    )
}

fn conversion(facts: &StreamFacts) -> Option<Advice> {
    let format = facts.conversion?;
    let (severity, more) = match format {
        "ORC" => (Problem, "ORC is not read at all."),
        _ => (Warning, "Parquet is read, without the columns that the Glue table does not name."),
    };
    Some(
        Advice::new("stream_conversion", severity, "The stream converts records to another format")
            .because(format!("record format conversion to {format}"))
            .remedy(format!(
                "{more} Switch the conversion off, with GZIP as compression; repute makes Parquet itself (docs/objects.md)."
            )),
    )
}

fn encryption_failed(facts: &StreamFacts) -> Option<Advice> {
    let why = facts.encryption_failure.as_ref()?;
    Some(
        Advice::new("stream_encryption_failed", Problem, "The stream's encryption could not be switched")
            .because(why.clone())
            .remedy("Look at the key of KMS and its policy, then start or stop the stream's encryption again."),
    )
}

fn buffer(facts: &StreamFacts) -> Option<Advice> {
    let seconds = facts.buffer_seconds?;
    let evidence = match facts.buffer_mib {
        Some(size) => format!("an object is written after {seconds} seconds or {size} MiB"),
        None => format!("an object is written after {seconds} seconds"),
    };
    if seconds > LONG_BUFFER {
        return Some(
            Advice::new("stream_buffer", Warning, "Figures and alerts are late: the stream buffers for long")
                .because(evidence)
                .remedy(
                    "Set the buffer interval to 60 seconds if alerts over ten minutes are to mean something; 300 is enough for \
                     a dashboard.",
                ),
        );
    }
    (seconds < SHORT_BUFFER).then(|| {
        Advice::new("stream_buffer", Note, "The stream writes many small objects")
            .because(evidence)
            .remedy("Each object costs a request to write, to list and to read. 60 seconds is a good buffer interval.")
    })
}

fn no_error_prefix(facts: &StreamFacts) -> Option<Advice> {
    (facts.bucket.is_some() && facts.error_prefix.as_ref().is_none_or(String::is_empty)).then(|| {
        Advice::new("stream_no_error_prefix", Warning, "Error records have no prefix of their own")
            .because(format!("they lie behind the records' prefix `{}`, in a folder named by the error", facts.prefix))
            .remedy(
                "Set ErrorOutputPrefix, such as `ses-errors/!{firehose:error-output-type}/`, so that they are seen and can be \
                 alarmed of. `repute import firehose://STREAM` reads them either way.",
            )
    })
}

fn undated_prefix(facts: &StreamFacts) -> Option<Advice> {
    let first = facts.prefix.find("!{timestamp:");
    let has_day = facts.prefix.split("!{timestamp:").skip(1).filter_map(|rest| rest.split('}').next()).any(|form| {
        let outside_quotes: String = form.split('\'').step_by(2).collect();
        outside_quotes.contains(['d', 'D'])
    });
    let is_behind = facts.prefix.find("!{").is_some_and(|any| first.is_none_or(|first| any < first));
    let evidence = match (first, has_day, is_behind) {
        (Some(_), false, _) => "its timestamp has no day",
        (_, _, true) => "the date stands behind what differs from object to object",
        _ => return None,
    };
    Some(
        Advice::new("stream_prefix", Note, "The prefix keeps listings from being narrowed by date")
            .because(format!("`{}`: {evidence}", facts.prefix))
            .remedy(
                "Begin the prefix with fixed text and the date, as in `ses/!{timestamp:yyyy/MM/dd/HH}/`; --since then lists \
                 only the days that are wanted.",
            ),
    )
}

fn partitioned(facts: &StreamFacts) -> Option<Advice> {
    facts.is_partitioned.then(|| {
        Advice::new("stream_partitioned", Warning, "The stream partitions records by their content")
            .because("dynamic partitioning is on")
            .remedy(
                "It costs per GB and per object, makes many small objects, and sends records without the key, or beyond 500 \
                 partitions, to the error prefix. repute groups by any field without it; it cannot be switched off, so create \
                 another stream.",
            )
    })
}

fn lambda(facts: &StreamFacts) -> Option<Advice> {
    let processor = facts.processors.iter().find(|processor| processor.as_str() == "Lambda")?;
    let (severity, backup) = match facts.has_backup {
        true => (Note, "records are kept as they came"),
        false => (Warning, "the backup is disabled: what the function drops or breaks is gone"),
    };
    Some(
        Advice::new("stream_lambda", severity, "A function changes the records")
            .because(format!("processing by {processor}; {backup}"))
            .remedy(
                "SES's events need no processing. If the function stays, let it return records whole, each with its newline, \
                 and switch on the backup of source records.",
            ),
    )
}

fn not_logged(facts: &StreamFacts) -> Option<Advice> {
    (!facts.is_logged).then(|| {
        Advice::new("stream_not_logged", Warning, "Nobody hears of what the stream cannot deliver")
            .because("its CloudWatch error logging is off")
            .remedy(
                "Switch error logging on, and set an alarm on the metric DeliveryToS3.DataFreshness: Firehose keeps for 24 \
                 hours what it cannot deliver, then drops it.",
            )
    })
}

fn compression(facts: &StreamFacts) -> Option<Advice> {
    let title = match facts.compression.as_str() {
        "UNCOMPRESSED" if facts.bucket.is_some() && facts.conversion.is_none() => {
            "Objects are not compressed: they cost twelve times the storage and the transfer"
        }
        "ZIP" | "Snappy" | "HADOOP_SNAPPY" => "Objects are compressed in a way that few tools read",
        _ => return None,
    };
    Some(
        Advice::new("stream_compression", Note, title)
            .because(format!("compression {}", facts.compression))
            .remedy("Set it to GZIP. repute reads all of them, also mixed in one bucket."),
    )
}

fn encrypted(facts: &StreamFacts) -> Option<Advice> {
    let first = facts.kms_keys.first()?;
    Some(
        Advice::new("stream_encrypted", Note, "Keys of KMS of your own are in use")
            .because(facts.kms_keys.join(", "))
            .remedy(format!(
                "Whoever reads the objects needs kms:Decrypt on the bucket's key, and whoever replays onto the stream \
                 kms:GenerateDataKey on the stream's, such as `{first}`."
            )),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    fn sound() -> StreamFacts {
        StreamFacts {
            name: "ses".to_owned(),
            status: "ACTIVE".to_owned(),
            destination: "S3".to_owned(),
            bucket: Some("raw".to_owned()),
            keeps_all: true,
            prefix: "ses/!{timestamp:yyyy/MM/dd/HH}/".to_owned(),
            error_prefix: Some("ses-errors/".to_owned()),
            compression: "GZIP".to_owned(),
            buffer_mib: Some(5),
            buffer_seconds: Some(60),
            is_logged: true,
            ..StreamFacts::default()
        }
    }

    fn found(change: impl FnOnce(&mut StreamFacts)) -> Vec<(&'static str, Severity)> {
        let mut facts = sound();
        change(&mut facts);
        stream_advice(&facts).into_iter().map(|advice| (advice.check, advice.severity)).collect()
    }

    #[test]
    fn a_sound_stream_and_one_thing_wrong_at_a_time() {
        assert_eq!(found(|_| ()), []);
        assert_eq!(found(|facts| facts.prefix = "ses/".to_owned()), []);
        assert_eq!(found(|facts| facts.status = "CREATING_FAILED".to_owned()), [("stream_status", Problem)]);
        assert_eq!(found(|facts| facts.keeps_all = false), [("stream_failed_only", Warning)]);
        assert_eq!(found(|facts| facts.conversion = Some("ORC")), [("stream_conversion", Problem)]);
        assert_eq!(found(|facts| facts.conversion = Some("Parquet")), [("stream_conversion", Warning)]);
        assert_eq!(found(|facts| facts.buffer_seconds = Some(900)), [("stream_buffer", Warning)]);
        assert_eq!(found(|facts| facts.buffer_seconds = Some(0)), [("stream_buffer", Note)]);
        assert_eq!(found(|facts| facts.error_prefix = None), [("stream_no_error_prefix", Warning)]);
        assert_eq!(found(|facts| facts.is_partitioned = true), [("stream_partitioned", Warning)]);
        assert_eq!(found(|facts| facts.processors = vec!["Lambda".to_owned()]), [("stream_lambda", Warning)]);
        assert_eq!(found(|facts| facts.is_logged = false), [("stream_not_logged", Warning)]);
        assert_eq!(found(|facts| facts.compression = "ZIP".to_owned()), [("stream_compression", Note)]);
        assert_eq!(found(|facts| facts.kms_keys = vec!["arn".to_owned()]), [("stream_encrypted", Note)]);
        assert_eq!(
            found(|facts| facts.encryption_failure = Some("x".to_owned())),
            [("stream_encryption_failed", Problem)]
        );
        let no_bucket = |facts: &mut StreamFacts| (facts.bucket, facts.error_prefix) = (None, None);
        assert_eq!(found(no_bucket), [("stream_no_bucket", Problem)]);
    }

    #[test]
    fn prefixes_that_hide_the_date_are_told() {
        let told = |prefix: &str| !found(|facts| facts.prefix = prefix.to_owned()).is_empty();
        assert!(told("ses/!{timestamp:yyyy}/") && told("!{timestamp:'day'-yyyy}/"));
        assert!(told("!{partitionKeyFromQuery:set}/!{timestamp:yyyy/MM/dd}/") && told("!{firehose:random-string}/"));
        assert!(!told("!{timestamp:yyyy-MM-dd}/!{partitionKeyFromQuery:set}/") && !told(""));
    }
}
