//! What may be shown of a stack.

use crate::resolved::{Container, Dockerfile, Probe, Service, Stack};
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
            let arguments = service.container.build.iter_mut();
            let arguments = arguments.flat_map(|build| build.args.values_mut());
            for value in service.environment.values_mut().chain(arguments) {
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
            .flat_map(|service| {
                let build = service.container.build.iter();
                let arguments = build.flat_map(|build| build.args.values());
                service.environment.values().chain(arguments)
            })
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
            .chain(self.container.texts())
    }
}

impl Container {
    /// As for the service: what the user may have put a variable into.
    fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let words = [&mut self.entrypoint, &mut self.command];
        let words = words.into_iter().flatten().flatten();
        let build = self.build.iter_mut().flat_map(|build| {
            let recipe = match &mut build.dockerfile {
                Dockerfile::Inline(recipe) => Some(recipe),
                Dockerfile::File(_) => None,
            };
            let plain = build.args.values_mut().filter(|value| !value.secret);
            let plain = plain.map(|value| value.text.expose_mut());
            plain.chain(build.labels.values_mut()).chain(recipe)
        });
        words
            .chain(build)
            .chain(self.logging.options.values_mut())
            .chain(self.annotations.values_mut())
            .chain(self.storage_options.values_mut())
            .chain(self.isolation.sysctls.values_mut())
            .chain(self.tmpfs.values_mut())
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
