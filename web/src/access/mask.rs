//! Addresses for people who may not see them.

use std::borrow::Cow;

/// What stands between the parts of an address.
const AT: [&str; 2] = ["@", "\u{ff20}"];

/// The same in a link.
const ENCODED: &str = "%40";

/// `a***@example.com`: the first letter and the domain. What is no address is hidden whole.
pub(super) fn address(address: &str) -> String {
    match split(address) {
        Some((local, at, domain)) => {
            let first: String = local.chars().take(1).collect();
            format!("{first}***{at}{domain}")
        }
        None => "***".to_owned(),
    }
}

/// Local part and domain, parted by the last of what may part them.
fn split(address: &str) -> Option<(&str, &'static str, &str)> {
    let parts = AT.into_iter().filter_map(|at| address.rsplit_once(at).map(|(local, domain)| (local, at, domain)));
    parts.max_by_key(|(local, _, _)| local.len())
}

/// Whether an address may stand in the text.
pub(super) fn holds_address(text: &str) -> bool {
    AT.into_iter().any(|at| text.contains(at)) || text.contains(ENCODED)
}

/// The text with every address in it hidden.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if !holds_address(text) {
        return Cow::Borrowed(text);
    }
    let is_part = |letter: char| letter.is_alphanumeric() || "!#$%&*+-/=?^_`{|}~.'@\u{ff20}".contains(letter);
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (before, after) = rest.split_at(start);
        let end = after.find(|letter| !is_part(letter)).unwrap_or(after.len());
        let (word, behind) = after.split_at(end);
        masked.push_str(before);
        match split(word) {
            Some((local, _, _)) => {
                if local.is_empty() {
                    hide_quoted(&mut masked);
                }
                masked.push_str(&address(word));
            }
            None => masked.push_str(word),
        }
        rest = behind;
    }
    masked.push_str(rest);
    Cow::Owned(if masked.contains(ENCODED) { without_encoded(&masked) } else { masked })
}

/// Replaces every part of a link that holds an encoded `@`.
fn without_encoded(text: &str) -> String {
    let is_end = |letter: char| letter.is_whitespace() || "/?&=#;,\"'<>".contains(letter);
    let mut shown = String::with_capacity(text.len());
    for part in text.split_inclusive(is_end) {
        let (word, end) = match part.char_indices().next_back() {
            Some((at, letter)) if is_end(letter) => part.split_at(at),
            _ => (part, ""),
        };
        shown.push_str(if word.contains(ENCODED) { "***" } else { word });
        shown.push_str(end);
    }
    shown
}

/// Takes the quoted text off the end: a local part as in `"jane doe"@example.com`.
fn hide_quoted(text: &mut String) {
    if let Some(inside) = text.strip_suffix('"')
        && let Some(start) = inside.rfind('"')
    {
        text.truncate(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_their_first_letter_and_domain() {
        assert_eq!(address("jane.doe@example.com"), "j***@example.com");
        assert_eq!(address("@example.com"), "***@example.com");
        assert_eq!(address("Ünal@example.com"), "Ü***@example.com");
        assert_eq!(address("no address"), "***");
        assert_eq!(address("\"jane doe\"@example.com"), "\"***@example.com");
    }

    #[test]
    fn every_address_of_a_text_is_hidden() {
        assert_eq!(
            text("550 5.1.1 <jane@example.com>: unknown; see a.b+c@d.example, or not"),
            "550 5.1.1 <j***@example.com>: unknown; see a***@d.example, or not"
        );
        assert_eq!(text("smtp; 452 full"), "smtp; 452 full");
        assert_eq!(text("a@b@c.example x"), "a***@c.example x");
        assert_eq!(text("mailto:jane@example.com"), "mailto:j***@example.com");
        assert_eq!(text("https://x.example/out?for=jane%40example.com&x=1"), "https://x.example/out?for=***&x=1");
        assert_eq!(text("to \"jane doe\"@example.com failed"), "to ***@example.com failed");
        assert_eq!(text("jane\u{ff20}example.com"), "j***\u{ff20}example.com");
        assert_eq!(text("said \"hi\" to @example"), "said \"hi\" to ***@example");
    }
}
