//! A rule's state over time: minutes that follow one another go in, and the state after each comes out.
//!
//! Every check plays the minutes that matter again, from the counts as they are now. So late events count in their own minute,
//! a check that failed loses nothing, and the state does not depend on how often somebody looks.

use std::collections::VecDeque;

use super::{Missing, Rule, State};

/// The state after a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: State,
    /// The state is kept although its threshold is not reached any more.
    pub(crate) recovering: bool,
}

/// One threshold.
#[derive(Debug, Clone, Copy, Default)]
struct Track {
    /// The minute since which it has been reached without a break.
    since: Option<i64>,
    /// The last minute in which it was reached.
    last: i64,
    /// It was reached for long enough, and that is not over yet.
    fired: bool,
}

/// The state of a rule for one group.
pub(crate) struct Machine<'r> {
    rule: &'r Rule,
    /// Severities of the last minutes, as many as the rule looks at.
    recent: VecDeque<u8>,
    /// CRITICAL and WARNING.
    tracks: [Track; 2],
    standing: Standing,
}

const LEVELS: [State; 2] = [State::Critical, State::Warning];

/// How much of a threshold a minute reaches; one that cannot be judged reaches none.
fn severity(state: State) -> u8 {
    match state {
        State::Critical => 2,
        State::Warning => 1,
        State::Ok | State::Pending | State::NoData => 0,
    }
}

impl<'r> Machine<'r> {
    pub(crate) fn new(rule: &'r Rule) -> Self {
        let standing = Standing { state: State::NoData, recovering: false };
        Self { rule, recent: VecDeque::new(), tracks: Default::default(), standing }
    }

    /// Takes the verdict on the next minute (minutes since the epoch).
    pub(crate) fn step(&mut self, minute: i64, verdict: State) -> Standing {
        let reading = match (verdict, self.rule.missing) {
            (State::NoData, Missing::Ok) => State::Ok,
            (State::NoData, Missing::Warning) => State::Warning,
            (State::NoData, Missing::Critical) => State::Critical,
            (verdict, _) => verdict,
        };
        self.recent.push_back(severity(reading));
        while self.recent.len() > self.rule.hits.1.max(1) as usize {
            self.recent.pop_front();
        }
        self.standing = match reading {
            State::NoData => self.miss(minute),
            _ => self.see(minute),
        };
        self.standing
    }

    fn miss(&mut self, minute: i64) -> Standing {
        if self.rule.missing == Missing::Keep {
            let firing = !self.standing.recovering;
            self.tracks.iter_mut().filter(|track| track.fired && firing).for_each(|track| track.last = minute);
            return self.standing;
        }
        self.tracks.iter_mut().for_each(|track| track.since = None);
        Standing { state: State::NoData, recovering: false }
    }

    fn see(&mut self, minute: i64) -> Standing {
        let mut standing = Standing { state: State::Ok, recovering: false };
        // From the lower threshold up, so that the higher one has the last word.
        for (track, level) in self.tracks.iter_mut().zip(LEVELS).rev() {
            let hits = self.recent.iter().filter(|seen| **seen >= severity(level)).count();
            let reached = hits >= self.rule.hits.0.max(1) as usize;
            track.see(minute, reached, self.rule);
            if track.fired {
                standing = Standing { state: level, recovering: !reached };
            } else if reached && standing.state == State::Ok {
                standing.state = State::Pending;
            }
        }
        standing
    }
}

