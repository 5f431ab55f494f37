//! Default passwords: what everybody tries first, and what guides and images ship with.
//!
//! Outside of development they are errors, in development warnings. A value is judged by what it
//! is called: a password must not be guessable from a list, from the user's name or from the
//! variable's; a key or token must not be a placeholder. It is no measure of strength beyond that.

mod words;

use super::source::SecretRequest;
use crate::request::Purpose;
use crate::resolved::Value;
use crate::source::At;
use mainstay_model::{Problem, Problems};
use std::collections::BTreeMap;

/// Passwords of administrators are longer than this, outside of development.
const ADMIN_LENGTH: usize = 12;
/// Other passwords that are shorter are tried through in no time.
const SHORTEST: usize = 6;
/// A walk along a keyboard, or one character again and again.
const WALK: usize = 4;

/// Judges every variable of a service that holds a password or key. `places` says where each is
/// written, `service` where it is not known.
pub(crate) fn judge(
    environment: &BTreeMap<String, Value>,
    places: &BTreeMap<String, At>,
    service: &At,
    purpose: Purpose,
    problems: &mut Problems,
) {
    for (name, value) in environment.iter().filter(|(_, value)| value.secret) {
        let text = value.text.expose();
        let user = user_beside(name, environment);
        let Some(fault) = fault(name, text, user, Kind::Key) else {
            continue;
        };
        let at = places.get(name).unwrap_or(service);
        let message = format!("`{name}` {fault}");
        problems.push(problem(purpose, message).at(at.place()));
    }
}

/// Judges a value that was fetched.
pub(super) fn judge_secret(
    request: &SecretRequest,
    value: &str,
    purpose: Purpose,
    problems: &mut Problems,
) {
    let name = &request.name;
    if let Some(fault) = fault(name, value, None, Kind::Token) {
        let message = format!("secret `{name}` {fault}");
        problems.push(problem(purpose, message).at(request.place.clone()));
    } else if let Some(bits) = request.rules.guessable_bits(value)
        && purpose != Purpose::Development
    {
        let message = format!("secret `{name}` can be guessed: it has at most {bits} bits");
        let problem = Problem::warning("secret/guessable", message).at(request.place.clone());
        problems.push(problem.hint("make a longer one, of random characters"));
    }
}

fn problem(purpose: Purpose, message: String) -> Problem {
    let code = "secret/default-password";
    match purpose {
        Purpose::Development => Problem::warning(code, message)
            .hint("that will do in development; every other environment refuses it"),
        Purpose::Staging | Purpose::Production | Purpose::Recovery => Problem::error(code, message)
            .hint("make one: `openssl rand -hex 24`, or `mainstay secret rotate NAME` for one in an age file"),
    }
}

