//! What a pipeline is to do, fixed before it begins.

use crate::part::Part;
use serde::{Deserialize, Serialize};

/// The parts in their order, each at most once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Plan {
    pub parts: Vec<Planned>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    pub part: Part,
    pub how: How,
    /// The deploy is refused where it cannot be done, and goes back where it fails.
    pub required: bool,
}

/// What becomes of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum How {
    Do,
    /// There is nothing to do it with.
    Missing {
        why: String,
        hint: String,
    },
    /// Left out on purpose, by somebody, for a reason.
    Waived {
        by: String,
        reason: String,
    },
    /// Not asked for here.
    Skipped {
        why: String,
    },
}

/// A required part that cannot be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub part: Part,
    pub why: String,
    pub hint: String,
}

impl Planned {
    /// One that the deploy depends on.
    pub fn new(part: Part, how: How) -> Self {
        Self {
            part,
            how,
            required: true,
        }
    }
}

impl Plan {
    /// All that stands in the way, so that it can be told at once.
    pub fn refusals(&self) -> Vec<Refusal> {
        let missing = |planned: &Planned| match &planned.how {
            How::Missing { why, hint } if planned.required => Some(Refusal {
                part: planned.part,
                why: why.clone(),
                hint: hint.clone(),
            }),
            _ => None,
        };
        self.parts.iter().filter_map(missing).collect()
    }
}
