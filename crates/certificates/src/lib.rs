//! Certificates from an authority (ACME, RFC 8555): when to ask, how to ask, where to keep them.
//!
//! [`schedule`] decides and knows no clock, no network and no disk; [`authority`] speaks the
//! protocol; [`store`] keeps what was issued. Who serves the certificates and shows the proofs is
//! somebody else: a [`Prover`].
//!
//! **Invariant:** a certificate that is served is never taken away; what fails is written down and
//! tried again later, slower each time, also across restarts. **Invariant:** a key leaves the
//! directory it was written to only for the proxy that reads it there, and is 0600.
//!
//! It asks for one host per certificate and proves it by HTTP-01 or TLS-ALPN-01. Wildcards need
//! DNS-01, which is not supported.

pub mod authority;
mod http;
pub mod schedule;
pub mod store;

pub use authority::{Authority, AuthorityError, Proof, Prover};
pub use schedule::{Action, Event, Schedule};
pub use store::{Store, StoreError};
