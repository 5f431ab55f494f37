//! All secrets and configs of a stack, from mainstay.yaml and from Compose, and which services
//! have them.
//!
//! Compose says that there is a secret, and where it is on a laptop; mainstay.yaml may say of the
//! same name that it comes from elsewhere, and wins. `external: true` leaves it to mainstay.yaml
//! altogether, so that the file stays valid for Docker Compose.

use super::around::users;
use super::rules::Rules;
use super::section::{Definition, is_name};
use super::source::{Part, SecretRequest, Source};
use crate::decode::{Context, Found, text};
use crate::interpolate::{Lookup, Variables};
use crate::resolved::{FileKind, GrantedFile};
use crate::source::At;
use crate::tree::{Entry, Node, as_bool};
use mainstay_model::{Content, Problem, Problems, Secret, ServiceName, did_you_mean};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a path or file that an engine takes.
const DIRECTORY: &str = "/run/secrets";

/// What there is to be granted.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    secrets: BTreeMap<String, Definition>,
    /// Their values are secret wherever they stand.
    variables: BTreeSet<String>,
    /// Defined in a way that was told to be wrong.
    broken: BTreeSet<String>,
    /// `None`: it was told why it cannot be had.
    configs: BTreeMap<String, Option<Config>>,
}

/// Not secret, and known at once but for files.
#[derive(Debug, Clone)]
enum Config {
    Content(String),
    File(std::path::PathBuf, At),
}

impl Definitions {
    /// Joins `own`, of mainstay.yaml, with what the Compose tree says.
    pub(crate) fn new(
        own: BTreeMap<String, Definition>,
        tree: &Node,
        variables: &Variables,
        problems: &mut Problems,
    ) -> Self {
        let mut all = Self {
            secrets: own,
            variables: BTreeSet::new(),
            broken: BTreeSet::new(),
            configs: BTreeMap::new(),
        };
        for entry in entries(tree, "secrets") {
            all.compose_secret(entry, variables, problems);
        }
        for entry in entries(tree, "configs") {
            let config = config(entry, variables, problems);
            all.configs.insert(entry.key.clone(), config);
        }
        let sources = all.secrets.values().map(|definition| &definition.source);
        let variables = sources.filter_map(|source| match source {
            Source::Environment { variable, .. } => Some(variable.clone()),
            _ => None,
        });
        all.variables = variables.collect();
        all
    }

    fn compose_secret(&mut self, entry: &Entry, variables: &Variables, problems: &mut Problems) {
        let node = &entry.value;
        if self.secrets.contains_key(&entry.key) {
            return;
        }
        let source = if let Some(variable) = text(node, "environment") {
            Source::Environment {
                value: variables.get(&variable).map(|v| Secret::new(v.to_owned())),
                variable,
                part: Part::Whole,
            }
        } else if let Some(file) = node.get("file") {
            Source::File {
                path: file.at.path(file.as_text().unwrap_or_default()),
                part: Part::Whole,
            }
        } else if is_external(node) {
            let name = external_name(entry);
            let Some(definition) = self.secrets.get(&name) else {
                self.broken.insert(entry.key.clone());
                return problems.push(undefined(&name, self.secrets.keys()).at(entry.at.place()));
            };
            let (source, rules) = (definition.source.clone(), definition.rules.clone());
            let at = definition.at.clone();
            let definition = Definition { source, rules, at };
            self.secrets.insert(entry.key.clone(), definition);
            return;
        } else {
            self.broken.insert(entry.key.clone());
            return problems.push(sourceless("secret", entry));
        };
        // Where Compose says it, a missing value is to be mended.
        let at = ["environment", "file"]
            .into_iter()
            .find_map(|key| node.get(key));
        let at = at.map_or(&entry.at, |node| &node.at).clone();
        let rules = Rules::default();
        self.secrets
            .insert(entry.key.clone(), Definition { source, rules, at });
    }

