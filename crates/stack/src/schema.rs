//! The JSON Schema of `mainstay.yaml`, for editors; made from the field table.

use crate::grammar::{Section, Shape};
use crate::operation::{MAINSTAY, RESERVED, sections};
use serde_json::{Map, Value, json};

/// JSON Schema, draft 2020-12.
pub fn schema() -> Value {
    let mut definitions = Map::new();
    for section in sections().into_iter().skip(1) {
        definitions.insert(section_id(section), object(section));
    }
    let mut schema = object(&MAINSTAY);
    if let Some(fields) = schema.as_object_mut() {
        fields.insert(
            "$schema".into(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
        fields.insert("title".into(), "mainstay.yaml".into());
        fields.insert("description".into(), "How a stack is operated.".into());
        fields.insert("$defs".into(), Value::Object(definitions));
    }
    if let Some(properties) = schema["properties"].as_object_mut() {
        for name in RESERVED {
            let text = format!("Reserved: section `{name}` is not supported yet.");
            properties.insert(name.into(), json!({"not": {}, "description": text}));
        }
    }
    schema
}

fn section_id(section: &Section) -> String {
    section.name.replace(' ', "-")
}

fn object(section: &Section) -> Value {
    let properties: Map<String, Value> = section
        .keys
        .iter()
        .map(|key| {
            let mut value = shape(&key.shape);
            if let Some(fields) = value.as_object_mut() {
                fields.insert("description".into(), key.text().into());
            }
            (key.name.to_owned(), value)
        })
        .collect();
    let mut object = json!({
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": false,
    });
    if section.extensions {
        object["patternProperties"] = json!({"^x-": {}});
    }
    object
}

fn shape(wanted: &Shape) -> Value {
    // What a variable will hold is not known before it is put in.
    let or_variable =
        |value: Value| json!({"anyOf": [value, {"type": "string", "pattern": r"\$"}]});
    let single = json!({"type": ["string", "number", "boolean", "null"]});
    match wanted {
        Shape::Any => json!({}),
        Shape::Text => single,
        Shape::Bool => or_variable(json!({"type": "boolean"})),
        Shape::Integer => or_variable(json!({"type": "integer", "minimum": 0})),
        Shape::Number => or_variable(json!({"type": "number", "minimum": 0})),
        Shape::Duration => or_variable(json!({
            "type": "string",
            "pattern": r"^(0|([0-9]+(\.[0-9]+)?(us|µs|ms|s|m|h|d))+)$",
        })),
        Shape::Size => or_variable(json!({
            "type": ["string", "integer"],
            "pattern": r"^[0-9]+(\.[0-9]+)? *([kKmMgGtT]([iI]?[bB])?|[bB])?$",
        })),
        Shape::Word(words) => or_variable(json!({"enum": words})),
        Shape::Section(section) => json!({"$ref": format!("#/$defs/{}", section_id(section))}),
        Shape::Named(inner) => {
            json!({"type": ["object", "null"], "additionalProperties": shape(inner)})
        }
        Shape::List(inner) => json!({"type": "array", "items": shape(inner)}),
        Shape::OneOrMore(inner) => {
            json!({"anyOf": [shape(inner), {"type": "array", "items": shape(inner)}]})
        }
        Shape::Pairs => json!({"anyOf": [
            {"type": "object", "additionalProperties": single},
            {"type": "array", "items": {"type": "string"}},
        ]}),
        Shape::Names(inner) => json!({"anyOf": [
            {"type": "array", "items": {"type": "string"}},
            {"type": "object", "additionalProperties": shape(inner)},
        ]}),
        Shape::Command => json!({"anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": ["string", "number"]}},
        ]}),
        Shape::Short(inner) => json!({"anyOf": [single, shape(inner)]}),
    }
}
