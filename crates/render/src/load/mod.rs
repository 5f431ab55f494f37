//! Load tests for the tools that people know.

pub(crate) mod artillery;
pub(crate) mod locust;

mod levels;
mod paths;
