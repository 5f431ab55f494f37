//! `debug`: everything that is known of one service or instance, on one page.
//!
//! What one would otherwise collect from `ps`, `doctor`, `releases show`, `events` and `logs`.
//! It only asks, so that it can be asked of production.

use super::Context;
use super::logs::Wanted;
use crate::arguments::DebugArguments;
use crate::client::{Client, Patience, Stream};
use crate::failure::Outcome;
use crate::locate::path;
use crate::render::quantity::now;
use crate::render::{debug as render, stack};
use mainstay_model::{InstanceId, ReleaseNumber, Scope, ServiceName};
use mainstay_server::api::types::{
    Diagnosis, EnvironmentStatus, Event, InstanceReport, LogLine, ReleaseDetail,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Events that are looked through for those of the subject.
const EVENTS: u32 = 1000;

/// What was found; `--json` prints it as it is.
#[derive(Debug, Serialize)]
pub struct Found {
    pub scope: Scope,
    pub instances: Vec<InstanceReport>,
    /// What is wrong with it, and what to do.
    pub problems: Vec<Diagnosis>,
    /// By release: the service as its instances run it, secrets hidden.
    pub definitions: BTreeMap<ReleaseNumber, serde_json::Value>,
    pub events: Vec<Event>,
    pub logs: Vec<LogLine>,
}

pub async fn debug(context: &Context, arguments: &DebugArguments) -> Outcome {
    let place = context.place(None)?;
    let client = place.client()?;
    let scope = place.scope(&client).await?;
    let status: EnvironmentStatus = client.ask(&path(&scope, "")).await?;
    let subject = &arguments.subject;
    Wanted::new(std::slice::from_ref(subject), &status)?;
    let instances = instances(&status, subject);
    let problems: Vec<Diagnosis> = client.ask(&path(&scope, "/doctor")).await?;
    let found = Found {
        problems: about(problems, subject, &instances),
        definitions: definitions(&client, &scope, subject, &status, &instances).await?,
        events: events(&client, &scope, arguments, &instances).await?,
        logs: logs(&client, &scope, arguments.lines, &instances).await?,
        instances,
        scope,
    };
    context
        .output
        .either(&found, |look| render::page(&found, subject, now(), look))
}

fn instances(status: &EnvironmentStatus, subject: &str) -> Vec<InstanceReport> {
    let all = status.services.iter().flat_map(|s| &s.instances);
    all.filter(|instance| names(subject, &instance.id))
        .cloned()
        .collect()
}

fn names(subject: &str, id: &InstanceId) -> bool {
    id.service.as_str() == subject || id.to_string() == subject
}

/// Those of the subject itself, and of its instances.
fn about(problems: Vec<Diagnosis>, subject: &str, instances: &[InstanceReport]) -> Vec<Diagnosis> {
    let is_about = |problem: &Diagnosis| {
        let of = problem.subject.as_deref();
        let an_instance = |instance: &InstanceReport| Some(&*instance.id.to_string()) == of;
        of == Some(subject) || instances.iter().any(an_instance)
    };
    problems.into_iter().filter(is_about).collect()
}

/// The service in each release that its instances belong to; in the current one where it has none.
async fn definitions(
    client: &Client,
    scope: &Scope,
    subject: &str,
    status: &EnvironmentStatus,
    instances: &[InstanceReport],
) -> Outcome<BTreeMap<ReleaseNumber, serde_json::Value>> {
    let mut wanted: BTreeMap<ReleaseNumber, ServiceName> = instances
        .iter()
        .map(|instance| (instance.id.release, instance.id.service.clone()))
        .collect();
    if let (true, Some(release), Ok(service)) = (
        wanted.is_empty(),
        &status.release,
        ServiceName::new(subject),
    ) {
        wanted.insert(release.number, service);
    }
    let mut definitions = BTreeMap::new();
    for (release, service) in wanted {
        let rest = format!("/releases/{}", release.0);
        let detail: ReleaseDetail = client.ask(&path(scope, &rest)).await?;
        let service = detail.stack["services"][service.as_str()].clone();
        definitions.insert(release, stack::readable(service));
    }
    Ok(definitions)
}

async fn events(
    client: &Client,
    scope: &Scope,
    arguments: &DebugArguments,
    instances: &[InstanceReport],
) -> Outcome<Vec<Event>> {
    let query = format!(
        "/api/v1/events?limit={EVENTS}&stack={}&environment={}",
        scope.stack, scope.environment
    );
    let mut events: Vec<Event> = client.ask(&query).await?;
    events.retain(|event| {
        let of = event.subject.as_deref().unwrap_or_default();
        let id = of.parse::<InstanceId>();
        of == arguments.subject
            || id.is_ok_and(|id| names(&arguments.subject, &id))
            || instances
                .iter()
                .any(|instance| instance.id.to_string() == of)
    });
    let surplus = events.len().saturating_sub(arguments.lines as usize);
    events.drain(..surplus);
    Ok(events)
}

/// The last lines of each instance that is there.
async fn logs(
    client: &Client,
    scope: &Scope,
    tail: u32,
    instances: &[InstanceReport],
) -> Outcome<Vec<LogLine>> {
    let mut lines: Vec<LogLine> = Vec::new();
    for instance in instances {
        let rest = format!("/logs?instance={}&tail={tail}", instance.id);
        let mut stream = Stream::new(client, Patience::None, |_| path(scope, &rest));
        while let Some(message) = stream.next().await {
            let message = message.map_err(|error| client.explain(error))?;
            lines.extend(serde_json::from_str::<LogLine>(&message.data).ok());
        }
    }
    lines.sort_by_key(|line| line.time);
    Ok(lines)
}
