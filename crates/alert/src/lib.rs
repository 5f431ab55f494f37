//! Which alert reaches whom, when, and why.
//!
//! [`config::Configuration`] reads Alertmanager's configuration file as it is; [`engine::Engine`] decides; a
//! [`Notification`] is what is handed to whoever delivers.
//!
//! **Invariant:** no IO, no clock, no async. Every decision carries its reason.
//!
//! ```
//! use mainstay_alert::config::Configuration;
//! use std::path::Path;
//!
//! let text = "route: {receiver: ops}\nreceivers: [{name: ops, webhook_configs: [{url: 'http://h/x'}]}]";
//! let (config, problems) = Configuration::read(text, Path::new("/etc/am/a.yml"), "a.yml");
//! assert!(problems.is_empty());
//! assert_eq!(config.unwrap().receivers[0].integrations.len(), 1);
//! ```

pub mod beyond;
pub mod config;
pub mod engine;
pub mod interval;
pub mod matcher;
mod notification;

pub use config::IntegrationKind;
pub use notification::{AlertStatus, Fingerprint, IntegrationKey, Notification, NotifiedAlert};
