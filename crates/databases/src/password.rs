//! How a program of a place learns its password: over standard input, or from what the place has.
//!
//! A secret is the first line of standard input, read by a shell that goes on to become the program.

use crate::command::quote;
use crate::database::Failure;
use mainstay_model::Secret;

/// Leaves in `$P` what the variable `$N` says, where that is not known yet. Names are checked before.
const FIRST: &str = r#"  eval "V=\${$N-} F=\${${N}_FILE-}"
  if [ -z "$V" ] && [ -n "$F" ]; then V=$(cat -- "$F") || exit 1; fi
  [ -n "$P" ] || P=$V"#;

/// Where the password of a log-in is from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Password {
    #[default]
    None,
    /// Known here, and sent over standard input.
    Given(Secret<String>),
    /// A variable of the place's own environment.
    Variable(String),
    /// The first of these variables that the place has; or the file that one named `…_FILE` names, as the official
    /// images have it. None of them: no password.
    Either(Vec<String>),
    /// A file of the place.
    File(String),
}

impl Password {
    /// `sh -c` with `script`, in which `$P` is the password and `$1`… are `arguments`.
    ///
    /// # Errors
    /// A password that cannot stand on a line, a variable that cannot be one.
    pub(crate) fn shell(&self, script: &str, arguments: &[&str]) -> Result<Vec<String>, Failure> {
        let script = format!("{}\n{script}", self.prelude()?);
        let words = ["sh", "-c", &script, "sh"].into_iter();
        Ok(words
            .chain(arguments.iter().copied())
            .map(str::to_owned)
            .collect())
    }

    fn prelude(&self) -> Result<String, Failure> {
        Ok(match self {
            Self::None => "P=".to_owned(),
            Self::Given(secret) if secret.expose().contains(['\n', '\r', '\0']) => {
                let text = "a password with a line break cannot be handed over";
                return Err(
                    Failure::new(text).hint("give it in a variable or a file of the service")
                );
            }
            Self::Given(_) => "IFS= read -r P".to_owned(),
            Self::Variable(name) if is_variable(name) => format!("P=${{{name}-}}"),
            Self::Variable(name) => {
                return Err(Failure::new(format!("`{name}` is no name of a variable")));
            }
            Self::Either(names) => {
                if let Some(odd) = names.iter().find(|name| !is_variable(name)) {
                    return Err(Failure::new(format!("`{odd}` is no name of a variable")));
                }
                format!("P=\nfor N in {}; do\n{FIRST}\ndone", names.join(" "))
            }
            Self::File(path) => format!("P=$(cat -- {}) || exit 1", quote(path)),
        })
    }

    /// What goes to standard input: its own line, then `rest`.
    pub(crate) fn input(&self, rest: &[u8]) -> Vec<u8> {
        let mut input = Vec::with_capacity(rest.len() + 64);
        if let Self::Given(secret) = self {
            input.extend_from_slice(secret.expose().as_bytes());
            input.push(b'\n');
        }
        input.extend_from_slice(rest);
        input
    }
}

fn is_variable(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::Password;
    use mainstay_model::Secret;

    #[test]
    fn a_secret_is_in_no_argument() {
        let password = Password::Given(Secret::new("hunter2".to_owned()));
        let words = password.shell("exec program \"$@\"", &["a b"]).unwrap();
        assert!(
            words.iter().all(|word| !word.contains("hunter2")),
            "{words:?}"
        );
        assert_eq!(password.input(b"PING"), b"hunter2\nPING");
    }

    /// What a shell finds in this environment.
    fn found(password: &Password, environment: &[(&str, &str)]) -> String {
        let words = password.shell("printf %s \"$P\"", &[]).unwrap();
        let mut command = std::process::Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", "/usr/bin:/bin");
        let output = command.envs(environment.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn the_first_variable_that_says_something_counts() {
        let either = Password::Either(vec!["A".to_owned(), "B".to_owned()]);
        let odd = "it's \"$X\" `id`; \\";
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{odd}\n")).unwrap();
        let path = file.path().to_str().unwrap();
        assert_eq!(found(&either, &[]), "");
        assert_eq!(found(&either, &[("B", odd)]), odd);
        assert_eq!(found(&either, &[("A", ""), ("B", odd)]), odd);
        assert_eq!(found(&either, &[("A", "a"), ("B", "b")]), "a");
        assert_eq!(found(&either, &[("A_FILE", path), ("B", "b")]), odd);
        assert_eq!(found(&Password::File(path.to_owned()), &[]), odd);
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        let password = Password::Variable("A;rm".to_owned());
        let failure = password.shell("", &[]).unwrap_err();
        assert_eq!(failure.message, "`A;rm` is no name of a variable");
    }
}
