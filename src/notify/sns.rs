//! An Amazon SNS topic.
//!
//! Source: docs.aws.amazon.com, SNS API reference, "Publish": a subject is ASCII, begins with a letter, digit or punctuation mark,
//! holds no line's end or control character and at most 100 characters; a message at most 256 KiB; FIFO topics want a group.

use std::time::Duration;

use aws_sdk_sns::types::MessageAttributeValue;

use super::Undelivered;
use super::message::{Message, cut};
use crate::aws;
use crate::exit::told;

const SUBJECT: usize = 100;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sns {
    /// `arn:aws:sns:REGION:ACCOUNT:NAME`.
    pub(crate) topic: String,
}

impl Sns {
    pub(crate) async fn deliver(&self, message: &Message, timeout: Duration) -> Result<(), Undelivered> {
        let publish = async {
            let client = aws::sns(self.region()).await;
            let mut request =
                client.publish().topic_arn(&self.topic).subject(subject(&message.title())).message(message.text());
            for name in ["kind", "state", "rule", "incident"] {
                let value = message.field(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
                let attribute = MessageAttributeValue::builder().data_type("String").string_value(value).build();
                request = request.message_attributes(name, attribute.map_err(|error| refused(&error.into()))?);
            }
            if self.topic.ends_with(".fifo") {
                request = request.message_group_id(&message.key).message_deduplication_id(&message.once);
            }
            request.send().await.map(|_| ()).map_err(|error| match error.as_service_error() {
                Some(service) if service.is_not_found_exception() || service.is_invalid_parameter_exception() => {
                    refused(&error.into())
                }
                _ => Undelivered::Unreachable(told(&error.into())),
            })
        };
        tokio::time::timeout(timeout, publish)
            .await
            .unwrap_or_else(|_| Err(Undelivered::Unreachable("no answer in time".to_owned())))
    }

    fn region(&self) -> Option<&str> {
        self.topic.split(':').nth(3).filter(|region| !region.is_empty())
    }
}

fn refused(error: &anyhow::Error) -> Undelivered {
    Undelivered::Refused(told(error))
}

fn subject(title: &str) -> String {
    let ascii: String = title.chars().map(|c| if c.is_ascii() && !c.is_ascii_control() { c } else { '?' }).collect();
    // `…` is no ASCII.
    cut(&ascii, SUBJECT).replace('…', "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_short_ascii() {
        assert_eq!(subject("[repute] CRITICAL: a of ä\n"), "[repute] CRITICAL: a of ??");
        let long = subject(&"x".repeat(300));
        assert!(long.len() == 100 && long.is_ascii(), "{long}");
    }
}
