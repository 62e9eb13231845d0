//! Texts of receiving servers without what differs from one bounce to the next, so that equal reasons are equal texts.
//!
//! ```text
//! smtp; 550-5.1.1 <jane@example.com> is not known to mx1.example.com\n550 5.1.1 (id 4F3D21A0B2)
//!       550 5.1.1 <{address}> is not known to {host} (id {id})
//! ```
//! One pass over the text, whatever it holds: its cost grows with the length and no faster. What comes out stays as it is when it
//! goes in again.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

/// A normalised text has at most so many characters; a longer one ends with an ellipsis.
pub(super) const LONGEST: usize = 300;

/// No text needs as many passes until it stays.
const MOST_PASSES: usize = 8;

/// No IP address is longer, with its prefix length or port.
const LONGEST_IP: usize = 64;

/// No word of a language is so long; what is, is an id.
const LONGEST_WORD: usize = 40;

/// A quoted local part of an address has at most 64 characters (RFC 5321, 4.5.3.1.1), and its quotes.
const LONGEST_QUOTED: usize = 66;

/// What stands for the parts that were taken out.
const PLACEHOLDERS: [&str; 6] = [ADDRESS, HOST, IP, URL, ID, NUMBER];
const ADDRESS: &str = "{address}";
const HOST: &str = "{host}";
const IP: &str = "{ip}";
const URL: &str = "{url}";
const ID: &str = "{id}";
const NUMBER: &str = "{number}";

/// A diagnostic code begins with its type and a semicolon. Source: RFC 3464, 2.3.6; captured payloads have the first three.
const TYPES: [&str; 6] = ["smtp", "dsn", "dns", "x-postfix", "x-unix", "unknown"];

/// The text without addresses, hosts, IP addresses, links, ids and numbers, its lines joined, and without the reply code that
/// servers repeat on each line. Reply codes (`550`), enhanced status codes (`5.1.1`) and providers' short codes (`S3150`,
/// `TSS04`) stay.
pub fn normalise(text: &str) -> String {
    let mut normal = pass(text);
    // Where a part was taken out, what is beside it may read otherwise: `550::` before an address. That needs short texts, and is rare.
    for _ in 0..MOST_PASSES {
        let next = pass(&normal);
        if next == normal {
            break;
        }
        normal = next;
    }
    normal
}

fn pass(text: &str) -> String {
    let clean: Cow<'_, str> = if text.is_ascii() {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().filter(|c| !is_invisible(*c)).collect())
    };
    let mut writer = Writer { out: String::with_capacity(text.len().min(LONGEST)), ..Writer::default() };
    for token in Tokens(without_types(&clean)) {
        match token {
            Token::Space => writer.space = true,
            Token::Mark(mark) | Token::Placeholder(mark) => writer.put(mark),
            Token::Address(_) => writer.put(ADDRESS),
            Token::Word(word, after) => writer.word(word, after),
        }
        if writer.full {
            break;
        }
    }
    writer.finish()
}

/// The text with the local part of every address hidden but for its first letter.
pub(super) fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for token in Tokens(text) {
        match token {
            Token::Space => out.push(' '),
            Token::Mark(text) | Token::Placeholder(text) | Token::Word(text, _) => out.push_str(text),
            Token::Address(address) => {
                let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
                out.extend(local.chars().find(|c| c.is_alphanumeric()));
                out.push_str("***@");
                out.push_str(domain);
            }
        }
    }
    out.trim().to_owned()
}

/// The first enhanced status code of a normalised text.
pub(crate) fn status_in(normalised: &str) -> Option<&str> {
    normalised
        .split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .map(|word| word.trim_matches('.'))
        .find(|w| is_status(w))
}

/// Characters without a shape: they would tear words apart unseen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn without_types(text: &str) -> &str {
    let mut text = text.trim_start_matches(is_space);
    while let Some((name, rest)) = text.split_once(';') {
        if !TYPES.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            break;
        }
        text = rest.trim_start_matches(is_space);
    }
    text
}

fn is_space(c: char) -> bool {
    if c.is_ascii() { matches!(c, '\0'..=' ' | '\x7f') } else { c.is_whitespace() || c.is_control() }
}

