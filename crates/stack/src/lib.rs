//! Compose files and `mainstay.yaml`, resolved into one [`Stack`].

pub mod resolved;

pub use resolved::*;
