//! Where a drill starts a service against the copy: its databases and all that it depends on as scratch instances,
//! in a network without a way out, under the names by which it knows them, with the files of the copy where they have
//! theirs ([`files`]).
//!
//! **Invariant:** nobody in it reaches what runs, and what it writes goes with it. The network is removed when the
//! last of them is gone, and so are the volumes that were filled for it, also where the drill was broken off.

mod files;

use super::job::{Job, Trouble};
use super::place::Beside;
use super::scratch::{Scratch, is_scratch};
use crate::control::Control;
use crate::environment::Environment;
use crate::planning::{is_one_shot, policy};
use crate::specs::{Bundle, cannot_stage, stage_network, staged_spec};
use files::Filled;
use mainstay_model::{Scope, ServiceName};
use mainstay_recovery::{Came, Part, Restored, SourceProof};
use mainstay_runtime::docker::DockerTarget;
use mainstay_runtime::status::{InstanceStatus, Phase};
use mainstay_runtime::target::TargetError;
use mainstay_stack::{SourceKind, Stack, TargetKind, dependency_order};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

const LOOK: Duration = Duration::from_millis(50);
/// For a network to be left by everybody; then the next start of the server tries again.
const STRUCK: Duration = Duration::from_secs(180);
const STRIKE: Duration = Duration::from_secs(1);
/// Lines of the log of a service that did not become healthy.
const SHOWN: usize = 5;

/// See the module; [`Stage::end`] when it is done with.
#[derive(Debug)]
pub(super) struct Stage {
    control: Arc<Control>,
    environment: Arc<Environment>,
    bundle: Arc<Bundle>,
    boot: ServiceName,
    /// Who is in it, in the order in which they start.
    cast: Vec<ServiceName>,
    /// What the copy has.
    parts: Vec<Part>,
    /// Of them what is mounted by somebody, by their sources; and which of these came.
    files: BTreeMap<String, Filled>,
    filled: Mutex<BTreeSet<String>>,
    /// Nobody takes down what is here while this lives: volumes are filled before anybody starts.
    _place: Scratch,
    up: Mutex<BTreeMap<ServiceName, Scratch>>,
}

impl Stage {
    /// For `boot`, with the databases of `parts`. Nothing runs in it yet.
    ///
    /// # Errors
    /// Why the service cannot be started where it harms nobody.
    pub(super) async fn lay(
        control: &Arc<Control>,
        environment: &Arc<Environment>,
        bundle: &Arc<Bundle>,
        boot: &ServiceName,
        parts: &[Part],
    ) -> Result<Self, String> {
        let stack = &bundle.stack;
        let cast = cast(stack, boot, &databases(stack, parts));
        if let Some(reason) = cannot_boot(stack, boot, &cast) {
            return Err(reason);
        }
        let place = Scratch::named(control, environment, boot)?;
        let scope = &environment.scope;
        let engine = control.targets().engine_of(stack);
        if let Some(engine) = engine.map_err(|error| error.to_string())? {
            is_fit(&engine, scope).await?;
        }
        Ok(Self {
            parts: parts.to_vec(),
            files: files::of_parts(bundle, scope, &cast, parts),
            filled: Mutex::default(),
            _place: place,
            control: Arc::clone(control),
            environment: Arc::clone(environment),
            bundle: Arc::clone(bundle),
            boot: boot.clone(),
            cast,
            up: Mutex::default(),
        })
    }

    /// Beside the database of a service, which is started for it where it does not run yet.
    pub(super) async fn beside(&self, service: &ServiceName) -> Result<Beside, Trouble> {
        let started = self.start(service).await;
        started.map_err(|why| Trouble::new(format!("no scratch instance of {service}: {why}")))?;
        let up = self.up();
        let scratch = up.get(service);
        let scratch = scratch.ok_or_else(|| Trouble::new(format!("{service} is gone")))?;
        Ok(scratch.place().as_ref().clone())
    }

