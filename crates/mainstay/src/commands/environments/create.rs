//! `env create`: the entry in mainstay.yaml, an overlay, a file of variables.
//!
//! The user's file is changed in one place, and read again before it is written. Files that are
//! there already are used and not touched.

use super::super::Context;
use crate::arguments::{PurposeName, ReleaseOptions, StackArguments};
use crate::failure::{Failure, Outcome};
use crate::locate::Place;
use crate::project;
use crate::render::problems;
use mainstay_model::EnvironmentName;
use mainstay_stack::edit::{EditError, add_environment};
use mainstay_stack::policy::Monitoring;
use mainstay_stack::{Environment, Purpose, is_secret_name};
use serde::Serialize;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// `env create --json`
#[derive(Debug, Serialize)]
struct Created<'a> {
    environment: &'a EnvironmentName,
    written: Vec<PathBuf>,
    used: Vec<PathBuf>,
}

pub fn create(
    context: &Context,
    name: &EnvironmentName,
    from: Option<&EnvironmentName>,
    purpose: Option<PurposeName>,
) -> Outcome {
    let place = context.place(None)?;
    let from = from.map(|from| super::find(&place, from)).transpose()?;
    let purpose = purpose.map_or_else(|| by_name(name, from.as_ref()), of_name);
    let body = entry(name, purpose, from.as_ref());
    let file = project::operations_file(&place.directory);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            let failure = Failure::environment(format!("cannot read `{}`", file.display()));
            return Err(failure.because(&error));
        }
    };
    let edit = add_environment(&text, name.as_str(), &body)
        .map_err(|error| refused(&file, name, &body, &error))?;
    let mut created = Created {
        environment: name,
        written: Vec::new(),
        used: Vec::new(),
    };
    let overlay = PathBuf::from(format!("compose.{name}.yaml"));
    let variables = PathBuf::from(format!("{name}.env"));
    created.put(&place, overlay, &overlay_text(&place, name, from.as_ref()))?;
    created.put(
        &place,
        variables,
        &variables_text(&place, name, from.as_ref()),
    )?;
    // Last, so that it never names a file that is not there.
    project::replace(&file, &edit.text).map_err(|error| unwritten(&file, &error))?;
    created.written.push(file.clone());
    context.output.either(&created, |_| {
        let files = |files: &[PathBuf]| {
            let names = files.iter().map(|file| file.display().to_string());
            names.collect::<Vec<_>>().join(", ")
        };
        let mut text = format!("wrote {}", files(&created.written));
        if !created.used.is_empty() {
            let _ = write!(
                text,
                "; {} was there already and is used",
                files(&created.used)
            );
        }
        let show = place.command(&format!("env show {name}"));
        format!("{text}\n\n{}\n\nlook at it: {show}", edit.lines)
    })?;
    check(context, &place.in_environment(name))
}

/// What the new environment still lacks: said, and no reason to take it back.
fn check(context: &Context, place: &Place) -> Outcome {
    let arguments = StackArguments::default();
    let resolution = project::resolution(place, &arguments, &ReleaseOptions::default())?;
    if !resolution.problems.is_empty() {
        let text = problems::text(&resolution.problems, context.output.side);
        context.output.note(text.trim_end());
    }
    Ok(())
}

impl Created<'_> {
    fn put(&mut self, place: &Place, name: PathBuf, text: &str) -> Outcome {
        let file = if place.directory == Path::new(".") {
            name
        } else {
            place.directory.join(name)
        };
        match File::create_new(&file).and_then(|mut new| new.write_all(text.as_bytes())) {
            Ok(()) => self.written.push(file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.used.push(file),
            Err(error) => return Err(unwritten(&file, &error)),
        }
        Ok(())
    }
}

fn unwritten(file: &Path, error: &io::Error) -> Failure {
    Failure::environment(format!("cannot write `{}`", file.display())).because(error)
}

