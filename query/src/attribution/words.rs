//! The one sentence on where an alarm comes from: the values that tell most, by share and by how little of the mail they are.

use super::frame::Frame;
use super::{Baseline, Divided, Part};
use crate::alert::Metric;
use crate::dimension::Dimension;
use crate::interval::rate;
use crate::wording::{percent, thousands};

/// Values that explain an excess bring so much of it together, each so much, and are so many at most.
///
/// Source of the approach: R. Bhagwan et al., "Adtributor: Revenue Debugging in Advertising Systems", NSDI 2014, whose explanatory
/// power, surprise and succinctness these are.
const ENOUGH: f64 = 0.6;
const LEAST: f64 = 0.1;
const MOST: usize = 3;

/// What explains is more of the excess than of the mail by so much.
const SURPRISE: f64 = 0.2;

/// One value more must tell so much more.
const BREVITY: f64 = 0.1;

/// Scores that differ by less are equal.
const NOTICEABLE: f64 = 0.02;

struct Explanation<'d> {
    divided: &'d Divided,
    parts: Vec<&'d Part>,
    by_mix: bool,
    score: f64,
}

pub(super) fn why(metric: Metric, frame: &Frame, divided: &[Divided]) -> String {
    let candidates = divided.iter().filter(|divided| divided.of_sends);
    let explanations = candidates.flat_map(|divided| [by_rate(frame, divided), by_mix(frame, divided)]).flatten();
    // Of equals the first, in the order of the dimensions.
    let best = explanations.fold(None::<Explanation<'_>>, |best, next| match best {
        Some(best) if next.score <= best.score + NOTICEABLE => Some(best),
        _ => Some(next),
    });
    let told = best.map_or_else(
        || "no single value of a dimension stands out".to_owned(),
        |best| if best.by_mix { mix_words(frame, &best) } else { rate_words(metric, frame, &best) },
    );
    format!("{}{told}{}", before_words(frame), kind_words(divided))
}

/// A few values that bring most of the excess.
fn by_rate<'d>(frame: &Frame, divided: &'d Divided) -> Option<Explanation<'d>> {
    let mut parts: Vec<&Part> = divided.values.iter().filter(|part| part.share >= LEAST).collect();
    parts.sort_by(|a, b| b.share.total_cmp(&a.share));
    let mut best: Option<Explanation<'_>> = None;
    for count in 1..=parts.len().min(MOST) {
        let few = &parts[..count];
        let share: f64 = few.iter().map(|part| part.share).sum::<f64>().min(1.0);
        let surprise = share - few.iter().map(|part| mail_share(frame, part)).sum::<f64>();
        let score = surprise - BREVITY * (count - 1) as f64;
        if share >= ENOUGH && surprise >= SURPRISE && best.as_ref().is_none_or(|best| score > best.score) {
            best = Some(Explanation { divided, parts: few.to_vec(), by_mix: false, score });
        }
    }
    best
}

/// A value that was bad before and gets more of the mail now.
fn by_mix<'d>(frame: &Frame, divided: &'d Divided) -> Option<Explanation<'d>> {
    let grown = |part: &&Part| part.mix >= LEAST && mail_share(frame, part) > past_share(frame, part);
    let part = divided.values.iter().filter(grown).max_by(|a, b| a.mix.total_cmp(&b.mix))?;
    let score = divided.mix.min(1.0) - past_share(frame, part);
    (divided.mix >= ENOUGH && score >= SURPRISE).then(|| Explanation {
        divided,
        parts: vec![part],
        by_mix: true,
        score,
    })
}

/// Its part of the mail that was measured; of numbers, that of the past.
fn mail_share(frame: &Frame, part: &Part) -> f64 {
    if frame.metric.is_rate() {
        rate(part.measured.sends, frame.measured.sends).unwrap_or_default()
    } else {
        rate(part.past.events, frame.past.events).unwrap_or_default()
    }
}

