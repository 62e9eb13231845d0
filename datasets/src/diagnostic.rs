//! What receiving systems and SES itself say about a recipient, worded like their published answers.
//!
//! Templates are text inside a JSON string (a line break is `\n`) with three places: `%a` the address, `%i` a queue id,
//! `%t` the seconds since 1970. Enhanced status codes are RFC 3463's.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::domain::Provider;
use crate::outcome::{Bounce, Delay};
use crate::wire::text;

/// What is known about why a recipient was refused or put off.
pub(crate) struct Diagnostic {
    pub(crate) status: &'static str,
    pub(crate) template: &'static str,
    /// Who says so: the receiving system, or SES before it tried.
    pub(crate) remote: bool,
}

const fn remote(status: &'static str, template: &'static str) -> Option<Diagnostic> {
    Some(Diagnostic { status, template, remote: true })
}

const fn ses(status: &'static str, template: &'static str) -> Option<Diagnostic> {
    Some(Diagnostic { status, template, remote: false })
}

/// The diagnostic of a bounce; out-of-office replies and undetermined bounces have none.
pub(crate) fn of_bounce(bounce: Bounce, provider: Provider) -> Option<Diagnostic> {
    match bounce {
        Bounce::NoEmail => no_email(provider),
        Bounce::General => general(provider),
        Bounce::Suppressed => ses(
            "5.1.1",
            "Amazon SES has suppressed sending to this address because it has a recent history of bouncing as an invalid address. For more information about how to remove an address from the suppression list, see the Amazon SES Developer Guide: https://docs.aws.amazon.com/ses/latest/dg/sending-email-global-suppression-list.html ",
        ),
        Bounce::AccountList => ses(
            "5.1.1",
            "Amazon SES did not send the message to this address because it is on the suppression list for your account. For more information about removing addresses from the suppression list, see the Amazon SES Developer Guide at https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html",
        ),
        Bounce::TenantList => ses(
            "5.1.1",
            "Amazon SES did not send the message to this address because it is on the suppression list for your tenant.",
        ),
        Bounce::Unsubscribed => ses(
            "5.1.1",
            "Amazon SES did not send the message to this address because it is unsubscribed from the contact list.",
        ),
        Bounce::EmailValidation => ses(
            "5.1.1",
            "Amazon SES did not send the message to this address because it did not pass email validation.",
        ),
        Bounce::OutOfOffice | Bounce::Undetermined => None,
        Bounce::Expired => ses(
            "4.4.7",
            "smtp; 550 4.4.7 Message expired: unable to deliver in 840 minutes.<421 4.4.0 Unable to lookup DNS for %a>",
        ),
        Bounce::MailboxFull => mailbox_full(provider),
        Bounce::MessageTooLarge => remote("5.3.4", "smtp; 552 5.3.4 Message size exceeds fixed limit"),
        Bounce::ContentRejected => content_rejected(provider),
        Bounce::AttachmentRejected => remote(
            "5.7.0",
            r"smtp; 552-5.7.0 This message was blocked because its content presents a potential\n552 5.7.0 security issue. %i",
        ),
        Bounce::TimeoutExceeded => ses(
            "4.4.7",
            "smtp; 550 4.4.7 Message expired: unable to deliver in 30 minutes.<451 4.4.1 Connection timed out>",
        ),
    }
}