/// Marks that end a word. An apostrophe does not: it may stand in a name and in an address.
fn is_mark(c: char) -> bool {
    matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | '{' | '}' | '"' | ',' | ';' | '|')
}

enum Token<'t> {
    /// White space of any length.
    Space,
    /// One mark.
    Mark(&'t str),
    Placeholder(&'t str),
    /// A word with an `@`.
    Address(&'t str),
    /// Any other word, and the text behind it.
    Word(&'t str, &'t str),
}

/// The rest of a text, token by token.
struct Tokens<'t>(&'t str);

impl<'t> Tokens<'t> {
    fn take(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.0.split_at(bytes);
        self.0 = rest;
        taken
    }

    /// Bytes of an address that begins here with a quoted local part.
    fn quoted_address(&self) -> Option<usize> {
        let inside = self.0.strip_prefix('"')?;
        let quote = inside.char_indices().take(LONGEST_QUOTED).find(|(_, c)| *c == '"')?.0;
        let domain = inside.get(quote + 1..)?.strip_prefix('@')?;
        Some(quote + 3 + word_end(domain))
    }
}

fn word_end(text: &str) -> usize {
    text.find(|c| is_space(c) || is_mark(c)).unwrap_or(text.len())
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        let first = self.0.chars().next()?;
        if is_space(first) {
            let end = self.0.find(|c| !is_space(c)).unwrap_or(self.0.len());
            self.take(end);
            return Some(Token::Space);
        }
        if first == '{'
            && let Some(known) = PLACEHOLDERS.into_iter().find(|known| self.0.starts_with(known))
        {
            return Some(Token::Placeholder(self.take(known.len())));
        }
        if let Some(end) = self.quoted_address() {
            return Some(Token::Address(self.take(end)));
        }
        if is_mark(first) {
            return Some(Token::Mark(self.take(first.len_utf8())));
        }
        let word = self.take(word_end(self.0));
        let is_address = word.contains('@') && word.chars().any(|c| c != '@');
        Some(if is_address { Token::Address(word) } else { Token::Word(word, self.0) })
    }
}

/// The normalised text as it grows.
#[derive(Default)]
struct Writer {
    out: String,
    chars: usize,
    /// A space comes before the next piece.
    space: bool,
    /// No more fits.
    full: bool,
    /// The first reply code, which servers repeat on every line.
    code: Option<String>,
    /// The first enhanced status code, likewise.
    status: Option<String>,
    /// The last piece was a repeated code that was left out.
    repeated: bool,
}

impl Writer {
    fn put(&mut self, piece: &str) {
        self.put_with_room(piece, 0);
    }

    /// Puts a piece if it fits together with so many characters that belong to it.
    fn put_with_room(&mut self, piece: &str, more: usize) {
        if self.full || piece.is_empty() {
            return;
        }
        let space = usize::from(self.space && !self.out.is_empty());
        let length = piece.chars().count();
        // Two characters stay for the ellipsis.
        if self.chars + space + length + more > LONGEST - 2 {
            self.full = true;
            return;
        }
        if space > 0 {
            self.out.push(' ');
        }
        self.out.push_str(piece);
        self.chars += space + length;
        self.space = false;
        self.repeated = false;
    }

    fn finish(mut self) -> String {
        if self.full {
            self.out.push_str(" …");
        }
        self.out
    }

    fn word(&mut self, word: &str, after: &str) {
        if is_url(word) {
            return self.put(URL);
        }
        if is_ip(word) {
            return self.put(IP);
        }
        // Parameters and paths: `ip=203.0.113.10`, `AUP#BL`.
        let mut rest = word;
        while let Some((at, mark)) = rest.char_indices().find(|(_, c)| is_joint(*c)) {
            let (part, marked) = rest.split_at(at);
            if self.full {
                return;
            }
            self.part(part, "");
            let (mark, behind) = marked.split_at(mark.len_utf8());
            self.put(mark);
            rest = behind;
        }
        self.part(rest, after);
    }

