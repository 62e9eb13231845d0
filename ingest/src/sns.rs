//! Messages that SNS posts over HTTPS: believed only if they are signed for a topic that is wanted.
//!
//! ```text
//! body ── envelope ── topic wanted? ── not too old? ── version, certificate's address ──> certificate (kept, or fetched)
//!                                                                                              │ its subject, time, chain
//!                                                     notification, confirmation <── signature ┘
//! ```
//! Nothing is fetched before all that can be judged without has been, and never from an address that is not SNS's own for the
//! topic's region. Sources: docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html, and what other programs got wrong
//! (CVE-2019-6715, CVE-2026-32096).

mod certificate;
mod envelope;
mod keyring;
mod topic;

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};

use envelope::{Envelope, Kind};
use keyring::Keyring;

pub use certificate::{Authorities, BadAuthorities, CertificateAddress};
pub use keyring::{FetchCertificate, MOST_CERTIFICATE_BYTES};
pub use topic::{BadTopic, Topic};

/// So many ids of messages are remembered: more than come within the time that a message may take.
const REMEMBERED: usize = 65_536;

/// Clocks may differ by so much.
const CLOCK_ERROR: TimeDelta = TimeDelta::minutes(5);

/// What is believed.
#[derive(Debug, Clone)]
pub struct SnsRules {
    /// Topics whose messages are wanted.
    pub topics: Vec<Topic>,
    /// Whether signatures of version 1 (SHA-1) are believed, too.
    pub allows_sha1: bool,
    /// Older messages are refused. SNS tries for an hour at most.
    pub max_age: TimeDelta,
    /// Who has to have issued the certificates; without it, that is not looked at.
    pub authorities: Option<Authorities>,
}

/// What a message that is believed asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnsMessage {
    /// To be taken. Once it is, that is to be [remembered](SnsDoor::remember).
    Notification {
        /// Its id.
        id: String,
    },
    /// It was taken before.
    Known,
    /// Somebody wants the topic's messages to be sent here.
    Confirmation {
        /// Which topic.
        topic: Topic,
        /// What confirms it: letters and digits.
        token: String,
    },
    /// The topic's messages will not be sent here any more.
    Ended {
        /// Which topic.
        topic: Topic,
    },
}

/// Why a message is not believed, in words without any of its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnsRefusal {
    /// It is no message of SNS's.
    #[error("it is no SNS message: {0}")]
    Malformed(&'static str),
    /// It is not believed, or not wanted.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The certificate cannot be had at present.
    #[error("the signing certificate cannot be fetched: {0}")]
    NoCertificate(String),
}

/// Lets messages in.
pub struct SnsDoor {
    rules: SnsRules,
    keyring: Keyring,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    ids: HashSet<Arc<str>>,
    order: VecDeque<Arc<str>>,
}

impl SnsDoor {
    /// A door with these rules; certificates are got by `fetch`.
    pub fn new(rules: SnsRules, fetch: Arc<dyn FetchCertificate>) -> Self {
        Self { rules, keyring: Keyring::new(fetch), known: Mutex::default() }
    }

    /// Judges a body.
    ///
    /// # Errors
    /// [`SnsRefusal`].
    pub async fn admit(&self, body: &[u8], now: DateTime<Utc>) -> Result<SnsMessage, SnsRefusal> {
        let envelope = Envelope::parse(body)?;
        let topic = self.rules.topics.iter().find(|topic| topic.as_str() == envelope.topic);
        let topic = topic.ok_or(SnsRefusal::Forbidden("the topic is not among those that are wanted"))?;
        if envelope.timestamp < now - self.rules.max_age - CLOCK_ERROR {
            return Err(SnsRefusal::Forbidden("the message is too old"));
        }
        if envelope.timestamp > now + CLOCK_ERROR {
            return Err(SnsRefusal::Forbidden("the message is of a time to come"));
        }
        let algorithm = self.algorithm(&envelope.version)?;
        let signature = STANDARD.decode(envelope.signature.as_bytes());
        let signature = signature.map_err(|_| SnsRefusal::Malformed("the signature is no base64"))?;
        let address = CertificateAddress::parse(&envelope.certificate, topic)
            .ok_or(SnsRefusal::Forbidden("the certificate's address is not SNS's own for the topic's region"))?;
        let certificate = self.keyring.get(&address, now).await?;
        let key = certificate.key(topic, now, self.rules.authorities.as_ref()).map_err(SnsRefusal::Forbidden)?;
        UnparsedPublicKey::new(algorithm, key)
            .verify(envelope.signed_text().as_bytes(), &signature)
            .map_err(|_| SnsRefusal::Forbidden("the signature is wrong"))?;
        Ok(self.read(envelope, topic.clone()))
    }

    /// Notes that a notification is durable: when it comes again, it is [`SnsMessage::Known`].
    pub fn remember(&self, id: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let id: Arc<str> = id.into();
        if known.ids.insert(Arc::clone(&id)) {
            known.order.push_back(id);
        }
        if known.order.len() > REMEMBERED
            && let Some(oldest) = known.order.pop_front()
        {
            known.ids.remove(&oldest);
        }
    }

    fn algorithm(&self, version: &str) -> Result<&'static RsaParameters, SnsRefusal> {
        match version {
            "2" => Ok(&RSA_PKCS1_2048_8192_SHA256),
            "1" if self.rules.allows_sha1 => Ok(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
            "1" => Err(SnsRefusal::Forbidden(
                "the signature is of version 1 (SHA-1): set the topic's SignatureVersion to 2, or allow SHA-1",
            )),
            _ => Err(SnsRefusal::Malformed("the signature's version is unknown")),
        }
    }

    fn read(&self, envelope: Envelope<'_>, topic: Topic) -> SnsMessage {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match envelope.kind {
            Kind::Notification if known.ids.contains(&*envelope.id) => SnsMessage::Known,
            Kind::Notification => SnsMessage::Notification { id: envelope.id.into_owned() },
            Kind::SubscriptionConfirmation { token, .. } => {
                SnsMessage::Confirmation { topic, token: token.into_owned() }
            }
            Kind::UnsubscribeConfirmation { .. } => SnsMessage::Ended { topic },
        }
    }
}

#[cfg(test)]
mod tests;
