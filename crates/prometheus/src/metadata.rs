//! `metadata` and `targets/metadata`.

use std::collections::BTreeMap;

use axum::extract::State;
use mainstay_series::Matcher;

use crate::failure::Failure;
use crate::form::Form;
use crate::json::Json;
use crate::params;
use crate::reply::{Answered, Reply};
use crate::routes::Api;
use crate::sources::{MetricMetadata, TargetMetadata};

pub(crate) async fn metrics(State(api): State<Api>, form: Form) -> Answered {
    let limit = bound(&form, "limit")?;
    let per_metric = bound(&form, "limit_per_metric")?.filter(|limit| *limit > 0);
    let limit = limit.unwrap_or(usize::MAX);
    api.lookup(move |sources| {
        let found = sources.targets.metadata(metric(&form));
        by_metric(found, limit, per_metric.unwrap_or(usize::MAX))
    })
    .await
}

fn by_metric(found: Vec<MetricMetadata>, limit: usize, per_metric: usize) -> Reply {
    let mut by_metric: BTreeMap<String, Vec<MetricMetadata>> = BTreeMap::new();
    for metadata in found {
        let all = by_metric.entry(metadata.metric.clone()).or_default();
        if all.len() < per_metric && !all.contains(&metadata) {
            all.push(metadata);
        }
    }
    Reply::data(|json| {
        json.open('{');
        for (metric, all) in by_metric.iter().take(limit) {
            json.key(metric).open('[');
            for metadata in all {
                json.open('{');
                write(json, metadata);
                json.close('}');
            }
            json.close(']');
        }
        json.close('}');
    })
}

pub(crate) async fn of_targets(State(api): State<Api>, form: Form) -> Answered {
    let limit = bound(&form, "limit")?.unwrap_or(usize::MAX);
    let matchers = match form.first("match_target") {
        "" => Vec::new(),
        text => {
            params::selector(text).map_err(|reason| Failure::parameter("match_target", reason))?
        }
    };
    api.lookup(move |sources| {
        let metric = metric(&form);
        let all = sources.targets.target_metadata(metric);
        let meets = |one: &&TargetMetadata| {
            let meets = |m: &Matcher| m.matches(one.target.get(m.name()).unwrap_or(""));
            matchers.iter().all(meets)
        };
        Reply::data(|json| {
            json.open('[');
            for one in all.iter().filter(meets).take(limit) {
                json.open('{').key("target").labels(&one.target);
                if metric.is_none() {
                    json.key("metric").text(&one.metadata.metric);
                }
                write(json, &one.metadata);
                json.close('}');
            }
            json.close(']');
        })
    })
    .await
}

fn metric(form: &Form) -> Option<&str> {
    Some(form.first("metric")).filter(|metric| !metric.is_empty())
}

/// A limit of which less than nothing is no limit, as Prometheus has it here.
fn bound(form: &Form, name: &str) -> Result<Option<usize>, Failure> {
    match form.first(name) {
        "" => Ok(None),
        text => match params::whole_number(text) {
            Ok(number) => Ok(usize::try_from(number).ok()),
            Err(_) => Err(Failure::bad_data(format!("{name} must be a number"))),
        },
    }
}

fn write(json: &mut Json, metadata: &MetricMetadata) {
    json.key("type").text(&metadata.kind);
    json.key("help").text(&metadata.help);
    json.key("unit").text(&metadata.unit);
}
