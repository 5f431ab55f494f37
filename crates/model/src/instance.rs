//! Releases and instances, and how they are called.
//!
//! Names are deterministic: asking twice for the first instance of a service in release 12 names
//! the same thing twice, so that starting twice is starting once.

use crate::name::{EnvironmentName, ServiceName, StackName};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The number of a release within its environment: 1, 2, 3 …
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct ReleaseNumber(pub u32);

impl fmt::Display for ReleaseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// The pair that every row, path, label and address carries: which stack, in which environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    pub stack: StackName,
    pub environment: EnvironmentName,
}

impl Scope {
    /// The full name of an instance: `stack-env-service-r12-1`.
    pub fn instance_name(&self, id: &InstanceId) -> String {
        format!("{}-{}-{id}", self.stack, self.environment)
    }
}

impl fmt::Display for Scope {
    /// `stack/environment`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.stack, self.environment)
    }
}

/// One running copy of a service, within a [`Scope`].
///
/// `release` is the release that *started* it. A service that a later release leaves unchanged
/// keeps its instances, and so their names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceId {
    pub service: ServiceName,
    pub release: ReleaseNumber,
    /// Counts from 1; not reused within one release while the instance lives.
    pub slot: u32,
}

impl InstanceId {
    pub fn new(service: ServiceName, release: ReleaseNumber, slot: u32) -> Self {
        Self {
            service,
            release,
            slot,
        }
    }
}

impl fmt::Display for InstanceId {
    /// `app-r12-1`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.service, self.release, self.slot)
    }
}

/// A text that does not name an instance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an instance: expected SERVICE-rRELEASE-SLOT, as in `app-r12-1`")]
pub struct InstanceIdError(String);

impl FromStr for InstanceId {
    type Err = InstanceIdError;

    fn from_str(text: &str) -> Result<Self, InstanceIdError> {
        let parse = || {
            let (rest, slot) = text.rsplit_once('-')?;
            let (service, release) = rest.rsplit_once("-r")?;
            Some(Self {
                service: ServiceName::new(service).ok()?,
                release: ReleaseNumber(release.parse().ok()?),
                slot: slot.parse().ok()?,
            })
        };
        parse().ok_or_else(|| InstanceIdError(text.to_owned()))
    }
}

impl TryFrom<String> for InstanceId {
    type Error = InstanceIdError;

    fn try_from(text: String) -> Result<Self, InstanceIdError> {
        text.parse()
    }
}

impl From<InstanceId> for String {
    fn from(id: InstanceId) -> String {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_even_where_the_service_looks_like_a_release() {
        for text in ["app-r12-1", "my-r2-app-r1-10", "a_b.c-r0-0"] {
            let id: InstanceId = text.parse().unwrap();
            assert_eq!(id.to_string(), text);
        }
        for bad in ["app", "app-1", "app-r-1", "app-rx-1", "-r1-1", "app-r1-"] {
            assert!(bad.parse::<InstanceId>().is_err(), "{bad}");
        }
    }
}
