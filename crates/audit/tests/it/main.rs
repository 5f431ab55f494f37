//! What this crate promises, tried from outside, as one binary.

mod cases;
mod corpus;
mod engine;
mod golden;
mod reports;
