//! Silences: findings that somebody knows of and does not want to hear of until then.

use chrono::{DateTime, Utc};

use crate::dimension::Dimension;

/// Keeps findings out of the state of a check, and on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Only findings of this rule; `None` for all rules.
    pub rule: Option<String>,
    /// Only findings of groups with these values; empty for all groups and for accounts as a whole.
    pub only: Vec<(Dimension, Option<String>)>,
    /// When it ends.
    pub until: DateTime<Utc>,
    /// Why, for whoever reads it.
    pub reason: String,
}

impl Silence {
    /// Whether it covers a rule's finding for a group at this time.
    pub fn covers(&self, rule: &str, group: &[(Dimension, Option<String>)], now: DateTime<Utc>) -> bool {
        now < self.until
            && self.rule.as_deref().is_none_or(|name| name == rule)
            && self.only.iter().all(|value| group.contains(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_covers_what_it_names_until_it_ends() {
        let value = |name: &str| (Dimension::CONFIGURATION_SET, Some(name.to_owned()));
        let until: DateTime<Utc> = "2026-11-01T12:00:00Z".parse().unwrap();
        let silence = Silence { rule: Some("a".to_owned()), only: vec![value("news")], until, reason: String::new() };
        let before = until - chrono::TimeDelta::seconds(1);
        assert!(silence.covers("a", &[value("news")], before));
        assert!(!silence.covers("a", &[value("news")], until));
        assert!(!silence.covers("b", &[value("news")], before));
        assert!(!silence.covers("a", &[value("receipts")], before));
        assert!(!silence.covers("a", &[], before), "an account as a whole is more than one of its sets");
        let all = Silence { rule: None, only: Vec::new(), ..silence };
        assert!(all.covers("b", &[], before));
    }
}
