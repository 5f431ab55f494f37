//! Commands to a server, by `redis-cli` of its place. They go over standard input, so that no value of theirs
//! is an argument.

use super::{Redis, RedisAt, SOON, either};
use crate::command::run;
use crate::database::Failure;
use crate::place::Place;
use std::fmt::Write as _;

/// What every call has: where the server is, and that an answer says its type.
pub(super) fn arguments(redis: &Redis) -> Vec<String> {
    let mut arguments = match &redis.at {
        RedisAt::Port { host, port } => {
            vec![
                "-h".to_owned(),
                host.clone(),
                "-p".to_owned(),
                port.to_string(),
            ]
        }
        RedisAt::Socket(path) => vec!["-s".to_owned(), path.clone()],
    };
    if let Some(user) = &redis.user {
        arguments.extend(["--user".to_owned(), user.clone()]);
    }
    arguments
}

/// The shell that becomes `redis-cli`.
pub(super) fn words(redis: &Redis, more: &[&str]) -> Result<Vec<String>, Failure> {
    let script = format!(
        "{}\n[ -z \"$P\" ] || export REDISCLI_AUTH=\"$P\"\nexec \"$C\" \"$@\"",
        either("cli")
    );
    let arguments = arguments(redis);
    let arguments = arguments
        .iter()
        .map(String::as_str)
        .chain(more.iter().copied());
    let arguments: Vec<&str> = arguments.collect();
    redis.password.shell(&script, &arguments)
}

/// Sends one command line, and answers what came, as `redis-cli --no-raw` writes it.
///
/// # Errors
/// The server cannot be reached, or answers with an error.
pub(super) async fn send(redis: &Redis, place: &dyn Place, line: &str) -> Result<String, Failure> {
    let words = words(redis, &["--no-raw", "--no-auth-warning"])?;
    let input = redis.password.input(format!("{line}\n").as_bytes());
    let answer = run(place, "redis-cli", &words, &input, SOON).await?;
    let answer = String::from_utf8_lossy(&answer).trim_end().to_owned();
    let wrong = answer.strip_prefix("(error) ");
    let wrong = wrong.or_else(|| answer.contains("AUTH failed").then_some(answer.as_str()));
    match wrong {
        Some(error) => Err(refused(error)),
        None if answer.is_empty() => Err(Failure::new("redis: no answer")),
        None => Ok(answer),
    }
}

fn refused(error: &str) -> Failure {
    let failure = Failure::new(format!("redis: {error}"));
    if error.contains("NOPERM") {
        failure
            .hint("give its user the right to `sync`, `replconf`, `replicaof`, `config` and `info`")
    } else if error.contains("NOAUTH") || error.contains("WRONGPASS") {
        failure.hint("say where the password is: a variable or a file of the service")
    } else {
        failure
    }
}

/// One field of `INFO`.
pub(super) async fn info(
    redis: &Redis,
    place: &dyn Place,
    section: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let answer = send(redis, place, &format!("INFO {section}")).await?;
    let lines = answer
        .lines()
        .filter_map(|line| line.trim_end().split_once(':'));
    Ok(lines
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

/// One field of what [`info`] answered; empty where there is none.
pub(super) fn field<'a>(info: &'a [(String, String)], name: &str) -> &'a str {
    info.iter()
        .find(|(other, _)| other == name)
        .map_or("", |(_, value)| value)
}

/// One setting.
pub(super) async fn setting(
    redis: &Redis,
    place: &dyn Place,
    name: &str,
) -> Result<String, Failure> {
    let answer = send(redis, place, &format!("CONFIG GET {name}")).await?;
    let value = answer.lines().nth(1).and_then(|line| line.split_once(") "));
    Ok(value.map(|(_, value)| unquoted(value)).unwrap_or_default())
}

/// A string as the server's own command line takes it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                // Into a string nothing fails.
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('"');
    out
}

/// What [`quoted`] made, and what `--no-raw` writes; another text as it is.
fn unquoted(text: &str) -> String {
    let Some(inner) = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
    else {
        return text.to_owned();
    };
    let mut out = Vec::new();
    let mut bytes = inner.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'n') => out.push(b'\n'),
            Some(b'r') => out.push(b'\r'),
            Some(b't') => out.push(b'\t'),
            Some(b'a') => out.push(7),
            Some(b'b') => out.push(8),
            Some(b'x') => {
                let digits = [bytes.next(), bytes.next()].map(|digit| digit.unwrap_or(b'0'));
                let text = String::from_utf8_lossy(&digits).into_owned();
                out.push(u8::from_str_radix(&text, 16).unwrap_or(b'?'));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A command of the user; its first value as text.
pub(super) async fn ask(redis: &Redis, place: &dyn Place, query: &str) -> Result<String, Failure> {
    if query.contains('\n') {
        return Err(Failure::new("a query of Redis is one command on one line"));
    }
    let answer = send(redis, place, query).await?;
    Ok(first_value(&answer))
}

fn first_value(answer: &str) -> String {
    let line = answer.lines().next().unwrap_or_default();
    let mut line = line;
    while let Some((number, rest)) = line.split_once(") ")
        && number.trim().parse::<u64>().is_ok()
    {
        line = rest;
    }
    let line = line.trim();
    let number = ["(integer) ", "(double) "];
    let line = number
        .iter()
        .find_map(|kind| line.strip_prefix(kind))
        .unwrap_or(line);
    if line == "(nil)" {
        return String::new();
    }
    unquoted(line)
}

#[cfg(test)]
mod tests {
    use super::{first_value, quoted, unquoted};

    #[test]
    fn values_as_redis_cli_writes_them() {
        for (answer, value) in [
            ("\"a b\"", "a b"),
            ("(integer) 42", "42"),
            ("(nil)", ""),
            ("OK", "OK"),
            ("1) 1) \"x\"\n   2) \"y\"", "x"),
            (r#""\"q\" \\ \xc3\xa9""#, "\"q\" \\ é"),
        ] {
            assert_eq!(first_value(answer), value, "{answer}");
        }
    }

    #[test]
    fn quoted_and_back() {
        for text in ["", "plain", "with \"quotes\" and \\", "é\n"] {
            assert_eq!(unquoted(&quoted(text)), text);
        }
    }
}
