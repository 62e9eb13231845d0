//! Lenient JSON values: what a field holds is looked at before it is believed.
//!
//! SES feeds hold numbers as strings, strings as lists, `null` for absent, and damaged text in display
//! fields. None of that may cost the record, so fields are taken as raw JSON in one pass ([`Raw`]) and converted where
//! they are used; serde itself fails only on text that is no JSON.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::Reject;
use crate::compact::{Compact, Cursor, Headers, MOST_UNKNOWN, Skipped};

/// The text of one JSON value, known to be valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// Takes text that a parser has checked: one value, and no white space around it.
    pub(crate) fn checked(text: &'a str) -> Self {
        Self(text)
    }

    /// The value's text as it stands.
    pub(crate) fn get(self) -> &'a str {
        self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Self(raw.get()))
    }
}

/// A field as it stands; `None` for absent and for null.
pub(crate) type Raw<'a> = Option<Json<'a>>;

/// The text of a string, or the literal itself of a number or boolean; `None` for objects and arrays.
///
/// NUL and lone surrogates, which no column can hold, become U+FFFD.
pub(crate) fn text(raw: Json<'_>) -> Option<Cow<'_, str>> {
    let json = raw.get();
    match json.as_bytes().first() {
        Some(b'"') => {
            let inner = json.get(1..json.len() - 1)?;
            // Nothing else that needs an escape can stand inside valid JSON.
            Some(match memchr::memchr(b'\\', inner.as_bytes()) {
                None => Cow::Borrowed(inner),
                Some(_) => Cow::Owned(unescape(inner)),
            })
        }
        Some(b'{' | b'[') | None => None,
        Some(_) => Some(Cow::Borrowed(json)),
    }
}

/// The text of a field if it holds any: neither absent, null, empty, nor an object or array.
pub(crate) fn non_empty(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    raw.and_then(text).filter(|text| !text.is_empty())
}

/// The elements of an array, or the value itself where one stands in place of a list; `None` for an object.
pub(crate) fn items(raw: Json<'_>) -> Option<Vec<Json<'_>>> {
    match raw.get().as_bytes().first() {
        Some(b'[') => parse::<List<'_>>(raw).ok().map(|List(items)| items),
        Some(b'{') | None => None,
        Some(_) => Some(vec![raw]),
    }
}

#[derive(Default, serde::Deserialize)]
struct List<'a>(#[serde(borrow)] Vec<Json<'a>>);

impl<'a> Compact<'a> for List<'a> {
    fn read(&mut self, cursor: &mut Cursor<'a>) -> Option<()> {
        cursor.eat(b'[')?;
        if cursor.eat(b']').is_some() {
            return Some(());
        }
        loop {
            self.0.push(cursor.value()?);
            if cursor.eat(b',').is_none() {
                return cursor.eat(b']');
            }
        }
    }
}

/// Whether a field holds a JSON object.
pub(crate) fn is_object(raw: Json<'_>) -> bool {
    raw.get().starts_with('{')
}

fn unescape(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (plain, escaped) = rest.split_at(at);
        out.push_str(plain);
        rest = escaped.get(2..).unwrap_or_default();
        match escaped.as_bytes().get(1) {
            Some(b'n') => out.push('\n'),
            Some(b't') => out.push('\t'),
            Some(b'r') => out.push('\r'),
            Some(b'b') => out.push('\u{8}'),
            Some(b'f') => out.push('\u{c}'),
            Some(b'u') => {
                let (c, after) = unescape_unicode(rest);
                out.push(c);
                rest = after;
            }
            Some(other) => out.push(char::from(*other)),
            None => {}
        }
    }
    out.push_str(rest);
    out
}

/// Reads what follows `\u`, and the second half of a surrogate pair with it.
fn unescape_unicode(rest: &str) -> (char, &str) {
    let hex = |text: &str| text.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let Some(first) = hex(rest) else { return (char::REPLACEMENT_CHARACTER, rest) };
    let rest = rest.get(4..).unwrap_or_default();
    if let Some(after) = rest.strip_prefix("\\u")
        && let Some(second) = hex(after)
        && let Some(Ok(c)) = char::decode_utf16([first, second]).next()
        && c.len_utf16() == 2
    {
        return (c, after.get(4..).unwrap_or_default());
    }
    let c = char::from_u32(u32::from(first)).filter(|c| *c != '\0').unwrap_or(char::REPLACEMENT_CHARACTER);
    (c, rest)
}

/// A key, borrowed where it stands unescaped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key<'a>(pub(crate) Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyText;
        impl<'de> Visitor<'de> for KeyText {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyText)
    }
}

impl<'de> Deserialize<'de> for Skipped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|IgnoredAny| Self)
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|IgnoredAny| Self)
    }
}

/// A field that should hold an object of a known shape.
#[derive(Debug, Default)]
pub(crate) enum Object<T> {
    /// Absent or null.
    #[default]
    Absent,
    /// The object, boxed because a record has few of all it could have.
    Is(Box<T>),
    /// Something else.
    Wrong,
}

impl<T> Object<T> {
    /// The object, or why there is none.
    pub(crate) fn required(self, field: &str) -> Result<Box<T>, Reject> {
        self.optional(field)?.ok_or_else(|| Reject::missing(field))
    }

    /// The object if there is one; another type in its place is an error.
    pub(crate) fn optional(self, field: &str) -> Result<Option<Box<T>>, Reject> {
        match self {
            Self::Absent => Ok(None),
            Self::Is(object) => Ok(Some(object)),
            Self::Wrong => Err(Reject::wrong_type(field, "an object")),
        }
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<'a> Compact<'a> for Raw<'a> {
    fn read(&mut self, cursor: &mut Cursor<'a>) -> Option<()> {
        *self = Some(cursor.value()?).filter(|json| json.get() != "null");
        Some(())
    }
}

impl<'a, T: Compact<'a>> Compact<'a> for Object<T> {
    fn read(&mut self, cursor: &mut Cursor<'a>) -> Option<()> {
        if cursor.peek()? != b'{' {
            return cursor.eat_text("null");
        }
        let mut object = Box::<T>::default();
        object.read(cursor)?;
        *self = Self::Is(object);
        Some(())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue(std::marker::PhantomData))
    }
}