fn no_email(provider: Provider) -> Option<Diagnostic> {
    match provider {
        Provider::Google => remote(
            "5.1.1",
            r"smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try\n550-5.1.1 double-checking the recipient's email address for typos or\n550-5.1.1 unnecessary spaces. For more information, go to\n550 5.1.1  https://support.google.com/mail/?p=NoSuchUser %i.1 - gsmtp",
        ),
        Provider::Yahoo => remote("5.1.1", "smtp; 552 1 Requested mail action aborted, mailbox not found"),
        Provider::Microsoft => remote(
            "5.5.0",
            "smtp; 550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [%i.eop-nam12.prod.protection.outlook.com]",
        ),
        Provider::Apple => remote("5.1.1", "smtp; 550 5.1.1 <%a>: user does not exist"),
        Provider::MailAndMedia => remote(
            "5.1.1",
            r"smtp; 550-Requested action not taken: mailbox unavailable\n550 For explanation visit https://postmaster.gmx.net/en/error-messages?ip=203.0.113.10&c=bounce",
        ),
        Provider::Postfix => {
            remote("5.1.1", "smtp; 550 5.1.1 <%a>: Recipient address rejected: User unknown in virtual mailbox table")
        }
        Provider::Exchange => remote(
            "5.1.10",
            "smtp; 550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient %a not found by SMTP address lookup",
        ),
        Provider::Simulator => remote("5.1.1", "smtp; 550 5.1.1 user unknown"),
    }
}

fn general(provider: Provider) -> Option<Diagnostic> {
    match provider {
        Provider::Google => remote(
            "5.2.1",
            r"smtp; 550-5.2.1 The email account that you tried to reach is inactive. For more\n550-5.2.1 information, go to\n550 5.2.1  https://support.google.com/mail/?p=DisabledUser %i.2 - gsmtp",
        ),
        Provider::Yahoo => remote(
            "5.0.0",
            "smtp; 554 30 Sorry, your message to %a cannot be delivered. This mailbox is disabled (554.30).",
        ),
        Provider::Microsoft => remote(
            "5.7.1",
            "smtp; 550 5.7.1 Unfortunately, messages from [203.0.113.10] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3150). [%i.eop-eur05.prod.protection.outlook.com]",
        ),
        Provider::Apple => remote(
            "5.7.1",
            "smtp; 550 5.7.1 Your message was rejected due to local policy. Please visit https://support.apple.com/en-us/HT204137",
        ),
        Provider::MailAndMedia => remote(
            "5.7.1",
            "smtp; 554-Transaction failed 554 For explanation visit https://postmaster.gmx.net/en/error-messages",
        ),
        Provider::Postfix => remote("5.4.4", "smtp; 550 5.4.4 Invalid domain: no mail exchanger for %a"),
        Provider::Exchange => remote(
            "5.4.1",
            "smtp; 550 5.4.1 Recipient address rejected: Access denied. [%i.eop-gbr01.prod.protection.outlook.com]",
        ),
        Provider::Simulator => remote("5.1.1", "smtp; 550 5.1.1 user unknown"),
    }
}

fn mailbox_full(provider: Provider) -> Option<Diagnostic> {
    match provider {
        Provider::Google => remote(
            "4.2.2",
            r"smtp; 452-4.2.2 The recipient's inbox is out of storage space. Please direct the\n452-4.2.2 recipient to\n452 4.2.2  https://support.google.com/mail/?p=OverQuotaTemp %i.7 - gsmtp",
        ),
        Provider::Microsoft | Provider::Exchange => remote(
            "5.2.2",
            "smtp; 554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException; Failed to process message %i",
        ),
        Provider::Apple => remote("5.2.2", "smtp; 552 5.2.2 <%a>: user is over quota"),
        Provider::Yahoo | Provider::MailAndMedia | Provider::Postfix | Provider::Simulator => {
            remote("5.2.2", "smtp; 552 5.2.2 <%a>: Mailbox is full / Quota exceeded")
        }
    }
}

fn content_rejected(provider: Provider) -> Option<Diagnostic> {
    match provider {
        Provider::Google => remote(
            "5.7.1",
            r"smtp; 550-5.7.1 Our system has detected that this message is likely unsolicited mail.\n550 5.7.1 To reduce the amount of spam sent to Gmail, this message has been blocked. %i.4 - gsmtp",
        ),
        Provider::Yahoo => remote(
            "5.7.9",
            "smtp; 554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes",
        ),
        Provider::Microsoft
        | Provider::Apple
        | Provider::MailAndMedia
        | Provider::Postfix
        | Provider::Exchange
        | Provider::Simulator => {
            remote("5.6.0", "smtp; 554 5.6.0 Message contains spam or otherwise unwanted content (%i)")
        }
    }
}

