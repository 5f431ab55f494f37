//! Secrets: where they come from, what must hold of them, and who gets them.
//!
//! `fields` is the grammar of the section `secrets` of mainstay.yaml, `section` reads it,
//! `definitions` joins it with Compose's own `secrets` and `configs`. What comes of it are
//! [`SecretRequest`]s: this crate fetches nothing. The caller fetches, and gives the values to
//! [`Resolution::supply`](crate::Resolution::supply), which applies the `rules`, composes
//! `template`s, and puts the values where services want them. `weak` knows default passwords.
//!
//! **Invariant:** no message holds a value, nor a part of one.

mod around;
mod definitions;
mod fields;
mod rules;
mod section;
mod source;
mod supply;
mod template;
mod weak;

pub use rules::{Format, Rules};
pub use section::is_name;
pub use source::{Part, SecretRequest, Source};
pub use supply::{Answers, LIMIT_CONTENT_BYTES, Unavailable};
pub use template::{Template, TemplateError};

pub(crate) use around::{definitions, of_stack, store_variables};
pub(crate) use definitions::{Definitions, grants};
pub(crate) use fields::SOURCE;
pub(crate) use weak::judge as judge_environment;
