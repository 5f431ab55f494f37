//! Restore points: what one is, when the next is due, which are kept, which one answers a question,
//! and what proves it.
//!
//! It exists because the same judgements are needed by the server, by `check` and by a machine that has
//! nothing yet but a repository and its key.
//!
//! **Invariant:** no IO, no clock; every decision carries its reason; the last proven restore point is
//! never given up.

mod choose;
mod compare;
mod figures;
mod logs;
mod moment;
pub mod plan;
mod point;
mod proof;
mod report;
mod retention;
mod schedule;

pub use choose::{Asked, Chosen, NotFound, Picked, find};
pub use compare::{Amount, Difference, Suspicion, differences, suspicious};
pub use figures::{Figures, TableFigures};
pub use logs::{LogPiece, LogRange, log_ranges};
pub use moment::MomentError;
pub use point::{Part, PartKind, PointName, PointNameError, Reason, RestorePoint};
pub use proof::{AskedQuery, Boot, Came, Compared, Proof, Restored, SourceProof};
pub use report::{Objectives, Report, Timed, judge};
pub use retention::{Decision, Keep, Standing, Why, decide, log_needed};
pub use schedule::{Due, Schedule, ScheduleError, next, seed};
