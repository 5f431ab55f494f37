//! `env diff`: two resolved stacks, field by field.
//!
//! Values are compared as they are and shown as they may be shown: of a secret it is said that it
//! differs, and nothing else.

use super::super::Context;
use crate::arguments::{ReleaseOptions, StackArguments};
use crate::failure::{Failure, Outcome};
use crate::project;
use crate::render::environments as render;
use crate::render::stack::readable;
use mainstay_model::EnvironmentName;
use mainstay_stack::HIDDEN;
use serde::Serialize;
use serde_json::Value;

/// One field that is not the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    pub field: String,
    /// `None`: it is not there.
    pub first: Option<Value>,
    pub second: Option<Value>,
    /// The values are not shown.
    pub secret: bool,
}

pub fn diff(context: &Context, first: &EnvironmentName, second: &EnvironmentName) -> Outcome {
    let place = context.place(None)?;
    let stack = |name: &EnvironmentName| {
        super::find(&place, name)?;
        let place = place.in_environment(name);
        let arguments = StackArguments::default();
        let resolved = project::resolve(&place, &arguments, &ReleaseOptions::default())?;
        let value = |stack| {
            serde_json::to_value(stack)
                .map_err(|error| Failure::bug("the stack does not encode").because(&error))
        };
        Ok::<_, Failure>((value(&resolved.stack)?, value(&resolved.stack.redacted())?))
    };
    let ((a, shown_a), (b, shown_b)) = (stack(first)?, stack(second)?);
    let mut found = Vec::new();
    compare("", Some((&a, &shown_a)), Some((&b, &shown_b)), &mut found);
    found.retain(|difference| difference.field != "environment");
    context.output.either(&found, |look| {
        render::diff(first.as_str(), second.as_str(), &found, look)
    })
}

/// The value itself, and what may be shown of it.
type Side<'a> = Option<(&'a Value, &'a Value)>;

fn compare(path: &str, a: Side<'_>, b: Side<'_>, found: &mut Vec<Difference>) {
    if a.map(|(value, _)| value) == b.map(|(value, _)| value) {
        return;
    }
    if let (Some((Value::Object(left), shown_left)), Some((Value::Object(right), shown_right))) =
        (a, b)
    {
        let extra = right.keys().filter(|key| !left.contains_key(*key));
        for key in left.keys().chain(extra) {
            let side = |map: &'_ serde_json::Map<String, Value>| map.contains_key(key);
            let a = side(left).then(|| (&left[key], &shown_left[key]));
            let b = side(right).then(|| (&right[key], &shown_right[key]));
            let inner = match (path, key.as_str()) {
                ("", _) => key.clone(),
                // A variable is a value with a flag; the flag is no field of the user's.
                (_, "text" | "secret") if path.contains(".environment.") => path.to_owned(),
                _ => format!("{path}.{key}"),
            };
            compare(&inner, a, b, found);
        }
        return;
    }
    let (first, second) = (a.map(|(_, shown)| shown), b.map(|(_, shown)| shown));
    let hidden =
        |side: Option<&Value>| side.is_some_and(|value| value.to_string().contains(HIDDEN));
    let field = path.trim_start_matches('.').to_owned();
    if found.iter().any(|known| known.field == field) {
        return;
    }
    found.push(Difference {
        secret: hidden(first) || hidden(second),
        first: first.map(|value| with_units(&field, value)),
        second: second.map(|value| with_units(&field, value)),
        field,
    });
}

/// A number of milliseconds or bytes in the words of the files.
fn with_units(field: &str, value: &Value) -> Value {
    let key = field.rsplit('.').next().unwrap_or_default();
    let one = serde_json::json!({ key: value });
    let mut readable = readable(one);
    match readable.get_mut(key) {
        Some(value) => value.take(),
        None => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(a: &Value, b: &Value, shown_a: &Value, shown_b: &Value) -> Vec<Difference> {
        let mut found = Vec::new();
        compare("", Some((a, shown_a)), Some((b, shown_b)), &mut found);
        found
    }

    #[test]
    fn only_what_differs_is_told_and_no_secret() {
        let stack = |replicas: u32, password: &str, drain: u64| {
            json!({"services": {"app": {
                "replicas": replicas,
                "image": "same",
                "environment": {"DB_PASSWORD": {"text": password, "secret": true}},
            }}, "deploy": {"drain": drain}})
        };
        let (a, b) = (
            stack(1, "hunter2", 10_000),
            stack(3, "correcthorse", 30_000),
        );
        let (shown_a, shown_b) = (stack(1, HIDDEN, 10_000), stack(3, HIDDEN, 30_000));
        let found = found(&a, &b, &shown_a, &shown_b);
        let fields: Vec<&str> = found.iter().map(|one| one.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "deploy.drain",
                "services.app.environment.DB_PASSWORD",
                "services.app.replicas"
            ]
        );
        assert!(found[1].secret && !found[0].secret);
        assert_eq!(found[0].first, Some(json!("10s")));
        let all = serde_json::to_string(&found).unwrap();
        assert!(!all.contains("hunter2") && !all.contains("correcthorse"));
    }

    #[test]
    fn what_is_on_one_side_only_is_a_difference() {
        let (a, b) = (
            json!({"services": {}}),
            json!({"services": {"db": {"replicas": 1}}}),
        );
        let found = found(&a, &b, &a, &b);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].field.as_str(), &found[0].first),
            ("services.db", &None)
        );
    }
}
