//! What can be watched, as it is written.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use chrono::TimeDelta;
use url::Url;

use crate::when::parse_duration;

/// Something that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A directory or a file.
    Directory(PathBuf),
    /// Objects of a bucket below a prefix.
    Bucket { bucket: String, prefix: String },
    /// A queue.
    Queue(QueueName),
}

/// A queue, by its name or by its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QueueName {
    Name(String),
    Url(Url),
}

impl QueueName {
    /// The region in `https://sqs.eu-west-1.amazonaws.com/123456789012/queue`.
    pub(crate) fn region(&self) -> Option<&str> {
        let Self::Url(url) = self else { return None };
        url.host_str()?.strip_prefix("sqs.")?.split_once(".amazonaws.com").map(|(region, _)| region)
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            None if text.is_empty() => Err("name a directory, a bucket or a queue".to_owned()),
            None => Ok(Self::Directory(PathBuf::from(text))),
            Some(("s3" | "s3a", place)) => {
                let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
                if bucket.is_empty() {
                    return Err(format!("`{text}`: name a bucket, as in s3://bucket/prefix"));
                }
                Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
            }
            Some(("sqs", queue)) => queue_name(queue).map(Self::Queue).ok_or_else(|| {
                format!("`{text}`: name a queue, as in sqs://QUEUE or sqs://sqs.REGION.amazonaws.com/ACCOUNT/QUEUE")
            }),
            Some(("http" | "https", place)) if place.starts_with("sqs.") => {
                let url =
                    Url::parse(text).ok().filter(|url| url.path_segments().is_some_and(|parts| parts.count() == 2));
                url.map(|url| Self::Queue(QueueName::Url(url)))
                    .ok_or_else(|| format!("`{text}`: a queue's URL ends in /ACCOUNT/QUEUE"))
            }
            Some((scheme, _)) => Err(format!(
                "`{text}`: {scheme}:// cannot be watched; give a directory, s3://bucket/prefix or sqs://QUEUE"
            )),
        }
    }
}

/// `QUEUE`, or its URL with or without `https://`.
fn queue_name(text: &str) -> Option<QueueName> {
    let is_name = !text.is_empty() && text.len() <= 80;
    if is_name && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Some(QueueName::Name(text.to_owned()));
    }
    let url = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&url).ok()?;
    let is_queue = url.path_segments().is_some_and(|parts| parts.filter(|part| !part.is_empty()).count() == 2);
    (matches!(url.scheme(), "http" | "https") && is_queue).then_some(QueueName::Url(url))
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Bucket { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Self::Queue(QueueName::Name(name)) => write!(f, "sqs://{name}"),
            Self::Queue(QueueName::Url(url)) => {
                write!(f, "sqs://{}{}", url.host_str().unwrap_or_default(), url.path())
            }
        }
    }
}

/// A pause between two looks: `1s`, `30s`.
pub(crate) fn read_pause(text: &str) -> Result<TimeDelta, String> {
    match parse_duration(text)? {
        pause if pause < TimeDelta::milliseconds(100) => Err(format!("`{text}` is too short: give at least 100ms")),
        pause if pause > TimeDelta::days(1) => Err(format!("`{text}` is too long: give at most 1d")),
        pause => Ok(pause),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_and_shown() {
        for (text, shown) in [
            ("dump/ses", "dump/ses"),
            ("s3://raw", "s3://raw/"),
            ("s3://raw/ses//2026", "s3://raw/ses//2026"),
            ("sqs://ses-events", "sqs://ses-events"),
            ("sqs://ses.fifo", "sqs://ses.fifo"),
            (
                "sqs://sqs.eu-west-1.amazonaws.com/123456789012/ses",
                "sqs://sqs.eu-west-1.amazonaws.com/123456789012/ses",
            ),
            ("sqs://https://sqs.eu-west-1.amazonaws.com/1/ses", "sqs://sqs.eu-west-1.amazonaws.com/1/ses"),
            ("https://sqs.eu-west-1.amazonaws.com/1/ses", "sqs://sqs.eu-west-1.amazonaws.com/1/ses"),
        ] {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), shown, "{text}");
        }
        for text in [
            "",
            "s3://",
            "sqs://",
            "sqs://a b",
            "sqs://host/one",
            "ftp://x/y",
            "https://example.com/a/b",
            "firehose://x",
        ] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
        let Ok(Source::Queue(queue)) = "sqs://sqs.eu-west-1.amazonaws.com/1/ses".parse::<Source>() else { panic!() };
        assert_eq!(queue.region(), Some("eu-west-1"));
        assert_eq!(QueueName::Name("sqs".to_owned()).region(), None);
    }

    #[test]
    fn pauses_have_bounds() {
        assert_eq!(read_pause("500ms"), Ok(TimeDelta::milliseconds(500)));
        for text in ["1ms", "2d", "soon", "0s"] {
            assert!(read_pause(text).is_err(), "{text}");
        }
    }
}
