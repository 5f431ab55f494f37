//! Rolling, blue-green and stop-first rollouts as a pure state machine.

pub mod plan;
pub mod world;
