//! Any HTTP receiver of JSON: all fields of a message, or a template's.

use std::time::Duration;

use super::message::Message;
use super::secret::Secret;
use super::template::Template;
use super::{Undelivered, http};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Webhook {
    pub(crate) url: Secret,
    /// Sent as `Authorization: Bearer`.
    pub(crate) token: Option<Secret>,
    pub(crate) template: Option<Template>,
}

impl Webhook {
    pub(crate) async fn deliver(&self, message: &Message, timeout: Duration) -> Result<(), Undelivered> {
        let body = self.template.as_ref().map_or_else(|| message.json(), |template| template.fill(message));
        // A receiver that heard a message twice, after a crash, can tell by this.
        let request = http::client(timeout)?.post(self.url.read()?).header("Idempotency-Key", &message.once);
        let request = match &self.token {
            Some(token) => request.bearer_auth(token.read()?),
            None => request,
        };
        http::post(request, &body).await.map(|_| ())
    }
}
