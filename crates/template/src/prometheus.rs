//! What Prometheus gives to the templates of alerts: `$labels`, `$externalLabels`, `$externalURL`,
//! `$value`, and its functions.
//!
//! Source: Prometheus's template reference. `tmpl` is there for consoles only and is refused.

use crate::arguments::{at, exactly, text, wrong};
use crate::escape;
use crate::exec::Escape;
use crate::value::{Object, Safe, Value};
use crate::{Functions, Template, TemplateError, Templates, humanize, pattern, title};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The names of the functions.
pub const NAMES: &[&str] = &[
    "args",
    "externalURL",
    "first",
    "graphLink",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "label",
    "match",
    "now",
    "parseDuration",
    "pathPrefix",
    "query",
    "reReplaceAll",
    "safeHtml",
    "sortByLabel",
    "stripDomain",
    "stripPort",
    "strvalue",
    "tableLink",
    "title",
    "toDuration",
    "toLower",
    "toTime",
    "toUpper",
    "urlQueryEscape",
    "value",
];

/// What is defined before the text of an annotation begins.
const VARIABLES: [&str; 4] = ["$labels", "$externalLabels", "$externalURL", "$value"];

/// Labels by name.
pub type LabelMap = BTreeMap<String, String>;

/// Evaluates what a template asks with `query`, at the time of the alert's evaluation.
pub trait Query {
    fn query(&self, expression: &str) -> Result<Vec<(LabelMap, f64)>, String>;
}

/// Refuses queries: for checking texts.
#[derive(Debug, Clone, Copy)]
pub struct NoQueries;

impl Query for NoQueries {
    fn query(&self, _: &str) -> Result<Vec<(LabelMap, f64)>, String> {
        Err("there is nothing to query here".to_owned())
    }
}

/// What one annotation is expanded with.
#[derive(Clone)]
pub struct Expansion<'a> {
    /// The labels of the alert's series.
    pub labels: LabelMap,
    pub external_labels: LabelMap,
    pub external_url: String,
    pub value: f64,
    /// The time of the evaluation, in milliseconds since 1970.
    pub now_ms: i64,
    pub query: &'a dyn Query,
}

impl std::fmt::Debug for Expansion<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expansion")
            .field("labels", &self.labels)
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

impl<'a> Expansion<'a> {
    /// With nothing in it but where queries go.
    pub fn new(query: &'a dyn Query) -> Self {
        Self {
            labels: LabelMap::new(),
            external_labels: LabelMap::new(),
            external_url: String::new(),
            value: 0.0,
            now_ms: 0,
            query,
        }
    }
}

/// An annotation or a label of an alerting rule, parsed.
#[derive(Debug, Clone)]
pub struct Annotation {
    templates: Templates,
    template: Template,
}

impl Annotation {
    /// `name` is what errors call the text.
    pub fn parse(name: &str, text: &str) -> Result<Self, TemplateError> {
        let templates = Templates::new(NAMES);
        let template = templates.parse(name, text, &VARIABLES)?;
        Ok(Self {
            templates,
            template,
        })
    }

    pub fn expand(&self, expansion: &Expansion<'_>) -> Result<String, TemplateError> {
        let labels = Value::text_map(&expansion.labels);
        let external_labels = Value::text_map(&expansion.external_labels);
        let external_url = Value::text(&expansion.external_url);
        let value = Value::Float(expansion.value);
        let variables = [
            (VARIABLES[0], labels.clone()),
            (VARIABLES[1], external_labels.clone()),
            (VARIABLES[2], external_url.clone()),
            (VARIABLES[3], value.clone()),
        ];
        let data = Value::object(Data {
            labels,
            external_labels,
            external_url,
            value,
        });
        self.templates
            .render(&self.template, &data, &variables, expansion, Escape::Text)
    }
}

/// `.` of an annotation.
#[derive(Debug)]
struct Data {
    labels: Value,
    external_labels: Value,
    external_url: Value,
    value: Value,
}

impl Object for Data {
    fn type_name(&self) -> &'static str {
        "struct"
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("Labels", self.labels.clone()),
            ("ExternalLabels", self.external_labels.clone()),
            ("ExternalURL", self.external_url.clone()),
            ("Value", self.value.clone()),
        ]
    }
}

/// One series of a query's answer.
#[derive(Debug, Clone)]
struct Sample {
    labels: LabelMap,
    value: f64,
}

impl Object for Sample {
    fn type_name(&self) -> &'static str {
        "*template.sample"
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("Labels", Value::text_map(&self.labels)),
            ("Value", Value::Float(self.value)),
        ]
    }

    fn as_any(&self) -> Option<&dyn std::any::Any> {
        Some(self)
    }
}

fn sample(value: &Value) -> Result<&Sample, String> {
    match value {
        Value::Object(object) => object.as_any().and_then(|any| any.downcast_ref()),
        _ => None,
    }
    .ok_or_else(|| wrong(value, "*template.sample"))
}

fn samples(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::List(list) => Ok(&list.values),
        _ => Err(wrong(value, "template.queryResult")),
    }
}

