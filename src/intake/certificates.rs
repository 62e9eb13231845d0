//! SNS's signing certificates, fetched.

use std::io::{self, ErrorKind};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use repute_ingest::{CertificateAddress, FetchCertificate, MOST_CERTIFICATE_BYTES};
use reqwest::{Client, StatusCode};

use crate::config::MirrorUrl;
use crate::exit::Failure;
use crate::notify::http_client;

/// SNS waits fifteen seconds for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where certificates are fetched.
pub(super) struct Certificates {
    client: Client,
    /// Instead of SNS's own hosts; the path of an address is put behind it.
    mirror: Option<String>,
}

impl Certificates {
    pub(super) fn new(mirror: Option<&MirrorUrl>) -> Result<Self, Failure> {
        let client = http_client(PATIENCE).map_err(|error| Failure::Usage(error.words().to_owned()))?;
        Ok(Self { client, mirror: mirror.map(|mirror| mirror.0.as_str().trim_end_matches('/').to_owned()) })
    }

    async fn get(&self, address: &CertificateAddress) -> io::Result<Vec<u8>> {
        let url = match &self.mirror {
            Some(mirror) => format!("{mirror}{}", address.path()),
            None => format!("https://{}{}", address.host(), address.path()),
        };
        let mut response = self.client.get(url).send().await.map_err(|error| failed(&error))?;
        match response.status() {
            StatusCode::OK => {}
            status if status.is_redirection() || status.is_client_error() => return Err(ErrorKind::NotFound.into()),
            status => return Err(io::Error::other(format!("its host answers {status}"))),
        }
        let mut bytes = Vec::new();
        while bytes.len() <= MOST_CERTIFICATE_BYTES {
            match response.chunk().await.map_err(|error| failed(&error))? {
                Some(chunk) => bytes.extend_from_slice(&chunk),
                None => break,
            }
        }
        Ok(bytes)
    }
}

impl FetchCertificate for Certificates {
    fn fetch(&self, address: CertificateAddress) -> BoxFuture<'_, io::Result<Vec<u8>>> {
        async move { self.get(&address).await }.boxed()
    }
}

fn failed(error: &reqwest::Error) -> io::Error {
    io::Error::other(if error.is_timeout() { "its host does not answer in time" } else { "its host cannot be reached" })
}
