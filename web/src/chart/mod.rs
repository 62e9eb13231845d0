//! Rate charts: pure functions from figures to SVG.
//!
//! ```text
//! windows of rates ── series (gaps, scale, description) ──> draw (plotters) ──> document (colours, text alternative)
//! ```
//! A chart is either part of a page, whose stylesheet supplies its colours and follows the reader's light or dark
//! setting, or a document of its own with its colours written into it.

mod document;
mod draw;
mod gauge;
mod lag;
mod palette;
mod series;
mod spark;
mod ticks;
mod times;

pub use crate::history::Span;
pub use document::{Colours, Size, rate_chart};
pub use draw::DrawError;
pub use gauge::gauge;
pub(crate) use lag::{Lags, lag_chart, lag_words};
pub use series::{Line, Other, Point, Series};
pub(crate) use spark::spark;
pub(crate) use times::{time_chart, time_legend};
