//! Why a command ended without doing what was asked, and what to do next.
//!
//! Printed once, at the edge, by [`crate::output::Output::failure`]: `error:` with the chain of
//! causes, then `hint:`. The class sets the exit code.

use mainstay_model::Problems;
use mainstay_server::api::types::{ApiError, ErrorCode};
use std::fmt;

/// Decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// What the user wrote or typed: 2.
    Input,
    /// What is around us: a disk, a port, a server, a release that failed: 1.
    Environment,
    /// Ours: 70.
    Bug,
    /// The reader of our output has gone, or it was asked for: no message.
    Quiet(u8),
}

/// The one error of the CLI.
#[derive(Debug, Clone)]
pub struct Failure {
    pub class: Class,
    pub message: String,
    /// What it came from, outermost first.
    pub causes: Vec<String>,
    pub hint: Option<String>,
    /// Problems of the user's files, printed before the message.
    pub problems: Problems,
}

/// What every command answers.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            causes: Vec::new(),
            hint: None,
            problems: Problems::default(),
        }
    }

    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Class::Input, message)
    }

    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(Class::Environment, message)
    }

    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(Class::Bug, message)
    }

    /// Ends with this code and says nothing.
    pub fn quiet(code: u8) -> Self {
        Self::new(Class::Quiet(code), "")
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds an error and everything it came from.
    #[must_use]
    pub fn because(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next.filter(|_| self.causes.len() < 16) {
            let text = cause.to_string();
            // Many errors repeat what they came from in their own words.
            if !self.causes.last().unwrap_or(&self.message).contains(&text) {
                self.causes.push(text);
            }
            next = cause.source();
        }
        self
    }

    #[must_use]
    pub fn problems(mut self, problems: Problems) -> Self {
        self.problems = problems;
        self
    }

    pub fn exit_code(&self) -> u8 {
        match self.class {
            Class::Input => 2,
            Class::Environment => 1,
            Class::Bug => 70,
            Class::Quiet(code) => code,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for cause in &self.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let class = match error.code {
            ErrorCode::Invalid | ErrorCode::NotFound | ErrorCode::NotSupported => Class::Input,
            ErrorCode::Denied | ErrorCode::Conflict | ErrorCode::Unavailable => Class::Environment,
            ErrorCode::Internal => Class::Bug,
        };
        let mut failure = Self::new(class, error.message);
        failure.hint = error.hint;
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn the_class_sets_the_exit_code() {
        assert_eq!(Failure::input("x").exit_code(), 2);
        assert_eq!(Failure::environment("x").exit_code(), 1);
        assert_eq!(Failure::bug("x").exit_code(), 70);
        assert_eq!(Failure::quiet(7).exit_code(), 7);
    }

    #[test]
    fn a_cause_that_only_repeats_is_left_out() {
        let inner = io::Error::other("disk full");
        let outer = io::Error::other(inner);
        let failure = Failure::environment("cannot write `x`").because(&outer);
        assert_eq!(failure.to_string(), "cannot write `x`: disk full");
    }
}
