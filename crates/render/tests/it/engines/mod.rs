//! Configuration of engines, judged by the engines.

mod databases;
mod nginx;
mod peer;
mod prometheus;
