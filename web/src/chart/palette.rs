//! Colours by what they are for. The drawing names them by stand-in colours, which are replaced afterwards.

use plotters::style::RGBColor;

use super::series::Line;

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
    /// The first threshold of the rule in force.
    Warn,
    /// The second.
    Critical,
    Before,
    Group0,
    Group1,
    Group2,
    Group3,
    Group4,
}

impl Ink {
    pub(super) const ALL: [Self; 15] = [
        Self::Rate,
        Self::Band,
        Self::Volume,
        Self::Grid,
        Self::Text,
        Self::Review,
        Self::Pause,
        Self::Warn,
        Self::Critical,
        Self::Before,
        Self::Group0,
        Self::Group1,
        Self::Group2,
        Self::Group3,
        Self::Group4,
    ];

    /// What another line is drawn with.
    pub(super) fn of(line: Line) -> Self {
        const GROUPS: [Ink; Line::GROUPS] = [Ink::Group0, Ink::Group1, Ink::Group2, Ink::Group3, Ink::Group4];
        match line {
            Line::Before => Self::Before,
            Line::Group(index) => GROUPS[index % Line::GROUPS],
        }
    }

    /// Lengths of dashes and gaps of its lines, in pixels: lines can be told apart without colours.
    pub(super) fn dashes(self) -> &'static [u32] {
        match self {
            Self::Warn => &[3, 4],
            Self::Critical => &[8, 4],
            Self::Before => &[2, 3],
            Self::Group0 => &[12, 3],
            Self::Group1 => &[7, 3],
            Self::Group2 => &[2, 2],
            Self::Group3 => &[9, 3, 2, 3],
            Self::Group4 => &[4, 4],
            _ => &[],
        }
    }

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
            Self::Warn => "warn",
            Self::Critical => "critical",
            Self::Before => "before",
            Self::Group0 => "group-0",
            Self::Group1 => "group-1",
            Self::Group2 => "group-2",
            Self::Group3 => "group-3",
            Self::Group4 => "group-4",
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
            Self::Warn => "#9a5b00",
            Self::Critical => "#b3261e",
            Self::Before => "#566173",
            Self::Group0 => "#b4470f",
            Self::Group1 => "#0b7285",
            Self::Group2 => "#7c3aed",
            Self::Group3 => "#a8185e",
            Self::Group4 => "#4d6b00",
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
            Self::Warn => "#f0b64a",
            Self::Critical => "#ff8a80",
            Self::Before => "#a3afbd",
            Self::Group0 => "#ffa366",
            Self::Group1 => "#4fd1c5",
            Self::Group2 => "#bd9bff",
            Self::Group3 => "#ff8fc0",
            Self::Group4 => "#bcd35f",
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
