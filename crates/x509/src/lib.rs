//! Certificates and their keys, read from PEM: for which names, by whom, until when, and whether
//! the key fits; and the client of TLS that is made of them.
//!
//! The proxy serves what it read here, the control plane says what is wrong with it before and
//! afterwards; both must judge alike. Pure: bytes in, facts out.
//!
//! It does not verify who signed: that is for clients ([`Client`]), who know whom they trust.

mod client;
mod facts;
mod pair;

pub use client::{Client, ClientError, Trust};
pub use facts::{Facts, covers};
pub use pair::{Pair, PairError, challenge};
