//! `install` and `uninstall`: the server as a service of this machine.
//!
//! Says what it does before it does it: with `--dry-run` it only says.

use super::Context;
use crate::arguments::{InstallArguments, InstallPlace, UninstallArguments};
use crate::client::Address;
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::unit::{self, DIRECTORY, NAME, Service};
use mainstay_server::api::types::{EnvironmentState, ServerStatus};
use mainstay_server::paths::DataDirectory;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub fn install(context: &Context, arguments: &InstallArguments) -> Outcome {
    let service = service(context, &arguments.user)?;
    let place = &arguments.place;
    let [unit, users] = unit::files(place.root.as_deref().unwrap_or(Path::new("/")));
    let mut files = vec![(unit, service.unit())];
    files.extend(service.sysusers().map(|text| (users, text)));
    let start: &[&str] = if arguments.now {
        &["systemctl", "enable", "--now", NAME]
    } else {
        &["systemctl", "enable", NAME]
    };
    let mut commands: Vec<&[&str]> = Vec::new();
    if service.sysusers().is_some() {
        commands.push(&["systemd-sysusers"]);
    }
    commands.extend([&["systemctl", "daemon-reload"][..], start]);
    let owner = format!("{NAME}.service");
    if place.dry_run {
        return print(context, &files, &commands);
    }
    ready(place, &service.program)?;
    for (path, text) in &files {
        write(path, text)?;
        context.output.note(&format!("wrote {}", path.display()));
    }
    if place.root.is_some() {
        return Ok(());
    }
    for command in commands {
        run(context, command)?;
    }
    let directory = service.directory.display();
    let next = if arguments.now {
        format!("it runs: mainstay status --server {directory}")
    } else {
        format!("start it: systemctl start {NAME}")
    };
    context.output.note(&format!("installed {owner}; {next}"));
    Ok(())
}

pub async fn uninstall(context: &Context, arguments: &UninstallArguments) -> Outcome {
    let directory = directory(context)?;
    let place = &arguments.place;
    let files = unit::files(place.root.as_deref().unwrap_or(Path::new("/")));
    let before: [&[&str]; 1] = [&["systemctl", "disable", "--now", NAME]];
    let after: [&[&str]; 1] = [&["systemctl", "daemon-reload"]];
    if place.dry_run {
        let removals = files.iter().map(|path| format!("rm {}", path.display()));
        let lines = [before[0].join(" ")]
            .into_iter()
            .chain(removals)
            .chain([after[0].join(" ")]);
        return context.output.data(&lines.collect::<Vec<_>>().join("\n"));
    }
    let client = client(&directory)?;
    if place.root.is_none() {
        rights()?;
        if !arguments.leave_running {
            nothing_up(&client, &directory).await?;
        }
        run(context, before[0])?;
        if !arguments.leave_running {
            end_proxy(&directory).await;
        }
    }
    for path in files.iter().filter(|path| path.exists()) {
        std::fs::remove_file(path).map_err(|error| failed("remove", path, &error))?;
        context.output.note(&format!("removed {}", path.display()));
    }
    if place.root.is_none() {
        run(context, after[0])?;
    }
    let kept = directory.display();
    context
        .output
        .note(&format!("{kept} is kept, with all that is in it"));
    Ok(())
}

fn service(context: &Context, user: &str) -> Outcome<Service> {
    let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    let good = user.chars().all(named) && user.starts_with(|c: char| c.is_ascii_lowercase());
    if !good || user.len() > 31 {
        return Err(
            Failure::input(format!("`{user}` is not the name of a user"))
                .hint("small letters, digits, `-` and `_`, at most 31"),
        );
    }
    let program = std::env::current_exe()
        .and_then(|program| program.canonicalize())
        .map_err(|error| Failure::environment("cannot find this program").because(&error))?;
    Ok(Service {
        program,
        directory: directory(context)?,
        user: user.to_owned(),
    })
}

