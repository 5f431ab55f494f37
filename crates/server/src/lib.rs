//! The control plane: one process that owns everything of the machine's stacks.
//!
//! [`serve`] starts it. Inside, `planning`, `specs` and `traffic` decide without IO what a wish
//! comes to; `operations` checks a wish and writes it down; `driver` and `engine` carry a rollout
//! through; `keeper` looks after everything else; `api` is how the world speaks to it.
//!
//! **Invariant:** intent on disk, then an idempotent action, then the outcome on disk. Start-up is
//! recovery.

mod alertmanager;
mod alerts;
pub mod api;
mod approvals;
mod backups;
mod certificates;
mod control;
mod credentials;
mod doctor;
pub mod driver;
mod engine;
mod environment;
mod forwarding;
mod front;
mod ground;
mod hooks;
mod images;
mod keeper;
mod metrics;
mod notify;
mod operations;
pub mod paths;
mod pipeline;
mod planning;
mod ports;
mod proxy_link;
mod proxy_process;
mod queries;
mod report;
mod retention;
mod rollouts;
pub mod rules;
mod schema;
mod seal;
mod secrets;
mod serve;
mod specs;
mod store;
mod targets;
#[cfg(test)]
mod testing;
mod tokens;
mod traffic;
mod versioned;
mod watch;
mod ways;

pub use alertmanager::{AlertmanagerError, AlertmanagerOptions, serve_alertmanager};
pub use alerts::{alertmanager_problems, server_problems};
pub use backups::{ARTIFACTS, FILES, POINT_FILE, POINT_TAG, RELEASE_FILE, SavedRelease};
pub use doctor::disk;
pub use ports::{is_free, owner};
pub use serve::{ServeError, ServeOptions, serve};
pub use specs::Bundle;
