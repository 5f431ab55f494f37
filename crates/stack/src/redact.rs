//! What may be shown of a stack.

use crate::resolved::{
    Container, Dockerfile, FileKind, GrantedFile, Probe, Service, SourceKind, Stack, Value,
};
use mainstay_model::{Content, Secret};
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
            for variable in service.secrets.keys() {
                let hidden = Value {
                    text: Secret::new(HIDDEN.to_owned()),
                    secret: true,
                };
                service.environment.insert(variable.clone(), hidden);
            }
            let files = service.files.iter_mut();
            files.for_each(|file| shown(file, &secrets));
            service.texts().for_each(|text| hide(text, &secrets));
        }
        let sources = stack.backups.sources.values_mut();
        let texts = sources.flat_map(|source| source.kind.texts().chain(&mut source.query));
        texts.for_each(|text| hide(text, &secrets));
        for secret in stack.secrets.values_mut() {
            secret.value = None;
        }
        stack
    }

    /// Every secret value that is long enough to be looked for in other texts.
    pub fn secret_values(&self) -> BTreeSet<String> {
        let variables = self.services.values().flat_map(|service| {
            let build = service.container.build.iter();
            let arguments = build.flat_map(|build| build.args.values());
            service.environment.values().chain(arguments)
        });
        let variables = variables.filter(|value| value.secret);
        let variables = variables.map(|value| value.text.expose().as_str());
        let whole = self.secrets.values();
        let whole = whole.filter_map(|secret| secret.value.as_ref()?.expose().line());
        variables
            .chain(whole)
            .filter(|text| text.len() >= SHORTEST)
            .map(str::to_owned)
            .collect()
    }
}

/// A secret file keeps its name and place; a config keeps its text, but for secrets in it.
fn shown(file: &mut GrantedFile, secrets: &BTreeSet<String>) {
    let text = file.content.as_ref();
    let text = text.and_then(|content| content.expose().text());
    let text = text.filter(|_| file.kind == FileKind::Config);
    let text = text.map(str::to_owned);
    file.content = text.map(|mut text| {
        hide(&mut text, secrets);
        Secret::new(Content::new(text))
    });
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

impl SourceKind {
    /// Commands, as for the service.
    fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let (files, command) = match self {
            Self::Volume(source) => (Some(&mut source.files), None),
            Self::Directory(source) => (Some(&mut source.files), None),
            Self::Command(source) => (None, Some(source)),
            _ => (None, None),
        };
        let hooks = files.into_iter().flat_map(|files| {
            let hooks = files.before.iter_mut().chain(&mut files.after);
            hooks.flatten()
        });
        let commands = command.into_iter().flat_map(|command| {
            let restore = command.restore.iter_mut().flatten();
            command.dump.iter_mut().chain(restore)
        });
        hooks.chain(commands)
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
