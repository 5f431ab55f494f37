//! The data of a notification: alerts, their labels, what they have in common.

use crate::Time;
use crate::arguments::{exactly, text, wrong};
use crate::builtin;
use crate::value::{Object, Value};
use std::collections::BTreeMap;

/// Labels or annotations by name.
pub type LabelMap = BTreeMap<String, String>;

/// The label that names an alert; it is the first of sorted pairs.
const ALERT_NAME: &str = "alertname";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Firing,
    Resolved,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// One alert of a notification.
#[derive(Debug, Clone)]
pub struct Alert {
    pub status: Status,
    pub labels: LabelMap,
    pub annotations: LabelMap,
    pub starts_at: Time,
    /// Zero as long as nobody knows.
    pub ends_at: Time,
    pub generator_url: String,
    /// Of the labels, in sixteen hexadecimal digits.
    pub fingerprint: String,
}

/// One notification.
#[derive(Debug, Clone)]
pub struct Data {
    /// The receiver's name.
    pub receiver: String,
    /// Firing as long as one alert is.
    pub status: Status,
    pub alerts: Vec<Alert>,
    pub group_labels: LabelMap,
    pub common_labels: LabelMap,
    pub common_annotations: LabelMap,
    pub external_url: String,
}

impl Data {
    /// A notification of these alerts: status and common labels follow from them. As with
    /// Alertmanager, what has a meaning in a regular expression is escaped in the receiver's name.
    pub fn new(
        receiver: &str,
        external_url: &str,
        group_labels: LabelMap,
        alerts: Vec<Alert>,
    ) -> Self {
        let firing = alerts.iter().any(|alert| alert.status == Status::Firing);
        Self {
            receiver: quote_meta(receiver),
            status: if firing {
                Status::Firing
            } else {
                Status::Resolved
            },
            common_labels: common(alerts.iter().map(|alert| &alert.labels)),
            common_annotations: common(alerts.iter().map(|alert| &alert.annotations)),
            alerts,
            group_labels,
            external_url: external_url.to_owned(),
        }
    }

    /// As a webhook is told it, and `toJson .` has it.
    pub fn json(&self) -> serde_json::Value {
        let mut budget = usize::MAX;
        super::json::tree(&self.value(), &mut budget).unwrap_or_default()
    }

    pub(crate) fn value(&self) -> Value {
        let alerts = self.alerts.iter();
        let alerts: Vec<_> = alerts.map(|alert| (alert.status, alert.value())).collect();
        Value::object(Shown {
            kind: "*template.Data",
            fields: vec![
                ("Receiver", Value::text(&self.receiver)),
                ("Status", Value::text(self.status.as_str())),
                ("Alerts", Value::object(Alerts::new(&alerts))),
                ("GroupLabels", Kv::value(&self.group_labels)),
                ("CommonLabels", Kv::value(&self.common_labels)),
                ("CommonAnnotations", Kv::value(&self.common_annotations)),
                ("ExternalURL", Value::text(&self.external_url)),
            ],
        })
    }
}

impl Alert {
    fn value(&self) -> Value {
        Value::object(Shown {
            kind: "template.Alert",
            fields: vec![
                ("Status", Value::text(self.status.as_str())),
                ("Labels", Kv::value(&self.labels)),
                ("Annotations", Kv::value(&self.annotations)),
                ("StartsAt", Value::Time(self.starts_at.clone())),
                ("EndsAt", Value::Time(self.ends_at.clone())),
                ("GeneratorURL", Value::text(&self.generator_url)),
                ("Fingerprint", Value::text(&self.fingerprint)),
            ],
        })
    }
}

/// What all of them have with the same value.
fn common<'a>(mut all: impl Iterator<Item = &'a LabelMap>) -> LabelMap {
    let mut common = all.next().cloned().unwrap_or_default();
    for labels in all {
        common.retain(|name, value| labels.get(name) == Some(value));
    }
    common
}

