//! What the API asks and that changes nothing; and the few verbs of the whole server.

use crate::api::types::{
    ApiError, EnvironmentState, Event, ExecRequest, JournalVerdict, LogLine, Operation,
    PipelineReport, Release, ReleaseDetail, ShutdownRequest,
};
use crate::api::{Actor, EventQuery, LogParameters};
use crate::approvals;
use crate::control::{Control, now};
use crate::pipeline;
use crate::store::{shown_detail, shown_operation, shown_release};
use mainstay_journal::{EventFilter, NewEvent};
use mainstay_model::{InstanceId, ReleaseNumber, Scope, ServiceName, did_you_mean};
use mainstay_pipeline::Pipeline;
use mainstay_runtime::exec::Exec;
use mainstay_runtime::logs::{LogQuery, LogStream};
use mainstay_runtime::status::{InstanceStatus, Phase};
use std::collections::BTreeSet;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

/// Lines on their way to one reader; a slow one slows its sources down.
const LINES: usize = 256;

impl Control {
    pub async fn releases(&self, scope: &Scope) -> Result<Vec<Release>, ApiError> {
        self.environment(scope)?;
        let releases = self.store.releases(scope).await?;
        Ok(releases.iter().map(shown_release).collect())
    }

    pub async fn release_detail(
        &self,
        scope: &Scope,
        number: ReleaseNumber,
    ) -> Result<ReleaseDetail, ApiError> {
        self.environment(scope)?;
        let release = self.store.release(scope, number).await?;
        let release = release.ok_or_else(|| {
            ApiError::not_found(format!("{scope} has no release {number}"))
                .hint("`mainstay releases` shows what there is")
        })?;
        let mut pipelines = Vec::new();
        for row in self.store.pipelines_of(scope, number).await? {
            let pipeline: Pipeline = serde_json::from_str(&row.state)
                .map_err(|error| ApiError::unavailable(format!("steps of {number}: {error}")))?;
            pipelines.push(PipelineReport {
                operation: self.operation(row.rollout).await?,
                steps: pipeline::report(&pipeline),
            });
        }
        Ok(shown_detail(release, pipelines))
    }

    pub async fn operation(&self, id: Uuid) -> Result<Operation, ApiError> {
        // Until it is settled it has no outcome: who sees one may ask for the next thing at once,
        // and must then see what this one left.
        let in_memory = self.environments().into_iter().find_map(|environment| {
            let inner = environment.inner();
            let running = inner.running.as_ref().map(|running| &running.operation);
            let known = running.into_iter().chain(&inner.last);
            known
                .into_iter()
                .find(|operation| operation.id == id)
                .cloned()
        });
        if let Some(operation) = in_memory {
            return Ok(operation);
        }
        if let Some(row) = self.store.rollout(id).await? {
            return Ok(shown_operation(&row));
        }
        let waits = self.environments().into_iter().find_map(|environment| {
            let inner = environment.inner();
            let request = inner.requests.iter().find(|one| one.id == id);
            request.map(approvals::operation)
        });
        if let Some(operation) = waits {
            return Ok(operation);
        }
        match self.store.request(id).await? {
            Some(row) => Ok(approvals::decided(&row)),
            None => Err(ApiError::not_found(format!("no operation has the id {id}"))),
        }
    }

    pub(crate) fn event_changes(&self) -> watch::Receiver<u64> {
        self.store.changes()
    }

    /// One page of what fits.
    pub async fn events(&self, query: &EventQuery) -> Result<Vec<Event>, ApiError> {
        self.store.events(filter(query, query.after)).await
    }

    /// What fits after `after`; the page may be the first of several.
    pub(crate) async fn events_after(
        &self,
        query: &EventQuery,
        after: u64,
    ) -> Result<Vec<Event>, ApiError> {
        self.store.events(filter(query, Some(after))).await
    }

    pub async fn verify_journal(&self) -> Result<JournalVerdict, ApiError> {
        self.store.verify().await
    }

    /// Lines of the instances asked for, merged as they come.
    pub fn logs(
        &self,
        scope: &Scope,
        parameters: &LogParameters,
    ) -> Result<mpsc::Receiver<LogLine>, ApiError> {
        let instances = self.chosen_instances(scope, parameters)?;
        let (sender, receiver) = mpsc::channel(LINES);
        for id in instances {
            let query = LogQuery {
                tail: parameters.tail,
                since: parameters.since,
                follow: parameters.follow,
            };
            let mut lines = self
                .targets()
                .read_logs(scope, &id, query)
                .map_err(ApiError::from)?;
            let sender = sender.clone();
            tokio::spawn(async move {
                while let Some(line) = lines.recv().await {
                    let line = LogLine {
                        time: line.time,
                        instance: line.instance,
                        stream: stream_word(line.stream).to_owned(),
                        line: line.line,
                    };
                    if sender.send(line).await.is_err() {
                        return;
                    }
                }
            });
        }
        Ok(receiver)
    }

