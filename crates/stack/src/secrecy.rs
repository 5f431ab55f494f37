//! What is a secret: by its name, by its form.

/// Parts of a variable's name that say its value is secret.
const WORDS: &[&str] = &[
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "KEY",
    "APIKEY",
    "PRIVATE",
    "CREDENTIAL",
    "CREDENTIALS",
    "DSN",
    "PWD",
    "PASS",
    "SALT",
    "COOKIE",
    "AUTH",
];
/// Parts that say the same wherever they stand in a word.
const WITHIN: &[&str] = &[
    "PASSWORD",
    "SECRET",
    "TOKEN",
    "CREDENTIAL",
    "APIKEY",
    "PRIVATE",
];

/// Whether a variable of this name holds a secret. Whole words of the name count, so that
/// `MONKEY` is none and `API_KEY` is one.
pub fn name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    if WITHIN.iter().any(|word| upper.contains(word)) {
        return true;
    }
    // `PWD` alone is the working directory of every shell.
    upper != "PWD"
        && upper
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| WORDS.contains(&word) || WORDS.contains(&word.trim_end_matches('S')))
}

/// Whether a text looks like a secret: a URL with a password in it, a private key.
pub(crate) fn form(text: &str) -> bool {
    text.contains("-----BEGIN") && text.contains("PRIVATE KEY") || has_password(text)
}

/// `scheme://user:password@host`
fn has_password(text: &str) -> bool {
    text.match_indices("://").any(|(index, separator)| {
        let rest = &text[index + separator.len()..];
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let user = match authority.rsplit_once('@') {
            Some((user, _)) => Some(user),
            // A password may hold a slash that was not escaped; a port is all digits.
            None => authority
                .split_once(':')
                .filter(|(_, port)| !port.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|_| rest.split_once('@'))
                .map(|(user, _)| user),
        };
        user.and_then(|user| user.split_once(':'))
            .is_some_and(|(_, password)| !password.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_it() {
        for secret in [
            "DB_PASSWORD",
            "postgres_password",
            "TOKEN",
            "API_KEY",
            "JWT_SECRET",
            "SENTRY_DSN",
            "AWS_SECRET_ACCESS_KEY",
            "PRIVATE_KEY_FILE",
            "GOOGLE_CREDENTIALS",
            "DB_PASS",
            "ApiKey",
            "DB_PWD",
            "SIGNING_KEYS",
            "ENCRYPTION_KEY",
        ] {
            assert!(name(secret), "{secret}");
        }
        for open in [
            "MONKEY",
            "KEYBOARD",
            "DATABASE_PATH",
            "PWD",
            "COMPASS",
            "AUTHOR",
            "PORT",
        ] {
            assert!(!name(open), "{open}");
        }
    }

    #[test]
    fn forms_say_it() {
        for secret in [
            "postgres://app:hunter2@db:5432/app",
            "redis://:hunter2@cache",
            "amqp://u:a/b@c@host/",
            "x -----BEGIN RSA PRIVATE KEY----- y",
        ] {
            assert!(form(secret), "{secret}");
        }
        for open in [
            "https://example.org/a:b@c",
            "postgres://app@db/app",
            "a:b@c",
            "http://h:80/",
        ] {
            assert!(!form(open), "{open}");
        }
    }
}

/// A line of the user's file as it may be shown: what a secret's name is given is dotted out,
/// character by character, so that columns stay. A bare reference to a variable gives nothing away.
pub fn masked_line(line: &str) -> String {
    let Some(at) = line.find([':', '=']) else {
        return if form(line) {
            dotted(line)
        } else {
            line.to_owned()
        };
    };
    let (key, value) = line.split_at(at + 1);
    let key_name = key[..at].trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let reference = value.trim().trim_matches(['"', '\'']);
    let bare = reference.starts_with('$') && !reference.contains(":-");
    if bare || !(name(key_name) || form(value)) {
        return line.to_owned();
    }
    format!("{key}{}", dotted(value))
}

fn dotted(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_whitespace() { c } else { '•' })
        .collect()
}

#[cfg(test)]
mod masked_line_tests {
    use super::masked_line;

    #[test]
    fn a_secret_is_dotted_out_and_nothing_else() {
        for (line, shown) in [
            ("  DB_PASSWORD: hunter2", "  DB_PASSWORD: •••••••"),
            ("  - API_KEY=abc", "  - API_KEY=•••"),
            (
                "  DB_PASSWORD: ${DB_PASSWORD}",
                "  DB_PASSWORD: ${DB_PASSWORD}",
            ),
            ("  DB_PASSWORD: ${PW:-abc}", "  DB_PASSWORD: ••••••••••"),
            ("  URL: postgres://a:b@c/d", "  URL: ••••••••••••••••••"),
            ("  replcas: 2", "  replcas: 2"),
        ] {
            assert_eq!(masked_line(line), shown);
        }
    }
}
