//! Prefixes as a Firehose stream has them: text with expressions that Firehose evaluates for every object.
//!
//! `!{timestamp:FORM}` with a form of Java's DateTimeFormatter, `!{firehose:random-string}`,
//! `!{firehose:error-output-type}`, `!{partitionKeyFromQuery:KEY}` and `!{partitionKeyFromLambda:KEY}`; a prefix without a
//! timestamp gets `yyyy/MM/dd/HH/` behind it (Firehose developer guide, "Understand custom prefixes for Amazon S3 objects").

/// What Firehose appends to a prefix without a timestamp.
const DEFAULT_FORM: &str = "yyyy/MM/dd/HH/";

/// One piece of a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A number of a date, of so many digits.
    Digits {
        least: usize,
        most: usize,
    },
    /// A kind of error: `processing-failed`, `format-conversion-failed`, ...
    Failure,
    /// Whatever Firehose puts there, at least one character.
    Any,
}

/// A prefix whose expressions are understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PrefixPattern {
    parts: Vec<Part>,
}

impl PrefixPattern {
    /// Reads a prefix, which gets a date if it has none. An expression that is not known stands for whatever Firehose puts there.
    pub(crate) fn parse(prefix: &str) -> Self {
        Self::read(prefix, true)
    }

    /// Reads a prefix as it stands.
    pub(crate) fn undated(prefix: &str) -> Self {
        Self::read(prefix, false)
    }

