//! What takes too long for a page: since when states hold, and where alarms come from. Found out beside the pages, and kept for a
//! while; a page waits a little for it, and says nothing of it if that was too short.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use repute_query::{Attribution, Finding, Group, QueryError, Reader, Standing, attribute_alarms, check, standings};
use tokio::time::{Instant, timeout};

use crate::state::{AppState, Options};

/// How far back it is looked for the beginning of a state.
const BACK: TimeDelta = TimeDelta::days(7);

/// What was found out holds for so long, even if the lake has grown.
const FRESH: Duration = Duration::from_secs(30);

/// And so long if it has not.
const STILL: Duration = Duration::from_secs(120);

/// Where alarms come from is looked into for so long.
const ATTRIBUTION_LIMIT: Duration = Duration::from_secs(20);

/// Since when states hold, and where alarms come from.
#[derive(Default)]
pub(crate) struct Outlook {
    standings: Vec<Standing>,
    /// Findings that were looked into.
    attributed: Vec<Finding>,
}

impl Outlook {
    /// Since when a rule has had its state for an account or group.
    pub(crate) fn standing(&self, finding: &Finding) -> Option<&Standing> {
        let whose = |standing: &&Standing| {
            (&standing.rule, &standing.account_id, &standing.group)
                == (&finding.rule, &finding.account_id, &finding.group)
        };
        self.standings.iter().find(whose).filter(|standing| standing.state == finding.verdict.state)
    }

    /// Where an alarm comes from, or why that was not found out.
    pub(crate) fn attribution(
        &self,
        rule: &str,
        account_id: Option<&str>,
        group: &Group,
    ) -> Option<&Result<Box<Attribution>, String>> {
        let whose = |finding: &&Finding| {
            (finding.rule.as_str(), finding.account_id.as_deref(), &finding.group) == (rule, account_id, group)
        };
        self.attributed.iter().find(whose)?.attribution.as_ref()
    }
}

type Answer = Shared<BoxFuture<'static, Arc<Outlook>>>;

/// The last one that was asked for.
#[derive(Default)]
pub(crate) struct Outlooks(Mutex<Option<Asked>>);

struct Asked {
    reader: Arc<Reader>,
    options: Arc<Options>,
    at: Instant,
    answer: Answer,
}

/// What is known, after waiting so long for it at most.
pub(crate) async fn outlook(state: &AppState, reader: &Arc<Reader>, patience: Duration) -> Arc<Outlook> {
    let answer = {
        let mut asked = state.outlooks().0.lock().unwrap_or_else(PoisonError::into_inner);
        let options = state.options();
        let holds = |asked: &&Asked| {
            let is_same = Arc::ptr_eq(&asked.reader, reader);
            Arc::ptr_eq(&asked.options, &options) && asked.at.elapsed() < if is_same { STILL } else { FRESH }
        };
        match asked.as_ref().filter(holds) {
            Some(asked) => asked.answer.clone(),
            None => {
                let work = find_out(Arc::clone(reader), Arc::clone(&options), state.now());
                let found = async move { tokio::spawn(work).await.unwrap_or_default() };
                let answer = found.boxed().shared();
                // It goes on when the page that asked has gone.
                tokio::spawn(answer.clone());
                *asked =
                    Some(Asked { reader: Arc::clone(reader), options, at: Instant::now(), answer: answer.clone() });
                answer
            }
        }
    };
    timeout(patience, answer).await.unwrap_or_default()
}

async fn find_out(reader: Arc<Reader>, options: Arc<Options>, now: DateTime<Utc>) -> Arc<Outlook> {
    // What reads rows for every look is not worth it.
    let cheap: Vec<_> = options.rules.iter().filter(|rule| !rule.metric.is_gauge()).cloned().collect();
    let found = async {
        let standings = standings(&reader, &cheap, now - BACK, now, options.reset).await?;
        let mut result = check(&reader, &options.rules, &options.check(now)).await?;
        let deadline = Some(Instant::now() + ATTRIBUTION_LIMIT);
        attribute_alarms(&reader, &options.rules, options.attribute.as_deref(), &mut result, now, deadline).await;
        let attributed = result.findings.into_iter().filter(|finding| finding.attribution.is_some()).collect();
        Ok::<_, QueryError>(Outlook { standings, attributed })
    };
    match found.await {
        Ok(outlook) => Arc::new(outlook),
        Err(error) => {
            tracing::warn!(%error, "cannot find out since when states hold");
            Arc::default()
        }
    }
}
