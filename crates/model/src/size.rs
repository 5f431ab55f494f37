//! Sizes in bytes as Compose writes them: `64m`, `1.5gb`, `300k`, `1024`.
//!
//! Source: the Compose specification, "Specifying byte values"; units are powers of 1024.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A count of bytes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Bytes(pub u64);

/// A text that is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size: expected a number and b, k, m or g, such as `512m`")]
pub struct SizeError(String);

impl FromStr for Bytes {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let error = || SizeError(text.to_owned());
        let lower = text.trim().to_ascii_lowercase();
        let digits = lower
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(lower.len());
        let number: f64 = lower[..digits].parse().map_err(|_| error())?;
        let power = match lower[digits..].trim_start() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 1,
            "m" | "mb" | "mib" => 2,
            "g" | "gb" | "gib" => 3,
            "t" | "tb" | "tib" => 4,
            _ => return Err(error()),
        };
        let bytes = number * 1024_f64.powi(power);
        if bytes > 2_f64.powi(63) {
            return Err(error());
        }
        Ok(Self(bytes as u64))
    }
}

impl fmt::Display for Bytes {
    /// For people: `512 MiB`, `1.5 GiB`, `17 B`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = self.0 as f64;
        let mut unit = "B";
        for next in ["KiB", "MiB", "GiB", "TiB"] {
            if value < 1024.0 {
                break;
            }
            value /= 1024.0;
            unit = next;
        }
        let text = format!("{value:.1}");
        write!(f, "{} {unit}", text.trim_end_matches(".0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compose_sizes_are_read() {
        for (text, bytes) in [
            ("1024", 1024),
            ("2b", 2),
            ("300k", 307_200),
            ("64M", 67_108_864),
            ("1.5gb", 1_610_612_736),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for bad in ["", "m", "1x", "-1", "1.2.3m", "99999999999t"] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn people_read_binary_units() {
        assert_eq!(Bytes(17).to_string(), "17 B");
        assert_eq!(Bytes(512 << 20).to_string(), "512 MiB");
        assert_eq!(Bytes(3 << 29).to_string(), "1.5 GiB");
    }
}