fn past_share(frame: &Frame, part: &Part) -> f64 {
    rate(part.past.sends, frame.past.sends).unwrap_or_default()
}

fn rate_words(metric: Metric, frame: &Frame, best: &Explanation<'_>) -> String {
    let names: Vec<String> = best.parts.iter().map(|part| named(part)).collect();
    let share: f64 = best.parts.iter().map(|part| part.share).sum::<f64>().min(1.0);
    let events: u64 = best.parts.iter().map(|part| part.measured.events).sum();
    let what = format!("{} of {} {}", thousands(events), thousands(frame.measured.events), events_words(metric));
    let rates = match best.parts.as_slice() {
        [part] if metric.is_rate() => {
            let now = part.measured.rate().map_or_else(|| "no data".to_owned(), short);
            let before = part.past.rate().map_or_else(|| "none".to_owned(), short);
            format!("; {now} against {before} before")
        }
        _ => String::new(),
    };
    format!("{} {} brought {} of the excess ({what}{rates})", best.divided.dimension, joined(&names), whole(share))
}

fn mix_words(frame: &Frame, best: &Explanation<'_>) -> String {
    let Some(part) = best.parts.first() else { return String::new() };
    format!(
        "more mail has {} {}: {} of it against {} before, at about the same rate ({} against {})",
        best.divided.dimension,
        named(part),
        whole(mail_share(frame, part)),
        whole(past_share(frame, part)),
        part.measured.rate().map_or_else(|| "no data".to_owned(), short),
        part.past.rate().map_or_else(|| "no data".to_owned(), short),
    )
}

/// How the past was, where the excess is not over it.
fn before_words(frame: &Frame) -> String {
    match (frame.baseline, frame.past.rate()) {
        (Baseline::Past { .. }, _) => String::new(),
        (Baseline::Threshold(line), Some(past)) if frame.past.sends > 0 => {
            format!("not new ({} in the 7 days before); over {}: ", short(past), short(line))
        }
        (Baseline::Threshold(line), _) => format!("no past to compare with; over {}: ", short(line)),
    }
}

/// What kind most of it is.
fn kind_words(divided: &[Divided]) -> String {
    let kinds = |divided: &&Divided| {
        divided.dimension == Dimension::BounceClass || divided.dimension.to_string() == "delay_type"
    };
    let most = divided
        .iter()
        .filter(kinds)
        .find_map(|divided| divided.values.iter().find(|part| part.share >= 0.5).and_then(|part| part.value.clone()));
    most.map(|kind| format!(", mostly {kind}")).unwrap_or_default()
}

fn named(part: &Part) -> String {
    part.value.as_ref().map_or_else(|| "(none)".to_owned(), |value| format!("\"{value}\""))
}

fn joined(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

/// A percentage without decimals.
fn whole(share: f64) -> String {
    percent((share * 100.0).round() / 100.0)
}

/// A rate to two digits: `9.1 %`, `0.12 %`.
fn short(rate: f64) -> String {
    if rate <= 0.0 {
        return percent(0.0);
    }
    let digits = (1.0 - (rate * 100.0).log10().floor()).clamp(0.0, 3.0);
    let scale = 10_f64.powf(digits);
    percent((rate * 100.0 * scale).round() / scale / 100.0)
}

fn events_words(metric: Metric) -> &'static str {
    match metric {
        Metric::BounceRate | Metric::Bounces => "bounces",
        Metric::ComplaintRate | Metric::Complaints => "complaints",
        Metric::SoftBounceRate => "soft bounces",
        Metric::RejectRate => "rejects",
        Metric::DelayRate => "delays",
        Metric::RenderingFailureRate => "rendering failures",
        Metric::DeliveryRate | Metric::Deliveries => "deliveries",
        Metric::OpenRate => "opens",
        Metric::ClickRate => "clicks",
        Metric::Sends => "sends",
        _ => "events",
    }
}
