//! The first thing that went wrong in a job.
//!
//! rustic goes on after a read that failed and hides why a write did: whoever sees a failure first keeps it here,
//! and at its end the job asks.

use crate::{Failure, FailureKind};
use parking_lot::Mutex;
use rustic_core::{ErrorKind, RusticError};
use std::error::Error;
use std::sync::Arc;

/// Codes of rustic: a tag did not fit; no key fits.
const BAD_TAG: &str = "C001";

/// How many errors stand behind each other at most.
const CHAIN: usize = 16;

/// Shared by all threads of a job.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble(Arc<Mutex<Option<Failure>>>);

impl Trouble {
    /// Keeps it, if it is the first.
    pub(crate) fn note(&self, failure: Failure) {
        self.0.lock().get_or_insert(failure);
    }

    pub(crate) fn is_there(&self) -> bool {
        self.0.lock().is_some()
    }

    pub(crate) fn check(&self) -> Result<(), Failure> {
        match &*self.0.lock() {
            Some(failure) => Err(failure.clone()),
            None => Ok(()),
        }
    }

    /// As rustic passes it on.
    pub(crate) fn wrap(&self, failure: Failure) -> Box<RusticError> {
        self.note(failure.clone());
        RusticError::with_source(ErrorKind::Backend, failure.message.clone(), failure)
    }

    /// What rustic's error comes to: our own behind it, or the first of this job, or what it says itself.
    #[allow(
        clippy::boxed_local,
        clippy::needless_pass_by_value,
        reason = "for `map_err`"
    )]
    pub(crate) fn explain(&self, error: Box<RusticError>) -> Failure {
        let mut damaged = false;
        let mut next: Option<&(dyn Error + 'static)> = Some(&*error);
        for _ in 0..CHAIN {
            let Some(error) = next else { break };
            if let Some(failure) = error.downcast_ref::<Failure>() {
                return failure.clone();
            }
            let boxed = error.downcast_ref::<Box<RusticError>>().map(|e| &**e);
            if let Some(error) = boxed.or_else(|| error.downcast_ref::<RusticError>()) {
                if error.is_incorrect_password() {
                    return wrong_key();
                }
                damaged |= error.is_code(BAD_TAG);
            }
            next = error.source();
        }
        if let Err(failure) = self.check() {
            return failure;
        }
        let said = error.display_log();
        let said = said.trim_start_matches("Error: ");
        let lost = ["not found in index", "Failed to deserialize", "corrupted"];
        damaged |= lost.iter().any(|text| said.contains(text));
        if damaged {
            return damage(format!("the repository is damaged: {said}"));
        }
        Failure::new(FailureKind::Other, format!("the repository: {said}"))
    }
}

pub(crate) fn wrong_key() -> Failure {
    let failure = Failure::new(
        FailureKind::WrongKey,
        "the key does not open the repository",
    );
    failure.hint("give the key that it was made with, or one that was added since")
}

pub(crate) fn damage(message: impl Into<String>) -> Failure {
    let failure = Failure::new(FailureKind::Damaged, message);
    failure.hint("what a copy elsewhere has whole can be restored from there")
}
