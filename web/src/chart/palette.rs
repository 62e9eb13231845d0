//! Colours by what they are for. The drawing names them by stand-in colours, which are replaced afterwards.

use plotters::style::RGBColor;

/// What a colour is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Rate,
    Band,
    Volume,
    Grid,
    Text,
    Review,
    Pause,
}

impl Ink {
    pub(super) const ALL: [Self; 7] =
        [Self::Rate, Self::Band, Self::Volume, Self::Grid, Self::Text, Self::Review, Self::Pause];

    /// The name of the custom property `--chart-...` and of the class `chart-...`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Band => "band",
            Self::Volume => "volume",
            Self::Grid => "grid",
            Self::Text => "text",
            Self::Review => "review",
            Self::Pause => "pause",
        }
    }

    /// The colour on a light ground; the stylesheet has the same.
    pub(super) fn light(self) -> &'static str {
        match self {
            Self::Rate => "#2456c9",
            Self::Band => "#2456c9",
            Self::Volume => "#8491a3",
            Self::Grid => "#e3e7ec",
            Self::Text => "#566173",
            Self::Review => "#9a5b00",
            Self::Pause => "#b3261e",
        }
    }

    /// The colour on a dark ground; the stylesheet has the same.
    pub(super) fn dark(self) -> &'static str {
        match self {
            Self::Rate => "#84abff",
            Self::Band => "#84abff",
            Self::Volume => "#66758a",
            Self::Grid => "#2a323d",
            Self::Text => "#a3afbd",
            Self::Review => "#f0b64a",
            Self::Pause => "#ff8a80",
        }
    }

    /// The stand-in that is drawn with.
    pub(super) fn stand_in(self) -> RGBColor {
        RGBColor(0, 0, self as u8 + 1)
    }

    /// The stand-in as the SVG writer spells it.
    pub(super) fn spelled(self) -> String {
        format!("#0000{:02X}", self as u8 + 1)
    }
}
