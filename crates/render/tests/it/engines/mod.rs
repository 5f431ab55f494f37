//! Configuration of engines, judged by the engines.

mod nginx;
mod peer;
