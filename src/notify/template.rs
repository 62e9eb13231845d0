//! JSON whose strings hold `{{ field }}`. It is read as JSON before anything is put in, so that no value can break it.

use serde_json::{Map, Value};

use super::message::{FIELDS, Message};

/// A template that is known to be sound.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template(Value);

impl Template {
    /// # Errors
    /// What is wrong with it, and the remedy.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| {
            format!(
                "the template is no JSON ({error}); fields stand in strings, as in {{\"text\": \"{{{{ sentence }}}}\"}}"
            )
        })?;
        check(&value)?;
        Ok(Self(value))
    }

    /// The template with a message's fields. A string that is nothing but one field becomes the field's own value.
    pub(crate) fn fill(&self, message: &Message) -> Value {
        fill(&self.0, message)
    }
}

fn check(value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) => parts(text)?.iter().try_for_each(|part| match part {
            Part::Field(name) if !FIELDS.contains(name) => {
                Err(format!("the template names `{name}`, which is no field; known are {}", FIELDS.join(", ")))
            }
            _ => Ok(()),
        }),
        Value::Array(values) => values.iter().try_for_each(check),
        Value::Object(values) => values.values().try_for_each(check),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn fill(value: &Value, message: &Message) -> Value {
    match value {
        Value::String(text) => fill_text(text, message),
        Value::Array(values) => values.iter().map(|value| fill(value, message)).collect(),
        Value::Object(values) => {
            values.iter().map(|(name, value)| (name.clone(), fill(value, message))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

fn fill_text(text: &str, message: &Message) -> Value {
    let parts = parts(text).unwrap_or_default();
    if let [Part::Field(name)] = parts.as_slice() {
        return message.field(name).unwrap_or(Value::Null);
    }
    let words = |part: &Part<'_>| match part {
        Part::Text(text) => (*text).to_owned(),
        Part::Field(name) => match message.field(name) {
            Some(Value::String(text)) => text,
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        },
    };
    parts.iter().map(words).collect::<String>().into()
}

#[derive(Debug, PartialEq)]
enum Part<'a> {
    Text(&'a str),
    Field(&'a str),
}

fn parts(mut text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    while let Some((before, rest)) = text.split_once("{{") {
        let (name, after) =
            rest.split_once("}}").ok_or_else(|| format!("the template has `{{{{` without `}}}}` in `{text}`"))?;
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(Part::Field(name.trim()));
        text = after;
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(parts)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::super::state::Kind;
    use super::*;

    #[test]
    fn no_value_breaks_a_template() {
        let template =
            Template::parse(r#"{"a": "{{ rule }}: {{sentence}}!", "n": "{{ value }}", "g": ["{{ group }}"], "x": 1}"#)
                .unwrap();
        let mut message = Message::test(DateTime::UNIX_EPOCH, Kind::Opened, None);
        message.facts.sentence = r#"" } {{ rule }} \"#.to_owned();
        message.facts.value = Some(0.25);
        message.about.group = vec![("provider".to_owned(), None)];
        let expected = json!({"a": r#"test: " } {{ rule }} \!"#, "n": 0.25, "g": [{"provider": null}], "x": 1});
        assert_eq!(template.fill(&message), expected);
    }

    #[test]
    fn mistakes_are_told() {
        let wrong = |text: &str| Template::parse(text).unwrap_err();
        assert!(wrong(r#"{"a": {{ rule }}}"#).contains("fields stand in strings"));
        assert!(wrong(r#"{"a": "{{ colour }}"}"#).contains("`colour`, which is no field; known are title"));
        assert!(wrong(r#"{"a": "{{ rule }"}"#).contains("without `}}`"));
    }
}
