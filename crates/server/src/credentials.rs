//! As whom a PostgreSQL or a Redis is asked: by what the service itself is given, unless mainstay.yaml
//! says otherwise. Pure.
//!
//! **Invariant:** a password stands in a `Secret` and in no error.

use mainstay_exporters::postgres::Postgres;
use mainstay_exporters::redis::Redis;
use mainstay_model::Secret;
use mainstay_stack::{ExporterRule, FileKind, Service, StackSecret};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

/// Of the official image, and of Bitnami's.
pub(crate) const USER: [&str; 2] = ["POSTGRES_USER", "POSTGRESQL_USERNAME"];
pub(crate) const PASSWORD: [&str; 3] = ["POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD", "PGPASSWORD"];
pub(crate) const DATABASE: [&str; 2] = ["POSTGRES_DB", "POSTGRESQL_DATABASE"];
/// Whom the image makes where nobody says.
pub(crate) const POSTGRES: &str = "postgres";
const REQUIREPASS: &str = "requirepass";
/// What images of Redis and its kin read; and what people call it for their own commands.
const REDIS_PASSWORD: [&str; 2] = ["REDIS_PASSWORD", "VALKEY_PASSWORD"];
const REDIS_ARGUMENTS: [&str; 2] = ["REDIS_ARGS", "VALKEY_EXTRA_FLAGS"];

/// A service, and the secrets of its stack.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) service: &'a Service,
    pub(crate) secrets: &'a BTreeMap<String, StackSecret>,
}

impl Given<'_> {
    pub(crate) fn postgres(
        self,
        rule: &ExporterRule,
        address: SocketAddr,
        timeout: Duration,
    ) -> Result<Postgres, String> {
        let own = self.variable(&USER).unwrap_or_else(|| POSTGRES.to_owned());
        let user = rule.user.clone().unwrap_or_else(|| own.clone());
        let named = rule.database.clone().or_else(|| self.variable(&DATABASE));
        let database = named.unwrap_or_else(|| own.clone());
        let password = match &rule.secret {
            Some(name) => Some(self.secret(name)?),
            // Another user has another password.
            None if user == own => self.variable(&PASSWORD),
            None => None,
        };
        let url = format!(
            "postgresql://{}@{address}/{}?application_name=mainstay",
            login(Some(&user), password.as_deref()),
            encoded(&database)
        );
        let url = Secret::new(url);
        Ok(Postgres { url, timeout })
    }

    pub(crate) fn redis(
        self,
        rule: &ExporterRule,
        address: SocketAddr,
        timeout: Duration,
    ) -> Result<Redis, String> {
        let password = match &rule.secret {
            Some(name) => Some(self.secret(name)?),
            None if rule.user.is_some() => None,
            None => self.required_password(),
        };
        let login = login(rule.user.as_deref(), password.as_deref());
        let at = if login.is_empty() { "" } else { "@" };
        let url = Secret::new(format!("redis://{login}{at}{address}"));
        Ok(Redis { url, timeout })
    }

    pub(crate) fn secret(self, name: &str) -> Result<String, String> {
        let value = self
            .secrets
            .get(name)
            .and_then(|secret| secret.value.as_ref());
        let line = value.and_then(|value| value.expose().line());
        line.map(str::to_owned).ok_or_else(|| {
            format!("secret `{name}` has no value in this release; hint: deploy again")
        })
    }

    /// The value of the first that is set, itself or by a file (`NAME_FILE`).
    pub(crate) fn variable(self, names: &[&str]) -> Option<String> {
        let text = |name: &str| {
            let value = self.service.environment.get(name)?;
            Some(value.text.expose().clone()).filter(|text| !text.is_empty())
        };
        names
            .iter()
            .find_map(|name| text(name).or_else(|| self.file(&text(&format!("{name}_FILE"))?)))
    }

    /// The one line of a file that the service is given, by the path under which it sees it.
    fn file(self, path: &str) -> Option<String> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let files = || self.service.files.iter();
        let found = files().find(|file| file.target == path);
        // A process sees it under another path, and under the same name.
        let found = found.or_else(|| files().find(|file| file.name == name))?;
        found.content.as_ref()?.expose().line().map(str::to_owned)
    }

    /// What Redis is told to require: by its command, its variables, or a configuration that it is
    /// given.
    pub(crate) fn required_password(self) -> Option<String> {
        let container = &self.service.container;
        let process = self
            .service
            .process
            .as_ref()
            .map(|process| &process.command);
        let commands = [
            container.entrypoint.as_ref(),
            container.command.as_ref(),
            process,
        ];
        let words: Vec<&str> = commands
            .into_iter()
            .flatten()
            .flatten()
            .map(String::as_str)
            .collect();
        let position = words.iter().position(|word| *word == "--requirepass");
        let by_word = position.and_then(|at| words.get(at + 1));
        let by_word = by_word.and_then(|word| self.expanded(word));
        let by_script = || words.iter().find_map(|word| self.in_script(word));
        let by_arguments = || self.in_script(&self.variable(&REDIS_ARGUMENTS)?);
        by_word
            .or_else(by_script)
            .or_else(by_arguments)
            .or_else(|| self.variable(&REDIS_PASSWORD))
            .or_else(|| self.configured())
    }

    /// `… --requirepass WORD …` in one text, as a shell would read it.
    fn in_script(self, script: &str) -> Option<String> {
        let (_, rest) = script.split_once("--requirepass ")?;
        let rest = rest.trim_start();
        let quote = rest
            .chars()
            .next()
            .filter(|first| matches!(first, '"' | '\''));
        let word = match quote {
            Some(quote) => rest[1..].split(quote).next()?,
            None if rest.starts_with("$(") => rest.split_inclusive(')').next()?,
            None => rest.split_whitespace().next()?,
        };
        match quote {
            Some('\'') => Some(word.to_owned()),
            _ => self.expanded(word),
        }
    }

    /// `$NAME`, `${NAME}`, `$(cat FILE)`, or the word itself.
    fn expanded(self, word: &str) -> Option<String> {
        let Some(rest) = word.strip_prefix('$') else {
            return Some(word.to_owned());
        };
        if let Some(command) = rest.strip_prefix('(') {
            let path = command.trim_end_matches(')').trim().strip_prefix("cat ")?;
            return self.file(path.trim().trim_matches(['"', '\'']));
        }
        let name = rest.trim_start_matches('{').trim_end_matches('}');
        self.variable(&[name.split(':').next().unwrap_or(name)])
    }

    fn configured(self) -> Option<String> {
        let configs = self.service.files.iter();
        let configs = configs.filter(|file| file.kind == FileKind::Config);
        let texts = configs.filter_map(|file| file.content.as_ref()?.expose().text());
        let mut lines = texts.flat_map(str::lines);
        lines.find_map(|line| {
            let (key, value) = line.trim().split_once(char::is_whitespace)?;
            let value = value.trim().trim_matches(['"', '\'']);
            (key.eq_ignore_ascii_case(REQUIREPASS)).then(|| value.to_owned())
        })
    }
}