fn refused(file: &Path, name: &EnvironmentName, body: &str, error: &EditError) -> Failure {
    let failure = Failure::input(format!("`{}` is left as it is", file.display())).because(error);
    if matches!(error, EditError::Exists(_)) {
        return failure.hint(format!("see it: mainstay env show {name}"));
    }
    let lines: Vec<String> = body.lines().map(|line| format!("    {line}")).collect();
    let lines = lines.join("\n");
    failure.hint(format!(
        "add it yourself:\nenvironments:\n  {name}:\n{lines}"
    ))
}

fn by_name(name: &EnvironmentName, from: Option<&Environment>) -> Purpose {
    match (name.as_str(), from) {
        ("dev" | "development", _) => Purpose::Development,
        ("production" | "prod", _) => Purpose::Production,
        ("dr" | "recovery", _) => Purpose::Recovery,
        (_, Some(from)) => from.purpose,
        _ => Purpose::Staging,
    }
}

fn of_name(name: PurposeName) -> Purpose {
    match name {
        PurposeName::Development => Purpose::Development,
        PurposeName::Staging => Purpose::Staging,
        PurposeName::Production => Purpose::Production,
        PurposeName::Recovery => Purpose::Recovery,
    }
}

/// Its lines in mainstay.yaml, below its name.
fn entry(name: &EnvironmentName, purpose: Purpose, from: Option<&Environment>) -> String {
    let mut text = format!(
        "purpose: {}\nmonitoring: {}\ncompose: [compose.{name}.yaml]\nenv_file: {name}.env\n",
        purpose.word(),
        Monitoring::of(purpose).word()
    );
    if let Some(target) = from.and_then(|from| from.target) {
        let _ = writeln!(text, "target: {}", target.word());
    }
    text.push_str(match purpose {
        Purpose::Development => "",
        Purpose::Staging => {
            "policy:\n  # What a CI job deploys here with `mainstay deploy --automatic`.\n  auto_deploy: main\n  # When maintenance may be done.\n  windows: [{from: \"02:00\", to: \"04:00\"}]\n"
        }
        Purpose::Production | Purpose::Recovery => {
            "policy:\n  # Somebody else agrees to each deploy.\n  approval: required\n  # Only from a version tag.\n  tags_only: v*\n  # When maintenance may be done.\n  windows: [{days: sun, from: \"04:00\", to: \"06:00\"}]\n"
        }
    });
    text
}

fn overlay_text(place: &Place, name: &EnvironmentName, from: Option<&Environment>) -> String {
    let copied = from
        .and_then(|from| from.overlays.first())
        .and_then(|path| std::fs::read_to_string(place.directory.join(path)).ok());
    copied.unwrap_or_else(|| {
        format!(
            "# What {name} has different from compose.yaml; laid over it.\nservices: {{}}\n  # app:\n  #   deploy:\n  #     replicas: 2\n  #   environment:\n  #     LOG_LEVEL: ${{LOG_LEVEL:-info}}\n"
        )
    })
}

/// Names and values of another environment's file, without the values that are secret.
fn variables_text(place: &Place, name: &EnvironmentName, from: Option<&Environment>) -> String {
    let mut text = format!(
        "# Variables for ${{…}} in {name}, one NAME=value a line. The shell wins over them.\n# Keep secrets out of the repository.\n"
    );
    let copied = from
        .and_then(|from| from.env_files.first())
        .and_then(|path| std::fs::read_to_string(place.directory.join(path)).ok());
    for line in copied.unwrap_or_default().lines() {
        let key = line.split('=').next().unwrap_or_default();
        let key = key.trim().trim_start_matches("export ").trim();
        let secret = is_secret_name(key) || mainstay_stack::masked_line(line) != line;
        if line.contains('=') && !line.trim_start().starts_with('#') && secret {
            let _ = writeln!(text, "# {key}= is a secret of {name}'s own");
        } else {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}
