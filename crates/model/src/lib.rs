//! The shared vocabulary of Mainstay: names, ids, sizes, durations, problems, judgements.
//!
//! Every crate speaks these words, so that a service, an instance or a problem means the same
//! thing in a file, a journal row, an API answer and a line of output.
//!
//! **Invariant:** no IO, no clock, no async. A value that exists here is valid.
//!
//! ```
//! use mainstay_model::{InstanceId, ServiceName};
//!
//! let id: InstanceId = "app-r12-1".parse().unwrap();
//! assert_eq!(id.service, ServiceName::new("app").unwrap());
//! assert_eq!(id.to_string(), "app-r12-1");
//! ```

mod client;
mod content;
mod duration;
mod instance;
mod judgement;
mod name;
mod problem;
mod secret;
mod size;
mod step;
mod suggest;
mod timestamp;

pub use client::{Authorization, BasicAuth, HttpConfig, SecretSource, TlsConfig, TlsVersion};
pub use content::Content;
pub use duration::{DurationError, duration_ms, format_duration, parse_duration};
pub use instance::{InstanceId, ReleaseNumber, Scope};
pub use judgement::{Judgement, Verdict};
pub use name::{EnvironmentName, NameError, ServiceName, StackName};
pub use problem::{Place, Problem, Problems, Severity};
pub use secret::Secret;
pub use size::{Bytes, SizeError};
pub use step::{Step, StepError};
pub use suggest::did_you_mean;
pub use timestamp::{Timestamp, TimestampError};
