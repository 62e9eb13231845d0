//! TLS by files: a certificate with its chain and a key, in PEM, read again when they change.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys, ServerConfig};
use tokio::task::spawn_blocking;
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Where the certificate and its key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The server's certificate, then those that lead to one that clients know.
    pub(crate) certificate: PathBuf,
    /// The key of the first certificate.
    pub(crate) key: PathBuf,
}

/// The certificate in force; clones share it.
#[derive(Clone)]
pub(crate) struct Certificate {
    files: TlsFiles,
    current: Arc<Current>,
    read: Texts,
    acceptor: TlsAcceptor,
}

/// Bytes of the certificate's file and the key's.
type Texts = (Vec<u8>, Vec<u8>);

#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate").field(&self.files).finish()
    }
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with which file, and what to do about it.
    pub(crate) fn read(files: TlsFiles) -> Result<Self, String> {
        let read = texts(&files)?;
        let current = Arc::new(Current(RwLock::new(Arc::new(certified(&files, &read)?))));
        let acceptor = acceptor(&current).map_err(|error| format!("cannot offer TLS: {error}"))?;
        Ok(Self { files, current, read, acceptor })
    }

    /// Hands the certificate in force to whoever connects.
    pub(super) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Takes over a certificate that was renewed. The two files are written one after the other, so that what does not fit together is
    /// left alone until it does; what is in force stays so, and the trouble is told once.
    pub(super) async fn follow(mut self) {
        let mut told = None;
        loop {
            tokio::time::sleep(LOOK).await;
            let files = self.files.clone();
            let Ok(found) = spawn_blocking(move || texts(&files)).await else { continue };
            let found = found.and_then(|found| match found == self.read {
                true => Ok(None),
                false => certified(&self.files, &found).map(|key| Some((key, found))),
            });
            match found {
                Ok(None) => told = None,
                Ok(Some((key, found))) => {
                    *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                    (self.read, told) = (found, None);
                    tracing::info!("the certificate of `{}` was renewed", self.files.certificate.display());
                }
                Err(trouble) if told.as_ref() == Some(&trouble) => {}
                Err(trouble) => {
                    tracing::warn!("{trouble}; the certificate that was read before stays in force");
                    told = Some(trouble);
                }
            }
        }
    }
}

/// TLS 1.2 and 1.3, and nothing but HTTP/1.1.
fn acceptor(current: &Arc<Current>) -> Result<TlsAcceptor, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(current) as Arc<dyn ResolvesServerCert>);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn texts(TlsFiles { certificate, key }: &TlsFiles) -> Result<Texts, String> {
    let read = |what: &str, path: &Path| {
        std::fs::read(path).map_err(|error| format!("cannot read the TLS {what} `{}`: {error}", path.display()))
    };
    Ok((read("certificate", certificate)?, read("key", key)?))
}

fn certified(files: &TlsFiles, (certificate, key): &Texts) -> Result<CertifiedKey, String> {
    let chain = chain(certificate).map_err(|what| {
        format!(
            "the TLS certificate `{}` {what}; it must be in PEM, from `-----BEGIN CERTIFICATE-----` on, the server's own first",
            files.certificate.display()
        )
    })?;
    let key = private_key(key).map_err(|what| {
        format!(
            "the TLS key `{}` {what}; it must be in PEM and not encrypted, from `-----BEGIN PRIVATE KEY-----` on",
            files.key.display()
        )
    })?;
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| match error {
        TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => format!(
            "the TLS key `{}` is not that of the certificate `{}`: give the key that the first certificate in that file was made for",
            files.key.display(),
            files.certificate.display()
        ),
        TlsError::InvalidCertificate(what) => {
            format!("the TLS certificate `{}` cannot be used: {what:?}; have it issued again", files.certificate.display())
        }
        other => format!(
            "the TLS key `{}` cannot be used: {other}; RSA of 2,048 bits or more, ECDSA on P-256 or P-384, and Ed25519 are",
            files.key.display()
        ),
    })
}

fn chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>().map_err(|error| damage(&error))?;
    if chain.is_empty() { Err("holds no certificate".to_owned()) } else { Ok(chain) }
}

fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        _ if is_encrypted(text) => "is encrypted (`openssl pkey -in FILE` decrypts it)".to_owned(),
        PemError::NoItemsFound => "holds no private key".to_owned(),
        other => damage(&other),
    })
}

fn is_encrypted(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}

fn damage(error: &PemError) -> String {
    format!("is damaged ({error})")
}