fn directory(context: &Context) -> Outcome<PathBuf> {
    let directory = context.global.directory.as_deref();
    let directory = directory.unwrap_or(Path::new(DIRECTORY));
    std::path::absolute(directory).map_err(|error| {
        Failure::input(format!("no such directory: `{}`", directory.display())).because(&error)
    })
}

fn print(context: &Context, files: &[(PathBuf, String)], commands: &[&[&str]]) -> Outcome {
    let mut text = String::new();
    for (path, content) in files {
        let _ = writeln!(text, "==> {} <==\n{content}", path.display());
    }
    text.push_str("==> then <==\n");
    for command in commands {
        let _ = writeln!(text, "{}", command.join(" "));
    }
    context.output.data(&text)
}

/// What would make a half of it, seen before anything is written.
fn ready(place: &InstallPlace, program: &Path) -> Outcome {
    if place.root.is_some() {
        return Ok(());
    }
    rights()?;
    if !Path::new("/run/systemd/system").is_dir() {
        return Err(Failure::environment("this machine does not run systemd")
            .hint("start `mainstay serve --directory DIR` with what it runs instead; `--dry-run` shows the unit to copy from"));
    }
    let replaceable = program.ancestors().find(|path| {
        let owner = std::fs::metadata(path);
        owner.is_ok_and(|meta| meta.uid() != 0 || meta.mode() & 0o022 != 0)
    });
    match replaceable {
        None => Ok(()),
        Some(path) => {
            let message = format!("others than root can replace `{}`", path.display());
            let program = program.display();
            Err(Failure::environment(message).hint(format!(
                "put the program where only root writes, and install from there: sudo install -m 755 {program} /usr/local/bin/mainstay"
            )))
        }
    }
}

fn rights() -> Outcome {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(
        Failure::environment("only root may change the services of a machine")
            .hint("write `sudo` before it, or look first with `--dry-run`"),
    )
}

fn write(path: &Path, text: &str) -> Outcome {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(|error| failed("make", folder, &error))?;
    let next = path.with_extension("next");
    std::fs::write(&next, text)
        .and_then(|()| std::fs::rename(&next, path))
        .map_err(|error| failed("write", path, &error))
}

fn failed(verb: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::environment(format!("cannot {verb} `{}`", path.display())).because(error)
}

fn run(context: &Context, command: &[&str]) -> Outcome {
    let line = command.join(" ");
    context.output.note(&format!("run {line}"));
    let status = Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::null())
        .status()
        .map_err(|error| Failure::environment(format!("cannot run `{line}`")).because(&error))?;
    if status.success() {
        return Ok(());
    }
    Err(
        Failure::environment(format!("`{line}` ended with {status}"))
            .hint(format!("systemctl status {NAME}; journalctl -u {NAME}")),
    )
}

fn client(directory: &Path) -> Outcome<Client> {
    let data = data(directory)?;
    let directory = directory.to_owned();
    Ok(Client::new(Address::Data { directory, data }))
}

fn data(directory: &Path) -> Outcome<DataDirectory> {
    DataDirectory::new(directory)
        .map_err(|error| Failure::environment("cannot find the data directory").because(&error))
}

/// Instances would live on with nobody who looks after them.
async fn nothing_up(client: &Client, directory: &Path) -> Outcome {
    let Ok(status) = client.get::<ServerStatus>("/status").await else {
        return Ok(());
    };
    let up = |state| state != EnvironmentState::Down;
    let mut up = status.environments.iter().filter(|one| up(one.state));
    let Some(one) = up.next() else {
        return Ok(());
    };
    let (scope, directory) = (&one.scope, directory.display());
    Err(Failure::environment(format!("{scope} is up, and would run on with nobody who looks after it"))
        .hint(format!(
            "take it down: mainstay down --server {directory} --stack {} --env {}; or say --leave-running",
            scope.stack, scope.environment
        )))
}

async fn end_proxy(directory: &Path) {
    if let Ok(data) = data(directory) {
        // It ends by itself once its requests have; where none runs there is nothing to end.
        let _ = mainstay_proxy::Client::new(data.proxy_socket())
            .shutdown()
            .await;
    }
}
