//! A Firehose stream: what it is set up to write where, and the objects that it wrote.

use aws_sdk_firehose::Client;
use aws_sdk_firehose::error::ProvideErrorMetadata;
use aws_sdk_s3::Client as S3Client;
use chrono_tz::Tz;
use tokio::sync::mpsc;

mod setup;

pub use setup::{Backup, Destination, Encryption, S3Place, StreamSetup};

use super::bucket::{Step, by_date, list_matching};
use super::dates::folder_date;
use super::prefix::PrefixPattern;
use super::{KeyRange, ListError, Listing, said};

/// Why a stream cannot be read from.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// There is no stream of this name in the region and account of the credentials.
    #[error(
        "there is no Firehose stream `{0}` in this region and account; look at the name, AWS_REGION and AWS_PROFILE"
    )]
    Missing(String),
    /// The credentials may not ask about it.
    #[error("Firehose stream `{stream}`: {reason}; these credentials lack firehose:DescribeDeliveryStream on it")]
    Denied {
        /// Name of the stream.
        stream: String,
        /// What the service said.
        reason: String,
    },
    /// The service could not be asked.
    #[error("cannot ask about Firehose stream `{stream}`: {reason}")]
    Failed {
        /// Name of the stream.
        stream: String,
        /// What the SDK said.
        reason: String,
    },
    /// It writes nothing to S3.
    #[error(
        "Firehose stream `{stream}` delivers to {destination} and has no bucket for a backup; import from where its events come \
         from, or give it one"
    )]
    NoBucket {
        /// Name of the stream.
        stream: String,
        /// Where it delivers to.
        destination: &'static str,
    },
    /// Its time zone is none that is known here.
    #[error("Firehose stream `{stream}` writes keys in the unknown time zone `{zone}`; name one with --key-timezone")]
    Zone {
        /// Name of the stream.
        stream: String,
        /// What it has for a time zone.
        zone: String,
    },
}

/// Asks Firehose how a stream is set up.
pub async fn describe_stream(client: &Client, stream: &str) -> Result<StreamSetup, StreamError> {
    let asked = client.describe_delivery_stream().delivery_stream_name(stream).send().await;
    let answer = asked.map_err(|error| {
        let stream = stream.to_owned();
        let status = error.raw_response().map(|response| response.status().as_u16());
        let reason = said(&error);
        match (error.code(), status) {
            (Some("ResourceNotFoundException"), _) => StreamError::Missing(stream),
            (_, Some(403)) | (Some("AccessDeniedException"), _) => StreamError::Denied { stream, reason },
            _ => StreamError::Failed { stream, reason },
        }
    })?;
    let description = answer.delivery_stream_description.ok_or_else(|| StreamError::Missing(stream.to_owned()))?;
    Ok(StreamSetup::of(&description))
}

impl StreamSetup {
    /// The time zone of the dates in its keys.
    ///
    /// # Errors
    /// [`StreamError::Zone`] if it is none that is known.
    pub fn key_zone(&self) -> Result<Tz, StreamError> {
        let zone = self.zone.as_deref().unwrap_or("UTC");
        zone.parse().map_err(|_| StreamError::Zone { stream: self.name.clone(), zone: zone.to_owned() })
    }

    /// Where its objects lie.
    ///
    /// # Errors
    /// [`StreamError::NoBucket`] if there is no such place.
    pub fn place(&self) -> Result<&S3Place, StreamError> {
        self.place
            .as_ref()
            .ok_or_else(|| StreamError::NoBucket { stream: self.name.clone(), destination: self.destination.as_str() })
    }
}

impl S3Place {
    /// Patterns of the keys of records, and of error records.
    ///
    /// Firehose's developer guide shows an error prefix without a timestamp both with a date behind it and without. Where there is no
    /// error prefix, and so no expression in the prefix, it says once that the kind of error stands before the date, and once that it
    /// stands behind a date with the day of the year. All of these are taken.
    fn patterns(&self) -> Vec<PrefixPattern> {
        let prefix = self.prefix.as_deref().unwrap_or_default();
        let records = PrefixPattern::parse(prefix);
        let errors = match self.error_prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
            Some(errors) => [PrefixPattern::parse(errors), PrefixPattern::undated(errors)],
            None => ["!{firehose:error-output-type}/", "!{timestamp:yyyy/MM/DDD/HH}/!{firehose:error-output-type}/"]
                .map(|behind| PrefixPattern::parse(&format!("{}{behind}", records.root()))),
        };
        let mut patterns = vec![records];
        for pattern in errors {
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
        patterns
    }
}

