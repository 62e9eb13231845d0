//! What is counted: which events, whose mail, over which volume.

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use repute_query::{Clock, Dimension, Silent};

use crate::when::parse_time;

/// Which events belong to a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClockName {
    /// What happened in the window
    Event,
    /// What became of the mail sent in the window
    Sent,
}

impl From<ClockName> for Clock {
    fn from(name: ClockName) -> Self {
        match name {
            ClockName::Event => Self::Event,
            ClockName::Sent => Self::Sent,
        }
    }
}

/// Whose mail counts.
#[derive(Debug, Default, Args)]
pub(crate) struct CountingArgs {
    /// Domains and addresses you have verified in SES, whose mail AWS leaves out
    #[arg(
        long = "verified",
        visible_alias = "verified-domain",
        env = "REPUTE_VERIFIED",
        value_name = "IDENTITY",
        value_delimiter = ','
    )]
    pub(crate) verified: Vec<String>,
    /// Recipient domains that report no complaints to SES [default: gmail.com,googlemail.com]
    #[arg(long, env = "REPUTE_NO_FEEDBACK_LOOP", value_name = "DOMAIN", value_delimiter = ',')]
    pub(crate) no_feedback_loop: Vec<String>,
    /// Count what AWS does not say whether it counts: tenant_suppression, email_validation, unsubscribed, undetermined, not_spam,
    /// suppressed_complaint [default: none of them]
    #[arg(long, env = "REPUTE_COUNT", value_name = "NAME", value_delimiter = ',')]
    pub(crate) count: Vec<Silent>,
}

/// What AWS's rate is taken over.
#[derive(Debug, Default, Args)]
pub(crate) struct VolumeArgs {
    /// Eligible sends that AWS's rate is taken over [default: 10000]
    #[arg(long, env = "REPUTE_LAST_SENDS", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) last_sends: Option<u64>,
    /// Count only mail sent from here on, as AWS may after a granted review
    #[arg(long, env = "REPUTE_RESET", value_name = "TIME", value_parser = parse_time)]
    pub(crate) reset: Option<DateTime<Utc>>,
    /// Answer as of this time [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) at: Option<DateTime<Utc>>,
}

pub(super) fn parse_only(text: &str) -> Result<(Dimension, Option<String>), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` lacks a `=`: use DIMENSION=VALUE"))?;
    let dimension = name.parse::<Dimension>().map_err(|e| e.to_string())?;
    Ok((dimension, (!value.is_empty()).then(|| value.to_owned())))
}
