//! Silences: findings that somebody knows of and does not want to hear of until then.

use chrono::{DateTime, Utc};

use crate::dimension::Dimension;

/// Keeps findings out of the state of a check, and on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Only findings of this rule; `None` for all rules.
    pub rule: Option<String>,
    /// Only findings with these values, of the groups' dimensions or the account; empty for all.
    pub only: Vec<(Dimension, Option<String>)>,
    /// Only findings of accounts as a whole, none of their groups.
    pub total: bool,
    /// When it begins; `None` where it always held.
    pub from: Option<DateTime<Utc>>,
    /// When it ends.
    pub until: DateTime<Utc>,
    /// Why, for whoever reads it.
    pub reason: String,
}

impl Silence {
    /// Whether it covers a rule's finding for an account or group at this time.
    pub fn covers(
        &self,
        rule: &str,
        account_id: Option<&str>,
        group: &[(Dimension, Option<String>)],
        now: DateTime<Utc>,
    ) -> bool {
        let is_of = |(dimension, value): &(Dimension, Option<String>)| match *dimension == Dimension::ACCOUNT {
            true => value.as_deref() == account_id,
            false => group.iter().any(|(of, has)| (of, has) == (dimension, value)),
        };
        now < self.until
            && self.from.is_none_or(|from| from <= now)
            && self.rule.as_deref().is_none_or(|name| name == rule)
            && (!self.total || group.is_empty())
            && self.only.iter().all(is_of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_covers_what_it_names_until_it_ends() {
        let value = |name: &str| (Dimension::CONFIGURATION_SET, Some(name.to_owned()));
        let until: DateTime<Utc> = "2026-11-01T12:00:00Z".parse().unwrap();
        let silence = Silence {
            rule: Some("a".to_owned()),
            only: vec![value("news")],
            total: false,
            from: None,
            until,
            reason: String::new(),
        };
        let before = until - chrono::TimeDelta::seconds(1);
        assert!(silence.covers("a", None, &[value("news")], before));
        assert!(!silence.covers("a", None, &[value("news")], until));
        assert!(!silence.covers("b", None, &[value("news")], before));
        assert!(!silence.covers("a", None, &[value("receipts")], before));
        assert!(!silence.covers("a", None, &[], before), "an account as a whole is more than one of its sets");
        let all = Silence { rule: None, only: Vec::new(), ..silence };
        assert!(all.covers("b", None, &[], before) && all.covers("b", None, &[value("news")], before));
        let whole = Silence { total: true, ..all.clone() };
        assert!(whole.covers("b", None, &[], before) && !whole.covers("b", None, &[value("news")], before));
        let late = Silence { from: Some(before), ..all.clone() };
        assert!(late.covers("b", None, &[], before));
        assert!(!late.covers("b", None, &[], before - chrono::TimeDelta::seconds(1)));
        let account = Silence { only: vec![(Dimension::ACCOUNT, Some("1".to_owned()))], ..all };
        assert!(account.covers("b", Some("1"), &[value("news")], before));
        assert!(!account.covers("b", Some("2"), &[], before) && !account.covers("b", None, &[], before));
    }
}
