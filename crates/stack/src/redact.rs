//! What may be shown of a stack.

use crate::resolved::Stack;
use mainstay_model::Secret;

/// Stands where a secret value was.
pub const HIDDEN: &str = "••••••";

impl Stack {
    /// The stack with every secret value replaced by [`HIDDEN`].
    pub fn redacted(&self) -> Self {
        let mut stack = self.clone();
        let services = stack.services.values_mut();
        for value in services.flat_map(|service| service.environment.values_mut()) {
            if value.secret {
                value.text = Secret::new(HIDDEN.to_owned());
            }
        }
        stack
    }
}
