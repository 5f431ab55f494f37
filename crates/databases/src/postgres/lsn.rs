//! Positions in the log, and the segments that they lie in.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A byte of the write-ahead log, written `16/B374D848`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

/// A text that is no position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no position in a log: expected two hexadecimal numbers, such as `16/B374D848`")]
pub struct LsnError(String);

impl FromStr for Lsn {
    type Err = LsnError;

    fn from_str(text: &str) -> Result<Self, LsnError> {
        let parse = |part: &str| u32::from_str_radix(part, 16).ok().map(u64::from);
        let parts = text.split_once('/');
        let value = parts.and_then(|(high, low)| Some(parse(high)? << 32 | parse(low)?));
        value.map(Self).ok_or_else(|| LsnError(text.to_owned()))
    }
}

impl Serialize for Lsn {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Lsn {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// How many bytes a segment has: a power of two from 1 MiB to 1 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentSize(u64);

impl SegmentSize {
    /// `None`: no size that PostgreSQL knows.
    pub fn new(bytes: u64) -> Option<Self> {
        ((1 << 20)..=(1 << 30))
            .contains(&bytes)
            .then_some(bytes)
            .filter(|bytes| bytes.is_power_of_two())
            .map(Self)
    }

    pub fn bytes(self) -> u64 {
        self.0
    }

    /// The first byte of the segment that holds `lsn`.
    pub fn start(self, lsn: Lsn) -> Lsn {
        Lsn(lsn.0 - lsn.0 % self.0)
    }
}

/// One file of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment {
    pub timeline: u32,
    /// Its first byte.
    pub start: Lsn,
}

impl Segment {
    /// The 24 hexadecimal digits that PostgreSQL calls it by: timeline, and the number in two halves
    /// (`XLogFileName`).
    pub fn name(self, size: SegmentSize) -> String {
        let (number, per) = (self.start.0 / size.0, (1 << 32) / size.0);
        format!(
            "{:08X}{:08X}{:08X}",
            self.timeline,
            number / per,
            number % per
        )
    }

    /// Reads [`Self::name`].
    pub fn parse(name: &str, size: SegmentSize) -> Option<Self> {
        let digits = name
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte));
        if name.len() != 24 || !digits {
            return None;
        }
        let part = |from: usize| u64::from_str_radix(name.get(from..from + 8)?, 16).ok();
        let (timeline, high, low) = (part(0)?, part(8)?, part(16)?);
        let per = (1 << 32) / size.0;
        let number = high.checked_mul(per)?.checked_add(low)?;
        (low < per).then_some(Self {
            timeline: u32::try_from(timeline).ok()?,
            start: Lsn(number.checked_mul(size.0)?),
        })
    }

    pub fn end(self, size: SegmentSize) -> Lsn {
        Lsn(self.start.0 + size.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        let size = SegmentSize::new(16 << 20).unwrap();
        let segment = Segment {
            timeline: 3,
            start: Lsn(0x1_2300_0000),
        };
        assert_eq!(segment.name(size), "000000030000000100000023");
        assert_eq!(
            Segment::parse("000000030000000100000023", size),
            Some(segment)
        );
        assert_eq!(
            Segment::parse("0000000300000001000000FF", size)
                .unwrap()
                .end(size),
            Lsn(0x2_0000_0000)
        );
        assert_eq!(Segment::parse("000000030000000100000100", size), None);
        assert_eq!(Segment::parse("00000003.history", size), None);
        assert_eq!(
            "1/23000010".parse::<Lsn>().unwrap().to_string(),
            "1/23000010"
        );
        assert_eq!(size.start(Lsn(0x1_2300_0010)), segment.start);
    }
}
