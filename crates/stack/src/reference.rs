//! The reference pages, written from the tables that the readers use.
//!
//! `docs/reference/compose.md` and `docs/reference/mainstay.md` are what these functions give; a
//! test compares, so that a page cannot lag behind.

use crate::grammar::{Ruling, Section, Shape};
use crate::{keys, operation, server_file};
use std::fmt::Write as _;

/// The annotated example of `mainstay.yaml`.
pub const EXAMPLE: &str = include_str!("../../../docs/reference/mainstay.yaml");

const COMPOSE: &str = "\
# compose.yaml

Mainstay reads Compose files as Docker Compose does: several files merged, `${VARIABLES}`, `.env`,
`env_file`, `profiles`, `extends`, `include`, anchors, merge keys, `!reset` and `!override`, short and
long forms. The files stay valid for `docker compose`; what a target needs beside them stands under
`x-mainstay`.

Every key is *honoured*, *warned about* (the stack runs without it, and `mainstay check` says so) or
*refused* (the stack does not run with it). A key that is in no table is an error. `x-…` keys are the
user's own.

## What differs from Docker Compose

| | Docker Compose | Mainstay |
|---|---|---|
| `restart` left out | never | `always`; a service that another one waits for to complete is not restarted |
| `update_config.order` left out | stop-first | start-first: a request must not fail. A volume that is not `shared` makes it stop-first |
| health check | every 30 s | every 2 s, every 100 ms while starting; ready after 2 passes |
| no health check, but a port | healthy at once | healthy when it can be connected to |
| `stop_grace_period` left out | 10 s | 30 s; 10 s in development |
| numbers without quotes, such as `1.10` or `0755`, in `environment` | read as numbers: `1.1`, `493` | kept as written |
| service name | any case | lower case |
| a secret in `command`, `labels` or `healthcheck.test` | taken | an error: everybody on the machine can read it |
| `compose.override.yaml` | read | read, unless the environment names overlays of its own |
| nearest Compose file | also looked for in parent directories | in the stack's directory |
| `ports` | the engine opens them on every interface | the proxy opens them, on loopback unless `host_ip` says otherwise; instances have ports of their own |
| a port without a published one, such as `3000` | opened at a free port of the host | not published: services and the proxy reach it |
| names of volumes and networks | `PROJECT_KEY` | `STACK-ENVIRONMENT-KEY`, so that two environments on one engine stay apart |
| health check that an image brings | used | not used: write it down, or let Mainstay connect to the port |

A value is secret, and hidden wherever it is shown, by its name (`PASSWORD`, `SECRET`, `TOKEN`, `KEY`,
`PRIVATE`, `CREDENTIAL`, `DSN` …), by its form (a URL with a password in it), or because a secret
variable went into it (one with such a name, or one that `secrets: {NAME: {environment: …}}` names).

Bounds: 1 MiB a file, 200 files, 100,000 values in all, 48 collections within each other.

## Published ports

The proxy listens on published ports, on every target. At an HTTP port it routes, balances and retries; at any other it
passes bytes through, to one instance after the other. What a port speaks is decided by the first of these that knows:

1. `app_protocol` of the port: `http` and `ws`; or `tcp`, `tls`, `https`, `grpc`, `postgres`, `redis`, `mysql`, `mongodb`,
   `amqp`, `mqtt`, `kafka` and their kind, which are passed through.
2. On a target that runs containers, the image: those of well-known databases and brokers (PostgreSQL, MySQL, MariaDB, Redis,
   MongoDB, Qdrant, Chroma, Weaviate, RabbitMQ, Elasticsearch and more), unless their command is another program.
   Such a service without `ports` and `expose` is known to listen on its usual port.
3. The number inside the container: 5432, 3306, 6379, 27017, 5672, 1883, 9092, 11211, 22, 25, 53, 50051 and their kind
   are no HTTP.
4. Everything else is HTTP.