    fn part(&mut self, part: &str, after: &str) {
        if is_ip(part) {
            return self.put(IP);
        }
        let mut rest = part;
        while let Some((name, behind)) = rest.split_once(':') {
            if self.full {
                return;
            }
            self.atom(name, "");
            self.put(":");
            rest = behind;
            if is_ip(rest) {
                return self.put(IP);
            }
        }
        self.atom(rest, after);
    }

    /// A word without joints, and the text behind it; marks at its ends stay.
    fn atom(&mut self, atom: &str, after: &str) {
        let core = atom.trim_matches(|c: char| !c.is_alphanumeric());
        if core.is_empty() {
            return self.put(atom);
        }
        let start = atom.find(char::is_alphanumeric).unwrap_or_default();
        let (lead, trail) = (&atom[..start], &atom[start + core.len()..]);
        self.put(lead);
        self.core(core, if trail.is_empty() { after } else { "" });
        self.put(trail);
    }

    fn core(&mut self, core: &str, after: &str) {
        if let Some((code, rest)) = core.split_once('-').filter(|(code, _)| is_code(code)) {
            let is_first = self.out.is_empty();
            if is_first || is_status(rest) || self.code.as_deref() == Some(code) {
                self.reply_code(code, is_status(rest));
                self.space = true;
                return self.core(rest, after);
            }
        }
        if is_code(core) {
            return self.reply_code(core, begins_with_status(after));
        }
        if is_status(core) {
            return self.enhanced_status(core);
        }
        self.put(stripped(core));
    }

    /// A reply code stays at the start of a text and where an enhanced status code follows, but only once.
    fn reply_code(&mut self, code: &str, status_follows: bool) {
        if self.code.as_deref() == Some(code) {
            self.repeated = true;
            self.space = true;
        } else if self.out.is_empty() || status_follows {
            // With room for ` 5.123.123`.
            self.put_with_room(code, 10);
            self.code.get_or_insert_with(|| code.to_owned());
        } else {
            self.put(NUMBER);
        }
    }

    fn enhanced_status(&mut self, status: &str) {
        if self.repeated && self.status.as_deref() == Some(status) {
            self.space = true;
            return;
        }
        self.put(status);
        self.status.get_or_insert_with(|| status.to_owned());
    }
}

/// Marks that join parts of a word.
fn is_joint(c: char) -> bool {
    matches!(c, '=' | '&' | '?' | '#' | '/' | '%' | '~' | '\\' | '+' | '*' | '^' | '$' | '!' | '`')
}

fn is_url(word: &str) -> bool {
    let begins = |with: &str| word.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    match word.as_bytes().first() {
        Some(b'w' | b'W') if begins("www.") => true,
        Some(b'm' | b'M') if begins("mailto:") => true,
        _ => word.contains(':') && word.contains("://"),
    }
}

/// An IP address, with a prefix length or a port, or as address literals of SMTP have it (RFC 5321, 4.1.3).
fn is_ip(word: &str) -> bool {
    if !word.bytes().any(|byte| matches!(byte, b'.' | b':')) {
        return false;
    }
    let word = word.trim_end_matches(['.', '-', '\'']);
    if word.len() > LONGEST_IP || !word.contains(char::is_alphanumeric) {
        return false;
    }
    let literal = word.get(..5).filter(|start| start.eq_ignore_ascii_case("ipv6:")).and_then(|_| word.get(5..));
    let word = literal.unwrap_or(word);
    let word = word.split_once('/').map_or(word, |(address, _)| address);
    let is_address = |text: &str| text.parse::<IpAddr>().is_ok();
    is_address(word)
        || is_address(word.trim_end_matches(':'))
        || word.parse::<std::net::SocketAddrV4>().is_ok()
        || word.split_once('%').is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok())
}

/// Three digits of an SMTP reply (RFC 5321, 4.2).
fn is_code(word: &str) -> bool {
    matches!(word.as_bytes(), [b'2' | b'4' | b'5', b'0'..=b'5', b'0'..=b'9'])
}

/// An enhanced status code (RFC 3463, 2).
fn is_status(word: &str) -> bool {
    if !matches!(word.as_bytes(), [b'2' | b'4' | b'5', b'.', ..]) {
        return false;
    }
    let mut parts = word.split('.').skip(1);
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    parts.next().is_some_and(is_number) && parts.next().is_some_and(is_number) && parts.next().is_none()
}

