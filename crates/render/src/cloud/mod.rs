//! Machines and services of a cloud, and what is set up on them.

pub(crate) mod ansible;
pub(crate) mod systemd;
pub(crate) mod terraform;
