//! The sender: six configuration sets with their volumes, habits and baseline rates.
//!
//! Baselines are those of a healthy sender: counted hard bounces 0.4-1.2 %, complaints 0.02-0.05 % of mail to domains
//! that report them. AWS reviews an account at 5 % and 0.1 %
//! (<https://docs.aws.amazon.com/ses/latest/dg/reputationdashboardmessages.html>).

/// One configuration set and how it sends.
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    /// Part of all sends.
    pub(crate) share: f64,
    pub(crate) source: &'static str,
    pub(crate) from_header: &'static str,
    pub(crate) from_domain: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) caller: &'static str,
    /// Chance that a recipient bounces hard in a way AWS counts.
    pub(crate) hard: f64,
    /// Chance that a recipient bounces softly or undetermined.
    pub(crate) soft: f64,
    /// Chance that the sender's own account list stops a recipient.
    pub(crate) account_suppressed: f64,
    /// Chance that the recipient has left the contact list.
    pub(crate) unsubscribed: f64,
    /// Chance that a delivered mail is complained about, at a domain that reports complaints.
    pub(crate) complaint: f64,
    /// Chance of at least one open, and of at least one click after an open.
    pub(crate) open: f64,
    pub(crate) click: f64,
    /// Mail carries unsubscribe headers and can lead to a Subscription event.
    pub(crate) list_mail: bool,
    pub(crate) tenants: &'static [&'static str],
    pub(crate) team: &'static str,
    pub(crate) templates: &'static [&'static str],
    pub(crate) campaigns: &'static [&'static str],
    pub(crate) subjects: &'static [&'static str],
    /// Weight per hour of the day, UTC.
    pub(crate) hours: [u16; 24],
    /// Weight per day of the week, Monday first.
    pub(crate) weekdays: [u16; 7],
}

/// Index of the set that mails the old list.
pub(crate) const MARKETING: usize = 1;
/// The campaign tag of the incident.
pub(crate) const INCIDENT_CAMPAIGN: &str = "winback-2023-list";
/// Part of all sends that the incident makes up: enough for the last 10,000 eligible sends of a dump of 60,000 events to
/// hold more than 5 % hard bounces.
pub(crate) const INCIDENT_SHARE: f64 = 0.17;
/// Chance of a counted hard bounce in the incident.
pub(crate) const INCIDENT_HARD: f64 = 0.14;
/// How much more often the incident's recipients complain.
pub(crate) const INCIDENT_COMPLAINT_FACTOR: f64 = 10.0;

const OFFICE: [u16; 24] = [3, 2, 2, 2, 2, 3, 5, 9, 14, 18, 20, 20, 19, 20, 21, 20, 18, 15, 11, 9, 8, 7, 5, 4];
const EVENING: [u16; 24] = [5, 3, 2, 2, 2, 2, 3, 5, 8, 10, 11, 13, 14, 13, 12, 13, 15, 18, 21, 22, 19, 15, 11, 8];
const CAMPAIGN: [u16; 24] = [0, 0, 0, 0, 0, 1, 2, 6, 20, 45, 30, 12, 8, 10, 25, 40, 22, 8, 4, 2, 1, 0, 0, 0];
const MORNING: [u16; 24] = [0, 0, 0, 0, 0, 4, 25, 60, 40, 15, 8, 5, 4, 3, 3, 2, 2, 1, 1, 0, 0, 0, 0, 0];
const WORKDAYS: [u16; 7] = [10, 11, 11, 11, 9, 4, 3];

