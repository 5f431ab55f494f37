//! What this crate promises, tried from outside, as one binary.

mod backups;
mod bounds;
mod corpus;
mod disk;
mod example;
mod fingerprint;
mod problems;
mod reference;
mod render;
mod secrets;
mod semantics;
mod server_file;
mod stacks;
mod verdicts;
