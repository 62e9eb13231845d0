//! One count of rows under the rules of [`crate::truth`].

use crate::domain::Class;
use crate::outcome::{Bounce, Complaint, What};
use crate::truth::{Aws, BounceExclusions, ComplaintExclusions, Counts, Excluded, Plain, SendExclusions};

/// The sums for one window and group.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    ordinary: Side,
    no_feedback_loop: Side,
    to_verified_domain: u64,
    to_simulator: u64,
    counted_bounces: u64,
    bounces: BounceExclusions,
    counted_complaints: u64,
    complaints: ComplaintExclusions,
}

/// Sends to recipients of one class, and those of them that SES stopped itself.
#[derive(Debug, Clone, Copy, Default)]
struct Side {
    sends: u64,
    account_suppression: u64,
    tenant_suppression: u64,
    email_validation: u64,
    unsubscribed: u64,
}

impl Side {
    fn suppressed(&self) -> u64 {
        self.account_suppression + self.tenant_suppression + self.email_validation + self.unsubscribed
    }

    fn add(&mut self, other: &Self) {
        self.sends += other.sends;
        self.account_suppression += other.account_suppression;
        self.tenant_suppression += other.tenant_suppression;
        self.email_validation += other.email_validation;
        self.unsubscribed += other.unsubscribed;
    }
}

impl Tally {
    /// Counts one row; `class` is the recipient's, and matters only to rows that have one.
    pub(crate) fn count(&mut self, what: What, class: Class) {
        let counts = &mut self.counts;
        match what {
            What::Send => {
                counts.send += 1;
                *match class {
                    Class::Ordinary => &mut self.ordinary.sends,
                    Class::NoFeedbackLoop => &mut self.no_feedback_loop.sends,
                    Class::VerifiedDomain => &mut self.to_verified_domain,
                    Class::Simulator => &mut self.to_simulator,
                } += 1;
            }
            What::Delivery(_) => counts.delivery += 1,
            What::Bounce(bounce, _) => self.count_bounce(bounce, class),
            What::Complaint(complaint, ..) => self.count_complaint(complaint, class),
            What::Reject => counts.reject += 1,
            What::DeliveryDelay(..) => counts.delivery_delay += 1,
            What::Open(_) => counts.open += 1,
            What::Click(_) => counts.click += 1,
            What::RenderingFailure => counts.rendering_failure += 1,
            What::Subscription => counts.subscription += 1,
        }
    }

    fn count_bounce(&mut self, bounce: Bounce, class: Class) {
        match bounce.spelling().0 {
            "Permanent" => self.counts.hard_bounce += 1,
            "Transient" => {
                self.counts.soft_bounce += 1;
                self.bounces.soft += 1;
                return;
            }
            _ => {
                self.counts.undetermined_bounce += 1;
                self.bounces.undetermined += 1;
                return;
            }
        }
        let side = match class {
            Class::Ordinary => &mut self.ordinary,
            Class::NoFeedbackLoop => &mut self.no_feedback_loop,
            Class::VerifiedDomain => {
                self.bounces.verified_domain += 1;
                return;
            }
            Class::Simulator => {
                self.bounces.simulator += 1;
                return;
            }
        };
        let (of_sends, of_bounces) = match bounce {
            Bounce::AccountList => (&mut side.account_suppression, &mut self.bounces.account_suppression),
            Bounce::TenantList => (&mut side.tenant_suppression, &mut self.bounces.tenant_suppression),
            Bounce::EmailValidation => (&mut side.email_validation, &mut self.bounces.email_validation),
            Bounce::Unsubscribed => (&mut side.unsubscribed, &mut self.bounces.unsubscribed),
            _ => {
                self.counted_bounces += 1;
                return;
            }
        };
        *of_sends += 1;
        *of_bounces += 1;
    }

    fn count_complaint(&mut self, complaint: Complaint, class: Class) {
        self.counts.complaint += 1;
        let excluded = &mut self.complaints;
        *match (complaint, class) {
            (Complaint::NotSpam, _) => &mut excluded.not_spam,
            (Complaint::AccountList, _) => &mut excluded.account_suppression,
            (Complaint::TenantList, _) => &mut excluded.tenant_suppression,
            (_, Class::NoFeedbackLoop) => &mut excluded.no_feedback_loop,
            (_, Class::VerifiedDomain) => &mut excluded.verified_domain,
            (_, Class::Simulator) => &mut excluded.simulator,
            (_, Class::Ordinary) => &mut self.counted_complaints,
        } += 1;
    }

    /// Adds another window's or group's sums.
    pub(crate) fn add(&mut self, other: &Self) {
        add_counts(&mut self.counts, &other.counts);
        self.ordinary.add(&other.ordinary);
        self.no_feedback_loop.add(&other.no_feedback_loop);
        self.to_verified_domain += other.to_verified_domain;
        self.to_simulator += other.to_simulator;
        self.counted_bounces += other.counted_bounces;
        self.counted_complaints += other.counted_complaints;
        add_exclusions(&mut self.bounces, &other.bounces, &mut self.complaints, &other.complaints);
    }

