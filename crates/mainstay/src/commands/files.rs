//! `check`, `config`, `init`, `schema`: the user's files, without a server.

use super::Context;
use crate::arguments::{InitArguments, ReleaseOptions, StackArguments};
use crate::failure::{Failure, Outcome};
use crate::locate::Place;
use crate::project;

pub fn check(context: &Context, arguments: &StackArguments) -> Outcome {
    let place = Place::new(&context.global, arguments.path.as_deref())?;
    let _resolved = project::resolve(&place, arguments, &ReleaseOptions::default())?;
    context.output.data("no problem")
}

pub fn config(context: &Context, arguments: &StackArguments) -> Outcome {
    let place = Place::new(&context.global, arguments.path.as_deref())?;
    let _resolved = project::resolve(&place, arguments, &ReleaseOptions::default())?;
    Err(Failure::input("`config` is not supported yet"))
}

pub fn init(_context: &Context, _arguments: &InitArguments) -> Outcome {
    Err(Failure::input("`init` is not supported yet"))
}

pub fn schema(_context: &Context) -> Outcome {
    Err(Failure::input("`schema` is not supported yet"))
}
