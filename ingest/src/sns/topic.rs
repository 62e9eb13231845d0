//! Topics by their ARNs.

use std::fmt;
use std::str::FromStr;

/// A topic: `arn:aws:sns:us-east-1:123456789012:name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    arn: String,
    region: String,
    /// Of the partition: `amazonaws.com`, in China `amazonaws.com.cn`.
    domain: &'static str,
}

/// What is no topic's ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no topic's ARN; write it as \"arn:aws:sns:us-east-1:123456789012:name\"")]
pub struct BadTopic(String);

impl Topic {
    /// The ARN.
    pub fn as_str(&self) -> &str {
        &self.arn
    }

    /// The region it is in.
    pub fn region(&self) -> &str {
        &self.region
    }

    pub(super) fn domain(&self) -> &'static str {
        self.domain
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

impl FromStr for Topic {
    type Err = BadTopic;

    fn from_str(text: &str) -> Result<Self, BadTopic> {
        let bad = || BadTopic(text.to_owned());
        let parts: Vec<&str> = text.split(':').collect();
        let [scheme, partition, service, region, account, name] = parts[..] else { return Err(bad()) };
        let domain = match partition {
            "aws" | "aws-us-gov" => "amazonaws.com",
            "aws-cn" => "amazonaws.com.cn",
            _ => return Err(bad()),
        };
        let is_region =
            region.len() >= 3 && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        // SNS: letters, digits, hyphens and underscores, 256 at most.
        let is_name =
            (1..=256).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if scheme != "arn" || service != "sns" || !is_region || !is_account || !is_name {
            return Err(bad());
        }
        Ok(Self { arn: text.to_owned(), region: region.to_owned(), domain })
    }
}
