//! How a program of a place learns its password: over standard input, or from what the place has.
//!
//! A secret is the first line of standard input, read by a shell that goes on to become the program.

use crate::command::quote;
use crate::database::Failure;
use mainstay_model::Secret;

/// Where the password of a log-in is from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Password {
    #[default]
    None,
    /// Known here, and sent over standard input.
    Given(Secret<String>),
    /// A variable of the place's own environment.
    Variable(String),
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

    #[test]
    fn what_is_no_variable_is_refused() {
        let password = Password::Variable("A;rm".to_owned());
        let failure = password.shell("", &[]).unwrap_err();
        assert_eq!(failure.message, "`A;rm` is no name of a variable");
    }
}
