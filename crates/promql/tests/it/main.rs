//! What this crate promises, tried from outside, as one binary.

mod corpus;
mod limits;
mod print;
mod scripts;