    /// Variables whose values are secret wherever they stand.
    pub(crate) fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }

    /// What is to be said where a name stands for no secret.
    pub(crate) fn undefined(&self, name: &str) -> Option<Problem> {
        let known = self.secrets.contains_key(name) || self.broken.contains(name);
        (!known).then(|| undefined(name, self.secrets.keys()))
    }

    /// The file that the secret is read from, where it is one.
    pub(crate) fn file(&self, name: &str) -> Option<&std::path::Path> {
        match &self.secrets.get(name)?.source {
            Source::File { path, .. } => Some(path),
            _ => None,
        }
    }

    /// Everything that somebody has to fetch, with who gets it. What only a template is made of
    /// comes before it.
    pub(crate) fn requests(
        self,
        services: &BTreeMap<ServiceName, Found>,
        backups: &BTreeSet<&str>,
        problems: &mut Problems,
    ) -> Vec<SecretRequest> {
        for definition in self.secrets.values() {
            let Source::Template(template) = &definition.source else {
                continue;
            };
            for name in template.names() {
                let problem = match self.secrets.get(name).map(|other| &other.source) {
                    Some(Source::Template(_)) => Problem::error(
                        "mainstay/value",
                        format!("a template cannot be made of the template `{name}`"),
                    )
                    .hint("write its parts here"),
                    Some(_) => continue,
                    None => undefined(name, self.secrets.keys()),
                };
                problems.push(problem.at(definition.at.place()));
            }
        }
        let users = users(services);
        let requests = self
            .secrets
            .into_iter()
            .map(|(name, definition)| SecretRequest {
                users: users.get(&name).cloned().unwrap_or_default(),
                backups: backups.contains(name.as_str()),
                name,
                source: definition.source,
                rules: definition.rules,
                place: definition.at.place(),
            });
        requests.collect()
    }
}

fn entries<'a>(tree: &'a Node, key: &str) -> &'a [Entry] {
    tree.get(key).map(Node::entries).unwrap_or_default()
}

/// `external: true`, or the older `external: {name: …}`.
fn is_external(node: &Node) -> bool {
    node.get("external")
        .is_some_and(|external| match external.as_text() {
            Some(text) => as_bool(text) == Some(true),
            None => true,
        })
}

fn external_name(entry: &Entry) -> String {
    let older = entry
        .value
        .get("external")
        .and_then(|node| text(node, "name"));
    older
        .or_else(|| text(&entry.value, "name"))
        .unwrap_or_else(|| entry.key.clone())
}

fn undefined<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Problem {
    let shown = crate::check::shown(name);
    let message = format!("mainstay.yaml does not say where the secret `{shown}` comes from");
    let problem = Problem::error("secret/undefined", message);
    match did_you_mean(name, known.map(String::as_str)) {
        Some(word) => problem.hint(format!("did you mean `{word}`?")),
        None => problem.hint(format!(
            "write `secrets: {{{shown}: {{from: environment}}}}` there"
        )),
    }
}

fn sourceless(what: &str, entry: &Entry) -> Problem {
    let name = crate::check::shown(&entry.key);
    let message = format!("{what} `{name}` does not say where it comes from");
    let problem = Problem::error("compose/source", message).at(entry.at.place());
    problem.hint(match what {
        "secret" => "`file: …`, `environment: VARIABLE`, or `external: true` and the source in `secrets` of mainstay.yaml",
        _ => "`file: …`, `content: …` or `environment: VARIABLE`",
    })
}

fn config(entry: &Entry, variables: &Variables, problems: &mut Problems) -> Option<Config> {
    let node = &entry.value;
    if let Some(content) = text(node, "content") {
        return Some(Config::Content(content));
    }
    if let Some(file) = node.get("file") {
        let path = file.at.path(file.as_text().unwrap_or_default());
        return Some(Config::File(path, file.at.clone()));
    }
    let Some(variable) = node.get("environment") else {
        // What is external is refused as a whole.
        if !is_external(node) {
            problems.push(sourceless("config", entry));
        }
        return None;
    };
    let name = variable.as_text().unwrap_or_default();
    let value = variables.get(name).map(str::to_owned);
    if value.is_none() {
        let message = format!(
            "config `{}` needs the variable `{name}`, which is not set",
            crate::check::shown(&entry.key)
        );
        let problem = Problem::error("compose/source", message).at(variable.at.place());
        problems.push(problem.hint(format!("set `{name}` in the shell or in `.env`")));
    }
    value.map(Config::Content)
}

/// What a service is given.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    pub(crate) files: Vec<GrantedFile>,
    /// Variable → secret.
    pub(crate) variables: BTreeMap<String, String>,
}

/// What the service's `secrets`, `configs` and `x-mainstay.secrets` say.
pub(crate) fn grants(context: &mut Context<'_, '_>, service: &Node) -> Grants {
    let mut grants = Grants::default();
    let own = service.get("x-mainstay").and_then(|x| x.get("secrets"));
    for entry in own.map(Node::entries).unwrap_or_default() {
        let secret = entry.value.as_text().unwrap_or(&entry.key).to_owned();
        let known = &context.definitions.secrets;
        if !known.contains_key(&secret) {
            let problem = undefined(&secret, known.keys()).at(entry.value.at.place());
            context.reading.problems.push(problem);
        }
        if service
            .get("environment")
            .is_some_and(|all| all.entry(&entry.key).is_some())
        {
            let message = format!(
                "`{}` stands in `environment` and in `x-mainstay.secrets`",
                crate::check::shown(&entry.key)
            );
            let problem = Problem::warning("secret/twice", message).at(entry.at.place());
            let hint = "the secret wins; Docker Compose reads `environment` alone";
            context.reading.problems.push(problem.hint(hint));
        }
        grants.variables.insert(entry.key.clone(), secret);
    }
    for (key, kind) in [("secrets", FileKind::Secret), ("configs", FileKind::Config)] {
        let items = service.get(key).map(Node::items).unwrap_or_default();
        grants
            .files
            .extend(items.iter().filter_map(|item| file(context, item, kind)));
    }
    same_target(context, service, &grants.files);
    grants
}

