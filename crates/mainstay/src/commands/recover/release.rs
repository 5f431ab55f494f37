//! What ran, as a restore point has it, made to run here.

use super::waived;
use crate::artifacts;
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::progress::Progress;
use crate::prompt;
use mainstay_model::{Content, Secret};
use mainstay_server::api::types::{DeployRequest, Files, KeptPoint};
use mainstay_server::{ARTIFACTS, Bundle, FILES, RELEASE_FILE, SavedRelease};
use mainstay_stack::{FileKind, HIDDEN, Stack};
use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Newest version of the record that is understood.
const FORMAT: u32 = 1;

/// See the module.
pub struct Saved {
    pub bundle: Bundle,
    files: Files,
    secrets: bool,
    /// Where the stack lay before, and where it lies now.
    moved: (String, String),
}

impl Saved {
    /// Reads what was brought back to `stage`, for a stack that will lie in `directory`.
    pub fn read(stage: &Path, directory: &Path) -> Outcome<Self> {
        let path = stage.join(RELEASE_FILE);
        let unread = |error: &dyn std::fmt::Display| {
            Failure::environment(format!("the release does not read: {error}"))
        };
        let text = std::fs::read_to_string(&path).map_err(|error| unread(&error))?;
        let mut value: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| unread(&error))?;
        let old = value["bundle"]["stack"]["directory"].as_str();
        let old = old.unwrap_or_default().to_owned();
        let moved = (old, directory.display().to_string());
        move_paths(&mut value, &moved.0, &moved.1);
        let saved: SavedRelease = serde_json::from_value(value).map_err(|error| unread(&error))?;
        if saved.format > FORMAT {
            return Err(
                Failure::environment("the release was saved by a newer Mainstay")
                    .hint("recover with that version"),
            );
        }
        let mut files = Files::new();
        collect(&stage.join(FILES), Path::new(""), &mut files).map_err(|error| unread(&error))?;
        Ok(Self {
            bundle: saved.bundle,
            files,
            secrets: saved.secrets,
            moved,
        })
    }

    /// Where a database had its files below the old directory, it has them below the new one.
    pub fn move_details(&self, points: &mut [KeptPoint]) {
        let (old, new) = &self.moved;
        let parts = points.iter_mut().flat_map(|kept| &mut kept.point.parts);
        for value in parts.flat_map(|part| part.details.values_mut()) {
            let rest = value.strip_prefix(old.as_str());
            let rest = rest.filter(|rest| !old.is_empty() && rest.starts_with('/'));
            if let Some(rest) = rest {
                *value = format!("{new}{rest}");
            }
        }
    }

    /// The user's own files, where they were.
    pub fn files_back(&self, directory: &Path) -> Outcome {
        for (path, text) in &self.files {
            let place = directory.join(path);
            let written = place
                .parent()
                .map_or(Ok(()), std::fs::create_dir_all)
                .and_then(|()| std::fs::write(&place, text.expose()))
                .and_then(|()| runnable(&place, text.expose()));
            written.map_err(|error| {
                Failure::environment(format!("cannot write `{}`", place.display())).because(&error)
            })?;
        }
        Ok(())
    }

    pub fn needs_secrets(&self) -> bool {
        !self.secrets && !self.missing().is_empty()
    }

    /// Names of secrets and `SERVICE.VARIABLE`s whose values are not in the restore point.
    fn missing(&self) -> BTreeSet<String> {
        let stack = &self.bundle.stack;
        let secrets = stack.secrets.iter();
        let secrets = secrets.filter(|(_, secret)| secret.value.is_none());
        let mut missing: BTreeSet<String> = secrets.map(|(name, _)| name.clone()).collect();
        for (name, service) in &stack.services {
            for (variable, value) in &service.environment {
                let named = service.secrets.contains_key(variable);
                if value.text.expose() == HIDDEN && !named {
                    missing.insert(format!("{name}.{variable}"));
                }
            }
        }
        missing
    }

    /// From variables, or from the terminal; all that are missing are told at once.
    pub fn ask_secrets(&mut self) -> Outcome {
        let mut values = BTreeMap::new();
        let mut lacking = Vec::new();
        for name in self.missing() {
            let variable = name.rsplit('.').next().unwrap_or(&name).to_uppercase();
            match std::env::var(&variable) {
                Ok(value) => {
                    values.insert(name, Secret::new(value));
                }
                Err(_) if std::io::stdin().is_terminal() => {
                    let value = prompt::known(&format!("secret {name}"))?;
                    values.insert(name, value);
                }
                Err(_) => lacking.push(format!("{name} (variable {variable})")),
            }
        }
        if !lacking.is_empty() {
            return Err(Failure::input(format!(
                "values of secrets are not in the restore point: {}",
                lacking.join(", ")
            ))
            .hint(
                "set those variables, or keep them with the backups: `backups: {secrets: include}`",
            ));
        }
        fill(&mut self.bundle.stack, &values);
        Ok(())
    }

    /// Artifacts that the server does not have.
    pub async fn upload(&self, client: &Client, stage: &Path, progress: &Progress) -> Outcome {
        for (artifact, hash) in &self.bundle.artifacts {
            let file = stage.join(ARTIFACTS).join(hash);
            artifacts::put(client, &file, artifact, hash, progress).await?;
        }
        Ok(())
    }

    /// A deploy of it; `engines`: nothing but what databases are restored into.
    pub fn request(&self, point: &KeptPoint, engines: bool) -> DeployRequest {
        let mut stack = self.bundle.stack.clone();
        if engines {
            only_engines(&mut stack, point);
        }
        DeployRequest {
            stack,
            artifacts: self.bundle.artifacts.clone(),
            images: self.bundle.images.clone(),
            files: self.files.clone(),
            recovered_from: Some(point.point.name.clone()),
            description: Some(format!("recovery from {}", point.point.name)),
            tag: None,
            commit: None,
            force: false,
            dirty: false,
            branch: None,
            promoted_from: None,
            notes: None,
            waive: waived(point),
        }
    }
}

