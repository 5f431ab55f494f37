//! Restore points: what one is, when the next is due, which are kept, which one answers a question,
//! and what proves it.
//!
//! It exists because the same judgements are needed by the server, by `check` and by a machine that has
//! nothing yet but a repository and its key.
//!
//! **Invariant:** no IO, no clock; every decision carries its reason; the last proven restore point is
//! never given up.

mod figures;
mod point;

pub use figures::{Figures, TableFigures};
pub use point::{Part, PartKind, PointName, PointNameError, Reason, RestorePoint};
