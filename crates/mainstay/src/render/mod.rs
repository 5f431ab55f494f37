//! Values as people read them. Pure: a value and a [`Look`](crate::look::Look) in, text out.

pub mod alerts;
pub mod backups;
pub mod certificates;
pub mod chart;
pub mod debug;
pub mod environment;
pub mod environments;
pub mod failure;
pub mod findings;
pub mod health;
pub mod history;
pub mod metrics;
pub mod problems;
pub mod quantity;
pub mod record;
pub mod rollout;
pub mod rules;
pub mod secrets;
pub mod stack;
pub mod summary;
pub mod table;
pub mod yaml;

#[cfg(test)]
mod tests;
