//! Files for Docker: how images are built, and what a Compose project or a Swarm runs.

pub(crate) mod compose;
pub(crate) mod dockerfile;
mod losses;
mod parts;
mod probe;
pub(crate) mod swarm;
mod words;
