//! Where the programs of a database are run: beside an instance, by the target that knows it.

use crate::targets::Targets;
use mainstay_databases::{Answer, Place, Running};
use mainstay_model::{InstanceId, Scope};
use std::io;
use std::sync::Arc;

/// Beside one instance, in its environment, directory and user.
#[derive(Debug, Clone)]
pub(super) struct Beside {
    targets: Arc<Targets>,
    scope: Scope,
    id: InstanceId,
}

impl Beside {
    pub(super) fn new(targets: Arc<Targets>, scope: Scope, id: InstanceId) -> Self {
        Self { targets, scope, id }
    }
}

impl Place for Beside {
    fn run<'a>(&'a self, command: &'a [String]) -> Answer<'a, io::Result<Running>> {
        Box::pin(async move {
            let started = self.targets.exec(&self.scope, &self.id, command, false);
            let mut exec = started.await.map_err(io::Error::other)?;
            let stdin = exec.stdin.take();
            let missing = || io::Error::other("the command has no output");
            let stdout = exec.stdout.take().ok_or_else(missing)?;
            let stderr = exec.stderr.take().ok_or_else(missing)?;
            Ok(Running {
                stdin,
                stdout,
                stderr,
                end: Box::pin(async move { exec.wait().await }),
            })
        })
    }
}
