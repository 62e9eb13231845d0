//! The provider: its discovery document and keys, and what it is asked.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreGenderClaim, CoreIdToken, CoreProviderMetadata};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalClaims, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
    CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, Scope, SubjectIdentifier, TokenResponse, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::timeout;
use url::Url;

use super::OidcSettings;
use super::claims::{Claims, find};
use super::http::send;
use super::transaction::Transaction;
use crate::access::settings::Access;

/// The provider's documents are asked for again after this time; keys change, but rarely.
const FRESH: TimeDelta = TimeDelta::hours(1);

/// They are not asked for more often, however many wrong keys come along.
const AT_MOST: TimeDelta = TimeDelta::minutes(1);

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between attempts to reach it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// Whatever claims a provider gives.
#[derive(Debug, Deserialize, Serialize)]
struct AnyClaims {
    #[serde(flatten)]
    all: Claims,
}

impl AdditionalClaims for AnyClaims {}

/// The provider.
pub(crate) struct Provider {
    pub(super) settings: OidcSettings,
    found: Mutex<Option<Arc<Found>>>,
}

/// What its documents say.
pub(super) struct Found {
    client: Client,
    at: DateTime<Utc>,
}

impl Provider {
    pub(crate) fn new(settings: OidcSettings) -> Self {
        Self { settings, found: Mutex::new(None) }
    }

    pub(crate) fn label(&self) -> &str {
        &self.settings.label
    }

    /// What the documents say, asked for now if they were not read yet, or are old. Old ones are better than none.
    pub(super) async fn found(&self, access: &Access) -> Option<Arc<Found>> {
        let mut found = self.found.lock().await;
        if found.as_ref().is_none_or(|found| access.now() - found.at >= FRESH) {
            match self.discover(access).await {
                Ok(new) => *found = Some(Arc::new(new)),
                Err(error) => {
                    tracing::warn!("cannot reach the identity provider `{}`: {error:#}", self.settings.issuer);
                }
            }
        }
        found.clone()
    }

    /// The same after a key was not among those known.
    async fn found_again(&self, access: &Access, before: &Found) -> Option<Arc<Found>> {
        let mut found = self.found.lock().await;
        let is_same = found.as_ref().is_some_and(|found| found.at == before.at);
        if is_same && access.now() - before.at >= AT_MOST {
            *found = Some(Arc::new(self.discover(access).await.ok()?));
        }
        found.clone().filter(|found| found.at != before.at)
    }

    /// Reads the documents as soon as the provider can be reached.
    pub(crate) async fn reach(&self, access: &Access) {
        let mut pause = FIRST_PAUSE;
        while self.found(access).await.is_none() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn discover(&self, access: &Access) -> anyhow::Result<Found> {
        let OidcSettings { issuer, client_id, client_secret, redirect, http, .. } = &self.settings;
        // The name is compared letter by letter, and URLs get a slash that the provider's may not have.
        let issuer = IssuerUrl::new(issuer.as_str().trim_end_matches('/').to_owned())?;
        let slashed = IssuerUrl::new(format!("{}/", issuer.as_str()))?;
        let ask = |request| send(http.clone(), request);
        let asked = async {
            match CoreProviderMetadata::discover_async(issuer, &ask).await {
                Err(openidconnect::DiscoveryError::Validation(_)) => {
                    CoreProviderMetadata::discover_async(slashed, &ask).await
                }
                other => other,
            }
        };
        let metadata = timeout(PATIENCE, asked).await.context("no answer in time")??;
        let secret = client_secret.clone().map(ClientSecret::new);
        let client = CoreClient::from_provider_metadata(metadata, ClientId::new(client_id.clone()), secret);
        Ok(Found { client: client.set_redirect_uri(RedirectUrl::from_url(redirect.clone())), at: access.now() })
    }
}

impl Found {
    /// Where to send somebody who wants to sign in, and what to remember of it.
    pub(super) fn send(&self, settings: &OidcSettings, to: String, now: DateTime<Utc>) -> (Url, Transaction) {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let request =
            self.client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random).set_pkce_challenge(challenge);
        let request =
            settings.scopes.iter().fold(request, |request, scope| request.add_scope(Scope::new(scope.clone())));
        let (url, state, nonce) = request.url();
        let verifier = verifier.secret().clone();
        (url, Transaction::new(state.secret().clone(), nonce.secret().clone(), verifier, to, now))
    }

