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
use crate::client::{Address, CallError, Client};
use crate::failure::{Class, Failure, Outcome};
use crate::interrupt::{CODE, Interrupts};
use crate::locate::{Place, path};
use crate::operation::{self, Followed};
use crate::progress::Progress;
use crate::project::{self, Resolved};
use crate::render::{environment, rollout, summary};
use mainstay_model::{Scope, Timestamp};
use mainstay_server::api::types::{
    Diagnosis, DownRequest, EnvironmentState, EnvironmentStatus, Operation,
};
use serde::Serialize;
use std::time::Duration;
use tokio::time::sleep;

/// Between two looks whether somebody else has stopped what we are attached to.
const LOOK: Duration = Duration::from_secs(2);

/// Looks in a row that find no server and no socket: nobody is starting it again.
const GONE: u32 = 2;

/// `up --json`
#[derive(Debug, Serialize)]
struct Document<'a> {
    operation: &'a Operation,
    environment: &'a EnvironmentStatus,
    server_started: bool,
}

/// How being attached ended.
enum Detached {
    Interrupted,
    /// Somebody else stopped it.
    Down,
}

pub async fn up(context: &Context, arguments: UpArguments) -> Outcome {
    let place = context.stack_place(&arguments.stack)?;
    let resolved = project::deployable(&place, &arguments.stack, &arguments.release).await?;
    warn(&context.output, &resolved);
    if resolved.stack.policy.approval.is_some() {
        let scope = resolved.stack.scope();
        return Err(
            Failure::input(format!("{scope} is deployed only when somebody agrees")).hint(format!(
                "`up` starts and ends a stack by itself; run a server (`mainstay serve`), then: {}",
                place.command("deploy")
            )),
        );
    }
    let mut interrupts = Interrupts::catch()?;
    let progress = Progress::new(context.output);
    if !arguments.release.no_build {
        tokio::select! {
            built = building::build(&resolved.stack, &progress) => built?,
            () = interrupts.next() => return Err(Failure::quiet(CODE)),
        }
    }
    let started = Started::begin(&place, &resolved, &progress).await?;
    let brought = started.bring_up(resolved, &arguments, &progress, &mut interrupts);
    let brought = Box::pin(brought).await;
    let operation = match brought {
        Ok(Followed::Ended(operation)) => operation,
        Ok(Followed::Interrupted) => {
            return started.stop(context, progress, &mut interrupts).await;
        }
        Err(failure) => return Err(started.undo(context, &progress, failure).await),
    };
    drop(progress);
    let status: EnvironmentStatus = started.client.ask(&path(&started.scope, "")).await?;
    summarise(context, &operation, &status, &started, arguments.detach)?;
    if arguments.detach {
        return Ok(());
    }
    match attach(
        context,
        &status,
        operation.started_at,
        &started,
        &mut interrupts,
    )
    .await?
    {
        Detached::Down => {
            context.output.note("it was stopped from elsewhere");
            Ok(())
        }
        Detached::Interrupted => {
            let progress = Progress::new(context.output);
            started.stop(context, progress, &mut interrupts).await
        }
    }
}

fn summarise(
    context: &Context,
    operation: &Operation,
    status: &EnvironmentStatus,
    started: &Started<'_>,
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
    output.note(&rollout::ending(operation, output.side));
    let command = started.place.command("");
    output.data(&summary::text(
        status,
        command.trim_end(),
        detach,
        output.look,
    ))
}

/// Follows the logs until Ctrl-C, or until somebody else has stopped the stack.
async fn attach(
    context: &Context,
    status: &EnvironmentStatus,
    since: Timestamp,
    started: &Started<'_>,
    interrupts: &mut Interrupts,
) -> Outcome<Detached> {
    let selection = Selection {
        scope: started.scope.clone(),
        wanted: Wanted::default(),
        tail: None,
        since: Some(since),
        follow: true,
    };
    let mut printer = Printer::new(context.output, status, false);
    tokio::select! {
        ended = stream(&started.client, selection, &mut printer, Some(interrupts)) => {
            ended.map(|()| Detached::Interrupted)
        }
        () = started.until_down() => Ok(Detached::Down),
    }
}

/// What this `up` started, and so what it stops.
#[derive(Debug)]
struct Started<'a> {
    place: &'a Place,
    client: Client,
    scope: Scope,
    server: bool,
    environment: bool,
}

