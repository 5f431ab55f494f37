//! `secret set`, `rotate`, `remove`: one value of the environment's encrypted file.

use super::{resolution, stores};
use crate::arguments::{DeployArguments, RotateArguments};
use crate::commands::{Context, deploy};
use crate::failure::{Failure, Outcome};
use crate::locate::Place;
use crate::prompt;
use mainstay_model::{Problems, Secret};
use mainstay_secrets::encrypted::{EncryptedError, EncryptedFile};
use mainstay_secrets::generate::{DEFAULT_LENGTH, generate};
use mainstay_secrets::{age, identities};
use mainstay_stack::secrets::{Format, Rules, SecretRequest, Source, is_name};
use mainstay_stack::{Purpose, Resolution};
use std::collections::BTreeSet;

/// A secret of an encrypted file, and what opens it.
struct Kept {
    request: SecretRequest,
    file: EncryptedFile,
    key: String,
    identities: Vec<age::Identity>,
    purpose: Purpose,
    /// mainstay.yaml does not name it.
    unnamed: bool,
}

impl Kept {
    fn open(place: &Place, resolution: &Resolution, name: &str) -> Outcome<Self> {
        let found = resolution.secrets.iter().find(|secret| secret.name == name);
        let unnamed = found.is_none();
        let request = match found {
            Some(request) => request.clone(),
            None => unknown(place, resolution, name)?,
        };
        let Source::Age { file, key } = &request.source else {
            let source = &request.source;
            return Err(
                Failure::input(format!("secret `{name}` comes from {source}"))
                    .hint("change it there; `from: age` would keep it in an encrypted file here"),
            );
        };
        let (file, key) = (EncryptedFile::new(file), key.clone());
        let identities = identities::load(&stores(resolution))
            .map_err(|error| Failure::environment(error.to_string()).hint(error.hint()))?;
        let environment = resolution.environment.as_ref();
        Ok(Self {
            request,
            file,
            key,
            identities,
            purpose: environment.map_or(Purpose::Development, |found| found.purpose),
            unnamed,
        })
    }

    /// Refuses a value that a deploy would refuse.
    fn judge(&self, value: &str) -> Outcome<Problems> {
        let problems = self.request.judge(value, self.purpose);
        if problems.has_errors() {
            let message = format!("the value of `{}` is not taken", self.request.name);
            return Err(Failure::input(message).problems(problems));
        }
        Ok(problems)
    }

    /// Who has an identity and makes the first file is its first recipient.
    fn begin(&self) -> Outcome {
        if self.file.exists() || !self.file.recipients().map_err(failed)?.is_empty() {
            return Ok(());
        }
        let own = self.identities.iter().map(age::Identity::recipient);
        let own: Vec<_> = own.collect();
        self.file
            .change_recipients(&self.identities, |all| all.extend(own))
            .map(|_| ())
            .map_err(failed)
    }

    fn write(&self, value: Secret<String>) -> Outcome<bool> {
        self.begin()?;
        self.file
            .change(&self.identities, |values| {
                values.insert(self.key.clone(), value).is_some()
            })
            .map_err(failed)
    }

    fn shown(&self) -> String {
        let here = std::env::current_dir().unwrap_or_default();
        let path = self.file.path();
        path.strip_prefix(here)
            .unwrap_or(path)
            .display()
            .to_string()
    }
}

/// A secret that mainstay.yaml does not name yet, in the environment's own file.
fn unknown(place: &Place, resolution: &Resolution, name: &str) -> Outcome<SecretRequest> {
    if !is_name(name) {
        return Err(Failure::input(format!("`{name}` is no name of a secret"))
            .hint("letters, digits, `_`, `-` and `.`, at most 64, a letter or digit first"));
    }
    Ok(SecretRequest {
        name: name.to_owned(),
        source: Source::Age {
            file: environment_file(place, resolution)?,
            key: name.to_owned(),
        },
        rules: Rules::default(),
        place: mainstay_model::Place {
            file: "mainstay.yaml".to_owned(),
            line: 0,
            column: 0,
        },
        users: BTreeSet::new(),
        backups: false,
    })
}

