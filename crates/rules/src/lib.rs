//! Prometheus's rules: read as they are, evaluated as Prometheus does, tested as promtool does.
//!
//! [`RuleFile::read`] reads a rule file. A [`Group`] made of one of its [`GroupSpec`]s is a state
//! machine: [`Group::evaluate`] asks a store of series at one moment and answers with samples to
//! store, alerts to send and the health of each rule. [`reload`] carries state over to a new
//! configuration. [`unit`] runs promtool's unit tests.
//!
//! Read `group.rs` first, then `alerting.rs`.
//!
//! **Invariant:** no IO, no clock: whoever calls says what time it is, when to stop, and stores what
//! is answered. Problems are collected with file, line and column; no key is ignored silently. A
//! rule that fails costs only itself, and says why.
//!
//! ```
//! use mainstay_promql::promqltest::MemoryStorage;
//! use mainstay_rules::{Group, RuleFile, Settings, Watch};
//! use std::path::Path;
//!
//! let text = "groups:\n- name: a\n  rules:\n  - alert: Down\n    expr: up == 0\n";
//! let (file, problems) = RuleFile::read(text, Path::new("/etc/rules.yml"), "rules.yml");
//! assert!(problems.is_empty());
//! let settings = std::sync::Arc::new(Settings::default());
//! let mut group = Group::new(&file.name, &file.groups[0], &settings);
//! let storage = MemoryStorage::load("load 1m\n  up{job=\"db\"} 0").unwrap();
//! let evaluation = group.evaluate(&storage, 30_000, &Watch::default());
//! let alert = evaluation.alerts().next().unwrap();
//! assert_eq!(alert.labels.to_string(), r#"{alertname="Down", job="db"}"#);
//! ```

mod active;
mod alerting;
mod evaluation;
mod file;
pub mod glob;
mod group;
mod overlay;
mod read;
mod recording;
mod reload;
mod restore;
mod schedule;
mod settings;
mod state;
mod template;
pub mod unit;

pub use active::{ActiveAlert, AlertState};
pub use evaluation::{Alert, Evaluation, Figures, Health, NewSample, RuleOutcome, Watch};
pub use file::{Alerting, GroupSpec, Kind, Rule, RuleFile};
pub use group::{Group, Turn};
pub use reload::{Departed, Reloaded, reload};
pub use schedule::{Due, due, phase_ms, slot_ms};
pub use settings::Settings;
pub use state::RuleState;