/// What is wrong with the value, as the end of a sentence. `otherwise` is what it is where its name
/// does not tell.
fn fault(name: &str, value: &str, user: Option<&str>, otherwise: Kind) -> Option<String> {
    let value = value.trim();
    // Where the secret is, is not the secret.
    if value.is_empty() || value.starts_with('/') || name.to_ascii_uppercase().ends_with("_FILE") {
        return None;
    }
    let mut passwords = url_passwords(value).peekable();
    if passwords.peek().is_some() {
        let faulty = passwords.find_map(|(user, password)| {
            Kind::Password.fault("", &decoded(password), Some(&decoded(user)))
        });
        return faulty.map(|fault| format!("has a password in its URL that {fault}"));
    }
    if value.contains("://") || value.contains("-----BEGIN") {
        return None;
    }
    Kind::of(name).unwrap_or(otherwise).fault(name, value, user)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Password,
    AdminPassword,
    /// A key or token that lets somebody in: made by a machine, and never a word.
    Token,
    /// Some key, which may as well be that of a cache or a partition.
    Key,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        let upper = name.to_ascii_uppercase();
        let words: Vec<&str> = upper.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        let has = |wanted: &[&str]| {
            wanted
                .iter()
                .any(|word| words.contains(word) || (word.len() > 5 && upper.contains(word)))
        };
        if has(&["PASSWORD", "PASSWD", "PASSPHRASE", "PASS", "PWD"]) {
            let admin = has(&["ADMIN", "ROOT", "SUPERUSER"]);
            return Some(if admin {
                Self::AdminPassword
            } else {
                Self::Password
            });
        }
        if has(&[
            "SECRET",
            "TOKEN",
            "APIKEY",
            "API_KEY",
            "CREDENTIAL",
            "PRIVATE",
        ]) {
            return Some(Self::Token);
        }
        has(&["KEY", "SALT"]).then_some(Self::Key)
    }

    fn fault(self, name: &str, value: &str, user: Option<&str>) -> Option<String> {
        let lower = value.to_lowercase();
        if is_placeholder(&lower) {
            return Some("is a placeholder: nobody has written it yet".to_owned());
        }
        if self == Self::Key {
            return None;
        }
        let same = |other: &str| !other.is_empty() && lower == other.to_lowercase();
        if user.is_some_and(same) {
            return Some("is the same as the user's name".to_owned());
        }
        if same(name) || same(&name.replace(['_', '-'], "")) {
            return Some("is the name of the variable".to_owned());
        }
        if is_common(&lower) {
            return Some("is a default that everybody tries first".to_owned());
        }
        if is_walk(&lower) {
            return Some("is a walk along the keyboard".to_owned());
        }
        let least = match self {
            Self::Password => SHORTEST,
            Self::AdminPassword => ADMIN_LENGTH,
            Self::Token | Self::Key => 0,
        };
        let length = value.chars().count();
        (length < least).then(|| format!("has only {length} characters, {least} are the least"))
    }
}

/// A common word, with digits and signs at its end, or another common word or so after it.
fn is_common(lower: &str) -> bool {
    let bare = lower.trim_end_matches(|c: char| !c.is_alphabetic());
    words::is_common(lower) || words::is_common(bare) || (bare.is_empty() && lower.len() < 12)
}

fn is_placeholder(lower: &str) -> bool {
    let bracketed = |open: char, close: char| lower.starts_with(open) && lower.ends_with(close);
    words::has_placeholder(lower)
        || bracketed('<', '>')
        || (lower.starts_with("your") && lower.contains(['_', '-']))
}

/// `asdfgh`, `1q2w3e`, `zzzzzz`: all of it on one row of a keyboard, or two such.
fn is_walk(lower: &str) -> bool {
    let mut rest = lower;
    let mut parts = 0;
    while !rest.is_empty() {
        let Some(length) = walk_length(rest).filter(|length| *length >= WALK) else {
            return false;
        };
        rest = &rest[length..];
        parts += 1;
        if parts > 3 {
            return false;
        }
    }
    parts > 0
}

/// Bytes of the longest walk that the text begins with.
fn walk_length(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    let again = text.chars().take_while(|c| *c == first).count() * first.len_utf8();
    let along = words::ROWS.iter().flat_map(|row| {
        let back: String = row.chars().rev().collect();
        [(*row).to_owned(), back].into_iter().map(|row| {
            row.find(first).map_or(0, |start| {
                let pairs = text.bytes().zip(row.bytes().skip(start));
                pairs.take_while(|(a, b)| a == b).count()
            })
        })
    });
    Some(along.chain([again]).max().unwrap_or(0).max(1)).filter(|n| text.is_char_boundary(*n))
}

/// `POSTGRES_USER` beside `POSTGRES_PASSWORD`.
fn user_beside<'a>(name: &str, environment: &'a BTreeMap<String, Value>) -> Option<&'a str> {
    let upper = name.to_ascii_uppercase();
    let stem = ["PASSWORD", "PASSWD", "PASS", "PWD"]
        .into_iter()
        .find_map(|word| upper.strip_suffix(word))?;
    ["USER", "USERNAME"].into_iter().find_map(|word| {
        let wanted = format!("{stem}{word}");
        let found = environment
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(&wanted));
        found.map(|(_, value)| value.text.expose().as_str())
    })
}

/// User and password of every URL in the text, as written.
fn url_passwords(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.match_indices("://").filter_map(|(index, separator)| {
        let rest = &text[index + separator.len()..];
        let end = rest.find(['/', '?', '#', ' ', ',']).unwrap_or(rest.len());
        let (user, _) = rest[..end].rsplit_once('@')?;
        user.split_once(':')
            .filter(|(_, password)| !password.is_empty())
    })
}

