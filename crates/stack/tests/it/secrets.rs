//! Where secrets come from, where their values go, and where they do not.

use crate::disk::supplied;
use mainstay_model::{Content, Secret};
use mainstay_stack::secrets::{Answers, Source, Unavailable};
use mainstay_stack::{FileKind, HIDDEN, MemoryLoader, Request, Resolution, Stack, resolve};

const COMPOSE: &str = "\
name: shop
services:
  app:
    x-mainstay: {command: a, secrets: {DATABASE_URL: url, TOKEN: token}}
    secrets: [token, {source: key, target: /etc/key.pem, uid: '103', mode: '0440'}]
    configs: [{source: app, target: /etc/app.conf}]
    environment: {FROM: '${PASSWORD}'}
  other:
    x-mainstay: {command: b}
secrets:
  token: {file: token.txt}
  key: {external: true, name: tls_key}
configs:
  app: {content: 'password is ${PASSWORD}'}
";

const MAINSTAY: &str = "\
environments:
  staging:
    secrets:
      token: {from: vault, path: kv/data/shop, key: token}
      password: {min_length: 4}
secrets:
  token: {from: environment, min_length: 3}
  tls_key: {from: file, path: key.pem}
  password: {}
  url: {from: template, template: 'postgres://app:{password|urlencode}@db/app'}
  unused: {from: aws, secret: x}
";

fn files() -> MemoryLoader {
    MemoryLoader::default()
        .with("/shop/compose.yaml", COMPOSE)
        .with("/shop/mainstay.yaml", MAINSTAY)
        .with("/shop/key.pem", "-----BEGIN PRIVATE KEY-----\nabc\n")
}

fn resolution(environment: &str, password: &str) -> Resolution {
    let mut request = Request {
        directory: "/shop".into(),
        environment: Some(environment.to_owned()),
        ..Request::default()
    };
    let variables = [("TOKEN", "t0ken-of-dev"), ("PASSWORD", password)];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    request.variables.extend(variables);
    resolve(&files(), &request)
}

fn stack(password: &str) -> Stack {
    let resolution = supplied(&files(), resolution("dev", password));
    let problems = resolution.problems;
    resolution.stack.unwrap_or_else(|| panic!("{problems}"))
}

#[test]
fn values_go_where_services_want_them() {
    let stack = stack("p@ss/word-1");
    let app = &stack.services["app"];
    let variable = |name: &str| app.environment[name].text.expose().as_str();
    assert_eq!(
        variable("DATABASE_URL"),
        "postgres://app:p%40ss%2Fword-1@db/app"
    );
    assert_eq!(variable("TOKEN"), "t0ken-of-dev");
    let file = |name: &str| {
        let file = app.files.iter().find(|file| file.name == name).unwrap();
        let content = file.content.as_ref().unwrap().expose();
        (
            file.kind,
            file.target.as_str(),
            file.mode,
            content.text().unwrap(),
        )
    };
    assert_eq!(
        file("token"),
        (
            FileKind::Secret,
            "/run/secrets/token",
            0o444,
            "t0ken-of-dev"
        )
    );
    let (_, target, mode, pem) = file("key");
    assert_eq!((target, mode), ("/etc/key.pem", 0o440));
    assert!(pem.ends_with("abc\n"), "a file is given byte for byte");
    let (kind, target, _, text) = file("app");
    assert_eq!((kind, target), (FileKind::Config, "/etc/app.conf"));
    assert_eq!(text, "password is p@ss/word-1");
    assert!(stack.services["other"].files.is_empty());
    let names: Vec<&str> = stack.secrets.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["key", "token", "url"],
        "only those that a service gets"
    );
    assert_eq!(stack.secrets["key"].source, "file /shop/key.pem");
}

