//! Fetches secrets from where they are kept: files, an age-encrypted file, AWS Secrets Manager,
//! HashiCorp Vault.
//!
//! `mainstay_stack` says what is wanted ([`SecretRequest`]) and what becomes of the answers; this
//! crate only asks, with the rights of whoever runs it. A store that fails says so for each secret
//! that it holds, and every secret is asked for, so that all that is missing is told at once.
//!
//! **Invariant:** a value stands in a `Secret` and in no error, log line or argument list; every
//! wait has a deadline, and every answer a size that is not exceeded.

pub mod age;
pub mod encrypted;
pub mod generate;
pub mod identities;

mod aws;
mod fetch;
mod file;
mod http;
mod remote;
mod vault;

pub use fetch::{Fetched, Reach, Stores, fetch};
