//! What looks like a secret: the name of a variable, the name of a file, the form of a value.

/// Parts of a variable's name that say its value is secret, as whole words.
const WORDS: [&str; 12] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "APIKEY",
    "KEY",
    "PRIVATE",
    "CREDENTIAL",
    "PASS",
    "PWD",
    "DSN",
];

/// Words that make a name with `KEY` in it an ordinary one: the value is meant to be seen.
const PUBLIC: [&str; 7] = ["PUBLIC", "FILE", "PATH", "DIR", "ID", "NAME", "GPG"];

/// Names of files that hold secrets, in lower case; `*` at either end stands for anything.
const FILES: [&str; 24] = [
    ".env",
    ".env.*",
    "*.env",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    ".npmrc",
    ".pypirc",
    ".netrc",
    ".pgpass",
    ".htpasswd",
    "*.kdbx",
    "credentials.json",
    "service-account*",
    "*.tfstate",
    "secrets.y*ml",
    ".git-credentials",
];

/// Names that look like the above and hold nothing.
const HARMLESS: [&str; 6] = [
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env.dist",
    "example.env",
    "sample.env",
];

/// Beginnings of values that only secrets have: AWS, GitHub, GitLab, Slack, Stripe, `OpenAI`.
const FORMS: [&str; 11] = [
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "sk_live_",
    "sk-",
];

/// Whether a variable of this name holds a secret. Whole words count: `MONKEY` is none.
pub fn name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let words: Vec<&str> = upper
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    // Of a shell: where it is.
    upper != "PWD"
        && words
            .iter()
            .any(|word| WORDS.contains(word) || WORDS.contains(&word.trim_end_matches('S')))
        && !words.iter().any(|word| PUBLIC.contains(word))
}

/// Whether a value is a secret by its form: a private key, a well-known token, a URL with a
/// password in it.
pub fn value(text: &str) -> bool {
    text.contains("PRIVATE KEY-----")
        || FORMS.iter().any(|form| {
            text.strip_prefix(form)
                .is_some_and(|rest| rest.len() >= 12 && rest.chars().all(is_token))
        })
        || has_password(text)
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// `scheme://user:password@host`, where the password is no variable.
fn has_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or("");
        authority
            .rsplit_once('@')
            .and_then(|(user, _)| user.split_once(':'))
            .is_some_and(|(_, password)| !password.is_empty() && !password.starts_with('$'))
    })
}

/// Whether a file of this name (its last part counts) holds secrets.
pub fn file(path: &str) -> bool {
    let name = path
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(path)
        .to_ascii_lowercase();
    !HARMLESS.contains(&name.as_str()) && FILES.iter().any(|pattern| simple(pattern, &name))
}

/// A pattern with at most one `*`.
fn simple(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_count_by_whole_words() {
        for (name, secret) in [
            ("DB_PASSWORD", true),
            ("api_key", true),
            ("GITHUB_TOKENS", true),
            ("MONKEY", false),
            ("PUBLIC_KEY", false),
            ("PASSWORD_FILE", false),
            ("PWD", false),
            ("PATH", false),
        ] {
            assert_eq!(super::name(name), secret, "{name}");
        }
    }

    #[test]
    fn values_count_by_their_form() {
        for (value, secret) in [
            ("postgres://app:hunter2@db/app", true),
            ("postgres://app@db/app", false),
            ("postgres://app:$PASSWORD@db/app", false),
            ("AKIAABCDEFGHIJKLMNOP", true),
            ("sk-learn", false),
            ("debug", false),
        ] {
            assert_eq!(super::value(value), secret, "{value}");
        }
    }

    #[test]
    fn files_count_by_their_last_part() {
        for (path, secret) in [
            ("config/.env", true),
            (".env.production", true),
            (".env.example", false),
            ("certs/server.pem", true),
            ("id_rsa", true),
            ("id_rsa.pub", false),
            ("src/env.rs", false),
        ] {
            assert_eq!(super::file(path), secret, "{path}");
        }
    }
}
