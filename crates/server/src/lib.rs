//! The control plane: one process that owns everything of the machine's stacks.

pub mod api;
pub mod driver;
