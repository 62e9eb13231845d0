//! How near a rate is to AWS's lines, in words, with a sign of its own for each.

use repute_query::{JudgedRate, Measured, Rule, State, Window, decisive, default_rules, judge, reaches};

/// From fine to worst; what cannot be judged stands below fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    NoMail,
    TooLittle,
    Healthy,
    Elevated,
    /// Over the first threshold of a rule on something that AWS does not judge.
    Warning,
    Close,
    /// Over its second threshold.
    Critical,
    Review,
    Pause,
}

impl Level {
    /// The level of a rate over AWS's volume, by the default rules.
    pub(crate) fn of(metric: JudgedRate, measured: Measured, last_sends: u64) -> Self {
        let rule = judged_rule(metric, last_sends);
        rule.map_or(Self::TooLittle, |rule| Self::of_state(&rule, measured, false, judge(&rule, measured, false).state))
    }

    /// The level of a configuration set's rate: as of an account's, but the rate must be sure.
    pub(crate) fn of_set(metric: JudgedRate, measured: Measured, last_sends: u64) -> Self {
        let rule = judged_rule(metric, last_sends);
        rule.map_or(Self::TooLittle, |rule| Self::of_state(&rule, measured, true, judge(&rule, measured, true).state))
    }

    /// The level of what a rule measured of an account or one of its groups, by the state that it gave it.
    pub(crate) fn of_state(rule: &Rule, measured: Measured, of_group: bool, state: State) -> Self {
        let reached = |line: f64| reaches(decisive(rule, measured, of_group), line);
        match (state, rule.judged()) {
            (State::NoData, _) if measured.sends == 0 => Self::NoMail,
            (State::NoData, _) => Self::TooLittle,
            (State::Ok, _) => Self::Healthy,
            (State::Warning | State::Critical, Some(judged)) if reached(judged.pause_line()) => Self::Pause,
            (State::Warning | State::Critical, Some(judged)) if reached(judged.review_line()) => Self::Review,
            (State::Critical, Some(_)) => Self::Close,
            (State::Warning | State::Pending, Some(_)) => Self::Elevated,
            (State::Critical, None) => Self::Critical,
            (State::Warning | State::Pending, None) => Self::Warning,
        }
    }

    /// On a chip.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NoMail => "No mail",
            Self::TooLittle => "Too little mail",
            Self::Healthy => "Healthy",
            Self::Elevated => "Elevated",
            Self::Warning => "Warning",
            Self::Critical => "Critical",
            Self::Close => "Close to review",
            Self::Review => "Over review line",
            Self::Pause => "Over pause line",
        }
    }

    /// After the name of a rate.
    pub(crate) fn phrase(self) -> &'static str {
        match self {
            Self::NoMail => "unknown: no mail",
            Self::TooLittle => "unknown: too little mail",
            Self::Healthy => "well below AWS's review line",
            Self::Elevated => "rising towards AWS's review line",
            Self::Warning => "past the first threshold of its rule",
            Self::Critical => "past the second threshold of its rule",
            Self::Close => "close to AWS's review line",
            Self::Review => "over AWS's review line",
            Self::Pause => "over AWS's pause line",
        }
    }

    /// The tone of its colours, beside word and icon.
    pub(crate) fn tone(self) -> &'static str {
        match self {
            Self::NoMail | Self::TooLittle => "quiet",
            Self::Healthy => "good",
            Self::Elevated | Self::Warning | Self::Close => "warn",
            Self::Critical | Self::Review | Self::Pause => "bad",
        }
    }
}

/// The default rule over AWS's volume.
fn judged_rule(metric: JudgedRate, last_sends: u64) -> Option<Rule> {
    let over_volume = |rule: &Rule| rule.metric == metric.metric() && matches!(rule.window, Window::LastSends(_));
    default_rules(last_sends).into_iter().find(over_volume)
}

/// The icon of a tone: a tick, a triangle, an octagon, a dash. Its colour is that of the text; its lines are drawn once, in
/// `icons.html`, on every page.
pub(crate) fn icon(tone: &str) -> &'static str {
    match tone {
        "good" => r##"<svg class="icon" aria-hidden="true" focusable="false"><use href="#icon-good"/></svg>"##,
        "warn" => r##"<svg class="icon" aria-hidden="true" focusable="false"><use href="#icon-warn"/></svg>"##,
        "bad" => r##"<svg class="icon" aria-hidden="true" focusable="false"><use href="#icon-bad"/></svg>"##,
        _ => r##"<svg class="icon" aria-hidden="true" focusable="false"><use href="#icon-quiet"/></svg>"##,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(events: u64, sends: u64) -> Level {
        Level::of(JudgedRate::BounceRate, Measured { events, sends }, 10_000)
    }

    #[test]
    fn levels_by_the_lines() {
        assert_eq!(level(0, 0), Level::NoMail);
        assert_eq!(level(10, 100), Level::TooLittle);
        assert_eq!(level(199, 10_000), Level::Healthy);
        assert_eq!(level(200, 10_000), Level::Elevated);
        assert_eq!(level(400, 10_000), Level::Close);
        assert_eq!(level(500, 10_000), Level::Review);
        assert_eq!(level(1_000, 10_000), Level::Pause);
        assert_eq!(Level::of(JudgedRate::ComplaintRate, Measured { events: 9, sends: 10_000 }, 10_000), Level::Close);
    }
}