/// `secrets.ENVIRONMENT.age` in the stack's directory.
pub(super) fn environment_file(
    place: &Place,
    resolution: &Resolution,
) -> Outcome<std::path::PathBuf> {
    let environment = resolution.environment.as_ref();
    let name = environment.map_or("dev", |environment| environment.name.as_str());
    let directory = place.directory.canonicalize().map_err(|error| {
        Failure::input(format!("cannot read `{}`", place.directory.display())).because(&error)
    })?;
    Ok(directory.join(format!("secrets.{name}.age")))
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(super) fn failed(error: EncryptedError) -> Failure {
    let failure = Failure::environment(error.to_string());
    match &error {
        EncryptedError::NoRecipient(_) => {
            failure.hint("add one: mainstay secret keys add RECIPIENT")
        }
        EncryptedError::Age {
            error: age::AgeError::NotForUs(_),
            ..
        } => failure
            .hint("let somebody who can open it add you: mainstay secret keys add YOUR-RECIPIENT"),
        EncryptedError::Locked(_) => failure.hint("try again when they are done"),
        _ => failure,
    }
}

pub(super) fn set(context: &Context, name: &str) -> Outcome {
    let place = context.place(None)?;
    let resolution = resolution(&place)?;
    let kept = Kept::open(&place, &resolution, name)?;
    let value = prompt::value(&format!("value of {name}"))?;
    warn(context, &kept.judge(value.expose())?);
    let replaced = kept.write(value)?;
    let verb = if replaced { "replaced" } else { "set" };
    told(context, &place, &kept, verb)
}

pub(super) async fn rotate(context: &Context, arguments: RotateArguments) -> Outcome {
    let place = context.place(None)?;
    let resolution = resolution(&place)?;
    let kept = Kept::open(&place, &resolution, &arguments.name)?;
    let rules = &kept.request.rules;
    let format = arguments.format.map(Format::from).or(rules.format);
    let format = format.unwrap_or(Format::Alphanumeric);
    let least = rules.min_length.map_or(0, |length| length as usize);
    let most = rules
        .max_length
        .map_or(usize::MAX, |length| length as usize);
    let length = arguments.length;
    let length = length.unwrap_or_else(|| DEFAULT_LENGTH.max(least).min(most));
    let value = generate(format, length).map_err(|error| {
        Failure::input(format!("no new value for `{}`: {error}", arguments.name))
            .hint("say another: --format hex --length 32")
    })?;
    warn(context, &kept.judge(value.expose())?);
    kept.write(value)?;
    if !arguments.deploy {
        return told(context, &place, &kept, "rotated");
    }
    let text = format!("rotated {} in {}", kept.request.name, kept.shown());
    context.output.note(&text);
    Box::pin(deploy::deploy(context, &DeployArguments::default())).await
}

pub(super) fn remove(context: &Context, name: &str) -> Outcome {
    let place = context.place(None)?;
    let resolution = resolution(&place)?;
    let kept = Kept::open(&place, &resolution, name)?;
    let removed = kept
        .file
        .change(&kept.identities, |values| {
            values.remove(&kept.key).is_some()
        })
        .map_err(failed)?;
    if !removed {
        let message = format!("`{}` has no `{}`", kept.shown(), kept.key);
        return Err(Failure::input(message).hint("see what there is: mainstay secret list"));
    }
    told(context, &place, &kept, "removed")
}

fn warn(context: &Context, problems: &Problems) {
    if !problems.is_empty() {
        let text = crate::render::problems::text(problems, context.output.side);
        context.output.note(text.trim_end());
    }
}

/// What was done, and what is still to do for it.
fn told(context: &Context, place: &Place, kept: &Kept, verb: &str) -> Outcome {
    let (name, file) = (&kept.request.name, kept.shown());
    let document = serde_json::json!({ "secret": name, "file": file, "did": verb });
    let next = if kept.unnamed {
        format!("name it in mainstay.yaml: secrets: {{{name}: {{from: age}}}}")
    } else {
        format!("bring it in: {}", place.command("deploy"))
    };
    context
        .output
        .either(&document, |_| format!("{verb} {name} in {file}; {next}"))
}