    fn read(prefix: &str, is_dated: bool) -> Self {
        let (mut parts, mut rest, mut has_timestamp) = (Vec::new(), prefix, false);
        while let Some((text, (expression, after))) =
            rest.split_once("!{").and_then(|(text, behind)| Some((text, behind.split_once('}')?)))
        {
            parts.push(Part::Text(text.to_owned()));
            match expression.split_once(':') {
                Some(("timestamp", form)) => {
                    has_timestamp = true;
                    parts.extend(date_parts(form));
                }
                Some(("firehose", "error-output-type")) => parts.push(Part::Failure),
                _ => parts.push(Part::Any),
            }
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        if is_dated && !has_timestamp {
            parts.extend(date_parts(DEFAULT_FORM));
        }
        Self { parts: joined(parts) }
    }

    /// What all keys begin with.
    pub(crate) fn root(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// Whether dates in folders are the timestamp's: nothing that might look like a date stands before its end.
    pub(crate) fn is_dated_first(&self) -> bool {
        let last = self.parts.iter().rposition(|part| matches!(part, Part::Digits { .. }));
        let before = self.parts.get(..last.unwrap_or_default()).unwrap_or_default();
        last.is_some() && !before.contains(&Part::Any)
    }

    /// Whether Firehose may have written this key for the stream of this name.
    pub(crate) fn is_of(&self, key: &str, stream: &str) -> bool {
        let is_name = |rest: &str| rest.strip_prefix(stream).is_some_and(|rest| rest.starts_with('-'));
        fits(&self.parts, key, false, &is_name)
    }

    /// Whether such keys may lie in a folder.
    pub(crate) fn may_be_in(&self, folder: &str) -> bool {
        fits(&self.parts, folder, true, &|_| false)
    }
}

/// Neighbouring texts as one, and none that is empty.
fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut joined: Vec<Part> = Vec::new();
    for part in parts {
        match (joined.last_mut(), part) {
            (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
            (_, Part::Text(text)) if text.is_empty() => {}
            (_, part) => joined.push(part),
        }
    }
    joined
}

/// The pieces of a form of Java's DateTimeFormatter: letters are numbers of as many digits, but three or more of a month, and
/// letters for names, are texts; what stands in quotes is text.
fn date_parts(form: &str) -> Vec<Part> {
    let (mut parts, mut chars) = (Vec::new(), form.chars().peekable());
    while let Some(letter) = chars.next() {
        if letter == '\'' {
            let quoted: String = std::iter::from_fn(|| chars.next_if(|c| *c != '\'')).collect();
            chars.next();
            parts.push(Part::Text(if quoted.is_empty() { "'".to_owned() } else { quoted }));
            continue;
        }
        if !letter.is_ascii_alphabetic() {
            parts.push(Part::Text(letter.to_string()));
            continue;
        }
        let count = 1 + std::iter::from_fn(|| chars.next_if_eq(&letter)).count();
        parts.push(match (letter, count) {
            ('y' | 'u' | 'Y', 1 | 3) => Part::Digits { least: 4, most: 4 },
            ('D', 2) => Part::Digits { least: 2, most: 3 },
            // Of a second there are fewer than 10⁹ nanoseconds.
            ('n', count) if count < 9 => Part::Digits { least: count, most: 9 },
            ('M' | 'L' | 'd' | 'H' | 'h' | 'k' | 'K' | 'm' | 's', 1) => Part::Digits { least: 1, most: 2 },
            ('D' | 'w', 1) => Part::Digits { least: 1, most: 3 },
            ('y' | 'u' | 'Y' | 'D' | 'd' | 'H' | 'h' | 'k' | 'K' | 'm' | 's' | 'S' | 'n' | 'w', _) | ('M' | 'L', 2) => {
                Part::Digits { least: count, most: count }
            }
            _ => Part::Any,
        });
    }
    parts
}

/// Whether a key begins with the parts and goes on as it must; or, if it is cut, whether a longer one may.
fn fits(parts: &[Part], key: &str, is_cut: bool, goes_on: &dyn Fn(&str) -> bool) -> bool {
    if is_cut && key.is_empty() {
        return true;
    }
    let Some((part, parts)) = parts.split_first() else { return goes_on(key) };
    let from = |at: usize| key.get(at..).is_some_and(|rest| fits(parts, rest, is_cut, goes_on));
    match part {
        Part::Text(text) if is_cut && text.starts_with(key) => true,
        Part::Text(text) => key.starts_with(text.as_str()) && from(text.len()),
        Part::Digits { least, most } => {
            let digits = key.bytes().take(*most).take_while(u8::is_ascii_digit).count();
            (is_cut && digits == key.len()) || (*least..=digits).any(from)
        }
        Part::Failure => {
            let run = key.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'-').count();
            let is_failure = |at: &usize| key.get(..*at).is_some_and(|kind| kind.contains("failed"));
            (is_cut && run == key.len()) || (1..=run).filter(is_failure).any(from)
        }
        // Keys have at most 1,024 bytes, and prefixes few such parts.
        Part::Any => is_cut || (1..=key.len()).any(from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_of(prefix: &str, key: &str) -> bool {
        PrefixPattern::parse(prefix).is_of(key, "ses")
    }

    #[test]
    fn keys_are_told_from_those_of_others() {
        let name = "ses-1-2026-11-28-15-04-05-0f9c2d3e-uuid.gz";
        for (prefix, folder, expected) in [
            ("", "2026/11/28/15/", true),
            ("", "other/2026/11/28/15/", false),
            ("mail/", "mail/2026/11/28/15/", true),
            ("mail", "mail2026/11/28/15/", true),
            ("mail/", "mail/2026/11/28/", false),
            (
                "mail/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/",
                "mail/year=2026/month=11/day=28/",
                true,
            ),
            ("dt=!{timestamp:yyyy'-'MM'-'dd}/h=!{timestamp:HH}/", "dt=2026-11-28/h=15/", true),
            ("!{timestamp:yyyy/M/d}/", "2026/1/5/", true),
            ("!{timestamp:yyyy/MMM}/", "2026/Nov/", true),
            ("!{timestamp:yyy/DD/n}/", "2026/332/123456789/", true),
            ("!{timestamp:yyy}/", "202/", false),
            (
                "set=!{partitionKeyFromQuery:set}/!{timestamp:yyyy/MM/dd}/!{firehose:random-string}/",
                "set=a/b/2026/11/28/rAnd/",
                true,
            ),
            ("set=!{partitionKeyFromQuery:set}/!{timestamp:yyyy/MM/dd}/", "set=/2026/11/28/", false),
            ("errors/!{firehose:error-output-type}/", "errors/processing-failed/2026/11/28/15/", true),
        ] {
            assert_eq!(is_of(prefix, &format!("{folder}{name}")), expected, "{prefix} {folder}");
        }
        assert!(!is_of("", "2026/11/28/15/sesame-1-2026-11-28-15-04-05-x"));
        assert!(!is_of("", "2026/11/28/15/other-1-2026-11-28-15-04-05-x"));
    }

    #[test]
    fn folders_of_others_are_told_by_their_names() {
        let may_be = |prefix: &str, folder: &str| PrefixPattern::parse(prefix).may_be_in(folder);
        for (folder, expected) in [
            ("2026/", true),
            ("2026/11/28/", true),
            ("2026/11/28/15/", true),
            ("lake/", false),
            ("2026/11/28/15/x/", false),
        ] {
            assert_eq!(may_be("", folder), expected, "{folder}");
        }
        assert!(may_be("ses/!{timestamp:yyyy}/", "ses/") && !may_be("ses/!{timestamp:yyyy}/", "seen/"));
        assert!(may_be("errors/!{firehose:error-output-type}/", "errors/format-conversion-failed/2026/"));
        assert!(may_be("!{firehose:error-output-type}/", "AmazonOpenSearchService-failed/"));
        assert!(!may_be("!{firehose:error-output-type}/", "plain/"));
    }

    #[test]
    fn a_prefix_says_where_to_begin() {
        for (prefix, root, is_dated_first) in [
            ("", "", true),
            ("ses/", "ses/", true),
            ("ses/!{timestamp:yyyy}/x", "ses/", true),
            ("ses/!{partitionKeyFromLambda:a}/!{timestamp:yyyy}/", "ses/", false),
            ("ses/!{timestamp:yyyy}/!{firehose:random-string}/", "ses/", true),
            ("ses/!{broken", "ses/!{broken", true),
        ] {
            let pattern = PrefixPattern::parse(prefix);
            assert_eq!((pattern.root(), pattern.is_dated_first()), (root, is_dated_first), "{prefix}");
        }
    }
}
