//! Mail over time: the sends of each window, those that AWS counts and those that it leaves out.

use chrono::{DateTime, Utc};
use repute_query::Rates;

use super::Span;
use super::document::{Colours, Hint, Sheet};
use super::draw::{DrawError, Drawing, canvas, draw_across, draw_bars, panel, stroke};
use super::label::{row_labels, time_labels};
use super::palette::Ink;
use super::rows::Row;
use crate::format;

const HEIGHT: u32 = 160;
const BARS: Row = Row { top: 24, height: 108 };
const TIMES: u32 = BARS.top + BARS.height + 17;

/// Sends over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Volume {
    pub(crate) span: Span,
    /// Its windows that had any.
    pub(crate) windows: Vec<Sends>,
}

/// The sends of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sends {
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
    pub(crate) all: u64,
    /// Those that AWS counts.
    pub(crate) eligible: u64,
}

impl Volume {
    pub(crate) fn new(span: Span, windows: &[Rates]) -> Self {
        let sends = |row: &Rates| {
            let (start, end) = row.window_start.zip(row.window_end)?;
            let (all, eligible) = (row.aws.eligible_sends.total, row.aws.eligible_sends.counted);
            Some(Sends { start, end, all, eligible })
        };
        Self { span, windows: windows.iter().filter_map(sends).filter(|window| window.all > 0).collect() }
    }

    fn most(&self) -> Option<&Sends> {
        self.windows.iter().max_by_key(|window| window.all)
    }

    fn description(&self) -> String {
        let Some(most) = self.most() else { return "No mail in this range.".to_owned() };
        let (all, eligible) = self.windows.iter().fold((0, 0), |(a, e), window| (a + window.all, e + window.eligible));
        format!(
            "Sends by windows of {}: {} in all, {} of them eligible; most at {}, {}.",
            format::duration(self.span.width),
            format::thousands(all),
            format::thousands(eligible),
            self.span.zone.time(most.start),
            format::thousands(most.all),
        )
    }
}

/// Sends over time as an SVG element of a page: see [`super::rate_chart`].
pub(crate) fn volume_chart(volume: &Volume, title: &str, id: &str) -> Result<String, DrawError> {
    let (span, windows) = (&volume.span, &volume.windows);
    let most = volume.most().map_or(0, |window| window.all);
    let curves = canvas(HEIGHT, |root| {
        let panel = panel(root, span, BARS, 0.0..most.max(1) as f64);
        draw_bars(&panel, span, windows.iter().map(|w| (w.start, w.end, 0, w.eligible)), Ink::Rate)?;
        draw_bars(&panel, span, windows.iter().map(|w| (w.start, w.end, w.eligible, w.all)), Ink::Volume)?;
        draw_across(&panel, span, 0.0, stroke(Ink::Grid, 1.0))
    })?;
    let mut labels = row_labels(BARS, "sends", most).to_vec();
    labels.extend(time_labels(span, TIMES));
    let drawing = Drawing { curves, labels, marks: Vec::new() };
    let hints = span.windows().map(|(start, end)| Hint::new(span, (start, end), &figures(volume, start))).collect();
    Ok(Sheet { title, id, description: volume.description(), height: HEIGHT, drawing, hints }.finish(Colours::Page))
}

fn figures(volume: &Volume, start: DateTime<Utc>) -> String {
    let Some(Sends { all, eligible, .. }) = volume.windows.iter().find(|window| window.start == start) else {
        return "no mail".to_owned();
    };
    format!(
        "{}\n{} eligible, {} left out",
        format::count(*all, "send"),
        format::thousands(*eligible),
        format::thousands(all - eligible)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::Zone;

    #[test]
    fn sends_are_told_by_window() {
        let at = |hour: u32| -> DateTime<Utc> { format!("2026-10-31T{hour:02}:00:00Z").parse().unwrap() };
        let span = Span { from: at(8), to: at(11), width: chrono::TimeDelta::hours(1), zone: Zone::UTC };
        let volume = Volume { span, windows: vec![Sends { start: at(9), end: at(10), all: 1_200, eligible: 1_000 }] };
        let svg = volume_chart(&volume, "Sends", "sends").unwrap();
        assert!(svg.contains("31 Oct 09:00 to 31 Oct 10:00 UTC\n1,200 sends\n1,000 eligible, 200 left out"), "{svg}");
        assert!(svg.contains("31 Oct 08:00 to 31 Oct 09:00 UTC\nno mail"), "{svg}");
        assert!(svg.contains("1,200 in all, 1,000 of them eligible; most at 2026-10-31 09:00 UTC, 1,200."), "{svg}");
        assert_eq!(svg.matches("<rect class=\"hint\"").count(), 3);
    }
}
