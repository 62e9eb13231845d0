//! Who is told of what `repute check` finds, once per incident, again while it lasts, and when it is over.
//!
//! ```text
//! findings ── sight ──> sights ─┐
//! memory (alerts/state.json) ───┴─ incident ──> due ── message ──> receivers, each for itself ──> memory
//! ```
//! A message is delivered first and noted afterwards: a check that is killed in between tells it once more, never not at all.

mod alertmanager;
mod command;
mod history;
mod http;
mod incident;
mod message;
mod pagerduty;
mod secret;
mod sight;
pub(crate) mod silences;
mod slack;
mod smtp;
mod sns;
mod state;
mod tell;
mod template;
mod webhook;

use std::time::Duration;

use futures::future::join_all;

pub(crate) use alertmanager::Alertmanager;
pub(crate) use command::Command;
pub(crate) use history::History;
pub(crate) use http::client as http_client;
pub(crate) use incident::{Sights, Wants};
pub(crate) use pagerduty::{PagerDuty, URL as PAGERDUTY_URL};
pub(crate) use secret::Secret;
pub(crate) use sight::{of_failure, of_result};
pub(crate) use slack::Slack;
pub(crate) use smtp::{Smtp, Tls, WHY_NOT_SES, is_amazon, is_host};
pub(crate) use sns::Sns;
pub(crate) use state::{Facts, Held, Incident, LastCheck, Level, Memory, Subject};
pub(crate) use tell::{Telling, document, history, ping};
pub(crate) use template::Template;
pub(crate) use webhook::Webhook;

use incident::Due;
use message::Message;

/// So many messages one receiver gets from one check at most, the worst first; the others follow with the next.
const MOST_MESSAGES: usize = 20;

/// So long one receiver may take for all of them.
const MOST_TIME: Duration = Duration::from_secs(60);

/// Who is told, and of what.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Notifier {
    pub(crate) wants: Wants,
    /// How long one message may take.
    pub(crate) timeout: Duration,
    pub(crate) to: Receiver,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Receiver {
    Webhook(Webhook),
    Slack(Slack),
    PagerDuty(PagerDuty),
    Alertmanager(Alertmanager),
    Sns(Sns),
    Smtp(Box<Smtp>),
    Command(Command),
}

/// Why a message did not arrive. It is due again with the next check, either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Undelivered {
    /// The receiver does not take this one; it may take others.
    Refused(String),
    /// There is no receiver right now, so that others need not be tried.
    Unreachable(String),
}

impl Undelivered {
    pub(crate) fn words(&self) -> &str {
        match self {
            Self::Refused(words) | Self::Unreachable(words) => words,
        }
    }
}

/// What became of a receiver's messages.
#[derive(Debug, Default)]
struct Delivery {
    arrived: Vec<Due>,
    /// How many did not arrive, and why the first did not.
    missing: usize,
    why: Option<String>,
}

impl Receiver {
    async fn deliver(&self, message: &Message, timeout: Duration) -> Result<(), Undelivered> {
        match self {
            Self::Webhook(to) => to.deliver(message, timeout).await,
            Self::Slack(to) => to.deliver(message, timeout).await,
            Self::PagerDuty(to) => to.deliver(message, timeout).await,
            Self::Alertmanager(to) => to.deliver(std::slice::from_ref(message), timeout).await,
            Self::Sns(to) => to.deliver(message, timeout).await,
            Self::Smtp(to) => to.deliver(message, timeout).await,
            Self::Command(to) => to.deliver(message, timeout).await,
        }
    }
}

impl Notifier {
    /// Delivers messages one after the other, as far as the receiver takes them.
    async fn deliver_all(&self, messages: Vec<(Due, Message)>) -> Delivery {
        let all = messages.len();
        let mut delivery = Delivery::default();
        if let (Receiver::Alertmanager(to), false) = (&self.to, messages.is_empty()) {
            let (due, messages): (Vec<_>, Vec<_>) = messages.into_iter().unzip();
            match to.deliver(&messages, self.timeout).await {
                Ok(()) => delivery.arrived = due,
                Err(error) => delivery.why = Some(error.words().to_owned()),
            }
        } else {
            let one_by_one = async {
                for (due, message) in messages.into_iter().take(MOST_MESSAGES) {
                    match self.to.deliver(&message, self.timeout).await {
                        Ok(()) => delivery.arrived.push(due),
                        Err(error) => {
                            let _ = delivery.why.get_or_insert_with(|| error.words().to_owned());
                            if matches!(error, Undelivered::Unreachable(_)) {
                                break;
                            }
                        }
                    }
                }
            };
            let in_time = tokio::time::timeout(MOST_TIME, one_by_one).await;
            if in_time.is_err() {
                delivery.why.get_or_insert_with(|| format!("all took more than {} seconds", MOST_TIME.as_secs()));
            }
        }
        delivery.missing = all - delivery.arrived.len();
        if delivery.missing > 0 && delivery.why.is_none() {
            delivery.why = Some(format!("one check sends {MOST_MESSAGES} at most"));
        }
        delivery
    }
}

/// Delivers to all at once.
async fn deliver(notifiers: &[Notifier], messages: &[(Due, Message)]) -> Vec<Delivery> {
    let of = |notifier: &Notifier| {
        messages.iter().filter(|(due, _)| due.receiver == notifier.wants.name).cloned().collect::<Vec<_>>()
    };
    join_all(notifiers.iter().map(|notifier| notifier.deliver_all(of(notifier)))).await
}
