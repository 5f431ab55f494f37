//! Networks and volumes of the stack, as an engine makes them.

use super::Driver;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A network that services of the stack join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// What the engine calls it: the `name` of the files, else `STACK-ENVIRONMENT_KEY`.
    pub name: String,
    /// Somebody else's: it must be there, and is never made or removed.
    pub external: bool,
    /// No way out of it.
    pub internal: bool,
    pub attachable: bool,
    pub enable_ipv6: bool,
    /// `name` empty: the engine's default, `bridge`.
    pub driver: Driver,
    pub ipam: Ipam,
    pub labels: BTreeMap<String, String>,
}

/// How a network gives addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Ipam {
    pub driver: Driver,
    /// Empty: the engine chooses a subnet.
    pub pools: Vec<IpamPool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct IpamPool {
    pub subnet: Option<String>,
    pub ip_range: Option<String>,
    pub gateway: Option<String>,
    pub aux_addresses: BTreeMap<String, String>,
}
