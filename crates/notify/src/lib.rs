//! Tells a receiver about alerts: webhook, Slack, PagerDuty, e-mail, Opsgenie, Discord, Telegram,
//! Microsoft Teams.
//!
//! A [`Notification`](mainstay_alert::Notification) and the
//! [`Integration`](mainstay_alert::config::Integration) it is for come in; templates are expanded
//! ([`Message`]), requests are made of them ([`requests`], [`mail`]), and [`Sender`] sends them
//! once. When to try again is the engine's to decide: a [`Failure`] says whether it makes sense.
//!
//! Read `sender.rs`, then `request/mod.rs`.
//!
//! **Invariants:** what is sent is made without IO. No secret stands in a failure, also where the
//! receiver repeats it. Each try has a deadline; of an answer only its beginning is read. Texts are
//! cut to the lengths that a vendor documents.

mod client;
mod defaults;
mod failure;
mod hex;
mod limit;
pub mod mail;
mod message;
mod request;
mod sender;
mod verdict;

pub use defaults::{NAMES as DEFAULT_TEMPLATES, templates};
pub use failure::{Failure, FailureKind};
pub use message::Message;
pub use request::{Request, principal_secret, requests};
pub use sender::Sender;
