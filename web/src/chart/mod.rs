//! Rate charts: pure functions from figures to SVG.
//!
//! ```text
//! windows of rates ──> series (gaps, scale, lines, description) ──> draw (plotters), label ──> document (colours, text alternative)
//! ```
//! A chart is either part of a page, which supplies its colours and its width: curves stretch, texts do not; or a document of its own of
//! one size, with its colours written into it.

mod course;
mod curve;
mod document;
mod draw;
mod gauge;
mod label;
mod lag;
mod palette;
mod ranks;
mod rows;
mod series;
mod spark;
mod ticks;
mod times;
mod volume;

pub use crate::history::Span;
pub use course::{CourseChart, CoursePoint, CourseSize, course_chart};
pub use curve::rate_chart;
pub use document::Colours;
pub(crate) use document::SIZE;
pub use draw::DrawError;
pub use gauge::gauge;
pub(crate) use lag::{Lags, lag_chart, lag_legend, lag_words};
pub use series::{Line, Other, Point, Series};
pub(crate) use spark::spark;
pub(crate) use times::{time_chart, time_legend};
pub(crate) use volume::{Volume, volume_chart};
