//! Configuration of engines, judged by the engines.

mod alertmanager;
mod databases;
mod grafana;
mod logs;
mod nginx;
mod peer;
mod prometheus;
