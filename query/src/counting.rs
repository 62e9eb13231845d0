//! AWS's counting: which sends, bounces and complaints enter the rates that SES judges by, and why the others do not.
//!
//! Sources: SES developer guide, "Sending review process FAQs" (hard bounces to domains you have not verified, over mail
//! to such domains), "Using the account-level suppression list" (suppressed mail does not count; Gmail sends no complaint
//! data), "Reputation metrics messages" (the simulator does not count). Where AWS is silent ([`Silent`]), rows are left out by default
//! and shown by name; the sender may have them counted.
//!
//! Every suppressed bounce belongs to exactly one send, so eligible sends are sends minus the excluded ones by plain
//! arithmetic; no join is needed. Each recipient that a complaint lists counts: SES lists candidates, most providers
//! hide who complained.

use std::collections::{BTreeSet, HashSet};
use std::ops::AddAssign;

use crate::silent::Silent;
use crate::tally::{Kind, RecipientClass, Tally};
use crate::wording::thousands;
use RecipientClass::{NoFeedbackLoop, Ordinary, Simulator, Verified};

/// Domain of the SES mailbox simulator.
const SIMULATOR: &str = "simulator.amazonses.com";

/// Who is whom to AWS's arithmetic: the part of the rules that the sender must supply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountingRules {
    verified_domains: HashSet<String>,
    verified_addresses: HashSet<String>,
    no_feedback_loop: HashSet<String>,
    counted: BTreeSet<Silent>,
}

impl Default for CountingRules {
    fn default() -> Self {
        Self::new([], ["gmail.com", "googlemail.com"].map(str::to_owned))
    }
}

impl CountingRules {
    /// Rules for a sender with these verified identities (domains, or addresses with an `@`) and these recipient
    /// domains that report no complaints. Case is ignored.
    pub fn new(
        verified_identities: impl IntoIterator<Item = String>,
        no_feedback_loop: impl IntoIterator<Item = String>,
    ) -> Self {
        let lower = |text: String| text.trim().to_ascii_lowercase();
        let (addresses, domains) = verified_identities.into_iter().map(lower).partition(|text| text.contains('@'));
        Self {
            verified_domains: domains,
            verified_addresses: addresses,
            no_feedback_loop: no_feedback_loop.into_iter().map(lower).collect(),
            counted: BTreeSet::new(),
        }
    }

    /// The same, with these counted although AWS is silent on them.
    pub fn counting(self, silent: impl IntoIterator<Item = Silent>) -> Self {
        Self { counted: silent.into_iter().collect(), ..self }
    }

    /// Of what AWS is silent on: what is counted, and what is left out.
    pub fn silent(&self) -> (Vec<Silent>, Vec<Silent>) {
        Silent::ALL.into_iter().partition(|silent| self.counted.contains(silent))
    }

    /// Makes rows that are to be counted those of a kind that is.
    pub(crate) fn settle(&self, tally: &mut Tally) {
        for (from, to) in self.counted.iter().flat_map(|silent| silent.kinds()) {
            tally.reassign(*from, *to);
        }
    }

    /// A name for the classes of recipients that these rules make: the same for the same classes.
    pub(crate) fn fingerprint(&self, format: u32) -> String {
        let names = (self.verified_identities(), self.no_feedback_loop());
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(format!("{format} {names:?}").as_bytes()))
    }

    /// Verified domains and addresses, sorted.
    pub fn verified_identities(&self) -> Vec<&str> {
        sorted(self.verified_domains.iter().chain(&self.verified_addresses))
    }

    /// Recipient domains that report no complaints, sorted.
    pub fn no_feedback_loop(&self) -> Vec<&str> {
        sorted(self.no_feedback_loop.iter())
    }

    /// Whether the address of a recipient matters, beside its domain.
    pub(crate) fn looks_at_addresses(&self) -> bool {
        !self.verified_addresses.is_empty()
    }

    /// Whether the sender has verified this very address.
    pub(crate) fn is_verified_address(&self, address: &str) -> bool {
        self.looks_at_addresses() && self.verified_addresses.contains(&address.to_ascii_lowercase())
    }

    /// The class of a recipient. A verified domain covers its subdomains, as it does for sending.
    pub fn class(&self, domain: Option<&str>, address: Option<&str>) -> RecipientClass {
        let domain = domain.unwrap_or_default();
        let verified_address = || address.is_some_and(|address| self.is_verified_address(address));
        if domain == SIMULATOR {
            Simulator
        } else if self.is_verified(domain) || verified_address() {
            Verified
        } else if self.no_feedback_loop.contains(domain) {
            NoFeedbackLoop
        } else {
            Ordinary
        }
    }

    fn is_verified(&self, domain: &str) -> bool {
        if self.verified_domains.is_empty() {
            return false;
        }
        let mut rest = Some(domain);
        while let Some(name) = rest {
            if self.verified_domains.contains(name) {
                return true;
            }
            rest = name.split_once('.').map(|(_, parent)| parent);
        }
        false
    }
}