/// Whether the text goes on with a status code.
fn begins_with_status(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(is_space) else { return false };
    let rest = rest.trim_start_matches(|c| is_space(c) || is_invisible(c));
    is_status(&rest[..word_end(rest)])
}

/// What stands for a word in the normalised text.
fn stripped(word: &str) -> &str {
    let has_letters = word.chars().any(char::is_alphabetic);
    if !has_letters {
        return NUMBER;
    }
    if is_host(word) {
        return HOST;
    }
    let has_digits = word.chars().any(char::is_numeric);
    let is_known = ["ipv4", "ipv6"].iter().any(|known| word.eq_ignore_ascii_case(known));
    if (has_digits && !is_short_code(word) && !is_known) || word.chars().count() > LONGEST_WORD { ID } else { word }
}

/// Labels with dots, the last one of letters. Dotted names of programs have capitals: `RESOLVER.ADR.RecipientNotFound`.
fn is_host(word: &str) -> bool {
    let Some((labels, last)) = word.rsplit_once('.') else { return false };
    let one_case = last.chars().all(|c| !c.is_uppercase()) || last.chars().all(|c| !c.is_lowercase());
    let is_top = last.starts_with("xn--") || (last.chars().count() >= 2 && last.chars().all(char::is_alphabetic));
    let is_label =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    one_case && is_top && labels.split('.').all(is_label)
}

