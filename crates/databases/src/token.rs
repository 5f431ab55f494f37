//! Names that nobody else has, and passwords of servers that live for a minute.

use crate::database::Failure;
use ring::rand::{SecureRandom as _, SystemRandom};

/// Sixteen hexadecimal digits.
pub(crate) fn token() -> Result<String, Failure> {
    let mut bytes = [0; 8];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Failure::new("the machine gives no random numbers"))?;
    Ok(format!("{:016x}", u64::from_le_bytes(bytes)))
}
