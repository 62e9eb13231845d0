//! Addresses for people who may not see them.

use std::borrow::Cow;

/// `a***@example.com`: the first letter and the domain. What is no address is hidden whole.
pub(super) fn address(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => {
            let first: String = local.chars().take(1).collect();
            format!("{first}***@{domain}")
        }
        None => "***".to_owned(),
    }
}

/// The text with every address in it hidden.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let is_part = |letter: char| letter.is_alphanumeric() || "!#$%&*+-/=?^_`{|}~.'@".contains(letter);
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (before, after) = rest.split_at(start);
        let end = after.find(|letter| !is_part(letter)).unwrap_or(after.len());
        let (word, behind) = after.split_at(end);
        masked.push_str(before);
        if word.contains('@') {
            masked.push_str(&address(word));
        } else {
            masked.push_str(word);
        }
        rest = behind;
    }
    masked.push_str(rest);
    Cow::Owned(masked)
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
    }

    #[test]
    fn every_address_of_a_text_is_hidden() {
        assert_eq!(
            text("550 5.1.1 <jane@example.com>: unknown; see a.b+c@d.example, or not"),
            "550 5.1.1 <j***@example.com>: unknown; see a***@d.example, or not"
        );
        assert_eq!(text("smtp; 452 full"), "smtp; 452 full");
        assert_eq!(text("a@b@c.example x"), "a***@c.example x");
    }
}
