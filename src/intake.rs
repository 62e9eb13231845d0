//! Live routes: what the web's side takes in is read by `ingest`, and lands before it is acknowledged.
//!
//! ```text
//! POST /ingest/firehose ── inflate, take apart ──────────┐
//! POST /ingest/sns ── signed for a topic that is wanted? ┴──> Landing (durable) ──> 200
//! ```

mod certificates;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use futures::FutureExt;
use futures::future::BoxFuture;
use repute_ingest::{
    Authorities, BadDelivery, FirehoseDelivery, Landing, LandingError, LandingPlace, Route, SnsDoor, SnsMessage,
    SnsRefusal, Topic, inflate, read_delivery,
};
use repute_lake::Location;
use repute_web::ingest::{AccessKeys, Delivery, Intake, Refusal, Taken, Taker};
use tokio::sync::Semaphore;

use crate::access::{Watched, warn_of_readers};
use crate::aws;
use crate::config::{LandingAt, LandingSettings, LiveRoutes, SnsSettings};
use crate::exit::{Failure, told};
use crate::output::plain;
use certificates::Certificates;

/// How often the file of access keys is looked at for changes.
const REFRESH: Duration = Duration::from_secs(1);

/// Live routes that are open.
pub(crate) struct Live {
    /// Where what they receive lands, to be imported.
    pub(crate) landing: Landing,
    /// What the server hands over.
    pub(crate) intake: Arc<Intake>,
}

/// Opens the landing area that is set up, or that of the lake, within the runtime that will work on it.
///
/// # Errors
/// If it cannot be written to or listed.
pub(crate) async fn open_landing(settings: &LandingSettings, lake: &Location) -> Result<Landing, Failure> {
    let place = match settings.place.clone().unwrap_or_else(|| LandingAt::of(lake)) {
        LandingAt::Directory(path) => LandingPlace::Directory(path),
        LandingAt::Bucket { bucket, prefix } => LandingPlace::Bucket { client: aws::s3().await, bucket, prefix },
    };
    Ok(Landing::open(place, settings.limits.clone(), Arc::new(Utc::now)).await?)
}

/// Opens the landing area and the routes, within the runtime that will work on them.
pub(crate) async fn open(routes: &LiveRoutes, landing: &LandingSettings, lake: &Location) -> Result<Live, Failure> {
    let keys = match &routes.keys_file {
        Some(path) => {
            warn_of_readers(path);
            read_keys(path)?
        }
        None => AccessKeys::default(),
    };
    let sns = routes.sns.as_ref().map(door).transpose()?;
    let landing = open_landing(landing, lake).await?;
    let taker = Edge {
        landing: landing.clone(),
        sns,
        confirms: routes.sns.as_ref().is_some_and(|sns| sns.confirms),
        readers: Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)),
    };
    Ok(Live { landing, intake: Arc::new(Intake::new(Arc::new(taker), keys)) })
}

/// Takes changes of the access keys up, for ever.
pub(crate) async fn follow(routes: LiveRoutes, intake: Arc<Intake>) {
    let mut keys = Watched::new(routes.keys_file.as_ref());
    loop {
        tokio::time::sleep(REFRESH).await;
        if let Some(keys) = keys.changed(read_keys) {
            intake.replace_keys(keys);
        }
    }
}

fn door(settings: &SnsSettings) -> Result<SnsDoor, Failure> {
    let mut rules = settings.rules.clone();
    if let Some(path) = &settings.authorities_file {
        let pem = fs::read(path).map_err(|error| {
            Failure::Usage(format!("cannot read the authorities file `{}`: {error}", path.display()))
        })?;
        let read = Authorities::parse(&pem);
        rules.authorities = Some(read.map_err(|error| Failure::Usage(format!("`{}`: {error}", path.display())))?);
    }
    let certificates = Certificates::new(settings.mirror.as_ref())?;
    Ok(SnsDoor::new(rules, Arc::new(certificates)))
}

/// Reads access keys, one a line; empty lines, and those that begin with `#`, are none.
fn read_keys(path: &Path) -> Result<AccessKeys, Failure> {
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::Usage(format!("cannot read the file of access keys `{}`: {error}", path.display()))
    })?;
    let lines = text.lines().map(str::trim).zip(1..).filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    let (keys, numbers): (Vec<&str>, Vec<u64>) = lines.unzip();
    if keys.is_empty() {
        let path = path.display();
        return Err(Failure::Usage(format!("`{path}` has no access key; make one with `openssl rand -hex 32`")));
    }
    AccessKeys::new(keys).map_err(|(at, error)| {
        let line = numbers.get(at).copied().unwrap_or_default();
        Failure::Usage(format!("{}:{line}: {error}", path.display()))
    })
}