    pub(crate) fn eligible_sends(&self) -> u64 {
        let sends = self.ordinary.sends + self.no_feedback_loop.sends;
        sends.saturating_sub(self.ordinary.suppressed() + self.no_feedback_loop.suppressed())
    }

    pub(crate) fn aws(&self) -> Aws {
        let eligible_sends = self.eligible_sends();
        let complaint_eligible_sends = self.ordinary.sends.saturating_sub(self.ordinary.suppressed());
        Aws {
            eligible_sends,
            counted_bounces: self.counted_bounces,
            bounce_rate: rate(self.counted_bounces, eligible_sends),
            complaint_eligible_sends,
            counted_complaints: self.counted_complaints,
            complaint_rate: rate(self.counted_complaints, complaint_eligible_sends),
        }
    }

    pub(crate) fn plain(&self) -> Plain {
        let counts = &self.counts;
        Plain {
            bounce_rate: rate(counts.hard_bounce + counts.soft_bounce + counts.undetermined_bounce, counts.send),
            complaint_rate: rate(counts.complaint, counts.delivery),
            delivery_rate: rate(counts.delivery, counts.send),
        }
    }

    pub(crate) fn excluded(&self) -> Excluded {
        let (ordinary, silent) = (&self.ordinary, &self.no_feedback_loop);
        Excluded {
            sends: SendExclusions {
                simulator: self.to_simulator,
                verified_domain: self.to_verified_domain,
                account_suppression: ordinary.account_suppression + silent.account_suppression,
                tenant_suppression: ordinary.tenant_suppression + silent.tenant_suppression,
                email_validation: ordinary.email_validation + silent.email_validation,
                unsubscribed: ordinary.unsubscribed + silent.unsubscribed,
                no_feedback_loop: silent.sends.saturating_sub(silent.suppressed()),
            },
            bounces: self.bounces,
            complaints: self.complaints,
        }
    }
}

fn rate(numerator: u64, denominator: u64) -> Option<f64> {
    (denominator > 0).then(|| numerator as f64 / denominator as f64)
}

fn add_counts(sum: &mut Counts, other: &Counts) {
    sum.send += other.send;
    sum.delivery += other.delivery;
    sum.hard_bounce += other.hard_bounce;
    sum.soft_bounce += other.soft_bounce;
    sum.undetermined_bounce += other.undetermined_bounce;
    sum.complaint += other.complaint;
    sum.reject += other.reject;
    sum.delivery_delay += other.delivery_delay;
    sum.open += other.open;
    sum.click += other.click;
    sum.rendering_failure += other.rendering_failure;
    sum.subscription += other.subscription;
}

fn add_exclusions(
    bounces: &mut BounceExclusions,
    more_bounces: &BounceExclusions,
    complaints: &mut ComplaintExclusions,
    more_complaints: &ComplaintExclusions,
) {
    bounces.soft += more_bounces.soft;
    bounces.undetermined += more_bounces.undetermined;
    bounces.simulator += more_bounces.simulator;
    bounces.verified_domain += more_bounces.verified_domain;
    bounces.account_suppression += more_bounces.account_suppression;
    bounces.tenant_suppression += more_bounces.tenant_suppression;
    bounces.email_validation += more_bounces.email_validation;
    bounces.unsubscribed += more_bounces.unsubscribed;
    complaints.not_spam += more_complaints.not_spam;
    complaints.account_suppression += more_complaints.account_suppression;
    complaints.tenant_suppression += more_complaints.tenant_suppression;
    complaints.no_feedback_loop += more_complaints.no_feedback_loop;
    complaints.verified_domain += more_complaints.verified_domain;
    complaints.simulator += more_complaints.simulator;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Among;

    #[test]
    fn suppressed_mail_leaves_both_sides_of_the_rate() {
        let mut tally = Tally::default();
        for class in [Class::Ordinary, Class::Ordinary, Class::NoFeedbackLoop, Class::VerifiedDomain, Class::Simulator]
        {
            tally.count(What::Send, class);
        }
        tally.count(What::Bounce(Bounce::AccountList, Among(1)), Class::Ordinary);
        tally.count(What::Bounce(Bounce::NoEmail, Among(1)), Class::NoFeedbackLoop);
        tally.count(What::Bounce(Bounce::NoEmail, Among(1)), Class::VerifiedDomain);
        tally.count(What::Bounce(Bounce::MailboxFull, Among(1)), Class::Ordinary);
        let aws = tally.aws();
        assert_eq!((aws.eligible_sends, aws.counted_bounces), (2, 1));
        assert_eq!(aws.bounce_rate, Some(0.5));
        assert_eq!(aws.complaint_eligible_sends, 1);
        assert_eq!(tally.counts.hard_bounce, 3);
        let sends = tally.excluded().sends;
        assert_eq!(
            (sends.account_suppression, sends.no_feedback_loop, sends.verified_domain, sends.simulator),
            (1, 1, 1, 1)
        );
        assert_eq!(Tally::default().aws().bounce_rate, None);
    }
}
