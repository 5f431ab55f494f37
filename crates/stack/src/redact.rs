//! What may be shown of a stack.

use crate::resolved::{Probe, Service, Stack};
use mainstay_model::Secret;
use std::collections::BTreeSet;

/// Stands where a secret value was.
pub const HIDDEN: &str = "••••••";

/// Shorter values are not looked for in other texts: they stand everywhere by chance.
const SHORTEST: usize = 4;

impl Stack {
    /// The stack with every secret value replaced by [`HIDDEN`], also where interpolation put it
    /// into a command or a label.
    pub fn redacted(&self) -> Self {
        let mut stack = self.clone();
        let secrets = self.secret_values();
        for service in stack.services.values_mut() {
            for value in service.environment.values_mut() {
                if value.secret {
                    value.text = Secret::new(HIDDEN.to_owned());
                }
            }
            service.texts().for_each(|text| hide(text, &secrets));
        }
        stack
    }

    /// Every secret value that is long enough to be looked for in other texts.
    pub fn secret_values(&self) -> BTreeSet<String> {
        self.services
            .values()
            .flat_map(|service| service.environment.values())
            .filter(|value| value.secret && value.text.expose().len() >= SHORTEST)
            .map(|value| value.text.expose().clone())
            .collect()
    }
}

impl Service {
    /// Texts that may have a secret in them by interpolation.
    fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let command = self.process.iter_mut().flat_map(|process| {
            let build = process.build.iter_mut().flatten();
            process.command.iter_mut().chain(build)
        });
        let probe = self
            .health
            .iter_mut()
            .flat_map(|health| match &mut health.probe {
                Probe::Command { command } => command.as_mut_slice(),
                Probe::Http { path } => std::slice::from_mut(path),
                Probe::Tcp => &mut [],
            });
        let plain = self.environment.values_mut();
        let plain = plain.filter(|value| !value.secret);
        let plain = plain.map(|value| value.text.expose_mut());
        command
            .chain(probe)
            .chain(self.labels.values_mut())
            .chain(plain)
    }
}

/// Replaces every secret in `text`.
fn hide(text: &mut String, secrets: &BTreeSet<String>) {
    for secret in secrets {
        if text.contains(secret.as_str()) {
            *text = text.replace(secret.as_str(), HIDDEN);
        }
    }
}
