//! Configuration of engines, judged by the engines.

mod alertmanager;
mod databases;
mod grafana;
mod nginx;
mod peer;
mod prometheus;
