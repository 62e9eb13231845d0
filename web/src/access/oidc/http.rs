//! How the provider is asked: by the client that was handed over, and no answer is read beyond a size.

use openidconnect::{HttpRequest, HttpResponse};
use reqwest::Client;

/// No document of a provider's is larger.
const MOST_BYTES: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error(transparent)]
    Client(#[from] reqwest::Error),
    #[error("the answer is larger than a mebibyte")]
    Large,
    #[error(transparent)]
    Http(#[from] axum::http::Error),
}

/// Sends a request.
pub(super) async fn send(client: Client, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
    let mut response = client.execute(request.try_into()?).await?;
    let mut answer = axum::http::Response::builder().status(response.status());
    if let Some(headers) = answer.headers_mut() {
        headers.clone_from(response.headers());
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MOST_BYTES {
            return Err(NoAnswer::Large);
        }
    }
    Ok(answer.body(bytes)?)
}
