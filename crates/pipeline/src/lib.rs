//! The ten steps of a deploy as a pure state machine.
//!
//! A [`Pipeline`] is made from a [`Plan`], takes one [`Event`] after the other and answers with
//! [`Action`]s. The rollout is its fourth step; two gates join them: what stands before it must be
//! through before anything is replaced, and what stands behind it must pass before the watch
//! begins. It holds no clock and does no IO; it is persisted between the events and the actions
//! that follow from them, so that a control plane that dies at any point goes on where it was.
//!
//! **Invariants:** a step is *passed* only when it was run and said so; what was not run says why;
//! a part of the pipeline runs at a time; what ended is never run again; a plan with a required
//! step that cannot be done is refused before it begins ([`Plan::refusals`]).
//!
//! ```
//! use mainstay_model::Timestamp;
//! use mainstay_pipeline::{Action, Event, Gate, How, Part, Pipeline, Plan, Planned};
//!
//! let plan = Plan { parts: vec![Planned::new(Part::Update, How::Do)] };
//! let mut pipeline = Pipeline::begin(plan);
//! let now = Timestamp::from_millis(0);
//! let actions = pipeline.step(Event::Wanted { gate: Gate::Before }, now);
//! assert_eq!(actions, [Action::Open { gate: Gate::Before }]);
//! ```

mod part;
mod plan;
mod state;
mod step;

#[cfg(test)]
mod tests;

pub use part::{Gate, Part};
pub use plan::{How, Plan, Planned, Refusal};
pub use state::{Entry, Pipeline, State};
pub use step::{Action, Event, Finish, Outcome};