    /// Starts whoever is still missing, the service last, and asks whether it is healthy.
    pub(super) async fn boot(&self, sources: &[SourceProof], job: &Job) -> Came {
        if let Some(reason) = self.lacks(sources) {
            return Came::CannotTry(reason);
        }
        let others = self.cast.iter().filter(|name| **name != self.boot);
        for name in others {
            if let Err(reason) = self.start(name).await {
                self.tell_log(name, job).await;
                let words = format!("`{name}`, which is started before it: {reason}");
                return Came::NotHealthy(words);
            }
        }
        match self.start(&self.boot).await {
            Ok(()) => Came::Healthy,
            Err(reason) => {
                self.tell_log(&self.boot, job).await;
                Came::NotHealthy(reason)
            }
        }
    }

    /// A database that stands empty would make the answer worthless.
    fn lacks(&self, sources: &[SourceProof]) -> Option<String> {
        if let Some(name) = self.lacks_files(sources) {
            return Some(format!("`{name}` did not come back in this drill"));
        }
        let wanted = self.bundle.stack.backups.active().filter(|(_, source)| {
            let service = source.kind.service();
            has_engine(&source.kind) && service.is_some_and(|name| self.cast.contains(name))
        });
        let came = |name: &str| {
            let mut proofs = sources.iter();
            proofs.any(|proof| proof.source == name && proof.restored == Restored::Yes)
        };
        let mut missing = wanted.filter(|(name, _)| !came(name));
        let (name, _) = missing.next()?;
        Some(format!("`{name}` did not come back in this drill"))
    }

