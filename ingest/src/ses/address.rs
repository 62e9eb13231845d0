//! Mail addresses out of the forms in which SES reports them.

use std::borrow::Cow;

/// The bare address: display name, angle brackets and comments removed, domain in lower case. Empty if there is none.
///
/// The local part keeps its case, because a receiving server may tell cases apart (RFC 5321, 2.4).
pub fn bare(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'@' | b'.' | b'-' | b'_' | b'+' | b'=')) {
        return text;
    }
    let inside = {
        let address = locate(&text);
        let start = address.as_ptr() as usize - text.as_ptr() as usize;
        start..start + address.len()
    };
    let address = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(inside).unwrap_or_default()),
        Cow::Owned(text) if inside == (0..text.len()) => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.get(inside).unwrap_or_default().to_owned()),
    };
    match address.rsplit_once('@') {
        Some((local, domain)) if domain.chars().any(char::is_uppercase) => {
            Cow::Owned(format!("{local}@{}", domain.to_lowercase()))
        }
        _ => address,
    }
}

/// The part of an address after its last `@`, in lower case.
pub(super) fn domain(text: Cow<'_, str>) -> Option<String> {
    let address = bare(text);
    let (_, domain) = address.rsplit_once('@')?;
    (!domain.is_empty()).then(|| domain.to_owned())
}

fn locate(text: &str) -> &str {
    let text = text.trim();
    if let Some(open) = text.rfind('<') {
        let inside = text.get(open + 1..).unwrap_or_default();
        return inside.split('>').next().unwrap_or_default().trim();
    }
    // DSNs name the address type in front: "rfc822;a@b".
    let text = match text.split_once(';') {
        Some((kind, address)) if kind.trim().eq_ignore_ascii_case("rfc822") => address.trim(),
        _ => text,
    };
    let text = match text.rsplit_once('(') {
        Some((address, comment)) if comment.ends_with(')') && address.contains('@') => address.trim(),
        _ => text,
    };
    if text.starts_with('"') || !text.contains(char::is_whitespace) {
        return text;
    }
    text.split_whitespace().rfind(|word| word.contains('@')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_stripped() {
        for (text, expected) in [
            ("a@b.example", "a@b.example"),
            (" a@b.example ", "a@b.example"),
            ("<a@b.example>", "a@b.example"),
            ("Bounce Test <Bounce@Simulator.AmazonSES.com>", "Bounce@simulator.amazonses.com"),
            ("\"Doe, <Jane>\" <jane@b.example>", "jane@b.example"),
            ("=?utf-8?b?Imxjcm91Y2hAbW96aWxsYS5jb20gW3ZpYSBSZWxheV0i?= <r@b.example>", "r@b.example"),
            ("=?utf-8?q?J=C3=BCrgen?= j@b.example", "j@b.example"),
            ("\"john doe\"@b.example", "\"john doe\"@b.example"),
            ("a@b.example (Jane)", "a@b.example"),
            ("rfc822; a@b.example", "a@b.example"),
            ("a@MÜNCHEN.example", "a@münchen.example"),
            ("<recipient-email-address>", "recipient-email-address"),
            ("<a@b.example", "a@b.example"),
            ("<>", ""),
            ("", ""),
        ] {
            assert_eq!(bare(Cow::Borrowed(text)), expected, "{text}");
            assert_eq!(bare(Cow::Owned(text.to_owned())), expected, "{text}");
        }
    }

    #[test]
    fn domains_are_lower_case() {
        assert_eq!(domain("Jane <jane@Example.COM>".into()).as_deref(), Some("example.com"));
        assert_eq!(domain("\"Some Service\" <service.gov.example>".into()), None);
        assert_eq!(domain("".into()), None);
    }
}
