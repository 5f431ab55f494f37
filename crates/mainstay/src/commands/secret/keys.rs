//! `secret keys`: who can open the encrypted file of the environment.

use super::change::{environment_file, failed};
use super::{resolution, stores};
use crate::arguments::KeysCommand;
use crate::commands::Context;
use crate::failure::{Failure, Outcome};
use mainstay_secrets::age::{Identity, Recipient};
use mainstay_secrets::encrypted::EncryptedFile;
use mainstay_secrets::identities;
use mainstay_stack::Resolution;
use mainstay_stack::secrets::Source;
use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub(super) fn keys(context: &Context, command: KeysCommand) -> Outcome {
    let place = context.place(None)?;
    if matches!(command, KeysCommand::Create) {
        return create(context);
    }
    let resolution = resolution(&place)?;
    let files = files(&resolution, environment_file(&place, &resolution)?);
    match command {
        KeysCommand::Create => Ok(()),
        KeysCommand::List => list(context, &files),
        KeysCommand::Add { recipient } => {
            let recipient = parsed(&recipient)?;
            change(context, &resolution, &files, |all| {
                if !all.contains(&recipient) {
                    all.push(recipient);
                }
            })
        }
        KeysCommand::Remove { recipient } => {
            let recipient = parsed(&recipient)?;
            change(context, &resolution, &files, |all| {
                all.retain(|one| *one != recipient);
            })?;
            if !context.output.json {
                context.output.note(
                    "whoever could open it may have read what stood in it: rotate what must stay secret",
                );
            }
            Ok(())
        }
    }
}

/// Every encrypted file that the environment's secrets stand in; its own one where there is none.
fn files(resolution: &Resolution, own: PathBuf) -> Vec<EncryptedFile> {
    let sources = resolution.secrets.iter().map(|request| &request.source);
    let named = sources.filter_map(|source| match source {
        Source::Age { file, .. } => Some(file.clone()),
        _ => None,
    });
    let mut all: BTreeSet<PathBuf> = named.collect();
    if all.is_empty() {
        all.insert(own);
    }
    all.into_iter().map(EncryptedFile::new).collect()
}

fn parsed(text: &str) -> Outcome<Recipient> {
    text.trim().parse().map_err(|error| {
        Failure::input(format!("that is no recipient: {error}"))
            .hint("it is a line `age1…`, as `mainstay secret keys create` prints it")
    })
}

/// Of this user, not of a stack. One that is there is never overwritten.
fn create(context: &Context) -> Outcome {
    let stores = mainstay_secrets::Stores {
        variables: crate::project::key_variables(),
        configuration: crate::project::configuration(),
        ..mainstay_secrets::Stores::default()
    };
    let path = identities::file(&stores);
    let identity = Identity::generate().map_err(|error| Failure::environment(error.to_string()))?;
    write(&path, &identity).map_err(|error| {
        let shown = path.display();
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            Failure::input(format!("you have an identity already: `{shown}`"))
                .hint("it opens what is encrypted for it: keep it")
        } else {
            Failure::environment(format!("cannot write `{shown}`")).because(&error)
        }
    })?;
    let recipient = identity.recipient().to_string();
    let document = serde_json::json!({ "identity": path, "recipient": recipient });
    context.output.either(&document, |_| recipient.clone())?;
    if !context.output.json {
        context.output.note(&format!(
            "the identity is in {}: keep a copy where it is safe; others let you in with: mainstay secret keys add {recipient}",
            path.display()
        ));
    }
    Ok(())
}

fn write(path: &Path, identity: &Identity) -> std::io::Result<()> {
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)?;
    }
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let secret = identity.secret_text();
    let text = format!(
        "# public key: {}\n{}\n",
        identity.recipient(),
        secret.expose()
    );
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn list(context: &Context, files: &[EncryptedFile]) -> Outcome {
    let mut all = Vec::new();
    for file in files {
        let recipients = file.recipients().map_err(failed)?;
        let recipients: Vec<String> = recipients.iter().map(ToString::to_string).collect();
        all.push(serde_json::json!({ "file": file.path(), "recipients": recipients }));
    }
    context.output.either(&all, |_| {
        let lines = files.iter().zip(&all).map(|(file, entry)| {
            let recipients = entry["recipients"].as_array().into_iter().flatten();
            let recipients: Vec<&str> = recipients.filter_map(|one| one.as_str()).collect();
            let who = if recipients.is_empty() {
                "nobody yet".to_owned()
            } else {
                recipients.join("\n  ")
            };
            format!("{}\n  {who}", file.path().display())
        });
        lines.collect::<Vec<_>>().join("\n")
    })
}

fn change(
    context: &Context,
    resolution: &Resolution,
    files: &[EncryptedFile],
    change: impl Fn(&mut Vec<Recipient>),
) -> Outcome {
    for file in files {
        // Nothing is to be opened where there is nothing yet.
        let identities = if file.exists() {
            identities::load(&stores(resolution))
                .map_err(|error| Failure::environment(error.to_string()).hint(error.hint()))?
        } else {
            Vec::new()
        };
        file.change_recipients(&identities, &change)
            .map_err(failed)?;
    }
    list(context, files)
}