/// `user`, `user:password`, `:password`, or nothing.
fn login(user: Option<&str>, password: Option<&str>) -> String {
    let user = encoded(user.unwrap_or_default());
    match password {
        Some(password) => format!("{user}:{}", encoded(password)),
        None => user,
    }
}

/// For a part of a URL.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use mainstay_model::Content;
    use mainstay_stack::{Exporter, GrantedFile, ProcessRun, Value};

    fn service(variables: &[(&str, &str)], command: &[&str]) -> Service {
        let mut service = testing::service("db", 1);
        for (name, text) in variables {
            let text = Secret::new((*text).to_owned());
            service
                .environment
                .insert((*name).to_owned(), Value { text, secret: true });
        }
        let granted = |name: &str, kind, text: &str| GrantedFile {
            name: name.to_owned(),
            kind,
            target: format!("/run/secrets/{name}"),
            uid: None,
            gid: None,
            mode: 0o400,
            content: Some(Secret::new(Content::new(text))),
        };
        service.files = vec![granted("word", FileKind::Secret, "of a file\n")];
        if variables.is_empty() && command.is_empty() {
            let text = "# requirepass no\nrequirepass \"configured\"\n";
            service
                .files
                .push(granted("redis.conf", FileKind::Config, text));
        }
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        service.process = (!command.is_empty()).then(|| ProcessRun {
            build: None,
            artifacts: Vec::new(),
            command,
        });
        service
    }

    fn secrets() -> BTreeMap<String, StackSecret> {
        let secret = |value: Option<&str>| StackSecret {
            source: "a file".to_owned(),
            value: value.map(|text| Secret::new(Content::new(text))),
            fingerprint: None,
        };
        BTreeMap::from([
            ("there".to_owned(), secret(Some("kept"))),
            ("gone".to_owned(), secret(None)),
        ])
    }

    fn postgres(variables: &[(&str, &str)], rule: &ExporterRule) -> Result<String, String> {
        let (service, secrets) = (service(variables, &["postgres"]), secrets());
        let given = Given {
            service: &service,
            secrets: &secrets,
        };
        let address = "127.0.0.1:5".parse().unwrap();
        let made = given.postgres(rule, address, Duration::from_secs(1))?;
        assert!(!format!("{made:?}").contains("postgresql://"), "{made:?}");
        let url = made.url.expose().clone();
        // What the driver makes of it is what was meant.
        assert!(!url.contains(' '));
        Ok(url
            .replace("@127.0.0.1:5", "@")
            .replace("?application_name=mainstay", ""))
    }

    #[test]
    fn postgresql_is_asked_as_the_image_is_told() {
        let plain = ExporterRule::new(Exporter::Postgres);
        for (variables, url) in [
            (&[][..], "postgresql://postgres@/postgres"),
            (
                &[("POSTGRES_PASSWORD", "p@ss/w:rd")],
                "postgresql://postgres:p%40ss%2Fw%3Ard@/postgres",
            ),
            (
                &[
                    ("POSTGRES_USER", "shop"),
                    ("POSTGRES_PASSWORD_FILE", "/run/secrets/word"),
                ],
                "postgresql://shop:of%20a%20file@/shop",
            ),
            (
                &[
                    ("POSTGRES_USER", "shop"),
                    ("POSTGRES_DB", "orders"),
                    ("POSTGRES_PASSWORD_FILE", "/dev/shm/x/word"),
                ],
                "postgresql://shop:of%20a%20file@/orders",
            ),
            (
                &[("POSTGRESQL_USERNAME", "b"), ("POSTGRESQL_PASSWORD", "w")],
                "postgresql://b:w@/b",
            ),
        ] {
            assert_eq!(
                postgres(variables, &plain).as_deref(),
                Ok(url),
                "{variables:?}"
            );
        }
        let looker = ExporterRule {
            user: Some("metrics".to_owned()),
            ..plain.clone()
        };
        let own = [("POSTGRES_PASSWORD", "p")];
        assert_eq!(
            postgres(&own, &looker).as_deref(),
            Ok("postgresql://metrics@/postgres")
        );
        let with = |secret: &str| ExporterRule {
            secret: Some(secret.to_owned()),
            database: Some("d".to_owned()),
            ..looker.clone()
        };
        assert_eq!(
            postgres(&own, &with("there")).as_deref(),
            Ok("postgresql://metrics:kept@/d")
        );
        let error = postgres(&own, &with("gone")).unwrap_err();
        assert!(error.contains("`gone`"), "{error}");
    }

    fn redis(variables: &[(&str, &str)], command: &[&str], rule: &ExporterRule) -> String {
        let (service, secrets) = (service(variables, command), secrets());
        let given = Given {
            service: &service,
            secrets: &secrets,
        };
        let address = "127.0.0.1:6".parse().unwrap();
        let made = given.redis(rule, address, Duration::from_secs(1)).unwrap();
        made.url.expose().replace("127.0.0.1:6", "")
    }

    #[test]
    fn redis_is_asked_with_what_it_requires() {
        let plain = ExporterRule::new(Exporter::Redis);
        for (variables, command, url) in [
            (&[][..], &["redis-server"][..], "redis://"),
            (
                &[],
                &["redis-server", "--requirepass", "p q"],
                "redis://:p%20q@",
            ),
            (&[("REDIS_PASSWORD", "w")], &["redis-server"], "redis://:w@"),
            (
                &[("REDIS_ARGS", "--requirepass w --save 1")],
                &["redis-server"],
                "redis://:w@",
            ),
            (&[], &[], "redis://:configured@"),
        ] {
            let found = redis(variables, command, &plain);
            assert_eq!(found, url, "{variables:?} {command:?}");
        }
        let looker = ExporterRule {
            user: Some("metrics".to_owned()),
            secret: Some("there".to_owned()),
            ..plain
        };
        let found = redis(&[], &["redis-server"], &looker);
        assert_eq!(found, "redis://metrics:kept@");
    }

    #[test]
    fn what_a_shell_would_make_of_a_password_is_made_of_it() {
        let plain = ExporterRule::new(Exporter::Redis);
        for (word, url) in [
            ("$WORD --port 1", "redis://:w@"),
            ("\"${WORD}\"", "redis://:w@"),
            ("'$WORD'", "redis://:%24WORD@"),
            ("\"$(cat /run/secrets/word)\"", "redis://:of%20a%20file@"),
            (
                "$(cat /run/secrets/word) --save ''",
                "redis://:of%20a%20file@",
            ),
            ("$NOWHERE", "redis://"),
        ] {
            let script = format!("exec redis-server --requirepass {word}");
            let found = redis(&[("WORD", "w")], &["sh", "-c", &script], &plain);
            assert_eq!(found, url, "{word}");
        }
    }
}