/// The six sets.
pub(crate) static PROFILES: [Profile; 6] = [
    Profile {
        name: "transactional",
        share: 0.22,
        source: "no-reply@corp.example",
        from_header: "Corp <no-reply@corp.example>",
        from_domain: "corp.example",
        operation: "SendRawEmail",
        caller: "mailer-api",
        hard: 0.006,
        soft: 0.004,
        account_suppressed: 0.004,
        unsubscribed: 0.0,
        complaint: 0.0002,
        open: 0.5,
        click: 0.3,
        list_mail: false,
        tenants: &[],
        team: "identity",
        templates: &["password-reset-v4", "sign-in-code-v2", "email-change-v1"],
        campaigns: &[],
        subjects: &[
            "Your sign-in code",
            "Reset your password",
            "Confirma tu dirección de correo",
            "New sign-in to your account",
        ],
        hours: OFFICE,
        weekdays: WORKDAYS,
    },
    Profile {
        name: "marketing",
        share: 0.2,
        source: "hello@news.corp.example",
        from_header: "Corp Offers <hello@news.corp.example>",
        from_domain: "news.corp.example",
        operation: "SendBulkTemplatedEmail",
        caller: "campaign-runner",
        hard: 0.009,
        soft: 0.007,
        account_suppressed: 0.009,
        unsubscribed: 0.0015,
        complaint: 0.00045,
        open: 0.2,
        click: 0.15,
        list_mail: true,
        tenants: &[],
        team: "growth",
        templates: &["offer-grid-v7", "offer-single-v3"],
        campaigns: &[
            "autumn-sale-early",
            "autumn-sale-main",
            "autumn-sale-last-day",
            "new-arrivals-40",
            "new-arrivals-41",
            "new-arrivals-42",
            "loyalty-double-points",
            "halloween-teaser",
        ],
        subjects: &[
            "20% off everything you liked, this week only",
            "Herbstangebote: nur noch für kurze Zeit",
            "We saved your size \u{1f342}",
            "Last day: \"buy two, get one\" ends tonight",
        ],
        hours: CAMPAIGN,
        weekdays: [8, 14, 14, 14, 7, 2, 3],
    },
    Profile {
        name: "newsletter",
        share: 0.18,
        source: "digest@news.corp.example",
        from_header: "The Corp Digest <digest@news.corp.example>",
        from_domain: "news.corp.example",
        operation: "SendEmail",
        caller: "newsletter-job",
        hard: 0.007,
        soft: 0.006,
        account_suppressed: 0.006,
        unsubscribed: 0.002,
        complaint: 0.0003,
        open: 0.35,
        click: 0.2,
        list_mail: true,
        tenants: &[],
        team: "editorial",
        templates: &["digest-v12"],
        campaigns: &["digest-2026-40", "digest-2026-41", "digest-2026-42", "digest-2026-43", "digest-2026-44"],
        subjects: &["Five things worth your time", "La newsletter de la semaine est arrivée", "The week in numbers"],
        hours: MORNING,
        weekdays: [3, 20, 4, 20, 3, 1, 1],
    },
    Profile {
        name: "notifications",
        share: 0.24,
        source: "updates@corp.example",
        from_header: "Corp Updates <updates@corp.example>",
        from_domain: "corp.example",
        operation: "SendEmail",
        caller: "notify-service",
        hard: 0.005,
        soft: 0.004,
        account_suppressed: 0.004,
        unsubscribed: 0.0005,
        complaint: 0.00025,
        open: 0.3,
        click: 0.25,
        list_mail: true,
        tenants: &["tenant-northwind", "tenant-contoso", "tenant-fabrikam", "tenant-tailspin"],
        team: "platform",
        templates: &["comment-v2", "mention-v2", "build-result-v5", "invoice-due-v1"],
        campaigns: &[],
        subjects: &["Someone mentioned you in a comment", "Your build has finished", "3 new replies to your post"],
        hours: OFFICE,
        weekdays: WORKDAYS,
    },
    Profile {
        name: "onboarding",
        share: 0.06,
        source: "welcome@corp.example",
        from_header: "Ana from Corp <welcome@corp.example>",
        from_domain: "corp.example",
        operation: "SendTemplatedEmail",
        caller: "lifecycle-worker",
        hard: 0.0115,
        soft: 0.006,
        account_suppressed: 0.002,
        unsubscribed: 0.001,
        complaint: 0.0004,
        open: 0.45,
        click: 0.3,
        list_mail: true,
        tenants: &[],
        team: "growth",
        templates: &["welcome-v6", "first-steps-v6", "invite-friends-v2"],
        campaigns: &["welcome-day-0", "welcome-day-2", "welcome-day-7"],
        subjects: &["Welcome aboard", "Your first steps", "Willkommen! So geht es weiter"],
        hours: EVENING,
        weekdays: [10, 10, 10, 10, 10, 9, 9],
    },
    Profile {
        name: "receipts",
        share: 0.1,
        source: "billing@corp.example",
        from_header: "Corp Billing <billing@corp.example>",
        from_domain: "corp.example",
        operation: "SendSmtpEmail",
        caller: "ses-smtp-user.20240611-083512",
        hard: 0.0042,
        soft: 0.003,
        account_suppressed: 0.003,
        unsubscribed: 0.0,
        complaint: 0.0002,
        open: 0.6,
        click: 0.1,
        list_mail: false,
        tenants: &[],
        team: "billing",
        templates: &["receipt-v3", "refund-v2"],
        campaigns: &[],
        subjects: &["Your receipt from Corp", "Votre reçu de paiement", "Refund issued"],
        hours: EVENING,
        weekdays: [9, 9, 9, 10, 12, 13, 11],
    },
];