struct AnyValue<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for AnyValue<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|object| Object::Is(Box::new(object)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Object::Wrong)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Object::Absent)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Object::Wrong)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Object::Wrong)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Object::Wrong)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Object::Wrong)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Object::Wrong)
    }
}

/// A map from names to lists of values, as in `mail.tags`: every pair that holds any text, values joined by commas.
/// Anything that is not a map is taken for an empty one.
#[derive(Debug, Default)]
pub(crate) struct Pairs<'a>(pub(crate) Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);
        impl<'de> Deserialize<'de> for List<'de> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_map(ListVisitor)
            }
        }
        struct ListVisitor;
        impl<'de> Visitor<'de> for ListVisitor {
            type Value = List<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::with_capacity(8);
                while let Some((Key(name), values)) = map.next_entry::<Key<'de>, Raw<'de>>()? {
                    if let Some(value) = values.and_then(joined) {
                        pairs.push((name, value));
                    }
                }
                Ok(List(pairs))
            }
        }
        Ok(match Object::<List<'de>>::deserialize(deserializer)? {
            Object::Is(list) => Self(list.0),
            Object::Absent | Object::Wrong => Self::default(),
        })
    }
}

impl<'a> Pairs<'a> {
    /// The pairs of a value.
    pub(crate) fn of(json: Json<'a>) -> Self {
        parse(json).unwrap_or_default()
    }
}

/// Reads a value of a known shape; an error if the shape is another, or the text is no JSON that this shape can be read from.
pub(crate) fn parse<'a, T: Compact<'a> + Deserialize<'a>>(json: Json<'a>) -> serde_json::Result<T> {
    let mut cursor = Cursor::new(json.get());
    let mut value = T::default();
    if value.read(&mut cursor).is_some() && cursor.position() == json.get().len() {
        return Ok(value);
    }
    serde_json::from_str(json.get())
}

impl<'a> Compact<'a> for Pairs<'a> {
    fn read(&mut self, cursor: &mut Cursor<'a>) -> Option<()> {
        if cursor.peek()? != b'{' {
            return cursor.eat_text("null");
        }
        self.0.reserve(8);
        let mut goes_on = cursor.enter()?;
        while goes_on {
            let name = cursor.key()?;
            if self.0.len() == MOST_UNKNOWN {
                return None;
            }
            if let Some(value) = cursor.only_string() {
                self.0.push((Cow::Borrowed(name), Cow::Borrowed(value)));
            } else {
                let mut values = Raw::None;
                values.read(cursor)?;
                self.0.extend(values.and_then(joined).map(|value| (Cow::Borrowed(name), value)));
            }
            goes_on = cursor.goes_on()?;
        }
        Some(())
    }
}

/// The values of a list joined by commas, borrowed where there is one that stands unescaped.
fn joined(raw: Json<'_>) -> Option<Cow<'_, str>> {
    if let Some(only) = raw.get().strip_prefix("[\"").and_then(|rest| rest.strip_suffix("\"]"))
        && memchr::memchr2(b'"', b'\\', only.as_bytes()).is_none()
    {
        return Some(Cow::Borrowed(only));
    }
    let mut values = items(raw)?.into_iter().filter_map(text);
    let first = values.next()?;
    Some(values.fold(first, |mut all, value| {
        let text = all.to_mut();
        text.push(',');
        text.push_str(&value);
        all
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn text_of(json: &str) -> Option<String> {
        text(serde_json::from_str(json).unwrap()).map(Cow::into_owned)
    }

    #[test]
    fn text_is_unescaped_and_mended() {
        assert_eq!(text_of(r#""plain ✔""#).unwrap(), "plain ✔");
        assert_eq!(text_of(r#""a\"b\\c\/d\n\t\r\b\f""#).unwrap(), "a\"b\\c/d\n\t\r\u{8}\u{c}");
        assert_eq!(text_of(r#""\u00e9\ud83d\ude00!""#).unwrap(), "é😀!");
        assert_eq!(text_of(r#""x\ud800y""#).unwrap(), "x\u{fffd}y");
        assert_eq!(text_of(r#""x\ud800\u0041""#).unwrap(), "x\u{fffd}A");
        assert_eq!(text_of(r#""\udc00\ud83d\ude00""#).unwrap(), "\u{fffd}😀");
        assert_eq!(text_of(r#""a\u0000b""#).unwrap(), "a\u{fffd}b");
        assert_eq!(text_of("658").unwrap(), "658");
        assert_eq!(text_of("true").unwrap(), "true");
        assert_eq!(text_of("[1]"), None);
    }

    #[test]
    fn pairs_take_lists_strings_and_numbers() {
        let json = r#"{"a":["x"],"b":["x","y"],"c":"z","d":7,"e":null,"f":[],"g":{"no":1},"h":["q\"q"], "i": [ "s" ]}"#;
        let Pairs(pairs) = serde_json::from_str(json).unwrap();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(pairs, [("a", "x"), ("b", "x,y"), ("c", "z"), ("d", "7"), ("h", "q\"q"), ("i", "s")]);
        for none in ["null", "[]", r#"["x"]"#, r#""x""#, "1", "-1", "1.5", "true"] {
            assert!(serde_json::from_str::<Pairs<'_>>(none).unwrap().0.is_empty(), "{none}");
        }
    }
}