#[test]
fn no_value_is_shown() {
    let stack = stack("p@ss/word-1");
    let shown = serde_json::to_string(&stack.redacted()).unwrap();
    let values = ["p@ss", "p%40ss", "t0ken-of-dev", "BEGIN PRIVATE", "abc\\n"];
    for text in [shown, format!("{stack:?}")] {
        for value in values {
            assert!(!text.contains(value), "{value} in {text}");
        }
    }
    let redacted = stack.redacted();
    let app = &redacted.services["app"];
    assert_eq!(app.environment["TOKEN"].text.expose(), HIDDEN);
    let config = app.files.iter().find(|file| file.name == "app").unwrap();
    let config = config.content.as_ref().unwrap().expose().text();
    assert_eq!(config, Some(format!("password is {HIDDEN}").as_str()));
}

#[test]
fn without_values_a_stack_can_be_looked_at() {
    let resolution = resolution("dev", "p@ss/word-1");
    let stack = resolution
        .stack
        .as_ref()
        .expect("no value is needed for it");
    assert!(!stack.services["app"].environment.contains_key("TOKEN"));
    let shown = stack.redacted();
    assert!(shown.services["app"].environment.contains_key("TOKEN"));
    let needed = resolution.needed_secrets();
    let needed: Vec<&str> = needed.iter().map(|request| request.name.as_str()).collect();
    assert_eq!(needed, ["key", "password", "token", "url"], "{needed:?}");
}

#[test]
fn an_environment_says_where_its_secrets_come_from_and_keeps_the_rules() {
    let resolution = resolution("staging", "p@ss/word-1");
    let token = |resolution: &Resolution| {
        let token = resolution
            .secrets
            .iter()
            .find(|secret| secret.name == "token");
        token.expect("a request").clone()
    };
    let request = token(&resolution);
    assert_eq!(request.source.to_string(), "vault kv/data/shop, key token");
    assert_eq!(request.rules.min_length, Some(3));
    let answer = |text: &str| {
        let pem = Secret::new(Content::new("key"));
        let token = Secret::new(Content::new(text));
        Answers::from([("token".to_owned(), Ok(token)), ("key".to_owned(), Ok(pem))])
    };
    let good = resolution
        .clone()
        .supply(&answer("{\"token\": \"of-vault-12\"}"));
    let stack = good.stack.unwrap_or_else(|| panic!("{}", good.problems));
    let app = &stack.services["app"];
    assert_eq!(app.environment["TOKEN"].text.expose(), "of-vault-12");
    let short = resolution.clone().supply(&answer("{\"token\": \"of\"}"));
    assert!(short.problems.to_string().contains("`min_length` is 3"));
    assert!(short.stack.is_none());
    let away = Answers::from([(
        "token".to_owned(),
        Err(Unavailable::unreachable("vault does not answer").hint("is it sealed?")),
    )]);
    let away = resolution.supply(&away);
    let text = away.problems.to_string();
    assert!(
        text.contains("mainstay.yaml:4:7: vault does not answer"),
        "{text}"
    );
}

#[test]
fn a_changed_secret_changes_the_services_that_have_it() {
    let print = |password: &str, name: &str| {
        let stack = stack(password);
        stack.services[name].fingerprint(&std::collections::BTreeMap::default(), b"key")
    };
    assert_ne!(print("p@ss/word-1", "app"), print("p@ss/word-2", "app"));
    assert_eq!(print("p@ss/word-1", "other"), print("p@ss/word-2", "other"));
}

#[test]
fn a_value_that_no_variable_can_hold_is_refused_as_one() {
    for bytes in [&[0xff, 0xfe][..], b"a\0b"] {
        let answers = Answers::from([("token".to_owned(), Ok(Secret::new(Content::new(bytes))))]);
        let mut resolution = resolution("dev", "p@ss/word-1");
        for request in &mut resolution.secrets {
            request.rules.min_length = None;
        }
        let problems = resolution.supply(&answers).problems.to_string();
        assert!(
            problems.contains("cannot be the variable `TOKEN`"),
            "{problems}"
        );
    }
}

#[test]
fn the_source_of_compose_is_a_source_like_any_other() {
    let resolution = resolution("dev", "x");
    let sources = resolution.secrets.iter().map(|request| &request.source);
    let files = sources.filter(|source| matches!(source, Source::File { .. }));
    // `tls_key` and what Compose calls `key`.
    assert_eq!(files.count(), 2);
}
