//! JSON as YAML in blocks, as templates are usually written.

use serde_json::Value;

/// A document.
pub(super) fn document(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

fn block(value: &Value, indent: usize, text: &mut String) {
    let spaces = "  ".repeat(indent);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                text.push_str(&format!("{spaces}{}:", scalar(&Value::from(name.as_str()))));
                nested(value, indent + 1, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                text.push_str(&format!("{spaces}-"));
                nested(item, indent + 1, text);
            }
        }
        other => text.push_str(&format!("{spaces}{}\n", scalar(other))),
    }
}

fn nested(value: &Value, indent: usize, text: &mut String) {
    let is_empty =
        value.as_object().is_some_and(serde_json::Map::is_empty) || value.as_array().is_some_and(Vec::is_empty);
    match value {
        Value::Object(_) | Value::Array(_) if !is_empty => {
            text.push('\n');
            block(value, indent, text);
        }
        other => text.push_str(&format!(" {}\n", scalar(other))),
    }
}

/// Text stands in quotes, in which JSON is YAML, unless nothing in it could be taken for something else.
fn scalar(value: &Value) -> String {
    let Some(text) = value.as_str() else { return value.to_string() };
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null" | "inf" | "nan"
        );
    // Intrinsic functions and types.
    let is_name = text.strip_prefix("Fn::").or_else(|| text.strip_prefix("AWS::")).is_some_and(|rest| {
        !rest.ends_with(':') && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b':')
    });
    if is_plain || is_name { text.to_owned() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_that_could_be_something_else_is_quoted() {
        let value = json!({
            "a": {"Fn::Sub": "${x}/"},
            "b": ["yes", "2012-10-17", 1, true, null, []],
            "c": [{"d": 1, "e": "f"}],
            "aws:x": "1e3"
        });
        assert_eq!(
            document(&value),
            "a:\n  Fn::Sub: \"${x}/\"\nb:\n  - \"yes\"\n  - \"2012-10-17\"\n  - 1\n  - true\n  - null\n  - []\nc:\n  -\n    d: 1\n    e: f\n\"aws:x\": \"1e3\"\n"
        );
    }
}
