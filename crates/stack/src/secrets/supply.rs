//! Values in: the second half of resolving a stack.
//!
//! What was fetched is checked by the rules, composed, and put where services want it. All that
//! is missing or wrong is told at once. What nobody fetched stays out: a stack may be looked at
//! without its secrets, and not deployed.

use super::source::{Part, SecretRequest, Source};
use super::template::Template;
use super::weak;
use crate::request::{Purpose, Resolution};
use crate::resolved::{FileKind, Stack, Value};
use mainstay_model::{Content, Place, Problem, Problems, Secret};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of one secret; Docker's own limit.
pub const LIMIT_CONTENT_BYTES: usize = 500 * 1024;

/// What came of fetching, by name of the secret.
pub type Answers = BTreeMap<String, Result<Secret<Content>, Unavailable>>;

/// Why a value could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unavailable {
    /// `secret/missing`: it is not there. `secret/unreachable`: nobody could be asked.
    pub code: &'static str,
    pub message: String,
    pub hint: Option<String>,
}

impl Unavailable {
    pub fn missing(message: impl Into<String>) -> Self {
        Self {
            code: "secret/missing",
            message: message.into(),
            hint: None,
        }
    }

    pub fn unreachable(message: impl Into<String>) -> Self {
        Self {
            code: "secret/unreachable",
            ..Self::missing(message)
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Resolution {
    /// Puts the values in; what is missing or breaks a rule becomes a problem. Values of variables
    /// are known without an answer.
    #[must_use]
    pub fn supply(mut self, answers: &Answers) -> Self {
        let purpose = self
            .environment
            .as_ref()
            .map(|environment| environment.purpose);
        let mut supply = Supply {
            purpose: purpose.unwrap_or(Purpose::Development),
            whole: BTreeMap::new(),
            problems: &mut self.problems,
        };
        let (composed, plain): (Vec<_>, Vec<_>) = self
            .secrets
            .iter()
            .partition(|request| matches!(request.source, Source::Template(_)));
        for request in plain {
            supply.take(request, answers);
        }
        for request in composed {
            supply.compose(request);
        }
        let values = supply.whole;
        if let Some(stack) = &mut self.stack {
            place(stack, &values, &self.secrets, &mut self.problems);
        }
        self.problems.sort();
        if self.problems.has_errors() {
            self.stack = None;
        }
        self
    }

    /// The secrets that a deploy needs: those that services and backups get, and what these are made of.
    pub fn needed_secrets(&self) -> Vec<&SecretRequest> {
        let used = |request: &&SecretRequest| request.is_used();
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for request in self.secrets.iter().filter(used) {
            names.insert(&request.name);
            if let Source::Template(template) = &request.source {
                names.extend(template.names());
            }
        }
        let needed = |request: &&SecretRequest| names.contains(request.name.as_str());
        self.secrets.iter().filter(needed).collect()
    }
}

impl SecretRequest {
    /// What a deploy would say of this value.
    pub fn judge(&self, value: &str, purpose: Purpose) -> Problems {
        let mut problems = Problems::default();
        for broken in self.rules.broken(value) {
            let message = format!("secret `{}` {broken}", self.name);
            problems.push(Problem::error("secret/value", message).at(self.place.clone()));
        }
        weak::judge_secret(self, value, purpose, &mut problems);
        problems
    }

    /// The value that this secret has by these answers, its rules aside. `all` are those that a
    /// template may be made of.
    pub fn value(&self, answers: &Answers, all: &[Self]) -> Result<Secret<Content>, Unavailable> {
        if let Source::Template(template) = &self.source {
            let part = |name: &str| {
                let request = all.iter().find(|request| request.name == name)?;
                let value = answer(request, answers)?.ok()?;
                Some(value.expose().line()?.to_owned())
            };
            let text = template.compose(part).map_err(|error| {
                Unavailable::missing(format!("secret `{}`: {error}", self.name))
            })?;
            return Ok(Secret::new(Content::new(text)));
        }
        answer(self, answers).unwrap_or_else(|| {
            Err(Unavailable::missing(format!(
                "secret `{}` was not asked for",
                self.name
            )))
        })
    }
}

/// The part that is meant of what was fetched, or of a variable. `None`: nobody asked.
fn answer(
    request: &SecretRequest,
    answers: &Answers,
) -> Option<Result<Secret<Content>, Unavailable>> {
    let whole = match (&request.source, answers.get(&request.name)) {
        (_, Some(answer)) => answer.clone(),
        (
            Source::Environment {
                value: Some(value), ..
            },
            None,
        ) => Ok(Secret::new(Content::new(value.expose().as_bytes()))),
        (Source::Environment { variable, .. }, None) => Err(unset(&request.name, variable)),
        (_, None) => return None,
    };
    Some(whole.and_then(|value| part(request, value)))
}

struct Supply<'a> {
    purpose: Purpose,
    whole: BTreeMap<String, Secret<Content>>,
    problems: &'a mut Problems,
}

impl Supply<'_> {
    fn take(&mut self, request: &SecretRequest, answers: &Answers) {
        // Without users it is asked for by name only.
        let unasked = !request.is_used() && !answers.contains_key(&request.name);
        let error = match answer(request, answers) {
            None => return,
            Some(Ok(value)) => return self.accept(request, value),
            Some(Err(error)) if unasked && error.code == "secret/missing" => return,
            Some(Err(error)) => error,
        };
        let problem = Problem::error(error.code, error.message).at(request.place.clone());
        self.problems.push(match error.hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
    }

    /// A template's value, where all that it is made of is there.
    fn compose(&mut self, request: &SecretRequest) {
        let Source::Template(template) = &request.source else {
            return;
        };
        let value = |name: &str| Some(self.whole.get(name)?.expose().line()?.to_owned());
        if template.names().any(|name| !self.whole.contains_key(name)) {
            return;
        }
        match template.compose(value) {
            Ok(text) => self.accept(request, Secret::new(Content::new(text))),
            Err(error) => {
                let message = format!("secret `{}` cannot be composed: {error}", request.name);
                let problem = Problem::error("secret/value", message);
                self.problems.push(problem.at(request.place.clone()));
            }
        }
    }

    fn accept(&mut self, request: &SecretRequest, value: Secret<Content>) {
        let name = &request.name;
        let mut error = |message: String| {
            let problem = Problem::error("secret/value", message).at(request.place.clone());
            self.problems.push(problem);
        };
        if value.expose().bytes().len() > LIMIT_CONTENT_BYTES {
            return error(format!(
                "secret `{name}` has more than {} KiB",
                LIMIT_CONTENT_BYTES / 1024
            ));
        }
        match value.expose().line() {
            Some(line) => {
                let found = request.judge(line, self.purpose);
                self.problems.extend(found);
            }
            None if has_text_rules(request) => error(format!(
                "secret `{name}` is no text, and its rules are for text"
            )),
            None => {}
        }
        self.whole.insert(name.clone(), value);
    }
}

fn unset(name: &str, variable: &str) -> Unavailable {
    Unavailable::missing(format!(
        "secret `{name}` needs the variable `{variable}`, which is not set"
    ))
    .hint(format!("set `{variable}` in the shell or in `.env`"))
}

fn has_text_rules(request: &SecretRequest) -> bool {
    request.rules.format.is_some()
        || request.rules.pattern.is_some()
        || request.rules.min_length.is_some()
        || request.rules.max_length.is_some()
}

/// The part that is meant, of a value that is JSON.
fn part(request: &SecretRequest, value: Secret<Content>) -> Result<Secret<Content>, Unavailable> {
    let (name, part) = (&request.name, request.source.part());
    let names = match part {
        None | Some(Part::Whole) => return Ok(value),
        Some(Part::Key(key)) => Template::parse(&format!("{{{}}}", key.replace(['{', '}'], "")))
            .map_err(|error| Unavailable::missing(format!("secret `{name}`: {error}")))?,
        Some(Part::Template(template)) => template.clone(),
    };
    let json: serde_json::Value = serde_json::from_slice(value.expose().bytes()).map_err(|_| {
        // What the parser says would quote the value.
        Unavailable::missing(format!("secret `{name}` is no JSON, so it has no keys"))
            .hint("take `key` or `template` out, or store a JSON object")
    })?;
    let text = names.compose(|key| match json.get(key)? {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Null => None,
        other => Some(other.to_string()),
    });
    match text {
        Ok(text) => Ok(Secret::new(Content::new(text))),
        Err(error) => {
            let keys: Vec<&str> = json
                .as_object()
                .map(|object| object.keys().map(String::as_str).collect())
                .unwrap_or_default();
            let problem = Unavailable::missing(format!("secret `{name}`: {error}"));
            Err(match keys.as_slice() {
                [] => problem.hint("the value is no JSON object"),
                keys => problem.hint(format!("it has {}", crate::check::list(keys))),
            })
        }
    }
}

/// Into the services.
fn place(
    stack: &mut Stack,
    values: &BTreeMap<String, Secret<Content>>,
    requests: &[SecretRequest],
    problems: &mut Problems,
) {
    let at = |name: &str| -> Option<Place> {
        let request = requests.iter().find(|request| request.name == name)?;
        Some(request.place.clone())
    };
    for service in stack.services.values_mut() {
        for file in &mut service.files {
            if file.kind == FileKind::Secret {
                file.content = values.get(&file.name).cloned();
            }
        }
        for (variable, secret) in &service.secrets {
            let Some(value) = values.get(secret) else {
                continue;
            };
            let Some(line) = value.expose().line().filter(|line| !line.contains('\0')) else {
                let message =
                    format!("secret `{secret}` cannot be the variable `{variable}`: it is no text");
                let problem = Problem::error("secret/value", message);
                let problem = problem.hint("give it to the service as a file: `secrets: […]`");
                problems.push(match at(secret) {
                    Some(place) => problem.at(place),
                    None => problem,
                });
                continue;
            };
            let value = Value {
                text: Secret::new(line.to_owned()),
                secret: true,
            };
            service.environment.insert(variable.clone(), value);
        }
    }
    for (name, secret) in &mut stack.secrets {
        secret.value = values.get(name).cloned();
    }
}
