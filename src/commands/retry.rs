//! Bad records read again for the dashboard, as `repute quarantine retry` does.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use repute_lake::{Lake, Location};
use repute_web::{Mended, Mender, Retry, StillBad};
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use super::quarantine::{Retried, read_and_import};
use crate::exit::{Failure, told};

/// Of a class so many are retried at once, the newest: whoever has asked waits.
const MOST: usize = 5_000;

/// So many are held in memory at a time, each of 64 KiB at most.
const AT_A_TIME: usize = 500;

/// Retries records of one lake, one after the other.
pub(super) struct LakeMender {
    location: Location,
    turn: Arc<Mutex<()>>,
}

impl LakeMender {
    /// Retries take turns with whoever else imports in this process.
    pub(super) fn new(location: Location, turn: Arc<Mutex<()>>) -> Self {
        Self { location, turn }
    }
}

impl Mender for LakeMender {
    fn retry(&self, which: Retry) -> BoxFuture<'static, anyhow::Result<Mended>> {
        let (location, turn) = (self.location.clone(), Arc::clone(&self.turn));
        // A retry that has begun comes to its end, even if nobody waits for it any more.
        let runtime = Handle::current();
        let task = tokio::task::spawn_blocking(move || {
            runtime.block_on(async {
                let _turn = turn.lock().await;
                mend(&location, which).await
            })
        });
        async move { task.await.map_err(anyhow::Error::from)? }.boxed()
    }
}

async fn mend(location: &Location, which: Retry) -> anyhow::Result<Mended> {
    let books = Lake::open(location).await?.books(None).await?;
    let mut ids = match which {
        Retry::One(id) => vec![id],
        Retry::Class(class) => books.bad.open(Some(&class)),
    };
    let mut mended = Mended { left: ids.len().saturating_sub(MOST) as u64, ..Mended::default() };
    ids.truncate(MOST);
    for ids in ids.chunks(AT_A_TIME) {
        let chosen = books.bad.records(ids).await?;
        add(&mut mended, read_and_import(location, chosen, None).await.map_err(unwrapped)?);
    }
    Ok(mended)
}

fn unwrapped(failure: Failure) -> anyhow::Error {
    match failure {
        Failure::Failed(error) | Failure::Unknown(error) => error,
        Failure::Usage(text) | Failure::CheckUnknown(text) => anyhow::anyhow!(text),
    }
}

fn add(mended: &mut Mended, retried: Retried) {
    let still_bad = retried.still_bad.into_iter();
    let still_bad = still_bad.map(|(id, class, message)| StillBad { id, class: class.to_owned(), message });
    mended.still_bad.extend(still_bad);
    mended.resolved.extend(retried.resolved);
    mended.cut.extend(retried.cut);
    mended.before.extend(retried.before);
    mended.events += retried.summary.events;
    mended.duplicates += retried.summary.duplicates;
    mended.rows += retried.summary.rows;
    let failure = retried.summary.failed.into_iter().map(|(_, why)| told(&anyhow::Error::from(why))).next();
    mended.failure = mended.failure.take().or(failure);
}
