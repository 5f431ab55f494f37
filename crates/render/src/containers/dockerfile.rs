//! Dockerfiles for services that say their language: built in one stage, run in another that holds no
//! compiler, as a user with a fixed number and no name to log in with.
//!
//! Written for `BuildKit` (cache mounts). Base images have a full version in an `ARG`, so that a digest can be
//! given where one is known. No argument and no variable holds a secret.
//!
//! Source: the Dockerfile reference of Docker.

mod languages;

use crate::containers::probe;
use crate::output::Rendering;
use crate::project::Project;
use mainstay_model::format_duration;
use mainstay_stack::{HealthCheck, Language, PortProtocol, ProcessRun, Service};
use std::fmt::Write as _;

/// Of whoever runs in the container: beyond those that distributions and people use.
pub(super) const USER: u32 = 10001;

/// `Dockerfile` (or `Dockerfile.SERVICE` where there are several) and `.dockerignore`.
pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let stack = project.main();
    let spoken = stack.render.services.iter();
    let spoken: Vec<(&Service, Language)> = spoken
        .filter_map(|(name, said)| Some((stack.services.get(name)?, said.language?)))
        .collect();
    if spoken.is_empty() {
        return out.refused(
            "render.services",
            "no service says in which `language` it is written",
            "say it in mainstay.yaml: `render: {services: {NAME: {language: python}}}` (or rust, node)",
        );
    }
    for (service, language) in &spoken {
        let path = match spoken.len() {
            1 => "Dockerfile".to_owned(),
            _ => format!("Dockerfile.{}", service.name),
        };
        let recipe = Recipe {
            stack: project.name.as_str(),
            service,
            process: process(project, service),
            language: *language,
        };
        out.text(&path, "#", &recipe.text(&path));
    }
    let languages: Vec<Language> = spoken.iter().map(|(_, language)| *language).collect();
    out.text(".dockerignore", "#", &languages::ignored(&languages));
    out.lost(
        "render.services.language",
        "cache mounts need BuildKit, and `mainstay image build` asks the engine's older builder",
        "build with `docker buildx build`, and name the result in `image:`",
    );
}

/// One Dockerfile in the making.
struct Recipe<'a> {
    stack: &'a str,
    service: &'a Service,
    process: Option<&'a ProcessRun>,
    language: Language,
}

/// How some environment runs it as a process: where that is said, it says what the program is called.
fn process<'a>(project: &'a Project, service: &Service) -> Option<&'a ProcessRun> {
    let mut stacks = project.environments.values();
    stacks.find_map(|stack| stack.services.get(&service.name)?.process.as_ref())
}

impl Recipe<'_> {
    fn text(&self, path: &str) -> String {
        let mut text = format!(
            "# docker buildx build --file {path} --tag {}/{} .\n#\n",
            self.stack, self.service.name
        );
        text.push_str(
            "# Bases have a whole version. A digest cannot be moved to other bytes: give one where it is known, as in\n\
             # --build-arg BASE=image:tag@sha256:... (docker buildx imagetools inspect image:tag prints it).\n",
        );
        text.push_str(&languages::build(self.language, &self.program()));
        text.push_str(&self.run());
        text
    }

    /// The stage that becomes the image.
    fn run(&self) -> String {
        let mut text = languages::run(self.language);
        let _ = write!(
            text,
            "ARG VERSION=dev\n\
             LABEL org.opencontainers.image.title=\"{stack}-{service}\" \\\n      \
             org.opencontainers.image.version=\"${{VERSION}}\"\n",
            stack = self.stack,
            service = self.service.name,
        );
        if let Some(port) = self.port() {
            let _ = write!(text, "ENV HOST=0.0.0.0 PORT={port}\nEXPOSE {port}\n");
        }
        let _ = writeln!(text, "USER {USER}:{USER}");
        let _ = writeln!(text, "STOPSIGNAL {}", self.service.stop_signal);
        text.push_str(&self.health());
        if let Some(words) = &self.service.container.entrypoint
            && !words.is_empty()
        {
            let _ = writeln!(text, "ENTRYPOINT {}", json(words));
        }
        let _ = writeln!(text, "CMD {}", json(&self.command()));
        text
    }

    fn port(&self) -> Option<u16> {
        let mut ports = self.service.ports.iter();
        let spoken = ports.find(|port| port.protocol == PortProtocol::Http);
        let first = spoken.or_else(|| self.service.ports.first());
        first.map(|port| port.target)
    }

    /// What the engine asks within the container, without a tool that the image would need for it alone.
    fn health(&self) -> String {
        let Some(health) = &self.service.health else {
            return "# mainstay: allow dockerfile/healthcheck-missing the service listens nowhere\nHEALTHCHECK NONE\n"
                .to_owned();
        };
        let words = probe::words(health, self.port(), Some(self.language));
        let Some(words) = words else {
            return "HEALTHCHECK NONE\n".to_owned();
        };
        let HealthCheck {
            interval,
            timeout,
            start_period,
            retries,
            ..
        } = health;
        // The engine refuses one of no length, which is what it takes without one.
        let start_period = if start_period.is_zero() {
            String::new()
        } else {
            format!(" --start-period={}", format_duration(*start_period))
        };
        format!(
            "HEALTHCHECK --interval={} --timeout={}{start_period} --retries={retries} \\\n    CMD {}\n",
            format_duration(*interval),
            format_duration(*timeout),
            json(&words)
        )
    }

    /// What is built: the file that `x-mainstay` names, else what the container runs, else the service's name.
    fn program(&self) -> String {
        let process = self.process.and_then(|process| process.command.first());
        let container = self.service.container.command.as_ref();
        let container = container.and_then(|command| command.first());
        let named = process
            .or(container)
            .and_then(|word| word.rsplit('/').next());
        let plain = |name: &&str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            !name.is_empty() && name.chars().all(fits)
        };
        let named = named.filter(plain);
        named.unwrap_or(self.service.name.as_str()).to_owned()
    }

    fn command(&self) -> Vec<String> {
        if let Some(command) = &self.service.container.command {
            return command.clone();
        }
        let words = self.process.iter();
        let words = words.flat_map(|process| process.command.iter().enumerate());
        let words: Vec<String> = words
            .map(|(place, word)| match place {
                0 => word.rsplit('/').next().unwrap_or(word).to_owned(),
                _ => word.clone(),
            })
            .collect();
        let word = |word: &str| word.to_owned();
        match self.language {
            Language::Rust if !words.is_empty() => words,
            Language::Rust => vec![self.program()],
            Language::Python if words.first().is_some_and(|word| word.starts_with("python")) => {
                words
            }
            Language::Python => vec![word("python"), word("-m"), word("app")],
            Language::Node if words.first().is_some_and(|word| word == "node") => words,
            Language::Node => vec![word("node"), word("index.js")],
        }
    }
}

/// The exec form: no shell between the engine and the program.
fn json(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quote(word)).collect();
    format!("[{}]", quoted.join(", "))
}

fn quote(word: &str) -> String {
    let mut quoted = String::from('"');
    for c in word.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
