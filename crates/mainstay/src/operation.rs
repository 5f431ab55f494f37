//! Asking for something that takes a while, and following it to its end.
//!
//! The server may be killed and started again meanwhile: the same question with the same key is
//! asked again, the stream of events is resumed, and the outcome is read when it stands.

use crate::client::{CallError, Client, Patience, Stream};
use crate::failure::{Failure, Outcome};
use crate::interrupt::Interrupts;
use crate::locate::{Place, path};
use crate::progress::Progress;
use crate::render::rollout;
use mainstay_model::Scope;
use mainstay_server::api::types::{Event, Operation, OperationResult, RolloutStatus};
use serde::Serialize;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

/// How long a server may be away in the middle of something.
const ABSENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(200);
/// Between two looks at the outcome while nothing happens.
const LOOK: Duration = Duration::from_millis(500);
/// After an event: it may have been the last one.
const SOON: Duration = Duration::from_millis(20);

/// How following ended.
#[derive(Debug)]
pub enum Followed {
    Ended(Operation),
    /// Ctrl-C; it goes on without us.
    Interrupted,
}

/// An operation that was begun, and where its events begin.
#[derive(Debug, Clone)]
pub struct Begun {
    pub operation: Operation,
    after: u64,
}

/// Asks for a mutation of `scope`, again with the same key when the server goes away meanwhile.
pub async fn begin(
    client: &Client,
    scope: &Scope,
    verb: &str,
    body: &impl Serialize,
) -> Outcome<Begun> {
    let after = last_event(client).await?;
    let operation = mutate(client, &path(scope, verb), body).await?;
    Ok(Begun { operation, after })
}

/// One mutation; answers what the server answers.
pub async fn mutate<T: serde::de::DeserializeOwned>(
    client: &Client,
    path: &str,
    body: &impl Serialize,
) -> Outcome<T> {
    let key = Uuid::now_v7().to_string();
    let started = Instant::now();
    let mut was_there = false;
    loop {
        let error = match client.post(path, body, &key).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        was_there |= matches!(error, CallError::Lost(_) | CallError::Late);
        if !(was_there && error.is_absence()) || started.elapsed() > ABSENCE {
            return Err(client.explain(error));
        }
        sleep(PAUSE).await;
    }
}

/// Number of the newest event, so that following begins behind it.
async fn last_event(client: &Client) -> Outcome<u64> {
    let newest: Vec<Event> = client.ask("/api/v1/events?limit=1").await?;
    Ok(newest.last().map_or(0, |event| event.seq))
}

/// Shows the progress of an operation until it has an outcome, or until an interrupt where one is
/// watched for.
pub async fn follow(
    client: &Client,
    begun: &Begun,
    progress: &Progress,
    mut interrupts: Option<&mut Interrupts>,
) -> Outcome<Followed> {
    let mut following = Following::new(client, begun, progress);
    let id = begun.operation.id;
    let mut events = Stream::new(client, Patience::For(ABSENCE), |last| {
        let after = last.map_or(begun.after.to_string(), str::to_owned);
        format!("/api/v1/events?operation={id}&follow=true&after={after}")
    });
    let mut look_at = Instant::now();
    loop {
        tokio::select! {
            message = events.next() => {
                match message {
                    Some(Ok(message)) => following.message(&message.data),
                    Some(Err(error)) => return Err(client.explain(error)),
                    None => return Err(Failure::bug("the stream of events has ended")),
                }
                look_at = look_at.min(Instant::now() + SOON);
            }
            () = sleep_until(look_at) => {
                if let Some(operation) = following.look().await? {
                    following.rest().await;
                    return Ok(Followed::Ended(operation));
                }
                look_at = Instant::now() + LOOK;
            }
            () = interrupted(&mut interrupts) => return Ok(Followed::Interrupted),
        }
    }
}

async fn interrupted(interrupts: &mut Option<&mut Interrupts>) {
    match interrupts {
        Some(interrupts) => interrupts.next().await,
        None => std::future::pending().await,
    }
}

/// What is known of one operation while it is followed.
struct Following<'a> {
    client: &'a Client,
    progress: &'a Progress,
    id: Uuid,
    scope: Scope,
    seen: u64,
    absent: Option<Instant>,
}

impl<'a> Following<'a> {
    fn new(client: &'a Client, begun: &Begun, progress: &'a Progress) -> Self {
        Self {
            client,
            progress,
            id: begun.operation.id,
            scope: begun.operation.scope.clone(),
            seen: begun.after,
            absent: None,
        }
    }

    fn message(&mut self, data: &str) {
        // An event of a later version that does not read is no reason to stop following.
        if let Ok(event) = serde_json::from_str::<Event>(data) {
            self.event(&event);
        }
    }

    fn event(&mut self, event: &Event) {
        if event.seq > self.seen {
            self.seen = event.seq;
            if let Some(text) = rollout::event(event, self.progress.side()) {
                self.progress.line(&text);
            }
        }
    }

    /// The operation, once it has an outcome.
    async fn look(&mut self) -> Outcome<Option<Operation>> {
        let path = format!("/api/v1/operations/{}", self.id);
        match self.client.get::<Operation>(&path).await {
            Ok(operation) if operation.outcome.is_some() => return Ok(Some(operation)),
            Ok(Operation {
                waiting: Some(waiting),
                ..
            }) => {
                self.absent = None;
                self.progress.now(waiting);
                return Ok(None);
            }
            Ok(_) => self.absent = None,
            Err(error) if error.is_absence() => return self.away(error).map(|()| None),
            Err(error) => return Err(self.client.explain(error)),
        }
        if self.progress.is_live()
            && let Ok(status) = self
                .client
                .get::<RolloutStatus>(&self::path(&self.scope, "/rollout"))
                .await
            && status.operation.id == self.id
        {
            self.progress.now(rollout::live(&status));
        }
        Ok(None)
    }

    fn away(&mut self, error: CallError) -> Outcome {
        let since = *self.absent.get_or_insert_with(Instant::now);
        if since.elapsed() > ABSENCE {
            return Err(self.client.explain(error));
        }
        self.progress
            .now("the server is away; waiting for it to come back");
        Ok(())
    }

    /// The events that were written together with the outcome.
    async fn rest(&mut self) {
        let (id, after) = (self.id, self.seen);
        let path = format!("/api/v1/events?operation={id}&after={after}");
        for event in self
            .client
            .get::<Vec<Event>>(&path)
            .await
            .unwrap_or_default()
        {
            self.event(&event);
        }
    }
}

/// `Ok` for an operation that did what was asked, otherwise the failure to end with.
pub fn verdict(operation: &Operation, place: &Place) -> Outcome {
    let Some(outcome) = &operation.outcome else {
        return Ok(());
    };
    let what = match operation.release {
        Some(release) => format!("{} to {release}", rollout::kind(operation.kind)),
        None => rollout::kind(operation.kind).to_owned(),
    };
    let how = match outcome.result {
        OperationResult::Succeeded | OperationResult::Unchanged => return Ok(()),
        OperationResult::RolledBack => "was rolled back",
        OperationResult::Failed => "failed",
        OperationResult::Rejected => "was not approved",
        OperationResult::Expired => "was not approved in time",
    };
    let reason = rollout::reason(outcome).unwrap_or("no reason was given");
    let failed = format!("{what} {how}: {reason}");
    Err(Failure::environment(failed).hint(format!(
        "look for the cause: {}; see what was printed: {}",
        place.command("doctor"),
        place.command("logs -n 50")
    )))
}