fn sorted<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// Why something does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exclusion {
    /// To or from the mailbox simulator.
    Simulator,
    /// To an identity the sender has verified.
    VerifiedDomain,
    /// Suppressed by the account-level list, never attempted.
    AccountSuppression,
    /// Suppressed by a tenant's list, never attempted.
    TenantSuppression,
    /// Suppressed by email validation, never attempted.
    EmailValidation,
    /// Unsubscribed from the contact list, never attempted.
    Unsubscribed,
    /// To a domain that reports no complaints.
    NoFeedbackLoop,
    /// A soft bounce.
    Soft,
    /// An undetermined bounce.
    Undetermined,
    /// A `not-spam` report.
    NotSpam,
}

impl Exclusion {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Simulator,
        Self::VerifiedDomain,
        Self::AccountSuppression,
        Self::TenantSuppression,
        Self::EmailValidation,
        Self::Unsubscribed,
        Self::NoFeedbackLoop,
        Self::Soft,
        Self::Undetermined,
        Self::NotSpam,
    ];

    /// The name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simulator => "simulator",
            Self::VerifiedDomain => "verified_domain",
            Self::AccountSuppression => "account_suppression",
            Self::TenantSuppression => "tenant_suppression",
            Self::EmailValidation => "email_validation",
            Self::Unsubscribed => "unsubscribed",
            Self::NoFeedbackLoop => "no_feedback_loop",
            Self::Soft => "soft",
            Self::Undetermined => "undetermined",
            Self::NotSpam => "not_spam",
        }
    }

    /// The reason in words, for a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::Simulator => "to the mailbox simulator",
            Self::VerifiedDomain => "to your verified domains",
            Self::AccountSuppression => "on the account suppression list",
            Self::TenantSuppression => "on a tenant suppression list",
            Self::EmailValidation => "stopped by email validation",
            Self::Unsubscribed => "unsubscribed from the contact list",
            Self::NoFeedbackLoop => "to domains that report no complaints",
            Self::Soft => "soft bounces",
            Self::Undetermined => "undetermined bounces",
            Self::NotSpam => "not-spam reports",
        }
    }
}

/// One side of a rate: all rows, those left out by reason (none with zero), and what remains.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Side {
    /// Before anything is left out.
    pub total: u64,
    /// How many were left out for each reason.
    pub excluded: Vec<(Exclusion, u64)>,
    /// What counts.
    pub counted: u64,
}

impl Side {
    fn new(total: u64, excluded: impl IntoIterator<Item = (Exclusion, u64)>) -> Self {
        let excluded: Vec<_> = excluded.into_iter().filter(|(_, rows)| *rows > 0).collect();
        let out: u64 = excluded.iter().map(|(_, rows)| rows).sum();
        // Over a window on the event's clock a suppressed bounce may stand in another window than its send.
        Self { total, excluded, counted: total.saturating_sub(out) }
    }

    /// The sum in words, with names for all and for what remains: `4,812 sends - 310 to your verified domains = 4,502 eligible`.
    pub fn arithmetic(&self, all: &str, rest: &str) -> String {
        let out: String =
            self.excluded.iter().map(|(reason, rows)| format!(" - {} {}", thousands(*rows), reason.words())).collect();
        format!("{} {all}{out} = {} {rest}", thousands(self.total), thousands(self.counted))
    }
}