fn file(context: &mut Context<'_, '_>, node: &Node, kind: FileKind) -> Option<GrantedFile> {
    let Some(source) = text(node, "source") else {
        let problem = Problem::error("compose/source", "it needs a `source`");
        context.problem(node, problem);
        return None;
    };
    let content = match kind {
        FileKind::Secret => {
            let definitions = context.definitions;
            if !definitions.secrets.contains_key(&source) {
                if !definitions.broken.contains(&source) {
                    let known: Vec<&str> = definitions.secrets.keys().map(String::as_str).collect();
                    context.problem(node, not_defined("secret", &source, &known));
                }
                return None;
            }
            None
        }
        FileKind::Config => Some(config_content(context, node, &source)?),
    };
    let target = text(node, "target").unwrap_or_else(|| source.clone());
    let target = match (target.starts_with('/'), kind) {
        (true, _) => target,
        (false, FileKind::Secret) => format!("{DIRECTORY}/{target}"),
        (false, FileKind::Config) => format!("/{target}"),
    };
    if !is_name(&source) || target.split('/').any(|part| part == "..") || target.ends_with('/') {
        let message = format!("`{}` cannot be a file", crate::check::shown(&target));
        context.problem(node, Problem::error("compose/value", message));
        return None;
    }
    Some(GrantedFile {
        name: source,
        kind,
        target,
        uid: text(node, "uid"),
        gid: text(node, "gid"),
        mode: mode(context, node),
        content,
    })
}

fn not_defined(what: &str, name: &str, known: &[&str]) -> Problem {
    let shown = crate::check::shown(name);
    let problem = Problem::error("compose/source", format!("no {what} `{shown}`"));
    match did_you_mean(name, known.iter().copied()) {
        Some(word) => problem.hint(format!("did you mean `{word}`?")),
        None if what == "secret" => problem.hint(format!(
            "define it: `secrets: {{{shown}: {{external: true}}}}` in compose.yaml, and where it comes from in `secrets` of mainstay.yaml"
        )),
        None => problem.hint(format!("define it: `configs: {{{shown}: {{file: …}}}}`")),
    }
}

fn config_content(
    context: &mut Context<'_, '_>,
    node: &Node,
    source: &str,
) -> Option<Secret<Content>> {
    let Some(config) = context.definitions.configs.get(source).cloned() else {
        let known: Vec<&str> = context
            .definitions
            .configs
            .keys()
            .map(String::as_str)
            .collect();
        let problem = not_defined("config", source, &known);
        context.problem(node, problem);
        return None;
    };
    let text = match config? {
        Config::Content(text) => text,
        Config::File(path, at) => {
            let base = path.parent().unwrap_or(&path).to_owned();
            context.reading.load(&path, &base, Some(&at))?.0
        }
    };
    Some(Secret::new(Content::new(text)))
}

/// Octal, as in Compose; a quoted `"0440"` and a plain one say the same.
fn mode(context: &mut Context<'_, '_>, node: &Node) -> u32 {
    const DEFAULT: u32 = 0o444;
    let Some(mode) = node.get("mode") else {
        return DEFAULT;
    };
    let text = mode.as_text().unwrap_or_default();
    let digits = text.strip_prefix("0o").unwrap_or(text);
    match u32::from_str_radix(digits, 8) {
        Ok(bits) if bits <= 0o7777 => bits,
        _ => {
            let found = mode.scalar().map(crate::check::found).unwrap_or_default();
            let problem = Problem::error("compose/value", format!("{found} is no file mode"));
            context.problem(mode, problem.hint("such as `mode: 0440`"));
            DEFAULT
        }
    }
}

fn same_target(context: &mut Context<'_, '_>, service: &Node, files: &[GrantedFile]) {
    let mut seen = BTreeSet::new();
    for file in files {
        if !seen.insert(&file.target) {
            let message = format!("two files at `{}`", crate::check::shown(&file.target));
            let place = service.get("secrets").or_else(|| service.get("configs"));
            let problem = Problem::error("compose/value", message);
            context.problem(place.unwrap_or(service), problem);
        }
    }
}