/// Lists the objects that a stream wrote to its bucket under its present set-up: records and error records. They are handed
/// over while others are still being listed. Gives how many objects lie beside them that are not its own, and are left out.
///
/// # Errors
/// Where its bucket cannot be listed.
pub async fn list_stream(
    client: &S3Client,
    stream: &str,
    place: &S3Place,
    range: &KeyRange,
    parts: &mpsc::Sender<Listing>,
) -> Result<u64, ListError> {
    let patterns = place.patterns();
    let takes = |key: &str| patterns.iter().any(|pattern| pattern.is_of(key, stream));
    let choose = |folder: &str| {
        let mut leading = patterns.iter().filter(|pattern| pattern.may_be_in(folder)).peekable();
        match leading.peek().is_some() {
            false => Step::Skip,
            true if leading.all(PrefixPattern::is_dated_first) => match by_date(range, folder) {
                Step::Into if range.is_all() && folder_date(folder).is_some() => Step::Whole,
                step => step,
            },
            // Something that looks like a date may be the value of a partition.
            true => Step::Into,
        }
    };
    let mut others = 0;
    for root in roots(&patterns) {
        others += list_matching(client, (&place.bucket, root), range, &choose, &takes, parts).await?;
    }
    Ok(others)
}

/// Where listing begins: no place lies within another.
fn roots(patterns: &[PrefixPattern]) -> Vec<&str> {
    let mut roots: Vec<&str> = Vec::new();
    for root in patterns.iter().map(PrefixPattern::root) {
        if !roots.iter().any(|other| root.starts_with(other)) {
            roots.retain(|other| !other.starts_with(root));
            roots.push(root);
        }
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(prefix: &str, error_prefix: Option<&str>) -> S3Place {
        S3Place { prefix: Some(prefix.to_owned()), error_prefix: error_prefix.map(str::to_owned), ..S3Place::default() }
    }

    #[test]
    fn no_place_is_listed_twice() {
        for (prefix, errors, expected) in [
            ("", None, vec![""]),
            ("ses/", None, vec!["ses/"]),
            ("ses/", Some("errors/!{firehose:error-output-type}/"), vec!["ses/", "errors/"]),
            ("ses/!{timestamp:yyyy}/", Some("ses/errors/!{firehose:error-output-type}/"), vec!["ses/"]),
            ("", Some("errors/"), vec![""]),
        ] {
            assert_eq!(roots(&place(prefix, errors).patterns()), expected, "{prefix} {errors:?}");
        }
    }

    #[test]
    fn error_records_lie_behind_the_prefix_unless_told_otherwise() {
        let is_of = |place: &S3Place, folder: &str| {
            let key = format!("{folder}s-1-2026-11-28-15-04-05-x");
            place.patterns().iter().map(|pattern| pattern.is_of(&key, "s")).collect::<Vec<_>>()
        };
        let bare = place("ses/", None);
        assert_eq!(is_of(&bare, "ses/2026/11/28/15/"), [true, false, false]);
        assert_eq!(is_of(&bare, "ses/processing-failed/2026/11/28/15/"), [false, true, false]);
        assert_eq!(is_of(&bare, "ses/2026/11/332/15/format-conversion-failed/"), [false, false, true]);
        let told = place("ses/", Some("errors/!{firehose:error-output-type}/"));
        assert_eq!(is_of(&told, "errors/processing-failed/"), [false, false, true]);
        assert_eq!(is_of(&told, "errors/processing-failed/2026/11/28/15/"), [false, true, false]);
        assert_eq!(is_of(&told, "errors/elsewhere/"), [false, false, false]);
        let dated = place("ses/", Some("errors/!{timestamp:yyyy}/!{firehose:error-output-type}/"));
        assert_eq!(dated.patterns().len(), 2);
    }
}