    /// Exchanges a code for what the provider says of whoever brings it.
    pub(super) async fn receive(
        &self,
        provider: &Provider,
        access: &Access,
        code: String,
        transaction: &Transaction,
    ) -> anyhow::Result<Claims> {
        let settings = &provider.settings;
        let ask = |request| send(settings.http.clone(), request);
        let verifier = PkceCodeVerifier::new(transaction.verifier.clone());
        let exchange = self.client.exchange_code(AuthorizationCode::new(code))?.set_pkce_verifier(verifier);
        let answer = timeout(PATIENCE, exchange.request_async(&ask)).await.context("no token in time")?;
        let answer = answer.map_err(|error| anyhow::anyhow!("no token: {}", without_body(&error)))?;
        let token = answer.id_token().context("the provider gives no ID token")?;
        let nonce = Nonce::new(transaction.nonce.clone());
        match self.verify(token, answer.access_token(), &nonce, access) {
            Ok(()) => {}
            Err(error) if is_unknown_key(&error) => {
                let again = provider.found_again(access, self).await;
                again.context(error)?.verify(token, answer.access_token(), &nonce, access)?;
            }
            Err(error) => return Err(error),
        }
        let mut claims = payload(token)?;
        let wanted = [settings.name_claim.as_str(), &settings.groups_claim, "email"];
        if wanted.into_iter().any(|name| find(&claims, name).is_none()) {
            let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
            let more = self.user_info(settings, answer.access_token().clone(), subject).await?;
            more.into_iter().for_each(|(name, value)| {
                claims.entry(name).or_insert(value);
            });
        }
        Ok(claims)
    }

    /// Whether the token is the provider's, for us, for this attempt, and not too old.
    fn verify(
        &self,
        token: &CoreIdToken,
        access_token: &AccessToken,
        nonce: &Nonce,
        access: &Access,
    ) -> anyhow::Result<()> {
        let clock = Arc::clone(&access.clock);
        let verifier = self.client.id_token_verifier().set_time_fn(move || clock());
        let claims = token.claims(&verifier, nonce)?;
        if let Some(expected) = claims.access_token_hash() {
            let (algorithm, key) = (token.signing_alg()?, token.signing_key(&verifier)?);
            let actual = AccessTokenHash::from_token(access_token, algorithm, key)?;
            anyhow::ensure!(actual == *expected, "the access token is not the ID token's");
        }
        Ok(())
    }

    /// What the provider says beside the token, if it does.
    async fn user_info(&self, settings: &OidcSettings, token: AccessToken, subject: String) -> anyhow::Result<Claims> {
        let ask = |request| send(settings.http.clone(), request);
        let Ok(request) = self.client.user_info(token, Some(SubjectIdentifier::new(subject))) else {
            return Ok(Claims::new());
        };
        let answer = timeout(PATIENCE, request.request_async::<AnyClaims, _, CoreGenderClaim>(&ask)).await;
        let answer: UserInfoClaims<AnyClaims, CoreGenderClaim> =
            answer.context("no user info in time")?.context("no user info")?;
        match serde_json::to_value(answer)? {
            Value::Object(claims) => Ok(claims),
            _ => Ok(Claims::new()),
        }
    }
}

fn is_unknown_key(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ClaimsVerificationError::SignatureVerification(_)))
}

/// An error of the exchange. What the provider sent may hold a token and is not told.
fn without_body<E: std::error::Error, T: openidconnect::ErrorResponse + std::fmt::Display>(
    error: &openidconnect::RequestTokenError<E, T>,
) -> String {
    match error {
        openidconnect::RequestTokenError::ServerResponse(answer) => answer.to_string(),
        openidconnect::RequestTokenError::Request(error) => error.to_string(),
        openidconnect::RequestTokenError::Parse(error, _) => error.to_string(),
        openidconnect::RequestTokenError::Other(what) => what.clone(),
    }
}

/// The claims of a token whose signature was verified.
fn payload(token: &CoreIdToken) -> anyhow::Result<Claims> {
    use base64::Engine;
    let text = token.to_string();
    let payload = text.split('.').nth(1).context("the ID token is no JWT")?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload)?;
    Ok(serde_json::from_slice(&bytes)?)
}