/// The four sides of AWS's two rates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AwsCounts {
    /// Sends that enter the bounce rate.
    pub eligible_sends: Side,
    /// Bounces that count.
    pub bounces: Side,
    /// Sends that enter the complaint rate.
    pub complaint_eligible_sends: Side,
    /// Complaints that count.
    pub complaints: Side,
}

impl AddAssign<&Self> for Side {
    fn add_assign(&mut self, other: &Self) {
        self.total += other.total;
        self.counted += other.counted;
        for (reason, rows) in &other.excluded {
            match self.excluded.iter_mut().find(|(known, _)| known == reason) {
                Some((_, sum)) => *sum += rows,
                None => self.excluded.push((*reason, *rows)),
            }
        }
    }
}

impl AddAssign<&Self> for AwsCounts {
    fn add_assign(&mut self, other: &Self) {
        self.eligible_sends += &other.eligible_sends;
        self.bounces += &other.bounces;
        self.complaint_eligible_sends += &other.complaint_eligible_sends;
        self.complaints += &other.complaints;
    }
}

/// Bounces of mail that SES never attempted, with the reason each gives.
const SUPPRESSED: [(Kind, Exclusion); 4] = [
    (Kind::BounceAccountSuppression, Exclusion::AccountSuppression),
    (Kind::BounceTenantSuppression, Exclusion::TenantSuppression),
    (Kind::BounceEmailValidation, Exclusion::EmailValidation),
    (Kind::BounceUnsubscribed, Exclusion::Unsubscribed),
];

/// Bounces that are not hard.
const NOT_HARD: [(Kind, Exclusion); 2] =
    [(Kind::SoftBounce, Exclusion::Soft), (Kind::UndeterminedBounce, Exclusion::Undetermined)];

/// Complaints that are none.
const NO_COMPLAINT: [(Kind, Exclusion); 3] = [
    (Kind::ComplaintNotSpam, Exclusion::NotSpam),
    (Kind::ComplaintAccountSuppression, Exclusion::AccountSuppression),
    (Kind::ComplaintTenantSuppression, Exclusion::TenantSuppression),
];

/// Recipients outside the sender's own identities and the simulator.
const OUTSIDE: [RecipientClass; 2] = [NoFeedbackLoop, Ordinary];

/// Recipients whose bounces and sends never count.
const OWN: [(RecipientClass, Exclusion); 2] =
    [(Simulator, Exclusion::Simulator), (Verified, Exclusion::VerifiedDomain)];

impl AwsCounts {
    /// Counts as SES does. What fits several reasons is left out for the first, in the order in which they are listed.
    pub fn of(tally: &Tally) -> Self {
        let mut silent = OWN.to_vec();
        silent.insert(0, (NoFeedbackLoop, Exclusion::NoFeedbackLoop));
        Self {
            eligible_sends: eligible_sends(tally),
            bounces: reports(tally, &[Kind::HardBounce, Kind::CountedUndetermined], &NOT_HARD, &OWN, &SUPPRESSED),
            complaint_eligible_sends: complaint_eligible_sends(tally),
            complaints: reports(tally, &[Kind::Complaint], &NO_COMPLAINT, &silent, &[]),
        }
    }
}

/// Sends, minus those to the sender's own recipients, minus those that were never attempted.
fn eligible_sends(tally: &Tally) -> Side {
    let own = OWN.map(|(class, reason)| (reason, tally.rows(Kind::Send, &[class])));
    let suppressed = SUPPRESSED.map(|(kind, reason)| (reason, tally.rows(kind, &OUTSIDE)));
    Side::new(tally.all(Kind::Send), own.into_iter().chain(suppressed))
}

/// The same, minus the rest of the sends to domains that report no complaints.
fn complaint_eligible_sends(tally: &Tally) -> Side {
    let eligible = eligible_sends(tally);
    let suppressed: u64 = SUPPRESSED.iter().map(|(kind, _)| tally.rows(*kind, &[NoFeedbackLoop])).sum();
    let silent = tally.rows(Kind::Send, &[NoFeedbackLoop]).saturating_sub(suppressed);
    Side::new(eligible.total, eligible.excluded.into_iter().chain([(Exclusion::NoFeedbackLoop, silent)]))
}

