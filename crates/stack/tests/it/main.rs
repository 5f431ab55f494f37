//! What this crate promises, tried from outside, as one binary.

mod bounds;
mod corpus;
mod disk;
mod example;
mod fingerprint;
mod problems;
mod reference;
mod secrets;
mod semantics;
mod stacks;
mod verdicts;
