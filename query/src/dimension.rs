//! What figures can be grouped and filtered by.

use std::fmt;
use std::str::FromStr;

use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::{Expr, ScalarUDF, col};
use repute_lake::schema::column;

/// A property of a message or recipient.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// A column of the events table that holds text.
    Column(&'static str),
    /// The mailbox provider of the recipient's domain.
    Provider,
    /// The class of a bounce's reason; nothing but bounces has one.
    BounceClass,
    /// A custom tag.
    Tag(String),
}

/// The columns one may group by, in the order in which help lists them.
pub const COLUMNS: [&str; 17] = [
    column::CONFIGURATION_SET,
    column::FROM_DOMAIN,
    column::CALLER_IDENTITY,
    column::RECIPIENT_DOMAIN,
    column::ACCOUNT_ID,
    column::REGION,
    column::TENANT,
    column::CAMPAIGN,
    column::TEMPLATE,
    column::OUTGOING_IP,
    column::EVENT_TYPE,
    column::BOUNCE_TYPE,
    column::BOUNCE_SUBTYPE,
    column::STATUS,
    column::DELAY_TYPE,
    column::SOURCE,
    column::LINK,
];

/// A name that is no dimension.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown dimension `{0}`; known are {list}, provider, bounce_class, and tag:NAME", list = COLUMNS.join(", "))]
pub struct UnknownDimension(pub String);

impl FromStr for Dimension {
    type Err = UnknownDimension;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "provider" {
            return Ok(Self::Provider);
        }
        if text == "bounce_class" {
            return Ok(Self::BounceClass);
        }
        if let Some(tag) = text.strip_prefix("tag:").filter(|tag| !tag.is_empty()) {
            return Ok(Self::Tag(tag.to_owned()));
        }
        let column = COLUMNS.into_iter().find(|column| *column == text);
        column.map(Self::Column).ok_or_else(|| UnknownDimension(text.to_owned()))
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(name) => f.write_str(name),
            Self::Provider => f.write_str("provider"),
            Self::BounceClass => f.write_str("bounce_class"),
            Self::Tag(name) => write!(f, "tag:{name}"),
        }
    }
}

impl Dimension {
    /// Sending configuration set, the grouping of most pages.
    pub const CONFIGURATION_SET: Self = Self::Column(column::CONFIGURATION_SET);
    /// Sending account.
    pub const ACCOUNT: Self = Self::Column(column::ACCOUNT_ID);

    /// The expression over the events table. `provider` maps a domain to its provider, `class` a bounce to its class.
    pub(crate) fn expression(&self, promoted_tags: &[String], provider: &ScalarUDF, class: &ScalarUDF) -> Expr {
        match self {
            Self::Column(name) => col(*name),
            Self::Provider => provider.call(vec![col(column::RECIPIENT_DOMAIN)]),
            Self::BounceClass => class.call(
                [
                    column::EVENT_TYPE,
                    column::BOUNCE_TYPE,
                    column::BOUNCE_SUBTYPE,
                    column::STATUS,
                    column::DIAGNOSTIC_CODE,
                ]
                .map(col)
                .to_vec(),
            ),
            // Promoted columns keep the tag's own letters; `col` would fold them to lower case.
            Self::Tag(name) if promoted_tags.contains(name) => {
                Expr::Column(datafusion::common::Column::from_name(column::promoted(name)))
            }
            Self::Tag(name) => get_field(col(column::TAGS), name.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive() {
        for name in COLUMNS.into_iter().chain(["provider", "bounce_class", "tag:order-id"]) {
            assert_eq!(name.parse::<Dimension>().unwrap().to_string(), name);
        }
        assert!("recipient".parse::<Dimension>().is_err());
        assert!("tag:".parse::<Dimension>().is_err());
    }
}