/// A script that names its interpreter could be run where it was.
fn runnable(place: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if text.starts_with("#!") {
        std::fs::set_permissions(place, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Everything else stays defined and does not run; nobody is routed to it.
fn only_engines(stack: &mut Stack, point: &KeptPoint) {
    let engines = point.point.parts.iter();
    let engines: BTreeSet<_> = engines
        .filter(|part| part.kind.has_engine())
        .filter_map(|part| part.service.clone())
        .collect();
    for (name, service) in &mut stack.services {
        if !engines.contains(name) {
            service.replicas = 0;
        }
    }
    stack.routes.clear();
    stack.probes.clear();
    stack.deploy.migrations = None;
    stack.deploy.hooks = mainstay_stack::Hooks::default();
}

fn fill(stack: &mut Stack, values: &BTreeMap<String, Secret<String>>) {
    for (name, secret) in &mut stack.secrets {
        if let Some(value) = values.get(name) {
            secret.value = Some(Secret::new(Content::new(value.expose().as_str())));
        }
    }
    for (service_name, service) in &mut stack.services {
        for file in &mut service.files {
            if let Some(value) = values
                .get(&file.name)
                .filter(|_| file.kind == FileKind::Secret)
            {
                file.content = Some(Secret::new(Content::new(value.expose().as_str())));
            }
        }
        for (variable, value) in &mut service.environment {
            let named = service.secrets.get(variable).map(ToString::to_string);
            let own = format!("{service_name}.{variable}");
            let filled = named
                .and_then(|name| values.get(&name))
                .or_else(|| values.get(&own));
            if let Some(filled) = filled {
                value.text = filled.clone();
            }
        }
    }
}

/// Paths below the old directory lie below the new one.
fn move_paths(value: &mut serde_json::Value, old: &str, new: &str) {
    use serde_json::Value;
    match value {
        Value::String(text) if !old.is_empty() => {
            let rest = text.strip_prefix(old);
            let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with('/'));
            if let Some(rest) = rest {
                *text = format!("{new}{rest}");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| move_paths(item, old, new)),
        Value::Object(fields) => {
            let fields = fields.values_mut();
            fields.for_each(|field| move_paths(field, old, new));
        }
        _ => {}
    }
}

fn collect(root: &Path, inside: &Path, files: &mut Files) -> std::io::Result<()> {
    let Ok(entries) = std::fs::read_dir(root.join(inside)) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        let path: PathBuf = inside.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else {
            let text = std::fs::read_to_string(entry.path())?;
            files.insert(path, Secret::new(text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_old_directory_move_and_others_stay() {
        let mut value = serde_json::json!({
            "directory": "/srv/shop",
            "mounts": ["/srv/shop/data", "/srv/shopping", "/etc/x"],
        });
        move_paths(&mut value, "/srv/shop", "/new");
        let expected = serde_json::json!({
            "directory": "/new",
            "mounts": ["/new/data", "/srv/shopping", "/etc/x"],
        });
        assert_eq!(value, expected);
    }
}
