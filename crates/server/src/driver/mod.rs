//! The rollout driver: persists what the engine decides before anything is done.
//!
//! [`Driver`] is synchronous and holds one rollout: an event goes in, the new state and the
//! decisions go to the journal in one transaction, and only then do actions come out. A control
//! plane that dies at any point finds the rollout by [`Driver::recover`] and goes on. [`run`] is
//! the loop around it that observes, turns and acts; what it observes and acts upon is behind
//! [`Engine`].
//!
//! **Invariants:** no action without its reason in the journal; no state outside the journal and
//! the world. The seeded simulation (`tests/simulation.rs`) drives this very code.
//!
//! It does not plan rollouts, and it does not know what an instance is made of.

mod rows;
mod run;
mod turn;

#[cfg(test)]
mod tests;

pub use rows::RolloutRows;
pub use run::{Ended, Engine, run};
pub use turn::{Begin, Driver, DriverError, Proposal, Turn};
