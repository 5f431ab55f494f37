//! Templates as people write them, judged by Go's own packages where they are installed, by
//! promtool, and by the tables of both references.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says what fails"
)]

mod alertmanager;
mod cases;
mod corpus;
mod go;
mod language;
mod limits;
mod prometheus;
mod random;
mod world;
