//! What is done for the messages of a queue.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use repute_ingest::{Created, Landing, Listed, Notification, Route, look_up, read_notification};
use repute_lake::ObjectKey;

use super::buckets::Buckets;
use super::messages::{Message, Queue};
use crate::exit::Failure;
use crate::watching::board::Line;
use crate::watching::importer::{Imported, Importer};

/// Objects that are looked up at the same time.
const LOOK_UPS: usize = 16;

/// What is needed to do it.
pub(super) struct Worker {
    pub(super) buckets: Buckets,
    pub(super) importer: Arc<Importer>,
    pub(super) landing: Landing,
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    /// It may be deleted.
    Done,
    /// Another attempt would not change anything: left to the dead-letter queue.
    Refused(String),
    /// Something failed; it is to come again.
    Later(String),
}

impl Worker {
    /// Does what messages ask for, and deletes those that are done.
    ///
    /// # Errors
    /// What failed first; messages that were done are deleted nevertheless.
    pub(super) async fn work(&mut self, queue: &Queue, messages: Vec<Message>, line: &mut Line) -> Result<(), Failure> {
        if messages.is_empty() {
            return Ok(());
        }
        line.messages(|count| count.received += messages.len() as u64);
        let (fates, imported) = queue.holding(&messages, self.fates(&messages, line.source())).await;
        line.imported(&imported);
        let (mut done, mut left, mut refused, mut trouble) = (Vec::new(), Vec::new(), 0, None);
        for (message, fate) in messages.iter().zip(fates) {
            match fate {
                Fate::Done => done.push(message),
                Fate::Refused(why) => {
                    tracing::warn!(
                        source = line.source(),
                        message = message.id,
                        received = message.times,
                        why,
                        "a message is left to the dead-letter queue"
                    );
                    refused += 1;
                    left.push(message);
                }
                Fate::Later(why) => {
                    trouble.get_or_insert(why);
                    left.push(message);
                }
            }
        }
        let deleted = queue.delete(&done).await;
        queue.leave(&left).await;
        line.messages(|count| {
            count.deleted += deleted;
            count.refused += refused;
        });
        trouble.map_or(Ok(()), |why| Err(Failure::Failed(anyhow::anyhow!(why))))
    }

    /// What becomes of each message, and what was imported on the way.
    async fn fates(&mut self, messages: &[Message], source: &str) -> (Vec<Fate>, Imported) {
        let mut fates = vec![Fate::Done; messages.len()];
        let (mut events, mut created) = (Vec::new(), HashMap::<Created, Vec<usize>>::new());
        for (number, (message, fate)) in messages.iter().zip(&mut fates).enumerate() {
            match read_notification(&message.body) {
                Ok(Notification::Nothing) => {}
                Ok(Notification::Events) => events.push(number),
                Ok(Notification::Created(objects)) => {
                    objects.into_iter().for_each(|object| created.entry(object).or_default().push(number));
                }
                Err(why) => *fate = Fate::Refused(why),
            }
        }
        if let Err(why) = self.land(events.iter().filter_map(|number| messages.get(*number))).await {
            events.iter().for_each(|number| worsen(&mut fates, *number, &Fate::Later(why.clone())));
        }
        let imported = self.import(created, &mut fates, source).await;
        (fates, imported)
    }

    /// Makes events durable.
    async fn land(&self, events: impl Iterator<Item = &Message>) -> Result<(), String> {
        let records: Vec<Bytes> = events.map(|message| Bytes::copy_from_slice(message.body.as_bytes())).collect();
        if records.is_empty() {
            return Ok(());
        }
        self.landing.land(Route::Sqs, records).await.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Imports objects together; those of one message are all in the lake, or the message comes again.
    async fn import(&mut self, created: HashMap<Created, Vec<usize>>, fates: &mut [Fate], source: &str) -> Imported {
        let (mut found, mut wanted) = (Vec::<Listed>::new(), HashMap::<String, Vec<usize>>::new());
        let mut asked = Vec::new();
        for (object, numbers) in created.into_iter().filter(|(object, _)| !is_known(&self.importer, object)) {
            let client = self.buckets.of(object.region.as_deref()).await;
            asked.push(async move {
                let answer = look_up(&client, &object.bucket, &object.key).await;
                (object, numbers, answer)
            });
        }
        let mut asked = stream::iter(asked).buffer_unordered(LOOK_UPS);
        while let Some((object, numbers, answer)) = asked.next().await {
            match answer {
                Ok(listed) => {
                    wanted.entry(listed.object.key.name.clone()).or_default().extend(numbers);
                    found.push(listed);
                }
                Err(error) => {
                    let why = format!("s3://{}/{}: {error}", object.bucket, object.key);
                    let fate = match error.kind() {
                        ErrorKind::NotFound | ErrorKind::PermissionDenied => Fate::Refused(why),
                        _ => Fate::Later(why),
                    };
                    numbers.iter().for_each(|number| worsen(fates, *number, &fate));
                }
            }
        }
        if found.is_empty() {
            return Imported::default();
        }
        match self.importer.import(source, &found).await {
            Ok(imported) => {
                for name in &imported.failed {
                    let fate = Fate::Later(format!("cannot read `{name}`: the import page says why"));
                    wanted.get(name).into_iter().flatten().for_each(|number| worsen(fates, *number, &fate));
                }
                imported
            }
            Err(failure) => {
                let fate = Fate::Later(crate::watching::board::words(failure));
                wanted.values().flatten().for_each(|number| worsen(fates, *number, &fate));
                Imported::default()
            }
        }
    }
}

fn is_known(importer: &Importer, object: &Created) -> bool {
    let name = format!("s3://{}/{}", object.bucket, object.key);
    let key = |etag: &String| ObjectKey { name, etag: format!("\"{etag}\"") };
    object.etag.as_ref().map(key).is_some_and(|key| importer.knows(&key))
}

/// A message fares as the worst of what it asks for: one thing that failed is tried again, even if another is hopeless.
fn worsen(fates: &mut [Fate], number: usize, fate: &Fate) {
    if let Some(before) = fates.get_mut(number)
        && !matches!(before, Fate::Later(_))
    {
        *before = fate.clone();
    }
}
