//! The control plane: one process that owns everything of the machine's stacks.

pub mod api;
pub mod driver;
pub mod paths;
mod planning;
mod seal;
mod specs;
#[cfg(test)]
mod testing;
mod traffic;
