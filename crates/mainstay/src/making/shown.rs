//! What is seen of a build or a pull while it goes on.

use super::failed;
use crate::failure::Failure;
use crate::progress::Progress;
use mainstay_audit::dockerfile::Dockerfile;
use mainstay_model::{Bytes, ServiceName};
use mainstay_server::api::types::{ImageError, ImageProgress};
use mainstay_stack::masked_line;
use std::collections::BTreeMap;

/// Layers beyond these are not counted.
const LAYERS: usize = 1000;

/// One build or pull.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    progress: &'a Progress,
    /// `building app`
    what: String,
    step: String,
    /// Layer → bytes that are here, bytes of all.
    layers: BTreeMap<String, (u64, u64)>,
    moved: bool,
}

impl<'a> Shown<'a> {
    pub(super) fn new(progress: &'a Progress, what: String) -> Self {
        progress.now(what.clone());
        Self {
            progress,
            what,
            step: String::new(),
            layers: BTreeMap::new(),
            moved: false,
        }
    }

    /// Something was fetched.
    pub(super) fn has_moved(&self) -> bool {
        self.moved
    }

    pub(super) fn progress(&mut self, progress: ImageProgress) {
        match progress {
            ImageProgress::Step {
                number,
                of,
                instruction,
            } => {
                self.step = format!(" {number}/{of}");
                // As the user wrote it, secrets dotted out.
                self.say(&masked_line(&instruction));
            }
            ImageProgress::Output { line } => self.say(&line),
            ImageProgress::Note { text } => {
                self.moved = true;
                self.say(&text);
            }
            ImageProgress::Layer {
                id, current, total, ..
            } => self.layer(id, current, total),
        }
    }

    fn say(&self, text: &str) {
        let said = format!("{}{}: {text}", self.what, self.step);
        if self.progress.is_live() {
            self.progress.now(said);
        } else {
            self.progress.line(&said);
        }
    }

    /// Many short messages a second: shown as one sum, and not at all in a pipe.
    fn layer(&mut self, id: String, current: Option<u64>, total: Option<u64>) {
        self.moved = true;
        if let (Some(current), Some(total)) = (current, total)
            && (self.layers.len() < LAYERS || self.layers.contains_key(&id))
        {
            self.layers.insert(id, (current, total));
        }
        let sum = |part: fn(&(u64, u64)) -> u64| Bytes(self.layers.values().map(part).sum());
        if !self.layers.is_empty() {
            let (here, all) = (sum(|layer| layer.0), sum(|layer| layer.1));
            self.progress
                .now(format!("{}{}: {here} of {all}", self.what, self.step));
        }
    }

    /// With the step, its last lines, and where it stands in the Dockerfile.
    pub(super) fn build_failed(
        &self,
        service: &ServiceName,
        file: &Dockerfile,
        mut error: ImageError,
    ) -> Failure {
        let Some(step) = error.step.take() else {
            return failed(error);
        };
        if self.progress.is_live() {
            for line in &step.last_lines {
                self.progress.line(line);
            }
        }
        let index = usize::try_from(step.number).unwrap_or(0).saturating_sub(1);
        let place = file
            .instructions()
            .nth(index)
            .map(|instruction| format!("{}:{}: ", file.file, instruction.line))
            .unwrap_or_default();
        error.message = format!(
            "{place}the build of {service} failed in step {} of {}, `{}`: {}",
            step.number,
            step.of,
            masked_line(&step.instruction),
            error.message
        );
        failed(error)
    }
}
