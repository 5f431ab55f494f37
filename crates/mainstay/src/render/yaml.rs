//! A JSON value as YAML, for people: block style, and quotes only where they are needed.
//!
//! Writes only; what it writes reads back as the same value in YAML 1.1 and 1.2, since every
//! word that either of them would take for something else is quoted.

use serde_json::Value;

/// The whole document, with a newline at its end.
pub fn text(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => write_map(&mut text, map, 0),
        Value::Array(list) if !list.is_empty() => write_list(&mut text, list, 0),
        other => {
            text.push_str(&scalar(other));
            text.push('\n');
        }
    }
    text
}

fn write_map(text: &mut String, map: &serde_json::Map<String, Value>, indent: usize) {
    for (key, value) in map {
        text.push_str(&" ".repeat(indent));
        text.push_str(&string(key));
        text.push(':');
        write_value(text, value, indent + 2);
    }
}

fn write_list(text: &mut String, list: &[Value], indent: usize) {
    for value in list {
        text.push_str(&" ".repeat(indent));
        text.push('-');
        match value {
            Value::Object(map) if !map.is_empty() => {
                let mut inner = String::new();
                write_map(&mut inner, map, indent + 2);
                // The first key stands beside the dash.
                text.push(' ');
                text.push_str(inner.trim_start());
            }
            _ => write_value(text, value, indent + 2),
        }
    }
}

fn write_value(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push('\n');
            write_map(text, map, indent);
        }
        Value::Array(list) if !list.is_empty() => {
            text.push('\n');
            write_list(text, list, indent);
        }
        other => {
            text.push(' ');
            text.push_str(&scalar(other));
            text.push('\n');
        }
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => string(text),
        Value::Array(_) => "[]".to_owned(),
        Value::Object(_) => "{}".to_owned(),
    }
}

/// Plain where no reader of YAML could take it for anything but this string.
fn string(text: &str) -> String {
    const WORDS: [&str; 10] = [
        "null", "true", "false", "yes", "no", "on", "off", "y", "n", "~",
    ];
    let plain_start = text.starts_with(|c: char| c.is_ascii_alphabetic() || "/_".contains(c));
    let plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || " _-./:+=@,()".contains(c));
    let ambiguous = WORDS.contains(&text.to_ascii_lowercase().as_str())
        || text.contains(": ")
        || text.ends_with([':', ' ']);
    if plain_start && plain && !ambiguous {
        return text.to_owned();
    }
    // A JSON string is a double-quoted YAML one.
    Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use snapbox::{assert_data_eq, str};

    #[test]
    fn maps_and_lists_nest() {
        let value = json!({
            "name": "app",
            "ports": [{"target": 8000, "published": null}, 5],
            "command": ["sh", "-c", "echo: x"],
            "nested": [[1, 2], []],
            "empty": {},
        });
        assert_data_eq!(
            text(&value),
            str![[r#"
command:
  - sh
  - "-c"
  - "echo: x"
empty: {}
name: app
nested:
  -
    - 1
    - 2
  - []
ports:
  - published: null
    target: 8000
  - 5

"#]]
        );
    }

    #[test]
    fn words_that_yaml_takes_for_something_else_are_quoted() {
        for word in [
            "yes",
            "NO",
            "null",
            "1.5",
            "0x1f",
            "",
            "a: b",
            "x:",
            "#x",
            "*a",
            "é",
            "a\nb",
            "-",
            "2026-01-01",
        ] {
            assert!(string(word).starts_with('"'), "{word}");
        }
        for word in ["app", "/data", "http://127.0.0.1:8080/", "a b", "v1.2.3"] {
            assert_eq!(string(word), word);
        }
    }
}
