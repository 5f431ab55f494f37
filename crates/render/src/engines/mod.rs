//! Settings for engines that run beside the stack, or in Mainstay's place.

pub(crate) mod alertmanager;
pub(crate) mod filebeat;
pub(crate) mod grafana;
mod logs;
pub(crate) mod logstash;
pub(crate) mod loki;
pub(crate) mod nginx;
pub(crate) mod place;
pub(crate) mod postgresql;
pub(crate) mod prometheus;
pub(crate) mod redis;
