//! What a forge does with a change.

pub(crate) mod github_actions;
