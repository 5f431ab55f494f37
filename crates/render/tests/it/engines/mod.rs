//! Configuration of engines, judged by the engines.

mod alertmanager;
pub(crate) mod databases;
mod grafana;
mod logs;
mod nginx;
pub(crate) mod peer;
mod prometheus;