    fn chosen_instances(
        &self,
        scope: &Scope,
        parameters: &LogParameters,
    ) -> Result<Vec<InstanceId>, ApiError> {
        self.environment(scope)?;
        let services: BTreeSet<String> = parameters
            .service
            .iter()
            .flat_map(|services| services.split(','))
            .filter(|service| !service.is_empty())
            .map(str::to_owned)
            .collect();
        let all: Vec<InstanceId> = self.observe(scope).into_iter().map(|s| s.id).collect();
        for service in &services {
            self.known(scope, &all, service)?;
        }
        if let Some(instance) = &parameters.instance {
            self.known(scope, &all, instance)?;
        }
        let wanted = |id: &InstanceId| {
            (services.is_empty() || services.contains(id.service.as_str()))
                && parameters
                    .instance
                    .as_ref()
                    .is_none_or(|name| id.to_string() == *name)
        };
        Ok(all.into_iter().filter(|id| wanted(id)).collect())
    }

    /// Refuses what names neither a service nor an instance, with what was meant.
    fn known(&self, scope: &Scope, all: &[InstanceId], subject: &str) -> Result<(), ApiError> {
        let mut names: BTreeSet<String> = all
            .iter()
            .flat_map(|id| [id.to_string(), id.service.to_string()])
            .collect();
        if let Some(environment) = self.find(scope) {
            let inner = environment.inner();
            let services = inner
                .current
                .iter()
                .flat_map(|bundle| bundle.stack.services.keys());
            names.extend(services.map(ServiceName::to_string));
        }
        if names.contains(subject) {
            return Ok(());
        }
        let error = ApiError::not_found(format!("{scope} has no service or instance `{subject}`"));
        Err(
            match did_you_mean(subject, names.iter().map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint("`mainstay ps` shows what runs"),
            },
        )
    }

    /// The instance that is named, or a service's first healthy one.
    pub(crate) fn chosen_instance(
        &self,
        scope: &Scope,
        subject: &str,
    ) -> Result<InstanceStatus, ApiError> {
        let mut statuses = self.observe(scope);
        let all: Vec<InstanceId> = statuses.iter().map(|status| status.id.clone()).collect();
        self.known(scope, &all, subject)?;
        statuses.retain(|status| {
            status.id.to_string() == subject || status.id.service.as_str() == subject
        });
        let first = statuses
            .into_iter()
            .min_by_key(|status| (status.phase != Phase::Healthy, status.id.clone()));
        first.ok_or_else(|| {
            ApiError::conflict(format!("no instance of `{subject}` runs"))
                .hint("`mainstay status` says why")
        })
    }

    /// Starts a command beside an instance: the one named, or a service's first healthy one.
    pub async fn exec(
        &self,
        scope: &Scope,
        request: ExecRequest,
        actor: &Actor,
    ) -> Result<Exec, ApiError> {
        let chosen = self.chosen_instance(scope, &request.subject)?;
        if request.command.is_empty() {
            return Err(ApiError::invalid("there is no command to run")
                .hint("give it after `--`: `mainstay exec app -- env`"));
        }
        let exec = self
            .targets()
            .exec(scope, &chosen.id, &request.command, false)
            .await
            .map_err(ApiError::from)?;
        // The program only: arguments may hold what should not be kept.
        let program = request.command.first().cloned().unwrap_or_default();
        let event = NewEvent {
            scope: Some(scope.clone()),
            subject: Some(chosen.id.to_string()),
            actor: Some(actor.name.clone()),
            ..NewEvent::new(
                now(),
                "exec",
                format!("`{program}` run beside {}", chosen.id),
            )
        };
        self.store.record(event).await?;
        Ok(exec)
    }

    /// Ends the server; with `proxy` the traffic too, which is refused while something is up.
    pub async fn shutdown(&self, request: ShutdownRequest, actor: &Actor) -> Result<(), ApiError> {
        if request.proxy {
            let up = self
                .summaries()
                .into_iter()
                .find(|summary| summary.state != EnvironmentState::Down);
            if let Some(up) = up {
                return Err(ApiError::conflict(format!("{} is up", up.scope))
                    .hint("take it down first: `mainstay down`"));
            }
        }
        let event = NewEvent {
            actor: Some(actor.name.clone()),
            ..NewEvent::new(now(), "server.stopping", "the server was asked to end")
        };
        self.store.record(event).await?;
        self.stop(request.proxy);
        Ok(())
    }

    /// Prometheus text: ours, then the proxy's.
    pub async fn metrics(&self) -> String {
        let mut text = crate::metrics::own::text(self);
        match self.proxy().client().metrics().await {
            Ok(proxy) => text.push_str(&proxy),
            Err(error) => tracing::warn!(%error, "no metrics of the proxy"),
        }
        text
    }
}

fn filter(query: &EventQuery, after: Option<u64>) -> EventFilter {
    EventFilter {
        after,
        stack: query.stack.clone(),
        environment: query.environment.clone(),
        rollout: query.operation,
        kind: None,
        limit: Some(query.page()),
    }
}

impl From<mainstay_runtime::target::TargetError> for ApiError {
    fn from(error: mainstay_runtime::target::TargetError) -> Self {
        let answer = Self::unavailable(&error.message);
        match error.hint {
            Some(hint) => answer.hint(hint),
            None => answer,
        }
    }
}

fn stream_word(stream: LogStream) -> &'static str {
    match stream {
        LogStream::Stdout => "stdout",
        LogStream::Stderr => "stderr",
        LogStream::Mainstay => "mainstay",
    }
}