A range of ports is a port for each of its numbers. UDP is refused: the proxy does not carry it.

## Services that hold state

Of a service that holds state, two instances never run at a time: `replicas` above 1 is an error, and a new release ends the
old instance before it starts the new one, with a warning from `mainstay check` and `mainstay deploy` that says so. One that a
release leaves unchanged is left alone. A service holds state when the first of these says so:

1. `x-mainstay: {stateful: true}` of the service (`false`: it holds none);
2. it writes to a named volume that is not `x-mainstay: {shared: true}`;
3. it runs the image of a known database;
4. it writes to a directory of the host, or to a file named like a database, such as `app.db` — but not where the machine
   itself is mounted (`/dev`, `/proc`, `/sys`, `/run`, `/etc`, a socket), nor where configuration is, as a rule
   (`/etc/…` or `/usr/…` in the container). Only on a target that runs containers: nothing is mounted for a process.

A fixed `ipv4_address`, and a port on the host's own network, can only be had by one instance, and have the same effect.

## Keys on each target
";

/// `docs/reference/compose.md`
pub fn compose() -> String {
    let mut page = COMPOSE.to_owned();
    for section in keys::sections() {
        let _ = writeln!(page, "\n### {}\n", section.name);
        page.push_str("| key | value | process | docker |\n|---|---|---|---|\n");
        for key in section.keys {
            let docker = if key.docker == key.process {
                "the same".to_owned()
            } else {
                ruling(key.docker)
            };
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {docker} |",
                key.name,
                kind(&key.shape),
                ruling(key.process)
            );
        }
    }
    page
}

/// `docs/reference/mainstay.md`
pub fn mainstay() -> String {
    let mut page = "# mainstay.yaml\n\nHow the stack is operated. Every section may be left out, and so may the file.\n\
        `mainstay init` writes one for a stack, `mainstay schema` prints its JSON Schema for editors, and\n\
        `--set deploy.strategy=blue-green` changes a field for one release.\n\n```yaml\n"
        .to_owned();
    page.push_str(EXAMPLE);
    page.push_str("```\n");
    for section in operation::sections() {
        let _ = writeln!(page, "\n## {}\n", section.name);
        page.push_str("| field | value | |\n|---|---|---|\n");
        for key in section.keys {
            let kind = kind(&key.shape);
            let _ = writeln!(page, "| `{}` | {kind} | {} |", key.name, cell(key.text()));
        }
    }
    let reserved = operation::RESERVED
        .map(|name| format!("`{name}`"))
        .join(", ");
    let _ = writeln!(
        page,
        "\n## Reserved\n\n{reserved}: sections with a name and no meaning yet. Writing one is an error."
    );
    page
}

/// `**honoured**: what it does`
fn ruling(ruling: Ruling) -> String {
    format!("**{}**: {}", ruling.verdict.word(), cell(ruling.text))
}

/// `docs/reference/server.md`
pub fn server() -> String {
    let mut page = "# server.yaml\n\nWhat belongs to the server and to no stack: where it listens, its certificates, how long it keeps its\n\
        journal. It lies in the data directory (`/var/lib/mainstay` for an installed service, `.mainstay` beside a\n\
        stack that `mainstay up` started). Every section may be left out, and so may the file.\n\
        Options and variables of `mainstay serve` win over it. `mainstay serve --check` reads it and prints every\n\
        problem with its place; a server reads it once, at its start. Variables such as `${NAME}` are not put in.\n\n```yaml\n"
        .to_owned();
    page.push_str(server_file::EXAMPLE);
    page.push_str("```\n");
    for section in server_file::sections() {
        let _ = writeln!(page, "\n## {}\n", section.name);
        page.push_str("| field | value | |\n|---|---|---|\n");
        for key in section.keys {
            let kind = kind(&key.shape);
            let _ = writeln!(page, "| `{}` | {kind} | {} |", key.name, cell(key.text()));
        }
    }
    page
}