/// Codes by which providers name their reasons: `S3150`, `TSS04`, `OU-002`.
fn is_short_code(word: &str) -> bool {
    let letters = word.bytes().take_while(u8::is_ascii_uppercase).count();
    let digits = word.get(letters..).unwrap_or_default();
    let digits = digits.strip_prefix('-').unwrap_or(digits);
    (1..=5).contains(&letters) && (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn becomes(text: &str, normal: &str) {
        assert_eq!(normalise(text), normal);
        assert_eq!(normalise(normal), normal);
    }

    #[test]
    fn what_differs_is_taken_out() {
        becomes(
            "smtp; 550-5.1.1 <jane@example.com> is not known to mx1.example.com\n550 5.1.1 (id 4F3D21A0B2)",
            "550 5.1.1 <{address}> is not known to {host} (id {id})",
        );
        becomes("smtp; 550 5.7.1 [203.0.113.10] blocked, see S3150", "550 5.7.1 [{ip}] blocked, see S3150");
        becomes("550 no route from [IPv6:2001:db8::7:25]; gave up", "550 no route from [{ip}]; gave up");
        becomes("421 4.7.0 [TSS04] 192.0.2.1:25 deferred - 4.16.55.1", "421 4.7.0 [TSS04] {ip} deferred - {ip}");
        becomes("see https://example.com/a?b=1&c=2, or www.example.org.", "see {url}, or {url}");
        becomes("\"jane doe\"@example.com and o'hara@example.com", "{address} and {address}");
        becomes(
            "unable in 840 minutes.<421 4.4.0 no DNS for a@b>",
            "unable in {number} minutes.<421 4.4.0 no DNS for {address}>",
        );
        becomes("550 5.1.10 RESOLVER.ADR.RecipientNotFound; gone", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; gone");
        becomes("ip=203.0.113.10&c=bounce at 12:30:05", "ip={ip}&c=bounce at {number}:{number}:{number}");
    }

    #[test]
    fn a_reply_code_is_told_once() {
        becomes("550-5.1.1 A\r\n550-5.1.1 B\n550 5.1.1 C", "550 5.1.1 A B C");
        becomes("550-5.1.1 A 550-5.1.1 B 550 5.1.1 C", "550 5.1.1 A B C");
        becomes("554-Transaction failed 554 For explanation", "554 Transaction failed For explanation");
        becomes("smtp; smtp; 550 User unknown", "550 User unknown");
        becomes("after 550 tries", "after {number} tries");
    }

    #[test]
    fn other_scripts_and_long_texts() {
        becomes("550 Пользователь ivan@пример.рф не найден", "550 Пользователь {address} не найден");
        becomes("550 収件人が存在しません１２３", "550 {id}");
        let long = normalise(&"550 5.1.1 user unknown ".repeat(500));
        assert!(long.ends_with(" …") && long.chars().count() <= LONGEST, "{long}");
        assert_eq!(normalise(&long), long);
        assert_eq!(normalise(""), "");
        assert_eq!(normalise("\0\u{202e}\n"), "");
    }

    #[test]
    fn addresses_in_examples_are_hidden() {
        assert_eq!(masked("550 <jane@example.com>: no"), "550 <j***@example.com>: no");
        assert_eq!(masked("\"jane doe\"@example.com"), "j***@example.com");
        assert_eq!(masked("550 user@\n550 gone"), "550 u***@ 550 gone");
    }

    /// Ten times the text must not take anywhere near a hundred times as long; told by work done, not by a clock: every token
    /// is taken once.
    #[test]
    fn every_byte_is_looked_at_once() {
        for text in ["\"", "{", "a@", "<", "550-", "1.", ":", "a=", "\"\"@", "::1 "] {
            let long = text.repeat(10_240 / text.len());
            let bytes: usize = Tokens(&long)
                .map(|token| match token {
                    Token::Space => 0,
                    Token::Mark(t) | Token::Placeholder(t) | Token::Address(t) | Token::Word(t, _) => t.len(),
                })
                .sum();
            assert!(bytes <= long.len());
            let normal = normalise(&long);
            assert_eq!(normalise(&normal), normal, "{text}");
        }
    }

    /// Pieces of which diagnostics are made, put together in any order.
    fn diagnostic() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[a-z0-9.+_-]{1,12}@[a-z0-9-]{1,10}\\.[a-z]{2,4}",
            "(25[0-5]|[1-9]?[0-9])(\\.(25[0-5]|[1-9]?[0-9])){3}",
            "[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}",
            "[0-9]{1,12}",
            "[245][0-5][0-9][ -]",
            "[245]\\.[0-9]{1,3}\\.[0-9]{1,3}",
            "[A-Za-z0-9]{8,20}",
            "[A-Za-z]{1,9}",
            "[a-z0-9-]{1,9}(\\.[a-z]{2,9}){1,3}",
            "https?://[a-z.]{3,9}/[a-z?=&0-9]{0,9}",
            prop::sample::select(PLACEHOLDERS.to_vec()).prop_map(str::to_owned),
            "[ \\n\\r\\t<>()\\[\\]{}\"',;:|=/.?!#*@-]{1,3}",
            "\\PC{1,6}",
            ".{0,4}",
        ];
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_that_identifies_survives(text in diagnostic()) {
            let normal = normalise(&text);
            prop_assert!(normal.chars().count() <= LONGEST);
            let is_part = |c: char| !(c.is_whitespace() || "<>()[]{}\"',;|=/".contains(c));
            for (at, _) in normal.match_indices('@') {
                let before = normal[..at].chars().next_back().is_some_and(char::is_alphanumeric);
                let after = normal[at + 1..].chars().next().is_some_and(char::is_alphanumeric);
                prop_assert!(!(before || after), "an address in {normal:?}");
            }
            for word in normal.split(|c: char| !is_part(c)).filter(|word| word.len() > 2) {
                prop_assert!(word.parse::<IpAddr>().is_err(), "{word:?} in {normal:?}");
            }
            let longest = normal.split(|c: char| !c.is_numeric()).map(|digits| digits.chars().count()).max();
            prop_assert!(longest.unwrap_or_default() <= 4, "a long number in {normal:?}");
        }

        #[test]
        fn what_is_normal_stays(text in diagnostic()) {
            let normal = normalise(&text);
            prop_assert_eq!(normalise(&normal), normal);
        }

        #[test]
        fn masked_examples_hold_no_local_part(text in diagnostic()) {
            for (at, _) in masked(&text).match_indices('@') {
                let masked = masked(&text);
                let before = masked[..at].chars().next_back();
                prop_assert!(!before.is_some_and(char::is_alphanumeric), "{masked:?}");
            }
        }

        #[test]
        fn any_text_will_do(text in "(?s).{0,400}") {
            let normal = normalise(&text);
            prop_assert_eq!(normalise(&normal), normal.as_str());
            let _ = masked(&text);
        }
    }
}
