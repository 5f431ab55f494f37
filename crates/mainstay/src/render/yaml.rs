//! A JSON value as YAML, for people.

use mainstay_yaml::write::{Doc, Map};
use serde_json::Value;

/// The whole document, with a newline at its end.
pub fn text(value: &Value) -> String {
    document(value).text()
}

fn document(value: &Value) -> Doc {
    match value {
        Value::Null => Doc::Null,
        Value::Bool(value) => Doc::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Doc::Int(whole),
            (None, Some(number)) => Doc::Float(number),
            // Neither: longer than both, and said in its digits.
            (None, None) => Doc::Text(number.to_string()),
        },
        Value::String(text) => Doc::Text(text.clone()),
        Value::Array(list) => Doc::List(list.iter().map(document).collect()),
        Value::Object(map) => {
            let pairs = map
                .iter()
                .map(|(key, value)| (key.clone(), document(value)));
            Doc::Map(pairs.collect::<Map>())
        }
    }
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
}
