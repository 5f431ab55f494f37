//! What this crate promises, tried from outside, as one binary.

mod corpus;
mod scripts;
