//! Alertmanager's configuration beside amtool, and its semantics as timelines.

mod check_config;
mod peer;
