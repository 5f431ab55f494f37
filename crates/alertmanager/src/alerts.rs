//! `/api/v2/alerts` and `/api/v2/alerts/groups`.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use mainstay_alert::engine::{AlertState, AlertView, PostedAlert};
use mainstay_model::Timestamp;
use mainstay_series::Labels;
use serde::{Deserialize, Serialize};

use crate::asked::Asked;
use crate::blocking::Api;
use crate::reply::{Answered, Failure, json};

type Pairs = Vec<(String, String)>;
type Texts = BTreeMap<String, String>;

#[derive(Debug, Serialize)]
pub(crate) struct Receiver {
    pub(crate) name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    inhibited_by: Vec<String>,
    muted_by: Vec<String>,
    silenced_by: Vec<String>,
    state: AlertState,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    annotations: Texts,
    ends_at: Timestamp,
    fingerprint: String,
    receivers: Vec<Receiver>,
    starts_at: Timestamp,
    status: Status,
    updated_at: Timestamp,
    #[serde(rename = "generatorURL", skip_serializing_if = "String::is_empty")]
    generator_url: String,
    labels: Texts,
}

#[derive(Debug, Serialize)]
struct Group {
    alerts: Vec<Alert>,
    labels: Texts,
    receiver: Receiver,
}

/// As a sender says it. Times may be left out, and the year 1 is the same.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    labels: Texts,
    #[serde(default)]
    annotations: Option<Texts>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: Option<String>,
}

pub(crate) async fn list(State(api): State<Api>, Query(pairs): Query<Pairs>) -> Answered {
    let asked = Asked::read(&pairs)?;
    let work = move |source: &dyn crate::Alerting| {
        let alerts = source.alerts().into_iter().filter(|view| {
            let receiver = |name: &String| asked.wants_receiver(name);
            view.receivers.iter().any(receiver) && wanted(&asked, view)
        });
        Ok(alerts.map(Alert::from).collect::<Vec<_>>())
    };
    Ok(json(&api.ask(work).await?))
}

pub(crate) async fn groups(State(api): State<Api>, Query(pairs): Query<Pairs>) -> Answered {
    let asked = Asked::read(&pairs)?;
    let work = move |source: &dyn crate::Alerting| {
        let mut groups = Vec::new();
        for group in source.groups() {
            if !asked.wants_receiver(&group.receiver) {
                continue;
            }
            let wanted = group.alerts.into_iter().filter(|view| wanted(&asked, view));
            // Here Alertmanager names the receivers that were asked for, sorted.
            let alerts = wanted.map(|mut view| {
                view.receivers.retain(|name| asked.wants_receiver(name));
                view.receivers.sort();
                view
            });
            let alerts: Vec<Alert> = alerts.map(Alert::from).collect();
            if !alerts.is_empty() {
                let labels = texts(&group.labels);
                groups.push(Group {
                    alerts,
                    labels,
                    receiver: Receiver {
                        name: group.receiver,
                    },
                });
            }
        }
        Ok(groups)
    };
    Ok(json(&api.ask(work).await?))
}

pub(crate) async fn post(State(api): State<Api>, body: Bytes) -> Answered {
    let posted: Vec<Posted> = serde_json::from_slice(&body)
        .map_err(|error| Failure::bad(format!("parsing alerts body failed: {error}")))?;
    let alerts: Result<Vec<PostedAlert>, Failure> = posted.into_iter().map(read).collect();
    let alerts = alerts?;
    let errors = api.ask(move |source| Ok(source.post(alerts)?)).await?;
    if errors.is_empty() {
        return Ok(StatusCode::OK.into_response());
    }
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    Err(Failure::bad(errors.join("; ")))
}

fn read(posted: Posted) -> Result<PostedAlert, Failure> {
    if posted.labels.contains_key("") {
        return Err(Failure::bad("a label has no name"));
    }
    Ok(PostedAlert {
        labels: Labels::from_pairs(posted.labels),
        annotations: posted.annotations.unwrap_or_default(),
        starts_at: time(posted.starts_at.as_deref())?,
        ends_at: time(posted.ends_at.as_deref())?,
        generator_url: posted.generator_url.unwrap_or_default(),
    })
}

/// RFC 3339; nothing and Go's zero time are none.
pub(crate) fn time(text: Option<&str>) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let time: jiff::Timestamp = text.parse().map_err(|_| {
        let shown: String = text.chars().take(40).collect();
        Failure::bad(format!(
            "`{shown}` is no time: write `2026-01-31T12:00:00Z`"
        ))
    })?;
    let zero = text.starts_with("0001-01-01T00:00:00");
    Ok((!zero).then(|| Timestamp::from_millis(time.as_millisecond())))
}

fn wanted(asked: &Asked, view: &AlertView) -> bool {
    let state = match view.state {
        AlertState::Active => asked.active,
        AlertState::Unprocessed => asked.unprocessed,
        AlertState::Suppressed => true,
    };
    state
        && (asked.silenced || view.silenced_by.is_empty())
        && (asked.inhibited || view.inhibited_by.is_empty())
        && (asked.muted || view.muted_by.is_empty())
        && asked.wants_labels(&view.alert.labels)
}

fn texts(labels: &Labels) -> Texts {
    labels
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

impl From<AlertView> for Alert {
    fn from(view: AlertView) -> Self {
        let receivers = view
            .receivers
            .into_iter()
            .map(|name| Receiver { name })
            .collect();
        Self {
            labels: texts(&view.alert.labels),
            annotations: view.alert.annotations,
            ends_at: view.alert.ends_at,
            fingerprint: view.alert.fingerprint.to_string(),
            receivers,
            starts_at: view.alert.starts_at,
            status: Status {
                inhibited_by: view.inhibited_by.iter().map(ToString::to_string).collect(),
                muted_by: view.muted_by,
                silenced_by: view.silenced_by,
                state: view.state,
            },
            updated_at: view.alert.updated_at,
            generator_url: view.alert.generator_url,
        }
    }
}