/// Reads what comes, and lands it.
struct Edge {
    landing: Landing,
    sns: Option<SnsDoor>,
    /// Whether subscriptions are confirmed here.
    confirms: bool,
    /// Bodies that are inflated and taken apart at once.
    readers: Semaphore,
}

impl Taker for Edge {
    fn take_firehose(&self, delivery: Delivery) -> BoxFuture<'_, Result<Taken, Refusal>> {
        self.firehose(delivery).boxed()
    }

    fn take_sns(&self, message: axum::body::Bytes) -> BoxFuture<'_, Result<(), Refusal>> {
        self.message(message).boxed()
    }
}

impl Edge {
    async fn firehose(&self, mut delivery: Delivery) -> Result<Taken, Refusal> {
        let named = delivery.request_id.take();
        let reader = self.readers.acquire().await;
        let read = tokio::task::spawn_blocking(move || (read_body(&mut delivery), delivery.memory)).await;
        drop(reader);
        let (read, _memory) = read.map_err(|_| Refusal::Unavailable("the body could not be read".to_owned()))?;
        let FirehoseDelivery { request_id, records } = read?;
        if named.is_some_and(|named| named != request_id) {
            return Err(Refusal::Malformed(
                "the request's id is another one in the header than in the body".to_owned(),
            ));
        }
        let count = records.len();
        if count > 0 {
            self.landing.land(Route::Firehose, records).await.map_err(refusal)?;
        }
        Ok(Taken { request_id, records: count })
    }

    async fn message(&self, message: axum::body::Bytes) -> Result<(), Refusal> {
        let closed = || Refusal::Closed("no topics are set up for SNS: name those that are wanted".to_owned());
        let door = self.sns.as_ref().ok_or_else(closed)?;
        match door.admit(&message, Utc::now()).await.map_err(|error| disbelief(&error))? {
            SnsMessage::Known => Ok(()),
            SnsMessage::Notification { id } => {
                self.landing.land(Route::Sns, vec![message]).await.map_err(refusal)?;
                door.remember(&id);
                Ok(())
            }
            SnsMessage::Confirmation { topic, token } => self.confirm(&topic, &token).await,
            SnsMessage::Ended { topic } => {
                tracing::warn!("the subscription of `{topic}` has ended: its messages will not come any more");
                Ok(())
            }
        }
    }

    /// Confirms a subscription by the API, or says how; the address in the message is nobody's to be asked.
    async fn confirm(&self, topic: &Topic, token: &str) -> Result<(), Refusal> {
        if !self.confirms {
            tracing::warn!(
                "`{topic}` asks whether its messages may be sent here; if so: aws sns confirm-subscription --region {} --topic-arn {topic} --authenticate-on-unsubscribe true --token {token}",
                topic.region()
            );
            return Ok(());
        }
        let call = aws::sns(Some(topic.region())).await.confirm_subscription();
        // Messages carry an address that ends the subscription; with this only the topic's owner can use it.
        let call = call.topic_arn(topic.as_str()).token(token).authenticate_on_unsubscribe("true");
        match call.send().await {
            Ok(_) => {
                tracing::info!("the subscription of `{topic}` is confirmed");
                Ok(())
            }
            Err(error) => {
                let error = told(&error.into());
                tracing::error!("the subscription of `{topic}` cannot be confirmed: {}", plain(&error));
                Err(Refusal::Unavailable("the subscription cannot be confirmed at present".to_owned()))
            }
        }
    }
}

fn read_body(delivery: &mut Delivery) -> Result<FirehoseDelivery, Refusal> {
    let (body, most) = (std::mem::take(&mut delivery.body), delivery.most);
    let memory = &mut delivery.memory;
    let body = match delivery.is_gzip {
        // Its records come to lie beside it.
        true => inflate(&body, most, |bytes| memory.grow(2 * bytes).is_ok()),
        false => Ok(body),
    };
    body.and_then(|body| read_delivery(&body)).map_err(|bad| match bad {
        BadDelivery::TooLarge(_) => Refusal::TooLarge,
        BadDelivery::NoMemory => Refusal::Unavailable(bad.to_string()),
        BadDelivery::Gzip | BadDelivery::Json { .. } => Refusal::Malformed(bad.to_string()),
    })
}

fn refusal(error: LandingError) -> Refusal {
    match error {
        LandingError::Full(full) => Refusal::Unavailable(full.to_string()),
        LandingError::Write { .. } | LandingError::Closed => {
            tracing::error!("{error}");
            Refusal::Unavailable("what was received could not be made durable".to_owned())
        }
    }
}

fn disbelief(refusal: &SnsRefusal) -> Refusal {
    match refusal {
        SnsRefusal::Malformed(_) | SnsRefusal::Forbidden(_) => Refusal::Forbidden(refusal.to_string()),
        SnsRefusal::NoCertificate(_) => Refusal::Unavailable(refusal.to_string()),
    }
}