/// A `|` would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn kind(shape: &Shape) -> String {
    let named = |section: &Section| format!("[{}](#{})", section.name, anchor(section.name));
    match shape {
        Shape::Any => "any".to_owned(),
        Shape::Text => "text".to_owned(),
        Shape::Bool => "`true`, `false`".to_owned(),
        Shape::Integer => "whole number".to_owned(),
        Shape::Number => "number".to_owned(),
        Shape::Duration => "duration, `1m30s`".to_owned(),
        Shape::Size => "size, `512m`".to_owned(),
        Shape::Word(words) => crate::check::list(words),
        Shape::Section(section) => named(section),
        Shape::Named(inner) => format!("name: {}", kind(inner)),
        Shape::List(inner) => format!("list of {}", kind(inner)),
        Shape::OneOrMore(inner) => format!("{}, or a list", kind(inner)),
        Shape::Pairs => "`KEY: value`, or a list of `KEY=value`".to_owned(),
        Shape::Names(inner) => format!("list of names, or name: {}", kind(inner)),
        Shape::Command => "command: text or list".to_owned(),
        Shape::Short(inner) => format!("text, or {}", kind(inner)),
    }
}

/// As Markdown renderers make them from headings.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use crate::tree::Node;
    use crate::yaml;
    use mainstay_model::Problems;
    use std::sync::Arc;

    fn example(text: &str) -> Node {
        let source = Arc::new(Source {
            display: "mainstay.yaml".into(),
            path: "/mainstay.yaml".into(),
            base: "/".into(),
        });
        let mut problems = Problems::default();
        let documents = yaml::parse(text, &source, &mut problems);
        assert!(problems.is_empty(), "{problems}");
        documents.into_iter().next().expect("a document")
    }

    /// Every node of the tree that stands where `section` is wanted.
    fn places<'a>(node: &'a Node, shape: &Shape, wanted: &Section, found: &mut Vec<&'a Node>) {
        match shape {
            Shape::Section(section) => {
                if section.name == wanted.name {
                    found.push(node);
                }
                for entry in node.entries() {
                    if let Some(key) = section.key(&entry.key) {
                        places(&entry.value, &key.shape, wanted, found);
                    }
                }
            }
            Shape::Named(inner) => {
                for entry in node.entries() {
                    places(&entry.value, inner, wanted, found);
                }
            }
            Shape::Short(inner) => places(node, inner, wanted, found),
            Shape::List(inner) | Shape::OneOrMore(inner) => {
                for item in node.items() {
                    places(item, inner, wanted, found);
                }
            }
            _ => {}
        }
    }

    fn check(text: &str, whole: &'static Section, sections: Vec<&'static Section>) {
        let example = example(text);
        for section in sections {
            let mut found = Vec::new();
            places(&example, &Shape::Section(whole), section, &mut found);
            for key in section.keys {
                assert!(
                    found.iter().any(|node| node.get(key.name).is_some()),
                    "`{}` of {} is missing in the example of {}",
                    key.name,
                    section.name,
                    whole.name
                );
            }
        }
    }

    #[test]
    fn every_field_stands_in_the_annotated_example() {
        check(EXAMPLE, &operation::MAINSTAY, operation::sections());
        let sections = server_file::sections();
        check(server_file::EXAMPLE, &server_file::SERVER, sections);
    }

    #[test]
    fn no_key_stands_twice_and_each_says_something() {
        let stack = keys::sections().into_iter().chain(operation::sections());
        for section in stack.chain(server_file::sections()) {
            for (index, key) in section.keys.iter().enumerate() {
                let again = section.keys[index + 1..].iter().any(|k| k.name == key.name);
                assert!(!again, "{} of {}", key.name, section.name);
                for text in [key.process.text, key.docker.text] {
                    assert!(!text.is_empty(), "{} of {}", key.name, section.name);
                }
            }
        }
    }
}
