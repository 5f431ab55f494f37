//! Names of stacks, environments and services.
//!
//! One alphabet for all of them, so that a name can stand in a path, a socket, a label and an
//! engine's object without being escaped.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a name cannot be empty")]
    Empty,
    #[error("`{0}` is longer than 63 characters")]
    TooLong(String),
    #[error(
        "`{0}` is not a name: use lower-case letters, digits, `-`, `_` and `.`, with a letter or digit first"
    )]
    Alphabet(String),
}

fn validate(text: &str) -> Result<(), NameError> {
    let Some(first) = text.chars().next() else {
        return Err(NameError::Empty);
    };
    if text.len() > 63 {
        return Err(NameError::TooLong(text.to_owned()));
    }
    let alphabet =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    if !(first.is_ascii_lowercase() || first.is_ascii_digit()) || !text.chars().all(alphabet) {
        return Err(NameError::Alphabet(text.to_owned()));
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks the alphabet and the length (1 to 63 characters).
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                validate(&text).map(|()| Self(text))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// The name of a stack: the Compose project's name.
    StackName
);
name!(
    /// The name of an environment: `dev`, `staging`, `production`, `dr`, or the user's own.
    EnvironmentName
);
name!(
    /// The name of a service in the Compose file.
    ServiceName
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_alphabet() {
        for good in ["app", "a", "0", "web-1", "my_app", "v1.2"] {
            assert!(ServiceName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "App", "-a", "a b", "a/b", "é", &"a".repeat(64)] {
            assert!(ServiceName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn decoding_validates() {
        assert!(serde_json::from_str::<StackName>("\"ok\"").is_ok());
        assert!(serde_json::from_str::<StackName>("\"Not OK\"").is_err());
    }
}
