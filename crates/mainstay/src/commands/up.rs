//! `up`: a server if none runs, a deploy, and the logs until Ctrl-C.
//!
//! What was running before is left running: Ctrl-C stops only what this `up` started. A second
//! Ctrl-C leaves at once; SIGHUP and a crash stop nothing.

use super::Context;
use super::deploy::{release, warn};
use super::logs::{Printer, Selection, Wanted, stream};
use crate::arguments::UpArguments;
use crate::background;
use crate::building;
use crate::client::{Address, Client};
use crate::failure::{Failure, Outcome};
use crate::interrupt::{CODE, Interrupts};
use crate::locate::{Place, path};
use crate::operation::{self, Followed};
use crate::progress::Progress;
use crate::project;
use crate::render::{environment, rollout, summary};
use mainstay_model::{Scope, Timestamp};
use mainstay_server::api::types::{
    Diagnosis, DownRequest, EnvironmentState, EnvironmentStatus, Operation,
};
use serde::Serialize;

/// What this `up` started, and so what it stops.
#[derive(Debug)]
struct Started {
    client: Client,
    scope: Scope,
    server: bool,
    environment: bool,
}

/// `up --json`
#[derive(Debug, Serialize)]
struct Document<'a> {
    operation: &'a Operation,
    environment: &'a EnvironmentStatus,
    server_started: bool,
}

pub async fn up(context: &Context, arguments: UpArguments) -> Outcome {
    let place = Place::new(&context.global, arguments.stack.path.as_deref())?;
    let resolved = project::resolve(&place, &arguments.stack, &arguments.release)?;
    warn(&context.output, &resolved);
    let client = place.client()?;
    let progress = Progress::new(context.output);
    if !arguments.release.no_build {
        building::build(&resolved.stack, &progress).await?;
    }
    let mut interrupts = Interrupts::catch()?;
    let scope = resolved.stack.scope();
    let server = background::ensure(&client, &place.directory, &progress).await?;
    let started = Started {
        environment: !is_up(&client, &scope).await,
        client,
        scope,
        server,
    };
    let begun = match release(
        &started.client,
        resolved.stack,
        &arguments.release,
        &progress,
    )
    .await
    {
        Ok(begun) => begun,
        Err(failure) => return Err(started.undo(context, &progress, failure).await),
    };
    let followed = operation::follow(&started.client, &begun, &progress, &mut interrupts).await?;
    let operation = match followed {
        Followed::Ended(operation) => operation,
        Followed::Interrupted => return started.stop(context, progress, interrupts).await,
    };
    if let Err(failure) = operation::verdict(&operation, &place.options()) {
        explain(context, &started, &progress).await;
        return Err(started.undo(context, &progress, failure).await);
    }
    drop(progress);
    let status: EnvironmentStatus = started.client.ask(&path(&started.scope, "")).await?;
    summarise(
        context,
        &place,
        &operation,
        &status,
        &started,
        arguments.detach,
    )?;
    if arguments.detach {
        return Ok(());
    }
    attach(
        context,
        &status,
        operation.started_at,
        &started,
        &mut interrupts,
    )
    .await?;
    started
        .stop(context, Progress::new(context.output), interrupts)
        .await
}

async fn is_up(client: &Client, scope: &Scope) -> bool {
    match client.get::<EnvironmentStatus>(&path(scope, "")).await {
        Ok(status) => status.state != EnvironmentState::Down,
        Err(_) => false,
    }
}

fn summarise(
    context: &Context,
    place: &Place,
    operation: &Operation,
    status: &EnvironmentStatus,
    started: &Started,
    detach: bool,
) -> Outcome {
    let output = &context.output;
    if output.json {
        let document = Document {
            operation,
            environment: status,
            server_started: started.server,
        };
        // Attached, it is the first line of a stream.
        return if detach {
            output.document(&document)
        } else {
            output.object(&document)
        };
    }
    output.note(&rollout::ending(operation, &output.side));
    let text = summary::text(status, &place.options(), detach, &output.look);
    output.data(&text)
}

/// Follows the logs until Ctrl-C.
async fn attach(
    context: &Context,
    status: &EnvironmentStatus,
    since: Timestamp,
    started: &Started,
    interrupts: &mut Interrupts,
) -> Outcome {
    let selection = Selection {
        scope: started.scope.clone(),
        wanted: Wanted::default(),
        tail: None,
        since: Some(since),
        follow: true,
    };
    let mut printer = Printer::new(context.output, status, false);
    stream(&started.client, selection, &mut printer, Some(interrupts)).await
}

/// What the server knows about why it did not come up.
async fn explain(context: &Context, started: &Started, progress: &Progress) {
    let path = path(&started.scope, "/doctor");
    let problems: Vec<Diagnosis> = started.client.get(&path).await.unwrap_or_default();
    if !problems.is_empty() {
        let text = environment::diagnoses(&problems, &context.output.side);
        progress.line(text.trim_end());
    }
}

impl Started {
    /// After Ctrl-C: stops what was started; a second one leaves at once.
    async fn stop(
        &self,
        context: &Context,
        progress: Progress,
        mut interrupts: Interrupts,
    ) -> Outcome {
        if !self.environment {
            progress.line(&format!(
                "{} was up before and stays up; stop it: mainstay down",
                self.scope
            ));
            return Err(Failure::quiet(CODE));
        }
        progress.line(&format!(
            "stopping {}; Ctrl-C again leaves at once",
            self.scope
        ));
        tokio::select! {
            outcome = self.stop_all(&progress) => outcome?,
            () = interrupts.next() => {
                progress.line("left; it goes on stopping");
                return Err(Failure::quiet(CODE));
            }
        }
        drop(progress);
        context
            .output
            .note("stopped; volumes and releases are kept");
        Ok(())
    }

    async fn stop_all(&self, progress: &Progress) -> Outcome {
        let begun = operation::begin(&self.client, &self.scope, "/down", &DownRequest {}).await?;
        let mut interrupts = Interrupts::catch()?;
        // The caller watches for the second Ctrl-C; here it would mean the same.
        if let Followed::Ended(operation) =
            operation::follow(&self.client, &begun, progress, &mut interrupts).await?
        {
            operation::verdict(&operation, "")?;
        }
        if self.server && matches!(self.client.address, Address::Data { .. }) {
            background::stop(&self.client, progress).await?;
        }
        Ok(())
    }

    /// After a failure: a stack that does not start leaves nothing behind.
    async fn undo(&self, context: &Context, progress: &Progress, failure: Failure) -> Failure {
        let undone = if self.environment {
            self.stop_all(progress).await
        } else {
            Ok(())
        };
        if let Err(second) = undone {
            context
                .output
                .warning(&format!("could not stop what was started: {second}"));
        }
        failure
    }
}
