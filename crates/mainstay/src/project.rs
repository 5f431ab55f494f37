//! The stack's files: read, resolved, checked.
//!
//! The only user of `mainstay_stack`'s resolver here; it adds the disk and the process
//! environment, which that crate does not touch.

use crate::arguments::{ReleaseOptions, StackArguments};
use crate::failure::{Failure, Outcome};
use crate::locate::Place;
use mainstay_model::{Problems, Scope};
use mainstay_stack::Stack;

/// Which environment the files mean, and where its server is.
#[derive(Debug, Clone)]
pub struct Identity {
    pub scope: Scope,
    pub server: Option<String>,
}

/// A stack that may be deployed, and what was warned about.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub stack: Stack,
    pub warnings: Problems,
}

/// Reads as little as tells whose stack this is.
pub fn identity(_place: &Place) -> Outcome<Identity> {
    Err(Failure::input("stack files are not supported yet"))
}

/// Resolves the stack; problems of class error end here.
pub fn resolve(
    _place: &Place,
    _arguments: &StackArguments,
    _release: &ReleaseOptions,
) -> Outcome<Resolved> {
    Err(Failure::input("stack files are not supported yet"))
}
