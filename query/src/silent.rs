//! What AWS is silent on, and may be counted or not.

use std::str::FromStr;

use crate::tally::Kind;

/// What AWS does not say whether it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silent {
    /// Bounces `OnTenantSuppressionList`. Third parties cite AWS that they do not count; its page was not found.
    TenantSuppression,
    /// Bounces `EmailValidationSuppressed`.
    EmailValidation,
    /// Bounces `UnsubscribedRecipient`.
    Unsubscribed,
    /// Bounces of type Undetermined: AWS speaks of hard bounces only.
    Undetermined,
    /// Complaints with the feedback type `not-spam`: corrections, by IANA's wording.
    NotSpam,
    /// Complaints with a subtype that names a suppression list.
    SuppressedComplaint,
}

impl Silent {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::TenantSuppression,
        Self::EmailValidation,
        Self::Unsubscribed,
        Self::Undetermined,
        Self::NotSpam,
        Self::SuppressedComplaint,
    ];

    /// The name in options and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TenantSuppression => "tenant_suppression",
            Self::EmailValidation => "email_validation",
            Self::Unsubscribed => "unsubscribed",
            Self::Undetermined => "undetermined",
            Self::NotSpam => "not_spam",
            Self::SuppressedComplaint => "suppressed_complaint",
        }
    }

    /// Kinds of rows, each with the kind that it is counted as.
    pub(crate) fn kinds(self) -> &'static [(Kind, Kind)] {
        match self {
            Self::TenantSuppression => &[(Kind::BounceTenantSuppression, Kind::HardBounce)],
            Self::EmailValidation => &[(Kind::BounceEmailValidation, Kind::HardBounce)],
            Self::Unsubscribed => &[(Kind::BounceUnsubscribed, Kind::HardBounce)],
            Self::Undetermined => &[(Kind::UndeterminedBounce, Kind::CountedUndetermined)],
            Self::NotSpam => &[(Kind::ComplaintNotSpam, Kind::Complaint)],
            Self::SuppressedComplaint => &[
                (Kind::ComplaintAccountSuppression, Kind::Complaint),
                (Kind::ComplaintTenantSuppression, Kind::Complaint),
            ],
        }
    }
}

/// A name that is none of [`Silent`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is nothing on which AWS is silent; known are {list}", list = Silent::ALL.map(Silent::as_str).join(", "))]
pub struct UnknownSilent(pub String);

impl FromStr for Silent {
    type Err = UnknownSilent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|silent| silent.as_str() == text).ok_or_else(|| UnknownSilent(text.to_owned()))
    }
}
