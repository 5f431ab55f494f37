//! Configuration of engines, judged by the engines.

mod alertmanager;
mod databases;
mod nginx;
mod peer;
mod prometheus;
