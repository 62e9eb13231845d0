//! How a chart is laid out: the curve, the bars under it, and the labels around them, in pixels.

use std::ops::Range;

/// Steps of the canvas in one pixel of the chart: the SVG writer knows whole steps only.
pub(super) const FINE: u32 = 4;

/// Width of the part with curves and bars. On a page it is as wide as there is room.
pub(super) const WIDTH: u32 = 640;

/// Room beside it: for labels on the left, and so that they need not end at the edge on the right.
pub(super) const LEFT: u32 = 52;
pub(super) const RIGHT: u32 = 8;

/// Height of a rate chart.
pub(super) const HEIGHT: u32 = 320;

/// A part that spans the width.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) top: u32,
    pub(super) height: u32,
}

/// The curve.
pub(super) const RATES: Row = Row { top: 10, height: 172 };

const SENDS: Row = Row { top: 208, height: 36 };

const EVENTS: Row = Row { top: 266, height: 28 };

/// Under the axis stand the times.
pub(super) const TIMES: u32 = EVENTS.top + EVENTS.height + 17;

/// The rows of bars.
pub(super) fn below() -> impl Iterator<Item = Row> {
    [SENDS, EVENTS].into_iter()
}

impl Row {
    /// How far down a value of a scale stands.
    pub(super) fn at(self, value: f64, scale: &Range<f64>) -> f64 {
        let share = (value - scale.start) / (scale.end - scale.start);
        f64::from(self.top) + (1.0 - share) * f64::from(self.height)
    }

    pub(super) fn bottom(self) -> u32 {
        self.top + self.height
    }
}
