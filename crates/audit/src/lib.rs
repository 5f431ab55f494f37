//! Findings about what is put into containers: Dockerfiles, build contexts, images, settings.
//!
//! [`dockerfile::parse`] reads a Dockerfile as Docker does; [`dockerfile_findings`] judges it. A
//! [`context::Context`] is judged by its size and by what should not be in it, an image by its
//! [`image::ImageFacts`], a container by its [`container::Settings`]. Each finding names a rule of
//! [`rule::rules`], which is also where the reference page comes from.
//!
//! **Invariant:** no files, no sockets, no clock; whatever the bytes, nothing panics and work is
//! bounded; a finding never repeats the value of a secret. What a rule cannot know (the user of a
//! base image that nobody has pulled) is not guessed.
//!
//! ```
//! let file = mainstay_audit::dockerfile::parse("Dockerfile", "FROM debian\nCMD [\"/app\"]\n");
//! let facts = mainstay_audit::Surroundings::default();
//! let findings = mainstay_audit::dockerfile_findings(&file, &facts);
//! assert!(findings.iter().any(|finding| finding.rule == "dockerfile/base-not-pinned"));
//! ```

pub mod compose;
pub mod container;
pub mod context;
pub mod dockerfile;
pub mod finding;
pub mod ignore;
pub mod image;
pub mod reference;
pub mod report;
pub mod rule;
pub mod secrecy;

mod image_name;
mod rules;
mod waiver;

pub use finding::{Finding, Severity};
pub use image_name::ImageName;
pub use rules::{Surroundings, dockerfile_findings};
pub use waiver::waived_for_image;