impl Functions for Expansion<'_> {
    fn names(&self) -> &'static [&'static str] {
        NAMES
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        match name {
            "query" => self.run_query(text(arguments, 0, 1)?),
            "now" => exactly::<0>(arguments).map(|_| Value::Float(self.now_ms as f64 / 1000.0)),
            "externalURL" => exactly::<0>(arguments).map(|_| Value::text(&self.external_url)),
            "pathPrefix" => exactly::<0>(arguments).map(|_| Value::from(path(&self.external_url))),
            "first" => first(at(arguments, 0, 1)?),
            "label" => {
                let (name, sample) = (text(arguments, 0, 2)?, sample(at(arguments, 1, 2)?)?);
                Ok(Value::text(
                    sample.labels.get(name).map_or("", String::as_str),
                ))
            }
            "value" => Ok(Value::Float(sample(at(arguments, 0, 1)?)?.value)),
            "strvalue" => {
                let sample = sample(at(arguments, 0, 1)?)?;
                Ok(Value::text(
                    sample.labels.get("__value__").map_or("", String::as_str),
                ))
            }
            "sortByLabel" => sort_by_label(text(arguments, 0, 2)?, at(arguments, 1, 2)?),
            "args" => {
                Ok(Value::map(arguments.iter().enumerate().map(
                    |(index, value)| (format!("arg{index}"), value.clone()),
                )))
            }
            "match" => {
                let (pattern, text) = (text(arguments, 0, 2)?, text(arguments, 1, 2)?);
                Ok(Value::Bool(pattern::compile(pattern)?.is_match(text)))
            }
            "reReplaceAll" => pattern::replace_all(
                text(arguments, 0, 3)?,
                text(arguments, 1, 3)?,
                text(arguments, 2, 3)?,
            )
            .map(Value::from),
            _ if name.starts_with("humanize") || matches!(name, "toTime" | "toDuration") => {
                numbers(name, at(arguments, 0, 1)?)
            }
            _ => texts(name, text(arguments, 0, 1)?),
        }
    }
}

impl Expansion<'_> {
    fn run_query(&self, expression: &str) -> Result<Value, String> {
        let samples = self.query.query(expression)?;
        Ok(Value::list(samples.into_iter().map(|(labels, value)| {
            Value::object(Sample { labels, value })
        })))
    }
}

fn first(value: &Value) -> Result<Value, String> {
    samples(value)?
        .first()
        .cloned()
        .ok_or_else(|| "first() called on vector with no elements".to_owned())
}

fn sort_by_label(name: &str, value: &Value) -> Result<Value, String> {
    let mut keyed = Vec::new();
    for value in samples(value)? {
        let key = sample(value)?.labels.get(name).cloned();
        keyed.push((key.unwrap_or_default(), value.clone()));
    }
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Value::list(keyed.into_iter().map(|(_, value)| value)))
}

/// Functions of a number.
fn numbers(name: &str, value: &Value) -> Result<Value, String> {
    let value = humanize::to_float(value)?;
    Ok(match name {
        "humanize" => Value::from(humanize::humanize(value)),
        "humanize1024" => Value::from(humanize::humanize_1024(value)),
        "humanizeDuration" => Value::from(humanize::humanize_duration(value)),
        "humanizePercentage" => Value::from(humanize::humanize_percentage(value)),
        "humanizeTimestamp" => Value::from(humanize::humanize_timestamp(value)?),
        "toTime" => Value::Time(humanize::to_time(value)?),
        _ => Value::Duration((value * 1e9) as i64),
    })
}

/// Functions of a text.
fn texts(name: &str, text: &str) -> Result<Value, String> {
    Ok(Value::from(match name {
        "title" => title::title(text, false),
        "toUpper" => text.to_uppercase(),
        "toLower" => text.to_lowercase(),
        "stripPort" => strip_port(text),
        "stripDomain" => strip_domain(text),
        "urlQueryEscape" => escape::url_query(text),
        "graphLink" => format!("/graph?g0.expr={}&g0.tab=0", escape::url_query(text)),
        "tableLink" => format!("/graph?g0.expr={}&g0.tab=1", escape::url_query(text)),
        "safeHtml" => return Ok(Value::Safe(Safe::Html, Arc::from(text))),
        "parseDuration" => return parse_duration(text).map(Value::Float),
        _ => return Err(format!("{name} is not a function")),
    }))
}

/// The path of a URL.
fn path(url: &str) -> String {
    let behind = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = behind.find('/').map_or("", |slash| &behind[slash..]);
    path.split(['?', '#']).next().unwrap_or("").to_owned()
}

/// Host and port, where both are there, as Go's `net.SplitHostPort` takes them apart.
fn split_host_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']')?;
        return (!inner.contains(['[', ']'])).then_some((inner, port));
    }
    (!host.contains([':', '[', ']']) && !port.contains(['[', ']'])).then_some((host, port))
}

fn strip_port(text: &str) -> String {
    split_host_port(text)
        .map_or(text, |(host, _)| host)
        .to_owned()
}

fn strip_domain(text: &str) -> String {
    let (host, port) = split_host_port(text).unwrap_or((text, ""));
    if host.parse::<std::net::IpAddr>().is_ok() {
        return text.to_owned();
    }
    let host = host.split('.').next().unwrap_or("");
    match port {
        "" => host.to_owned(),
        port => format!("{host}:{port}"),
    }
}

/// Prometheus's durations, `1h30m` or `-5m`, in seconds.
fn parse_duration(text: &str) -> Result<f64, String> {
    const UNITS: [(&str, i64); 7] = [
        ("y", 31_536_000_000),
        ("w", 604_800_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    let bad = || format!("not a valid duration string: {text:?}");
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    match rest {
        "" => return Err("empty duration string".to_owned()),
        "0" => return Ok(0.0),
        _ => {}
    }
    let (mut millis, mut from) = (0_i64, 0);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().map_err(|_| bad())?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = UNITS
            .iter()
            .position(|(unit, _)| *unit == &rest[..letters])
            .filter(|unit| *unit >= from)
            .ok_or_else(bad)?;
        from = unit + 1;
        rest = &rest[letters..];
        millis = number
            .checked_mul(UNITS[unit].1)
            .and_then(|part| millis.checked_add(part))
            .filter(|millis| *millis <= i64::MAX / 1_000_000)
            .ok_or_else(|| "duration out of range".to_owned())?;
    }
    Ok(sign * millis as f64 / 1000.0)
}
