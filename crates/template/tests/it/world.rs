//! The data and functions that the comparison with Go renders with; `tests/peer/main.go` has the
//! same.

use mainstay_template::{
    Elements, Escape, Functions, Object, Safe, TemplateError, Templates, Time, Value,
};
use std::collections::BTreeMap;

const NAMES: &[&str] = &["toUpper", "join", "safeHtml", "safeUrl", "fail", "list"];

struct World;

impl Functions for World {
    fn names(&self) -> &'static [&'static str] {
        NAMES
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        match (name, arguments) {
            ("list", all) => Ok(Value::list(all.iter().cloned())),
            ("fail", []) => Err("failed".to_owned()),
            ("toUpper", [Value::Text(text)]) => Ok(Value::from(text.to_uppercase())),
            ("safeHtml", [Value::Text(text)]) => Ok(Value::Safe(Safe::Html, text.clone())),
            ("safeUrl", [Value::Text(text)]) => Ok(Value::Safe(Safe::Url, text.clone())),
            ("join", [Value::Text(_), Value::Nil]) => Ok(Value::text("")),
            ("join", [Value::Text(by), Value::List(all)]) if all.elements == Elements::Text => {
                let texts: Vec<_> = all.values.iter().filter_map(Value::as_text).collect();
                Ok(Value::from(texts.join(by)))
            }
            _ => Err("wrong type of arguments".to_owned()),
        }
    }
}

#[derive(Debug)]
struct Labels(BTreeMap<String, String>);

impl Object for Labels {
    fn type_name(&self) -> &'static str {
        "main.labels"
    }

    fn method(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        match (name, arguments) {
            ("Names", []) => Some(Ok(Value::texts(self.0.keys()))),
            ("With", [Value::Text(name), Value::Text(value)]) => {
                let mut labels = self.0.clone();
                labels.insert(name.to_string(), value.to_string());
                Some(Ok(Value::object(Self(labels))))
            }
            ("Names" | "With", _) => Some(Err("wrong arguments".to_owned())),
            _ => None,
        }
    }

    fn plain(&self) -> Option<Value> {
        Some(Value::text_map(&self.0))
    }
}

/// A structure of fields.
#[derive(Debug)]
struct Structure(&'static str, Vec<(&'static str, Value)>);

impl Object for Structure {
    fn type_name(&self) -> &'static str {
        self.0
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        self.1.clone()
    }
}

fn pair(name: &str, value: &str) -> Value {
    let fields = vec![("Name", Value::text(name)), ("Value", Value::text(value))];
    Value::object(Structure("main.pair", fields))
}

/// What `.` is.
pub(crate) fn data() -> Value {
    let labels = [("job", "web"), ("alertname", "Down")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let inner = Value::map([("k", Value::text("v"))]);
    let at = Time::from_millis(1_706_933_106_007).unwrap();
    Value::object(Structure(
        "main.data",
        vec![
            ("Int", Value::Int(42)),
            ("Zero", Value::Int(0)),
            ("Neg", Value::Int(-7)),
            ("Float", Value::Float(3.25)),
            ("Big", Value::Float(12_345_678.9)),
            ("Small", Value::Float(0.000_012_34)),
            ("Text", Value::text("héllo wörld")),
            ("Empty", Value::text("")),
            ("Markup", Value::text("<b class=\"x\">A&B's</b>")),
            ("Link", Value::text("https://example.com/a b?q=1&r=ü#f")),
            ("Yes", Value::Bool(true)),
            ("No", Value::Bool(false)),
            ("Nil", Value::Nil),
            ("Texts", Value::texts(["a", "b", "c"])),
            ("None", Value::texts::<&str>([])),
            (
                "List",
                Value::list([
                    Value::Int(1),
                    Value::text("two"),
                    Value::Float(3.5),
                    Value::Nil,
                    Value::Bool(true),
                    Value::list([Value::Int(1), Value::Int(2)]),
                ]),
            ),
            ("Map", Value::text_map([("b", "2"), ("a", "1")])),
            (
                "Any",
                Value::map([("n", Value::Int(1)), ("t", Value::text("x")), ("m", inner)]),
            ),
            ("Labels", Value::object(Labels(labels.into()))),
            ("Pair", pair("k", "v")),
            ("Pairs", Value::list([pair("a", "1"), pair("b", "2")])),
            ("Wait", Value::Duration(5_401_500_000_000)),
            ("At", Value::Time(at)),
        ],
    ))
}

/// Renders a text with all of it.
pub(crate) fn render(text: &str, escape: Escape) -> Result<String, TemplateError> {
    let templates = Templates::new(NAMES);
    let template = templates.parse("case", text, &[])?;
    templates.render(&template, &data(), &[], &World, escape)
}
