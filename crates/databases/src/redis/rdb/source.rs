//! Numbers and strings of an RDB file.

use super::RdbError;
use super::lzf;
use std::io::{ErrorKind, Read};

/// A single value that is larger is not read: Redis's own limit is 512 MiB unless it is raised.
const LARGEST: u64 = 2 << 30;

/// Taken at once for a string, so that a wrong length costs no memory.
const STEP: usize = 1 << 20;

/// Where an RDB file is read from.
pub(super) struct Source<'a> {
    inner: &'a mut dyn Read,
    position: u64,
}

/// A length, or how what comes is encoded.
enum Length {
    Plain(u64),
    Encoded(u8),
}

impl<'a> Source<'a> {
    pub(super) fn new(inner: &'a mut dyn Read) -> Self {
        Self { inner, position: 0 }
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), RdbError> {
        match self.inner.read_exact(buffer) {
            Ok(()) => {
                self.position += buffer.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(RdbError::Short),
            Err(error) => Err(RdbError::Read(error)),
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], RdbError> {
        let mut array = [0; N];
        self.fill(&mut array)?;
        Ok(array)
    }

    pub(super) fn byte(&mut self) -> Result<u8, RdbError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn bytes(&mut self, length: u64) -> Result<Vec<u8>, RdbError> {
        if length > LARGEST {
            return Err(RdbError::Damaged("a value is larger than 2 GiB"));
        }
        let length = length as usize;
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let begin = bytes.len();
            bytes.resize(length.min(begin + STEP), 0);
            self.fill(&mut bytes[begin..])?;
        }
        Ok(bytes)
    }

    fn any_length(&mut self) -> Result<Length, RdbError> {
        let first = self.byte()?;
        Ok(match first >> 6 {
            0 => Length::Plain(u64::from(first & 0x3f)),
            1 => Length::Plain(u64::from(first & 0x3f) << 8 | u64::from(self.byte()?)),
            2 if first == 0x80 => Length::Plain(u64::from(u32::from_be_bytes(self.array()?))),
            2 if first == 0x81 => Length::Plain(u64::from_be_bytes(self.array()?)),
            3 => Length::Encoded(first & 0x3f),
            _ => return Err(RdbError::Damaged("a length of no known kind")),
        })
    }

    pub(super) fn length(&mut self) -> Result<u64, RdbError> {
        match self.any_length()? {
            Length::Plain(length) => Ok(length),
            Length::Encoded(_) => Err(RdbError::Damaged("a length was expected")),
        }
    }

    pub(super) fn skip_lengths(&mut self, count: usize) -> Result<(), RdbError> {
        for _ in 0..count {
            self.length()?;
        }
        Ok(())
    }

    /// A string; one that is stored as a number is its digits.
    pub(super) fn string(&mut self) -> Result<Vec<u8>, RdbError> {
        let number = match self.any_length()? {
            Length::Plain(length) => return self.bytes(length),
            Length::Encoded(0) => i64::from(i8::from_le_bytes(self.array()?)),
            Length::Encoded(1) => i64::from(i16::from_le_bytes(self.array()?)),
            Length::Encoded(2) => i64::from(i32::from_le_bytes(self.array()?)),
            Length::Encoded(3) => {
                let (packed, whole) = (self.length()?, self.length()?);
                if whole > LARGEST {
                    return Err(RdbError::Damaged("a value is larger than 2 GiB"));
                }
                let packed = self.bytes(packed)?;
                return lzf::unpack(&packed, whole as usize)
                    .ok_or(RdbError::Damaged("a packed string"));
            }
            Length::Encoded(_) => return Err(RdbError::Damaged("a string of no known kind")),
        };
        Ok(number.to_string().into_bytes())
    }
}
