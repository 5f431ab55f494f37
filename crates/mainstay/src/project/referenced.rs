//! Scripts that a stack runs and that stand beside its files: without them its files are of no use elsewhere.

use mainstay_model::Secret;
use mainstay_server::api::types::Files;
use mainstay_stack::{Probe, SourceKind, Stack};
use std::path::{Component, Path};

/// A longer file is no script.
const LONGEST: u64 = 1 << 20;

/// Adds every word of a command that is a text file within the stack's directory.
pub(super) fn add(stack: &Stack, files: &mut Files) {
    for word in words(stack) {
        let path = Path::new(word);
        let inside = path.strip_prefix(&stack.directory).unwrap_or(path);
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if !inside.components().all(plain) || files.contains_key(inside) {
            continue;
        }
        let place = stack.directory.join(inside);
        let fits = place
            .metadata()
            .is_ok_and(|file| file.is_file() && file.len() <= LONGEST);
        if fits && let Ok(text) = std::fs::read_to_string(&place) {
            files.insert(inside.to_owned(), Secret::new(text));
        }
    }
}

fn words(stack: &Stack) -> Vec<&str> {
    let mut commands: Vec<&Vec<String>> = Vec::new();
    for service in stack.services.values() {
        commands.extend(service.process.as_ref().map(|process| &process.command));
        if let Some(Probe::Command { command }) = service.health.as_ref().map(|one| &one.probe) {
            commands.push(command);
        }
    }
    let deploy = &stack.deploy;
    commands.extend(deploy.hooks.before.iter().chain(&deploy.hooks.after));
    commands.extend(deploy.steps.values().flat_map(|step| &step.commands));
    if let Some(migrations) = &deploy.migrations {
        commands.push(&migrations.command);
        commands.extend(&migrations.downgrade);
        commands.extend(&migrations.revision);
    }
    for source in stack.backups.sources.values() {
        match &source.kind {
            SourceKind::Command(one) => {
                commands.push(&one.dump);
                commands.extend(&one.restore);
            }
            SourceKind::Volume(one) => {
                commands.extend(one.files.before.iter().chain(&one.files.after));
            }
            SourceKind::Directory(one) => {
                commands.extend(one.files.before.iter().chain(&one.files.after));
            }
            _ => {}
        }
    }
    commands.into_iter().flatten().map(String::as_str).collect()
}
