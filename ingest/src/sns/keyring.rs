//! Certificates that were fetched, kept for a while.
//!
//! Whoever knows a topic's name could otherwise have us fetch as often as they post: fetches are bounded in number, and what failed is not asked
//! for again at once.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

use super::SnsRefusal;
use super::certificate::{Certificate, CertificateAddress};

/// A file with more bytes is no certificate of SNS's, which has about 2 KiB.
pub const MOST_CERTIFICATE_BYTES: usize = 32 << 10;

/// Certificates kept. Each region has one or two at a time.
const MOST_KEPT: usize = 64;

/// What was fetched is fetched again after this time.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// What could not be fetched is asked for again after this time.
const PAUSE: TimeDelta = TimeDelta::seconds(30);

/// So many are fetched within [`SPAN`].
const MOST_FETCHES: usize = 20;
const SPAN: TimeDelta = TimeDelta::minutes(1);

/// Gets certificates from where SNS keeps them.
pub trait FetchCertificate: Send + Sync {
    /// Gets what lies at an address, over TLS and without following redirects: all of it, or more than [`MOST_CERTIFICATE_BYTES`].
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is nothing; of any other kind if it may be had later.
    fn fetch(&self, address: CertificateAddress) -> BoxFuture<'_, io::Result<Vec<u8>>>;
}

type Found = Result<Arc<Certificate>, SnsRefusal>;

/// Certificates by their addresses.
pub(super) struct Keyring {
    fetch: Arc<dyn FetchCertificate>,
    kept: Mutex<HashMap<CertificateAddress, (DateTime<Utc>, Found)>>,
    /// When the last ones were fetched. One fetch is made at a time, so that many who need the same make one.
    fetched: tokio::sync::Mutex<VecDeque<DateTime<Utc>>>,
}

impl Keyring {
    pub(super) fn new(fetch: Arc<dyn FetchCertificate>) -> Self {
        Self { fetch, kept: Mutex::default(), fetched: tokio::sync::Mutex::default() }
    }

    /// A certificate that is kept, or is fetched now.
    pub(super) async fn get(&self, address: &CertificateAddress, now: DateTime<Utc>) -> Found {
        if let Some(found) = self.kept(address, now) {
            return found;
        }
        let mut fetched = self.fetched.lock().await;
        if let Some(found) = self.kept(address, now) {
            return found;
        }
        fetched.retain(|time| *time > now - SPAN);
        if fetched.len() >= MOST_FETCHES {
            return Err(SnsRefusal::NoCertificate("too many were asked for within a minute".to_owned()));
        }
        fetched.push_back(now);
        let found = read(self.fetch.fetch(address.clone()).await);
        self.keep(address, found.clone(), now);
        found
    }

    fn kept(&self, address: &CertificateAddress, now: DateTime<Utc>) -> Option<Found> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(address).filter(|(until, _)| now < *until).map(|(_, found)| found.clone())
    }

    fn keep(&self, address: &CertificateAddress, found: Found, now: DateTime<Utc>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.retain(|_, (until, found)| now < *until && found.is_ok());
        }
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        let time = if found.is_ok() { KEPT } else { PAUSE };
        kept.insert(address.clone(), (now + time, found));
    }
}

fn read(fetched: io::Result<Vec<u8>>) -> Found {
    const NONE: SnsRefusal = SnsRefusal::Forbidden("what lies at the certificate's address is no certificate");
    match fetched {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(NONE),
        Err(error) => Err(SnsRefusal::NoCertificate(error.to_string())),
        Ok(pem) if pem.len() > MOST_CERTIFICATE_BYTES => Err(NONE),
        Ok(pem) => Certificate::parse(&pem).map(Arc::new).ok_or(NONE),
    }
}
