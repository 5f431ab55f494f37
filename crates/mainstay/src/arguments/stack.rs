//! Options of the commands that read the stack's files.

use clap::Args;
use std::path::PathBuf;
use std::str::FromStr;

/// `check`, `config`
#[derive(Debug, Clone, Default, Args)]
pub struct StackArguments {
    /// The directory of the stack (default: this one)
    #[arg(value_name = "DIR")]
    pub path: Option<PathBuf>,
    /// A Compose file, relative to the directory; several are merged in this order
    #[arg(short, long = "file", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Start the services of this profile as well; can be given several times
    #[arg(long = "profile", value_name = "NAME")]
    pub profiles: Vec<String>,
    /// Override one field: services.app.environment.LEVEL=debug, short app.environment.LEVEL=debug
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<SetValue>,
}

/// `init`
#[derive(Debug, Clone, Default, Args)]
pub struct InitArguments {
    /// The directory of the stack (default: this one)
    #[arg(value_name = "DIR")]
    pub path: Option<PathBuf>,
    /// Overwrite a mainstay.yaml that is there already
    #[arg(long)]
    pub force: bool,
}

/// One `--set path=value`: a field of the stack overridden for one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetValue {
    /// `app.environment.LEVEL`: the keys, outermost first, none empty.
    pub path: Vec<String>,
    /// As typed; may be empty, may contain `=`.
    pub value: String,
}

impl std::fmt::Display for SetValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.path.join("."), self.value)
    }
}

/// A text that is not `path=value`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    #[error("`{0}` has no `=`: write PATH=VALUE, as in `app.environment.LEVEL=debug`")]
    NoValue(String),
    #[error("`{0}` has an empty key: write the path as in `app.environment.LEVEL`")]
    EmptyKey(String),
}

impl FromStr for SetValue {
    type Err = SetError;

    fn from_str(text: &str) -> Result<Self, SetError> {
        let (path, value) = text
            .split_once('=')
            .ok_or_else(|| SetError::NoValue(text.to_owned()))?;
        let path: Vec<String> = path.split('.').map(|key| key.trim().to_owned()).collect();
        if path.iter().any(String::is_empty) {
            return Err(SetError::EmptyKey(text.to_owned()));
        }
        Ok(Self {
            path,
            value: value.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_value_is_split_at_the_first_equals_sign() {
        let set: SetValue = "app.environment.URL=http://x/?a=b".parse().unwrap();
        assert_eq!(set.path, ["app", "environment", "URL"]);
        assert_eq!(set.value, "http://x/?a=b");
        assert_eq!(set.to_string(), "app.environment.URL=http://x/?a=b");
        assert_eq!("a=".parse::<SetValue>().unwrap().value, "");
    }

    #[test]
    fn what_is_no_path_is_refused_with_an_example() {
        for (text, expected) in [
            ("app", SetError::NoValue("app".to_owned())),
            ("=x", SetError::EmptyKey("=x".to_owned())),
            ("app..x=1", SetError::EmptyKey("app..x=1".to_owned())),
        ] {
            assert_eq!(text.parse::<SetValue>(), Err(expected));
        }
    }
}
