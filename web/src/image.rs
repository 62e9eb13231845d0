//! A chart as a document of its own: SVG, or PNG for mail and chat programs that show no SVG.

use std::sync::{Arc, LazyLock};

use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

use crate::chart::{Colours, SIZE, Series, rate_chart};

/// DejaVu Sans, so that a PNG needs no fonts of the machine.
const FONT: &[u8] = include_bytes!("../static/fonts/dejavu-sans.ttf");

static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(FONT.to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    Arc::new(fonts)
});

/// Pixels of a PNG for each pixel of the chart.
const SCALE: f32 = 2.0;

/// A document of its own may bring its own style, but nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox",
);

/// A format of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Lines, light or dark as the reader prefers.
    Svg,
    /// Dots, on a light ground.
    Png,
}

impl Kind {
    /// The format of files with this ending.
    pub fn named(ending: &str) -> Option<Self> {
        match ending {
            "svg" => Some(Self::Svg),
            "png" => Some(Self::Png),
            _ => None,
        }
    }
}

/// The bytes of a chart's file. `title` names the chart and is shown in a PNG, where there is no other place for it.
///
/// # Errors
/// The chart cannot be drawn.
pub fn file(series: &Series, title: &str, kind: Kind) -> anyhow::Result<Vec<u8>> {
    let colours = if kind == Kind::Png { Colours::Light } else { Colours::Own };
    let svg = rate_chart(series, title, series.measure.as_str(), colours)?;
    if kind == Kind::Svg {
        return Ok(svg.into_bytes());
    }
    let options = Options { fontdb: Arc::clone(&FONTS), ..Options::default() };
    let tree = Tree::from_str(&svg, &options)?;
    let (width, height) = SIZE;
    let [width, height] = [width, height].map(|pixels| (pixels as f32 * SCALE) as u32);
    let mut canvas = Pixmap::new(width, height).ok_or_else(|| anyhow::anyhow!("no canvas of {width} x {height}"))?;
    let scale = Transform::from_scale(width as f32 / tree.size().width(), height as f32 / tree.size().height());
    resvg::render(&tree, scale, &mut canvas.as_mut());
    Ok(canvas.encode_png()?)
}

/// The chart's file as an answer.
pub(crate) fn answer(series: &Series, title: &str, kind: Kind) -> anyhow::Result<Response> {
    let bytes = file(series, title, kind)?;
    let mime = match kind {
        Kind::Svg => "image/svg+xml",
        Kind::Png => "image/png",
    };
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(mime)), (CONTENT_SECURITY_POLICY, POLICY)];
    Ok((headers, bytes).into_response())
}