/// Percent-encoding taken away; what is none stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%');
        let byte = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_everybody_tries_is_known() {
        for (name, value) in [
            ("POSTGRES_PASSWORD", "postgres"),
            ("GF_SECURITY_ADMIN_PASSWORD", "admin"),
            ("ADMIN_PASSWORD", "deepecho123"),
            ("DB_PASSWORD", "Password1!"),
            ("DB_PASSWORD", "changeme"),
            ("DB_PASSWORD", "your_postgres_password"),
            ("DB_PASSWORD", "123456"),
            ("DB_PASSWORD", "qwerty"),
            ("DB_PASSWORD", "1q2w3e4r"),
            ("DB_PASSWORD", "asdfghjkl;'"),
            ("DB_PASSWORD", "zzzzzzzz"),
            ("DB_PASSWORD", "qwerasdf"),
            ("DB_PASSWORD", "xK9"),
            ("DB_PASSWORD", "db_password"),
            ("MINIO_ROOT_PASSWORD", "minioadmin"),
            ("RABBITMQ_DEFAULT_PASS", "guest"),
            ("ADMIN_PASSWORD", "kT9vLq2x"),
            ("GITHUB_TOKEN", "your_github_token"),
            ("JWT_SECRET", "supersecret"),
            ("SECRET_KEY", "change-this-in-production"),
            ("API_KEY", "<your key>"),
            ("DATABASE_URL", "postgresql://postgres:postgres@db:5432/app"),
            ("DATABASE_URL", "postgresql://app:app@db/app"),
            ("REDIS_URL", "redis://:redis@cache:6379"),
            ("DATABASE_URL", "mysql://root:p%61ssword@db/app"),
        ] {
            assert!(
                fault(name, value, None, Kind::Key).is_some(),
                "{name}={value}"
            );
        }
    }

    #[test]
    fn what_is_hard_to_guess_is_left_alone() {
        for (name, value) in [
            ("POSTGRES_PASSWORD", "f3b1c2d49e8a7706"),
            ("DB_PASSWORD", "correct horse battery staple"),
            ("DB_PASSWORD", "adminton-court-91-mauve"),
            ("API_TOKEN", "tr0ub4dor-and-3-horses"),
            ("POSTGRES_PASSWORD_FILE", "/run/secrets/db_password"),
            ("DB_PASSWORD", "/run/secrets/x"),
            ("API_KEY", "sk-abc"),
            ("DATABASE_URL", "postgresql://app:f3b1c2d49e8a@db/app"),
            ("DATABASE_URL", "postgresql://db/app"),
            ("CACHE_KEY", "user"),
            ("TLS_KEY", "-----BEGIN PRIVATE KEY-----\nabc"),
            ("DB_PASSWORD", ""),
        ] {
            assert_eq!(fault(name, value, None, Kind::Key), None, "{name}={value}");
        }
    }

    #[test]
    fn a_password_like_its_user_is_found_beside_it() {
        let value = |text: &str| Value {
            text: mainstay_model::Secret::new(text.to_owned()),
            secret: true,
        };
        let environment = BTreeMap::from([
            ("SHOP_USER".to_owned(), value("gwendolyn")),
            ("SHOP_PASSWORD".to_owned(), value("Gwendolyn")),
        ]);
        let user = user_beside("SHOP_PASSWORD", &environment);
        assert!(fault("SHOP_PASSWORD", "Gwendolyn", user, Kind::Key).is_some());
        assert!(fault("SHOP_PASSWORD", "Gwendolyn", None, Kind::Key).is_none());
    }

    proptest! {
        #[test]
        fn any_text_can_be_judged_and_is_not_repeated(value in "\\PC{0,60}", name in "[A-Z_]{1,20}") {
            if let Some(fault) = fault(&name, &value, Some(&value), Kind::Token)
                && value.chars().count() > 12
            {
                prop_assert!(!fault.contains(&value));
            }
        }
    }
}