/// Bounces or complaints: those of the kinds that never count, then those of recipients that never count, then those of
/// the remaining kinds that do not count.
fn reports(
    tally: &Tally,
    counted: &[Kind],
    never: &[(Kind, Exclusion)],
    recipients: &[(RecipientClass, Exclusion)],
    suppressed: &[(Kind, Exclusion)],
) -> Side {
    let attempted: Vec<Kind> = counted.iter().copied().chain(suppressed.iter().map(|(kind, _)| *kind)).collect();
    let others: Vec<RecipientClass> =
        RecipientClass::ALL.into_iter().filter(|class| recipients.iter().all(|(out, _)| out != class)).collect();
    let by_kind = never.iter().map(|(kind, reason)| (*reason, tally.all(*kind)));
    let by_recipient = recipients
        .iter()
        .map(|(class, reason)| (*reason, attempted.iter().map(|kind| tally.rows(*kind, &[*class])).sum::<u64>()));
    let by_suppression = suppressed.iter().map(|(kind, reason)| (*reason, tally.rows(*kind, &others)));
    let total = attempted.iter().chain(never.iter().map(|(kind, _)| kind)).map(|kind| tally.all(*kind)).sum();
    Side::new(total, by_kind.chain(by_recipient).chain(by_suppression))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arithmetic_of_the_sends_can_be_shown() {
        // 4,812 sends: 310 to verified domains, 5 to the simulator, 1,000 to Gmail; 12 suppressed, of which 2 at Gmail.
        let mut tally = Tally::default();
        tally.add(Kind::Send, Verified, 310);
        tally.add(Kind::Send, Simulator, 5);
        tally.add(Kind::Send, NoFeedbackLoop, 1_000);
        tally.add(Kind::Send, Ordinary, 3_497);
        tally.add(Kind::BounceAccountSuppression, NoFeedbackLoop, 2);
        tally.add(Kind::BounceAccountSuppression, Ordinary, 10);
        tally.add(Kind::BounceAccountSuppression, Verified, 1);
        tally.add(Kind::HardBounce, Ordinary, 90);
        tally.add(Kind::HardBounce, NoFeedbackLoop, 7);
        tally.add(Kind::HardBounce, Verified, 4);
        tally.add(Kind::SoftBounce, Ordinary, 30);
        tally.add(Kind::Complaint, Ordinary, 3);
        tally.add(Kind::Complaint, NoFeedbackLoop, 1);
        tally.add(Kind::ComplaintNotSpam, Ordinary, 1);
        let counts = AwsCounts::of(&tally);
        assert_eq!(counts.eligible_sends.total, 4_812);
        assert_eq!(
            counts.eligible_sends.excluded,
            [(Exclusion::Simulator, 5), (Exclusion::VerifiedDomain, 310), (Exclusion::AccountSuppression, 12)]
        );
        assert_eq!(counts.eligible_sends.counted, 4_485);
        assert_eq!(counts.bounces.counted, 97);
        assert_eq!(counts.bounces.total, 97 + 4 + 30 + 13);
        assert_eq!(
            counts.bounces.excluded,
            [(Exclusion::Soft, 30), (Exclusion::VerifiedDomain, 5), (Exclusion::AccountSuppression, 12)]
        );
        assert_eq!(counts.complaint_eligible_sends.counted, 3_497 - 10);
        assert_eq!(counts.complaints.counted, 3);
        assert_eq!(counts.complaints.excluded, [(Exclusion::NotSpam, 1), (Exclusion::NoFeedbackLoop, 1)]);
    }

    #[test]
    fn classes_by_precedence() {
        let rules = CountingRules::new(
            ["Corp.Example", "boss@partner.example"].map(str::to_owned),
            ["gmail.com"].map(str::to_owned),
        );
        assert_eq!(rules.class(Some("corp.example"), None), Verified);
        assert_eq!(rules.class(Some("mail.corp.example"), None), Verified);
        assert_eq!(rules.class(Some("notcorp.example"), None), Ordinary);
        assert_eq!(rules.class(Some("partner.example"), Some("Boss@partner.example")), Verified);
        assert_eq!(rules.class(Some("partner.example"), Some("other@partner.example")), Ordinary);
        assert_eq!(rules.class(Some("gmail.com"), None), NoFeedbackLoop);
        assert_eq!(rules.class(Some("simulator.amazonses.com"), None), Simulator);
        assert_eq!(rules.class(None, None), Ordinary);
    }
}
