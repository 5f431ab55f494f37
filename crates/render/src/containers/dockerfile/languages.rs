//! How each language is built, and what its programs run on.
//!
//! What is copied first is what says which packages are needed: a change of the code alone builds from there on.

use super::USER;
use mainstay_stack::Language;
use std::fmt::Write as _;

const RUST: &str = "rust:1.95.0-slim-bookworm";
const DEBIAN: &str = "debian:bookworm-20251229-slim";
const PYTHON: &str = "python:3.13.9-slim-bookworm";
const NODE: &str = "node:24.11.1-bookworm-slim";

const NO_DIGEST: &str = "# mainstay: allow dockerfile/base-no-digest given from outside: a digest that nobody has looked up would be made up\n";

/// Everything up to what runs, as stage `build`.
pub(super) fn build(language: Language, program: &str) -> String {
    let mut text = String::new();
    match language {
        Language::Rust => {
            let _ = write!(text, "ARG BASE={RUST}\nARG RUNTIME={DEBIAN}\n");
        }
        Language::Python => {
            let _ = writeln!(text, "ARG BASE={PYTHON}");
        }
        Language::Node => {
            let _ = writeln!(text, "ARG BASE={NODE}");
        }
    }
    let _ = write!(text, "\n{NO_DIGEST}FROM ${{BASE}} AS build\n");
    text.push_str(&match language {
        Language::Rust => rust(program),
        Language::Python => python(),
        Language::Node => node(),
    });
    text
}

fn rust(program: &str) -> String {
    format!(
        r"WORKDIR /src
COPY . .
# What was fetched and built before lies in mounts, so it is copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin {program} \
 && install -D target/release/{program} /out/{program}
"
    )
}

/// Of whoever builds, in the image.
const HOME: &str = "/root";

fn python() -> String {
    format!(
        r"ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /src
# Every package with its version; `pip-compile --generate-hashes` writes such a file.
COPY requirements.txt ./
RUN --mount=type=cache,target={HOME}/.cache/pip \
    pip install --requirement requirements.txt
"
    )
}

fn node() -> String {
    format!(
        r"WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target={HOME}/.npm \
    npm ci
COPY . .
# Where the project has something to build; then without what was needed for it alone.
RUN npm run build --if-present \
 && npm prune --omit=dev
"
    )
}

/// The beginning of the stage that becomes the image: files and directory.
pub(super) fn run(language: Language) -> String {
    let base = match language {
        Language::Rust => "${RUNTIME}",
        Language::Python | Language::Node => "${BASE}",
    };
    let mut text = format!("\n{NO_DIGEST}FROM {base} AS production\n");
    let _ = writeln!(
        text,
        "RUN groupadd --gid {USER} app \\\n && useradd --no-log-init --uid {USER} --gid {USER} --no-create-home --shell /usr/sbin/nologin app"
    );
    text.push_str("WORKDIR /app\n");
    text.push_str(match language {
        Language::Rust => "COPY --from=build /out/ /usr/local/bin/\n",
        Language::Python => {
            "ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1\n\
             COPY --from=build /opt/venv/ /opt/venv/\n\
             COPY . .\n"
        }
        Language::Node => {
            "ENV NODE_ENV=production\n\
             COPY --from=build /app/ ./\n"
        }
    });
    text
}

/// What a build must not see: history, secrets, what is made anew anyway.
pub(super) fn ignored(languages: &[Language]) -> String {
    let mut text = String::from(
        ".git\n.github\n.gitignore\n.dockerignore\nDockerfile*\ncompose*.yaml\ndocker-compose*.yml\nmainstay.yaml\n\
         .mainstay\n\n\
         # Never in an image.\n.env\n.env.*\n*.pem\n*.key\n*.p12\nid_rsa*\nid_ed25519*\nsecrets\n\n\
         # Made anew, or of no use there.\n*.log\ndata\nbackups\n",
    );
    for (language, lines) in [
        (Language::Rust, "target\n"),
        (
            Language::Python,
            "**/__pycache__\n**/*.pyc\n.venv\nvenv\n.pytest_cache\n.mypy_cache\n",
        ),
        (Language::Node, "node_modules\ndist\nbuild\ncoverage\n"),
    ] {
        if languages.contains(&language) {
            text.push_str(lines);
        }
    }
    text
}