/// The diagnostic of a delay.
pub(crate) fn of_delay(delay: Delay, provider: Provider) -> Diagnostic {
    let (status, template) = match (delay, provider) {
        (Delay::RecipientServerError | Delay::General, Provider::Yahoo) => (
            "4.7.0",
            "smtp; 421 4.7.0 [TSS04] Messages from 203.0.113.10 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes",
        ),
        (Delay::SpamDetected | Delay::IpFailure, Provider::Google) => (
            "4.7.28",
            r"smtp; 421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from\n421 4.7.28 your IP address. %i.9 - gsmtp",
        ),
        (Delay::MailboxFull, _) => ("4.2.2", "smtp; 452 4.2.2 <%a>: Mailbox full"),
        (Delay::TransientCommunicationFailure, _) => ("4.4.1", "smtp; 421 4.4.1 Failed to establish connection"),
        (Delay::SendingDeferral, _) => {
            ("4.4.5", "smtp; 451 4.4.5 Sending deferred: too many messages to this domain at this time")
        }
        (Delay::ByoipHostNameLookupUnavailable, _) => ("4.4.4", "smtp; 451 4.4.4 Host name lookup unavailable"),
        (Delay::InternalFailure, _) => ("4.3.0", "smtp; 451 4.3.0 Internal failure"),
        (
            Delay::General | Delay::RecipientServerError | Delay::SpamDetected | Delay::IpFailure | Delay::Undetermined,
            _,
        ) => ("4.7.1", "smtp; 450 4.7.1 <%a>: Recipient address rejected: Greylisted, try again later (%i)"),
    };
    Diagnostic { status, template, remote: true }
}

/// The receiving system's last word on a delivered message.
pub(crate) fn acceptance(provider: Provider) -> &'static str {
    match provider {
        Provider::Google => "250 2.0.0 OK  %t %i.42 - gsmtp",
        Provider::Yahoo => "250 ok dirdel",
        Provider::Microsoft | Provider::Exchange => {
            "250 2.6.0 <%i> [InternalId=8431297, Hostname=%i.namprd12.prod.outlook.com] 21345 bytes in 0.118, 176.022 KB/sec Queued mail for delivery -> 250 2.1.5"
        }
        Provider::Apple => "250 2.0.0 Ok: queued as %i",
        Provider::MailAndMedia => "250 Requested mail action okay, completed: id=%i",
        Provider::Postfix => "250 2.0.0 Ok: queued as %i",
        Provider::Simulator => "250 2.6.0 Message received",
    }
}

/// A host that answers for the provider.
pub(crate) fn exchanger(provider: Provider) -> &'static str {
    match provider {
        Provider::Google => "gmail-smtp-in.l.google.com",
        Provider::Yahoo => "mta5.am0.yahoodns.net",
        Provider::Microsoft => "hotmail-com.olc.protection.outlook.com",
        Provider::Apple => "mx01.mail.icloud.com",
        Provider::MailAndMedia => "mx00.emig.gmx.net",
        Provider::Postfix => "mx1.mailhost.example",
        Provider::Exchange => "corp-example.mail.protection.outlook.com",
        Provider::Simulator => "a8-70.smtp-out.amazonses.com",
    }
}

/// Appends a template with its places filled.
pub(crate) fn fill(out: &mut String, template: &str, address: &str, time: i64, rng: &mut ChaCha8Rng) {
    let mut parts = template.split('%');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let mut letters = part.chars();
        match letters.next() {
            Some('a') => out.push_str(address),
            Some('t') => text::number(out, time as u64 / 1_000),
            _ => {
                let digits = rng.random_range(12..=16);
                text::hex(out, rng.random(), digits);
            }
        }
        out.push_str(letters.as_str());
    }
}