impl Track {
    fn see(&mut self, minute: i64, reached: bool, rule: &Rule) {
        if reached {
            let since = *self.since.get_or_insert(minute);
            self.last = minute;
            self.fired |= minute - since >= i64::from(rule.pending_minutes);
        } else {
            self.since = None;
            self.fired &= minute - self.last <= i64::from(rule.keep_minutes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Metric;

    /// What goes in and what must come out, a letter a minute.
    ///
    /// In: `.` fine, `w` and `c` over a threshold, `-` cannot be judged. Out: `.` OK, `p` PENDING, `W` WARNING, `C` CRITICAL, `v` and
    /// `k` the same while RECOVERING, `-` NO DATA.
    struct Trace {
        rule: fn(&mut Rule),
        minutes: &'static str,
        states: &'static str,
    }

    const fn trace(rule: fn(&mut Rule), minutes: &'static str, states: &'static str) -> Trace {
        Trace { rule, minutes, states }
    }

    fn plain(_: &mut Rule) {}

    fn for_3(rule: &mut Rule) {
        rule.pending_minutes = 3;
    }

    fn keep_2(rule: &mut Rule) {
        rule.keep_minutes = 2;
    }

    fn for_2_keep_2(rule: &mut Rule) {
        rule.pending_minutes = 2;
        rule.keep_minutes = 2;
    }

    fn two_of_three(rule: &mut Rule) {
        rule.hits = (2, 3);
    }

    fn three_of_five_for_2(rule: &mut Rule) {
        rule.hits = (3, 5);
        rule.pending_minutes = 2;
    }

    fn keep_when_missing(rule: &mut Rule) {
        rule.missing = Missing::Keep;
    }

    fn keep_when_missing_keep_2(rule: &mut Rule) {
        rule.missing = Missing::Keep;
        rule.keep_minutes = 2;
    }

    fn missing_is_fine(rule: &mut Rule) {
        rule.missing = Missing::Ok;
    }

    fn missing_warns(rule: &mut Rule) {
        rule.missing = Missing::Warning;
    }

    fn missing_warns_for_3(rule: &mut Rule) {
        rule.missing = Missing::Warning;
        rule.pending_minutes = 3;
    }

    fn missing_is_critical(rule: &mut Rule) {
        rule.missing = Missing::Critical;
    }

    /// Worked out by hand from the rules' documentation.
    const TRACES: [Trace; 44] = [
        // Without any patience the state is that of the minute.
        trace(plain, "....", "...."),
        trace(plain, ".w..", ".W.."),
        trace(plain, ".wc..", ".WC.."),
        trace(plain, "cwc.", "CWC."),
        trace(plain, "--..", "--.."),
        trace(plain, "w-w.", "W-W."),
        trace(plain, "c--c", "C--C"),
        trace(plain, "----", "----"),
        // `for`: reached without a break for so long; the fourth minute is three after the first.
        trace(for_3, "www.", "ppp."),
        trace(for_3, "wwww.", "pppW."),
        trace(for_3, "wwwwww", "pppWWW"),
        trace(for_3, "ww.www.", "pp.ppp."),
        trace(for_3, "w.w.w.w.", "p.p.p.p."),
        // A gap breaks it: nothing is known of that minute.
        trace(for_3, "www-www.", "ppp-ppp."),
        // CRITICAL reaches the first threshold too, so WARNING comes first if that was reached before.
        trace(for_3, "wwcccc.", "pppWWC."),
        trace(for_3, "cccc.", "pppC."),
        trace(for_3, "ccccww.", "pppCWW."),
        trace(for_3, "wwwwcw.", "pppWWW."),
        // `keep_firing_for`: RECOVERING for so long after the last minute.
        trace(keep_2, "w...", "Wvv."),
        trace(keep_2, "w.w...", "WvWvv."),
        trace(keep_2, "c...", "Ckk."),
        // What was critical stays so while only the first threshold is reached, then is a warning.
        trace(keep_2, "cwww..", "CkkWvv"),
        trace(keep_2, "cw....", "Ckkv.."),
        trace(keep_2, "w--..", "W--.."),
        trace(keep_2, "w-...", "W-v.."),
        trace(for_2_keep_2, "www...", "ppWvv."),
        trace(for_2_keep_2, "ww....", "pp...."),
        // Reached again while RECOVERING: no new wait.
        trace(for_2_keep_2, "www.w...", "ppWvWvv."),
        trace(for_2_keep_2, "www...w.", "ppWvv.p."),
        // M of N.
        trace(two_of_three, "w.....", "......"),
        trace(two_of_three, "w.w...", "..W..."),
        trace(two_of_three, "ww....", ".WW..."),
        trace(two_of_three, "w..w..", "......"),
        trace(two_of_three, "wc....", ".WW..."),
        trace(two_of_three, "cwc..", ".WCW."),
        trace(two_of_three, "w-w..", ".-W.."),
        trace(three_of_five_for_2, "www.....", "..ppW..."),
        trace(three_of_five_for_2, "w.w.w.w.", "....p.p."),
        // Missing data.
        trace(keep_when_missing, "w--.", "WWW."),
        trace(keep_when_missing, "--w-", "--WW"),
        trace(keep_when_missing_keep_2, "w--...", "WWWvv."),
        trace(missing_is_fine, "-w--", ".W.."),
        trace(missing_warns_for_3, "----.", "pppW."),
        trace(missing_is_critical, ".-.", ".C."),
    ];

    fn verdict(letter: char) -> State {
        match letter {
            '.' => State::Ok,
            'w' => State::Warning,
            'c' => State::Critical,
            _ => State::NoData,
        }
    }

    fn letter(standing: Standing) -> char {
        match (standing.state, standing.recovering) {
            (State::Ok, _) => '.',
            (State::Pending, _) => 'p',
            (State::Warning, false) => 'W',
            (State::Critical, false) => 'C',
            (State::Warning, true) => 'v',
            (State::Critical, true) => 'k',
            (State::NoData, _) => '-',
        }
    }

    fn play(rule: &Rule, minutes: &str, from: i64) -> String {
        let mut machine = Machine::new(rule);
        minutes.chars().zip(from..).map(|(minute, number)| letter(machine.step(number, verdict(minute)))).collect()
    }

    #[test]
    fn states_follow_the_golden_traces() {
        for Trace { rule: change, minutes, states } in TRACES {
            let mut rule = Rule::new("test", Metric::BounceRate);
            change(&mut rule);
            let told = format!(
                "for {} keep {} hits {:?} {:?}",
                rule.pending_minutes, rule.keep_minutes, rule.hits, rule.missing
            );
            assert_eq!(play(&rule, minutes, 29_000_000), states, "{minutes} by {told}");
        }
        let mut rule = Rule::new("test", Metric::BounceRate);
        missing_warns(&mut rule);
        assert_eq!(play(&rule, "-.-", 0), "W.W");
    }

    /// A check may begin to look at any minute: what came before the rule's horizon does not matter, unless the threshold was
    /// reached again and again for less than `pending_minutes` while RECOVERING.
    #[test]
    fn what_lies_before_the_horizon_does_not_matter() {
        let mut random = 1_u64;
        let mut draw = |n: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % n
        };
        for _ in 0..2_000 {
            let mut rule = Rule::new("test", Metric::BounceRate);
            let patience = if draw(2) == 0 { &mut rule.pending_minutes } else { &mut rule.keep_minutes };
            *patience = draw(4) as u32;
            rule.hits.1 = 1 + draw(4) as u32;
            rule.hits.0 = 1 + draw(u64::from(rule.hits.1)) as u32;
            rule.look_back_minutes = 1;
            let minutes: String = (0..60).map(|_| ['.', 'w', 'c'][draw(3) as usize]).collect();
            let whole = play(&rule, &minutes, 0);
            let from = 60 - rule.horizon_minutes() as usize;
            let late = play(&rule, &minutes[from..], from as i64);
            assert_eq!(whole.chars().last(), late.chars().last(), "{minutes} {rule:?}");
        }
    }
}