    fn filled(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.filled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn up(&self) -> MutexGuard<'_, BTreeMap<ServiceName, Scratch>> {
        self.up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn start(&self, service: &ServiceName) -> Result<(), String> {
        if self.up().contains_key(service) {
            return Ok(());
        }
        let scratch = Scratch::named(&self.control, &self.environment, service)?;
        let id = scratch.id().clone();
        self.up().insert(service.clone(), scratch);
        let (stack, copies) = (&self.bundle.stack, self.copies_of(service));
        let started =
            self.control
                .start_one_shot(&self.environment, &id, stack, |ways, artifact| {
                    staged_spec(&self.bundle, service, &id, &copies, ways, artifact)
                });
        started.await.map_err(|error| error.to_string())?;
        self.until_healthy(service).await
    }

    /// As a deploy waits for it; one that others wait for to complete has ended well.
    async fn until_healthy(&self, service: &ServiceName) -> Result<(), String> {
        let stack = &self.bundle.stack;
        let patience = policy(stack, service).healthy_deadline;
        let deadline = Instant::now() + patience;
        let completes = is_one_shot(stack, service);
        loop {
            let status = self.up().get(service).and_then(Scratch::status);
            if let Some(done) = status
                .as_ref()
                .and_then(|status| settled(status, completes))
            {
                return done;
            }
            if Instant::now() > deadline {
                let seen = status.map_or_else(|| "it is gone".to_owned(), |status| seen(&status));
                return Err(format!("not after {} s: {seen}", patience.as_secs()));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn tell_log(&self, service: &ServiceName, job: &Job) {
        let id = self.up().get(service).map(|scratch| scratch.id().clone());
        let Some(id) = id else {
            return;
        };
        let lines = self.control.last_lines(&self.environment, &id).await;
        for line in lines.iter().rev().take(SHOWN).rev() {
            job.note(format!("{service}: {line}"));
        }
    }

    /// Ends everybody in it, the service first.
    pub(super) async fn end(self) {
        let mut up = std::mem::take(&mut *self.up());
        for name in self.cast.iter().rev() {
            if let Some(scratch) = up.remove(name) {
                scratch.end().await;
            }
        }
    }
}

impl Drop for Stage {
    /// Whoever is still in it the keeper ends; then the network and the volumes go.
    fn drop(&mut self) {
        let (control, environment) = (Arc::clone(&self.control), Arc::clone(&self.environment));
        let stack = self.bundle.stack.clone();
        self.control
            .rollouts()
            .spawn(async move { control.strike_stage(&environment, &stack).await });
    }
}

impl Control {
    /// Removes the network of a drill and the volumes that were filled for it, when nobody is in it any more.
    pub(super) async fn strike_stage(&self, environment: &Environment, stack: &Stack) {
        let Ok(Some(engine)) = self.targets().engine_of(stack) else {
            return;
        };
        let network = stage_network(stack).name;
        let deadline = Instant::now() + STRUCK;
        loop {
            let used = environment.inner().beside.iter().any(is_scratch);
            let gone = if used {
                Ok(false)
            } else {
                struck(&engine, &environment.scope, &network).await
            };
            match gone {
                Ok(true) => return,
                _ if Instant::now() > deadline => {
                    tracing::warn!(network, "the network of a drill stays, or a volume of it");
                    return;
                }
                _ => {}
            }
            tokio::select! {
                () = tokio::time::sleep(STRIKE) => {}
                () = self.stopping() => return,
            }
        }
    }
}

async fn struck(engine: &DockerTarget, scope: &Scope, network: &str) -> Result<bool, TargetError> {
    let volumes = engine.remove_filled(scope).await?;
    Ok(engine.remove_network(scope, network).await? && volumes)
}

/// Whether a drill can be on it, and nothing of an earlier one is there.
async fn is_fit(engine: &DockerTarget, scope: &Scope) -> Result<(), String> {
    let bridged = engine.is_bridged().await;
    if !bridged.map_err(|error| error.to_string())? {
        return Err(format!(
            "the networks of the engine at {} cannot be reached from here, and one without a way out has no ports",
            engine.address()
        ));
    }
    let clear = engine.remove_filled(scope).await;
    if !clear.map_err(|error| error.to_string())? {
        return Err("a volume of an earlier drill is still in use".to_owned());
    }
    Ok(())
}

/// What is decided about one; `None`: nothing yet.
fn settled(status: &InstanceStatus, completes: bool) -> Option<Result<(), String>> {
    match &status.phase {
        Phase::Healthy if !completes => Some(Ok(())),
        Phase::Exited { exit, .. } if completes && exit.is_success() => Some(Ok(())),
        Phase::Exited { exit, .. } | Phase::CrashLoop { exit } => {
            Some(Err(format!("it ended: {exit}")))
        }
        Phase::NotStarted { reason } => Some(Err(format!("it cannot be started: {reason}"))),
        _ => None,
    }
}

fn seen(status: &InstanceStatus) -> String {
    let phase = crate::keeper::phase_word(&status.phase);
    match &status.last_probe {
        Some(probe) => format!("{phase}, {probe}"),
        None => phase.to_owned(),
    }
}

const fn has_engine(kind: &SourceKind) -> bool {
    matches!(
        kind,
        SourceKind::Postgresql(_) | SourceKind::Redis(_) | SourceKind::Mysql(_)
    )
}

/// Services of the databases that are in a copy.
fn databases(stack: &Stack, parts: &[Part]) -> BTreeSet<ServiceName> {
    let sources = parts
        .iter()
        .filter(|part| part.kind.has_engine())
        .filter_map(|part| stack.backups.sources.get(&part.source));
    let services = sources.filter_map(|source| source.kind.service());
    services.cloned().collect()
}

/// The service, all that it depends on, and the databases of the copy.
fn cast(stack: &Stack, boot: &ServiceName, databases: &BTreeSet<ServiceName>) -> Vec<ServiceName> {
    let mut needed = databases.clone();
    needed.insert(boot.clone());
    let mut open: Vec<ServiceName> = needed.iter().cloned().collect();
    while let Some(service) = open.pop().and_then(|name| stack.services.get(&name)) {
        for next in service.depends_on.keys() {
            if needed.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    let order = dependency_order(stack).into_iter();
    order.filter(|name| needed.contains(name)).collect()
}

/// Why it cannot be tried where it harms nobody.
fn cannot_boot(stack: &Stack, boot: &ServiceName, cast: &[ServiceName]) -> Option<String> {
    if !stack.services.contains_key(boot) {
        return Some("it is no service of the stack any more".to_owned());
    }
    if stack.target == TargetKind::Process {
        return Some(
            "not supported on the process target: it would work in the files of the one that runs"
                .to_owned(),
        );
    }
    let mut services = cast.iter().filter_map(|name| stack.services.get(name));
    if let Some(reason) = services.find_map(cannot_stage) {
        return Some(format!("not supported: {reason}"));
    }
    let mut sqlite = stack.backups.active().filter(|(_, source)| {
        let of = source.kind.service();
        matches!(source.kind, SourceKind::Sqlite(_)) && of.is_some_and(|name| cast.contains(name))
    });
    let (name, _) = sqlite.next()?;
    Some(format!(
        "not supported: the SQLite database `{name}` lies among the files of a service, and is not brought there yet"
    ))
}

#[cfg(test)]
mod tests;