/// As Go's `regexp.QuoteMeta`.
fn quote_meta(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// [`Data`] and [`Alert`] as templates see them.
#[derive(Debug)]
struct Shown {
    kind: &'static str,
    fields: Vec<(&'static str, Value)>,
}

impl Object for Shown {
    fn type_name(&self) -> &'static str {
        self.kind
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        self.fields.clone()
    }

    fn json_name(&self, field: &'static str) -> &'static str {
        json_name(field)
    }
}

/// The names of fields in a webhook's JSON.
fn json_name(field: &'static str) -> &'static str {
    match field {
        "Receiver" => "receiver",
        "Status" => "status",
        "Alerts" => "alerts",
        "GroupLabels" => "groupLabels",
        "CommonLabels" => "commonLabels",
        "CommonAnnotations" => "commonAnnotations",
        "ExternalURL" => "externalURL",
        "Labels" => "labels",
        "Annotations" => "annotations",
        "StartsAt" => "startsAt",
        "EndsAt" => "endsAt",
        "GeneratorURL" => "generatorURL",
        "Fingerprint" => "fingerprint",
        field => field,
    }
}

/// `.Alerts`, with `.Firing` and `.Resolved`.
#[derive(Debug)]
struct Alerts {
    all: Value,
    firing: Value,
    resolved: Value,
}

impl Alerts {
    fn new(alerts: &[(Status, Value)]) -> Self {
        let of = |status| {
            let alerts = alerts.iter().filter(|(own, _)| *own == status);
            Value::list(alerts.map(|(_, alert)| alert.clone()))
        };
        Self {
            all: Value::list(alerts.iter().map(|(_, alert)| alert.clone())),
            firing: of(Status::Firing),
            resolved: of(Status::Resolved),
        }
    }
}

impl Object for Alerts {
    fn type_name(&self) -> &'static str {
        "template.Alerts"
    }

    fn method(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let alerts = match name {
            "Firing" => &self.firing,
            "Resolved" => &self.resolved,
            _ => return None,
        };
        Some(exactly::<0>(arguments).map(|_| alerts.clone()))
    }

    fn plain(&self) -> Option<Value> {
        Some(self.all.clone())
    }
}

/// Labels, with `.SortedPairs`, `.Names`, `.Values` and `.Remove`.
#[derive(Debug)]
struct Kv {
    labels: LabelMap,
    plain: Value,
}

impl Kv {
    fn value(labels: &LabelMap) -> Value {
        Value::object(Self {
            labels: labels.clone(),
            plain: Value::text_map(labels),
        })
    }

    /// The alert's name first, the others sorted.
    fn pairs(&self) -> Pairs {
        let named = self.labels.get_key_value(ALERT_NAME).into_iter();
        let others = self.labels.iter().filter(|(name, _)| *name != ALERT_NAME);
        Pairs(
            named
                .chain(others)
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        )
    }

    fn without(&self, names: &Value) -> Result<Value, String> {
        let names = builtin::texts(names).ok_or_else(|| wrong(names, "[]string"))?;
        let mut labels = self.labels.clone();
        labels.retain(|name, _| !names.contains(name));
        Ok(Self::value(&labels))
    }
}

impl Object for Kv {
    fn type_name(&self) -> &'static str {
        "template.KV"
    }

    fn method(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        Some(match name {
            "SortedPairs" => exactly::<0>(arguments).map(|_| Value::object(self.pairs())),
            "Names" => exactly::<0>(arguments).map(|_| self.pairs().names()),
            "Values" => exactly::<0>(arguments).map(|_| self.pairs().values()),
            "String" => exactly::<0>(arguments).map(|_| Value::from(self.pairs().shown())),
            "Remove" => exactly::<1>(arguments).and_then(|[names]| self.without(names)),
            _ => return None,
        })
    }

    fn plain(&self) -> Option<Value> {
        Some(self.plain.clone())
    }

    fn text(&self) -> Option<String> {
        Some(self.pairs().shown())
    }
}

/// Labels in a row, with `.Names` and `.Values`.
#[derive(Debug)]
struct Pairs(Vec<(String, String)>);

impl Pairs {
    fn names(&self) -> Value {
        Value::object(Strings(
            self.0.iter().map(|(name, _)| name.clone()).collect(),
        ))
    }

    fn values(&self) -> Value {
        Value::object(Strings(
            self.0.iter().map(|(_, value)| value.clone()).collect(),
        ))
    }

    fn shown(&self) -> String {
        let pairs: Vec<_> = self
            .0
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join(", ")
    }
}

impl Object for Pairs {
    fn type_name(&self) -> &'static str {
        "template.Pairs"
    }

    fn method(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        Some(match name {
            "Names" => exactly::<0>(arguments).map(|_| self.names()),
            "Values" => exactly::<0>(arguments).map(|_| self.values()),
            "String" => exactly::<0>(arguments).map(|_| Value::from(self.shown())),
            _ => return None,
        })
    }

    fn plain(&self) -> Option<Value> {
        Some(Value::list(self.0.iter().map(|(name, value)| {
            Value::object(Pair {
                name: name.clone(),
                value: value.clone(),
            })
        })))
    }

    fn text(&self) -> Option<String> {
        Some(self.shown())
    }
}

#[derive(Debug)]
struct Pair {
    name: String,
    value: String,
}

impl Object for Pair {
    fn type_name(&self) -> &'static str {
        "template.Pair"
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("Name", Value::text(&self.name)),
            ("Value", Value::text(&self.value)),
        ]
    }
}

/// Texts in a row, with `.Join`.
#[derive(Debug)]
struct Strings(Vec<String>);

impl Object for Strings {
    fn type_name(&self) -> &'static str {
        "template.Strings"
    }

    fn method(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        (name == "Join").then(|| text(arguments, 0, 1).map(|by| Value::from(self.0.join(by))))
    }

    fn plain(&self) -> Option<Value> {
        Some(Value::texts(&self.0))
    }
}
