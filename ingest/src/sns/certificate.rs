//! Signing certificates: where they may come from, and which are SNS's.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::oid_registry::OID_PKCS1_RSAENCRYPTION;
use x509_parser::pem::Pem;
use x509_parser::prelude::{ASN1Time, FromDer, GeneralName, X509Certificate};

use super::topic::Topic;

/// Certificates in one file, at most.
const MOST: usize = 8;

/// `https://sns.us-east-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem`, and nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificateAddress {
    host: String,
    path: String,
}

impl CertificateAddress {
    /// Reads an address that SNS has for messages of a topic. It is compared, not parsed: no user, port, query, fragment, escape or other
    /// spelling of the host is the same text.
    pub fn parse(url: &str, topic: &Topic) -> Option<Self> {
        let host = format!("sns.{}.{}", topic.region(), topic.domain());
        let path = url.strip_prefix("https://")?.strip_prefix(&*host)?;
        let name = path.strip_prefix("/SimpleNotificationService")?.strip_suffix(".pem")?;
        let is_name = match name.strip_prefix('-') {
            Some(id) => (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            None => name.is_empty(),
        };
        is_name.then(|| Self { host, path: path.to_owned() })
    }

    /// The host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path, with the slash before it.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Who issues SNS's certificates: roots, and what stands between.
#[derive(Debug, Clone)]
pub struct Authorities(Vec<Vec<u8>>);

/// A file without certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no certificates in PEM")]
pub struct BadAuthorities;

impl Authorities {
    /// Reads certificates in PEM. Those that issued themselves are roots.
    ///
    /// # Errors
    /// If there are none, or some cannot be read.
    pub fn parse(pem: &[u8]) -> Result<Self, BadAuthorities> {
        let read = certificates(pem, usize::MAX).ok_or(BadAuthorities)?;
        let all_sound = read.iter().all(|der| X509Certificate::from_der(der).is_ok());
        if read.is_empty() || !all_sound { Err(BadAuthorities) } else { Ok(Self(read)) }
    }
}

/// A certificate as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    der: Vec<u8>,
    /// What came with it, which may stand between it and a root.
    others: Vec<Vec<u8>>,
}

impl Certificate {
    pub(super) fn parse(pem: &[u8]) -> Option<Self> {
        let mut all = certificates(pem, MOST)?.into_iter();
        let der = all.next()?;
        X509Certificate::from_der(&der).ok().filter(|(rest, _)| rest.is_empty())?;
        Some(Self { der, others: all.collect() })
    }

    /// The public key, if the certificate is SNS's, valid now, and issued by one of the authorities.
    pub(super) fn key(
        &self,
        topic: &Topic,
        now: DateTime<Utc>,
        authorities: Option<&Authorities>,
    ) -> Result<Vec<u8>, &'static str> {
        let (_, certificate) =
            X509Certificate::from_der(&self.der).map_err(|_| "the signing certificate cannot be read")?;
        let time = ASN1Time::from_timestamp(now.timestamp()).map_err(|_| "the clock is wrong")?;
        if !certificate.validity().is_valid_at(time) {
            return Err("the signing certificate has expired, or is not valid yet");
        }
        if !names(&certificate).iter().any(|name| is_of_sns(name, topic)) {
            return Err("the signing certificate is not SNS's");
        }
        let key = certificate.public_key();
        if key.algorithm.algorithm != OID_PKCS1_RSAENCRYPTION {
            return Err("the signing certificate's key is not RSA");
        }
        if let Some(authorities) = authorities {
            self.check_chain(now, authorities)?;
        }
        Ok(key.subject_public_key.data.to_vec())
    }

    fn check_chain(&self, now: DateTime<Utc>, authorities: &Authorities) -> Result<(), &'static str> {
        const UNKNOWN: &str = "the signing certificate is not issued by a known authority";
        let der = CertificateDer::from_slice(&self.der);
        let leaf = EndEntityCert::try_from(&der).map_err(|_| UNKNOWN)?;
        let known: Vec<CertificateDer<'_>> = authorities.0.iter().map(|der| CertificateDer::from_slice(der)).collect();
        let anchors: Vec<_> =
            known.iter().filter(|der| is_root(der)).filter_map(|der| anchor_from_trusted_cert(der).ok()).collect();
        let others = self.others.iter().map(|der| CertificateDer::from_slice(der));
        let between: Vec<_> = known.iter().filter(|der| !is_root(der)).cloned().chain(others).collect();
        let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.timestamp()).unwrap_or_default()));
        let usage = KeyUsage::server_auth();
        let verified = leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &between, time, usage, None, None);
        verified.map(|_| ()).map_err(|_| UNKNOWN)
    }
}

fn is_root(der: &[u8]) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, certificate)| certificate.issuer() == certificate.subject())
}

/// The names that a certificate is for.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok()).map(str::to_owned);
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let alternative = alternative.into_iter().flat_map(|names| &names.value.general_names);
    let alternative = alternative.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    });
    common.chain(alternative).collect()
}

/// Names that SNS's signing certificates have: `sns.amazonaws.com`, and in regions with certificates of their own one with the region.
/// Source: AWS SDK for Java 2, `SnsMessageManager` and its table of common names.
fn is_of_sns(name: &str, topic: &Topic) -> bool {
    let (region, domain) = (topic.region(), topic.domain());
    [
        format!("sns.{domain}"),
        format!("sns.{region}.{domain}"),
        format!("sns-{region}.{domain}"),
        format!("sns-signing.{region}.{domain}"),
    ]
    .iter()
    .any(|own| own == name)
        || (region.starts_with("us-gov-") && name == format!("sns-us-gov-west-1.{domain}"))
}

/// Certificates of a PEM file; nothing if something in it is no certificate, or there are too many.
fn certificates(pem: &[u8], most: usize) -> Option<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for block in Pem::iter_from_buffer(pem) {
        let block = block.ok().filter(|block| block.label == "CERTIFICATE" && all.len() < most)?;
        all.push(block.contents);
    }
    Some(all)
}
