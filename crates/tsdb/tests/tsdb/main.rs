//! The store against a model, crashes, damage, a full disk, and Prometheus itself.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod aggregates;
mod blocks;
mod corpus;
mod crash;
mod damage;
mod full;
mod limits;
mod model;
mod peers;
mod scripts;
mod support;
mod tmpfs;
mod together;
