//! The values that templates work on.
//!
//! Go's templates look into any Go value by reflection. Here the kinds that Prometheus and
//! Alertmanager hand to templates are an enum, and types with fields and methods of their own
//! implement [`Object`]. Cloning is cheap: what is large is shared.

use crate::time::Time;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// One value.
#[derive(Debug, Clone)]
pub enum Value {
    /// No value at all; printed as `<no value>`.
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    /// Text that HTML escaping lets pass where its kind fits.
    Safe(Safe, Arc<str>),
    List(Arc<List>),
    Map(Arc<Map>),
    Time(Time),
    /// In nanoseconds, as Go counts.
    Duration(i64),
    Object(Arc<dyn Object>),
}

/// What a safe text is safe as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safe {
    Html,
    Url,
}

/// What a list or a map holds; it decides what a missing key gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elements {
    /// Texts only: a missing key gives an empty text.
    Text,
    /// Anything: a missing key gives no value.
    Any,
}

/// Values in a row.
#[derive(Debug, Clone)]
pub struct List {
    pub values: Vec<Value>,
    pub elements: Elements,
    shape: Shape,
}

/// Values by name, walked in the order of their names.
#[derive(Debug, Clone)]
pub struct Map {
    pub entries: BTreeMap<String, Value>,
    pub elements: Elements,
    shape: Shape,
}

/// How deep a value is and how large it would be if it was written out: values share their parts,
/// so that a short template can make one that no memory holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shape {
    pub(crate) depth: u32,
    pub(crate) weight: u64,
}

impl Shape {
    fn around<'a>(values: impl Iterator<Item = &'a Value>) -> Self {
        let mut all = Self::default();
        for value in values {
            let shape = value.shape();
            all.depth = all.depth.max(shape.depth);
            all.weight = all.weight.saturating_add(shape.weight);
        }
        Self {
            depth: all.depth + 1,
            weight: all.weight.saturating_add(1),
        }
    }
}

/// A type of its own: Go's named and structured types.
pub trait Object: fmt::Debug + Send + Sync {
    /// As Go calls it: `template.KV`.
    fn type_name(&self) -> &'static str;

    /// A method, called; `None` where there is none of this name.
    fn method(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let _ = (name, arguments);
        None
    }

    /// Names and values in the order in which they are declared: a structure.
    fn fields(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// The list, map, text or number that this is below its name; a structure has none.
    fn plain(&self) -> Option<Value> {
        None
    }

    /// How it prints itself, if it does (Go's `String`).
    fn text(&self) -> Option<String> {
        None
    }

    /// For functions that take only this type.
    fn as_any(&self) -> Option<&dyn std::any::Any> {
        None
    }

    /// What a field is called in JSON.
    fn json_name(&self, field: &'static str) -> &'static str {
        field
    }
}

impl Value {
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Arc::from(text.as_ref()))
    }

    /// Anything in a row.
    pub fn list(values: impl IntoIterator<Item = Value>) -> Self {
        Self::list_of(values, Elements::Any)
    }

    /// Texts in a row.
    pub fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::list_of(texts.into_iter().map(Value::text), Elements::Text)
    }

    pub(crate) fn list_of(values: impl IntoIterator<Item = Value>, elements: Elements) -> Self {
        let values: Vec<_> = values.into_iter().collect();
        let shape = Shape::around(values.iter());
        Self::List(Arc::new(List {
            values,
            elements,
            shape,
        }))
    }

    /// Anything by name.
    pub fn map<N: Into<String>>(entries: impl IntoIterator<Item = (N, Value)>) -> Self {
        let entries = entries
            .into_iter()
            .map(|(name, value)| (name.into(), value));
        Self::map_of(entries.collect(), Elements::Any)
    }

    /// Texts by name: labels.
    pub fn text_map<N: Into<String>, V: AsRef<str>>(
        entries: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let entries = entries
            .into_iter()
            .map(|(name, value)| (name.into(), Value::text(value)));
        Self::map_of(entries.collect(), Elements::Text)
    }

    fn map_of(entries: BTreeMap<String, Value>, elements: Elements) -> Self {
        let shape = Shape::around(entries.values());
        Self::Map(Arc::new(Map {
            entries,
            elements,
            shape,
        }))
    }

    pub(crate) fn shape(&self) -> Shape {
        match self {
            Self::Text(text) | Self::Safe(_, text) => Shape {
                depth: 0,
                weight: text.len() as u64 + 1,
            },
            Self::List(list) => list.shape,
            Self::Map(map) => map.shape,
            _ => Shape {
                depth: 0,
                weight: 1,
            },
        }
    }

    /// What it costs to look at it once, in steps.
    pub(crate) fn cost(&self) -> usize {
        match self {
            Self::Text(text) | Self::Safe(_, text) => text.len() / 64,
            Self::List(list) => list.values.len(),
            Self::Map(map) => map.entries.len(),
            _ => 0,
        }
    }

    pub fn object(object: impl Object + 'static) -> Self {
        Self::Object(Arc::new(object))
    }

    /// The text of a text, whatever it is safe as.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Safe(_, text) => Some(text),
            _ => None,
        }
    }

    /// What stands below the names of types.
    pub(crate) fn plain(&self) -> Value {
        match self {
            Self::Object(object) => object.plain().unwrap_or_else(|| self.clone()),
            _ => self.clone(),
        }
    }

    /// As Go names the type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Safe(Safe::Html, _) => "template.HTML",
            Self::Safe(Safe::Url, _) => "template.URL",
            Self::List(list) if list.elements == Elements::Text => "[]string",
            Self::List(_) => "[]interface {}",
            Self::Map(map) if map.elements == Elements::Text => "map[string]string",
            Self::Map(_) => "map[string]interface {}",
            Self::Time(_) => "time.Time",
            Self::Duration(_) => "time.Duration",
            Self::Object(object) => object.type_name(),
        }
    }

    /// Whether `if` takes it for true: what is not zero and not empty.
    pub(crate) fn truth(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) | Self::Duration(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) | Self::Safe(_, text) => !text.is_empty(),
            Self::List(list) => !list.values.is_empty(),
            Self::Map(map) => !map.entries.is_empty(),
            Self::Time(_) => true,
            Self::Object(object) => object.plain().is_none_or(|plain| plain.truth()),
        }
    }
}

impl Map {
    /// The value of a key; of one that is missing the zero of what the map holds.
    pub(crate) fn get(&self, key: &str) -> Value {
        self.entries
            .get(key)
            .cloned()
            .unwrap_or_else(|| match self.elements {
                Elements::Text => Value::text(""),
                Elements::Any => Value::Nil,
            })
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Arc::from(text))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
