//! The query string of a request, by name.

use url::form_urlencoded;

use crate::failure::Failure;

/// Names and values.
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
    is_strict: bool,
}

impl Parameters {
    /// Takes every name, as forms and people write them: empty values are left out, blanks around the items of a list too.
    pub(crate) fn lenient(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self { pairs: pairs.into_owned().filter(|(_, value)| !value.is_empty()).collect(), is_strict: false }
    }

    /// Takes only known names, and those that `fits` knows, each with a value: a program that misspells one should hear of it.
    pub(crate) fn strict(query: Option<&str>, known: &[&str], fits: fn(&str) -> bool) -> Result<Self, Failure> {
        let pieces = query.unwrap_or_default().split('&').filter(|piece| !piece.is_empty());
        let pairs = pieces.map(read_pair).collect::<Result<Vec<_>, _>>()?;
        for (name, value) in &pairs {
            let refuse = |what: String| Err(Failure::parameter(name, what));
            if !known.contains(&name.as_str()) && !fits(name) {
                return refuse(match known {
                    [] => format!("unknown parameter `{name}`; none is known here"),
                    known => format!("unknown parameter `{name}`; known are {}", known.join(", ")),
                });
            }
            if value.is_empty() {
                return refuse(format!("`{name}` has no value; leave it out or give it one"));
            }
        }
        Ok(Self { pairs, is_strict: true })
    }

    /// The value of a name that may be given once.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, Failure> {
        let mut values = self.values(name);
        let value = values.next();
        match values.next() {
            Some(_) => Err(Failure::parameter(name, format!("parameter `{name}` is given more than once"))),
            None => Ok(value),
        }
    }

    /// The values of a name that may be repeated or hold several, separated by commas.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let items = self.values(name).flat_map(|value| value.split(','));
        if self.is_strict {
            return items.collect();
        }
        items.map(str::trim).filter(|value| !value.is_empty()).collect()
    }

    /// The names that are given.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(name, _)| name.as_str())
    }

    /// The values of a name that may be repeated, each as it is.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values(name)
    }

    /// Of the fields of a form.
    pub(crate) fn of_form(fields: Vec<(String, String)>) -> Self {
        Self { pairs: fields, is_strict: false }
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

fn read_pair(piece: &str) -> Result<(String, String), Failure> {
    let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
    let shown: String = form_urlencoded::parse(name.as_bytes()).map(|(name, _)| name.into_owned()).collect();
    let read = |text: &str| decode(text).ok_or("is not UTF-8").and_then(without_nul);
    let refuse = |why: &str| Failure::parameter(&shown, format!("the query's `{shown}` {why}"));
    read(name).and_then(|name| Ok((name, read(value)?))).map_err(refuse)
}

fn without_nul(text: String) -> Result<String, &'static str> {
    if text.contains('\0') { Err("holds a NUL character") } else { Ok(text) }
}

/// As [`form_urlencoded`] does, but what is not UTF-8 is not made so.
fn decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digit = |place: usize| bytes.get(place).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).ok()?);
                at += 2;
            }
            (b'+', ..) => decoded.push(b' '),
            _ => decoded.push(*byte),
        }
        at += 1;
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_name() {
        let parameters = Parameters::lenient(Some("by=region&by=provider,tag:a%2C+b&since=&set=a%26b+c"));
        assert_eq!(parameters.list("by"), ["region", "provider", "tag:a", "b"]);
        assert_eq!(parameters.one("since").unwrap(), None);
        assert_eq!(parameters.one("set").unwrap(), Some("a&b c"));
        assert!(parameters.one("by").is_err());
    }

    #[test]
    fn what_programs_send_is_taken_to_the_letter() {
        let strict = |query| Parameters::strict(Some(query), &["window", "since"], |name| name.starts_with("tag:"));
        let refused = |query| match strict(query) {
            Err(failure) => failure.what(),
            Ok(_) => panic!("{query} is taken"),
        };
        assert_eq!(refused("windw=1h"), "unknown parameter `windw`; known are window, since");
        assert_eq!(refused("window="), "`window` has no value; leave it out or give it one");
        assert_eq!(refused("window"), "`window` has no value; leave it out or give it one");
        assert_eq!(refused("tag:a=%C3"), "the query's `tag:a` is not UTF-8");
        assert_eq!(refused("since=%00"), "the query's `since` holds a NUL character");
        assert_eq!(refused("%FF=1"), "the query's `\u{fffd}` is not UTF-8");
        let taken = strict("&window=%C3%BC+%2B%zz&tag:%26=%EF%BF%BD&since=a,+b,&").unwrap();
        assert_eq!(taken.one("window").unwrap(), Some("ü +%zz"));
        assert_eq!(taken.one("tag:&").unwrap(), Some("\u{fffd}"));
        assert_eq!(taken.list("since"), ["a", " b", ""]);
    }
}
