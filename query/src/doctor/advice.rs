//! What a check has to say.

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// Figures mislead, or will.
    Warning,
    /// Figures are wrong, impossible or missing.
    Problem,
}

impl Severity {
    /// The name in machine output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }

    /// Whether it is a finding, which ends the command with another exit code than a note.
    pub fn is_finding(self) -> bool {
        self > Self::Note
    }
}

/// Something that was found. Texts hold what came with events, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// Name of the check, as `docs/doctor.md` has it.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is the matter, a sentence without its period.
    pub title: String,
    /// The numbers that show it, a sentence each.
    pub evidence: Vec<String>,
    /// What to do, in sentences.
    pub remedy: String,
}

impl Advice {
    pub(super) fn new(check: &'static str, severity: Severity, title: impl Into<String>) -> Self {
        Self { check, severity, title: title.into(), evidence: Vec::new(), remedy: String::new() }
    }

    pub(super) fn because(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    /// The same with more evidence, if there is more.
    pub(super) fn and(mut self, evidence: Option<String>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    pub(super) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: remedy.into(), ..self }
    }
}

/// What is written for people about every check.
const BOOK: &str = include_str!("../../../docs/doctor.md");

/// What `docs/doctor.md` says of a check: its paragraphs, in Markdown of plain text and code spans.
pub fn explanation(check: &str) -> Vec<String> {
    let mut sections = BOOK.split("\n### ").skip(1);
    let section = sections.find_map(|section| section.split_once('\n').filter(|(name, _)| name.trim() == check));
    let text = section.map_or("", |(_, text)| text.split("\n## ").next().unwrap_or_default());
    let paragraphs = text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.filter(|paragraph| !paragraph.is_empty()).collect()
}