impl<'a> Started<'a> {
    /// Starts a server where none runs, and looks what is up already.
    async fn begin(place: &'a Place, resolved: &Resolved, progress: &Progress) -> Outcome<Self> {
        let client = place.client()?;
        let scope = resolved.stack.scope();
        let server = background::ensure(&client, progress).await?;
        let mut started = Self {
            place,
            client,
            scope,
            server,
            environment: true,
        };
        started.environment = started.is_down().await != Some(false);
        Ok(started)
    }

    /// `None`: the server does not say.
    async fn is_down(&self) -> Option<bool> {
        match self
            .client
            .get::<EnvironmentStatus>(&path(&self.scope, ""))
            .await
        {
            Ok(status) => Some(status.state == EnvironmentState::Down),
            Err(error) if error.is_not_found() => Some(true),
            Err(_) => None,
        }
    }

    /// Until the stack was stopped, or the server was ended and does not come back at once.
    async fn until_down(&self) {
        let mut gone = 0;
        while gone < GONE {
            sleep(LOOK).await;
            match self
                .client
                .get::<EnvironmentStatus>(&path(&self.scope, ""))
                .await
            {
                Ok(status) if status.state == EnvironmentState::Down => return,
                Err(CallError::Gone(_)) => gone += 1,
                _ => gone = 0,
            }
        }
    }

    /// Deploys and follows; a release that did not come in is a failure.
    async fn bring_up(
        &self,
        resolved: Resolved,
        arguments: &UpArguments,
        progress: &Progress,
        interrupts: &mut Interrupts,
    ) -> Outcome<Followed> {
        let begun = tokio::select! {
            begun = release(&self.client, resolved, &arguments.release, progress) => begun?,
            // Images may be building; they end with the connection.
            () = interrupts.next() => return Ok(Followed::Interrupted),
        };
        let followed = operation::follow(&self.client, &begun, progress, Some(interrupts)).await?;
        if let Followed::Ended(operation) = &followed
            && let Err(failure) = operation::verdict(operation, self.place)
        {
            self.explain(progress).await;
            return Err(failure);
        }
        Ok(followed)
    }

    /// What the server knows about why it did not come up.
    async fn explain(&self, progress: &Progress) {
        let path = path(&self.scope, "/doctor");
        let problems: Vec<Diagnosis> = self.client.get(&path).await.unwrap_or_default();
        if !problems.is_empty() {
            let text = environment::diagnoses(&problems, progress.side());
            progress.line(text.trim_end());
        }
    }

    /// After Ctrl-C: stops what was started; a second one leaves at once.
    async fn stop(
        &self,
        context: &Context,
        progress: Progress,
        interrupts: &mut Interrupts,
    ) -> Outcome {
        let scope = &self.scope;
        if !self.environment {
            let down = self.place.command("down");
            progress.line(&format!(
                "{scope} was up before and stays up; stop it: {down}"
            ));
            return Err(Failure::quiet(CODE));
        }
        progress.line(&format!("stopping {scope}; Ctrl-C again leaves at once"));
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
        match operation::begin(&self.client, &self.scope, "/down", &DownRequest {}).await {
            Ok(begun) => {
                let followed = operation::follow(&self.client, &begun, progress, None).await?;
                if let Followed::Ended(operation) = followed {
                    operation::verdict(&operation, self.place)?;
                }
            }
            // It never came so far that there is something to stop.
            Err(failure) if failure.class == Class::Input => {}
            Err(failure) => return Err(failure),
        }
        if self.server && matches!(self.client.address, Address::Data { .. }) {
            background::stop(&self.client, progress).await?;
        }
        Ok(())
    }

    /// After a failure: a stack that does not start leaves nothing behind.
    async fn undo(&self, context: &Context, progress: &Progress, failure: Failure) -> Failure {
        if !self.environment {
            return failure;
        }
        if let Err(second) = self.stop_all(progress).await {
            let text = format!("could not stop what was started: {second}");
            context.output.warning(&text);
            return failure;
        }
        let up = self.place.command("up");
        let cause = failure.hint.clone();
        let cause = cause.unwrap_or_else(|| "mend the cause".to_owned());
        failure.hint(format!("nothing was left running; {cause}; then: {up}"))
    }
}
