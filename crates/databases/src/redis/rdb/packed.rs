//! Small values in one string: listpacks, ziplists, sets of numbers. A number is given as its digits.
//!
//! Source: `listpack.c`, `ziplist.c`, `intset.c` of Redis 7.0.

use super::RdbError;

const DAMAGED: RdbError = RdbError::Damaged("a packed value");

/// Takes bytes from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], RdbError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(DAMAGED)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RdbError> {
        self.take(N)?.try_into().map_err(|_| DAMAGED)
    }

    fn byte(&mut self) -> Result<u8, RdbError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn int24(&mut self) -> Result<i64, RdbError> {
        let [a, b, c] = self.array()?;
        Ok(i64::from(i32::from_le_bytes([0, a, b, c]) >> 8))
    }
}

fn digits(number: i64) -> Vec<u8> {
    number.to_string().into_bytes()
}

/// The elements of a listpack.
pub(super) fn listpack(
    packed: &[u8],
    mut each: impl FnMut(Vec<u8>) -> Result<(), RdbError>,
) -> Result<(), RdbError> {
    let mut bytes = Bytes(packed);
    // Its size and its number of elements, which may be "too many to say".
    bytes.take(6)?;
    loop {
        let before = bytes.0.len();
        let first = bytes.byte()?;
        let element = match first {
            0xff => return Ok(()),
            0x00..=0x7f => digits(i64::from(first)),
            0x80..=0xbf => bytes.take(usize::from(first & 0x3f))?.to_vec(),
            0xc0..=0xdf => {
                let raw = i64::from(first & 0x1f) << 8 | i64::from(bytes.byte()?);
                digits(if raw >= 1 << 12 { raw - (1 << 13) } else { raw })
            }
            0xe0..=0xef => {
                let length = usize::from(first & 0x0f) << 8 | usize::from(bytes.byte()?);
                bytes.take(length)?.to_vec()
            }
            0xf0 => {
                let length = u32::from_le_bytes(bytes.array()?);
                bytes.take(length as usize)?.to_vec()
            }
            0xf1 => digits(i64::from(i16::from_le_bytes(bytes.array()?))),
            0xf2 => digits(bytes.int24()?),
            0xf3 => digits(i64::from(i32::from_le_bytes(bytes.array()?))),
            0xf4 => digits(i64::from_le_bytes(bytes.array()?)),
            _ => return Err(DAMAGED),
        };
        // Each element is followed by its length, so that it can be read backwards.
        let length = before - bytes.0.len();
        bytes.take(match length {
            0..=127 => 1,
            128..=16_382 => 2,
            16_383..=2_097_150 => 3,
            2_097_151..=268_435_454 => 4,
            _ => 5,
        })?;
        each(element)?;
    }
}

/// The elements of a ziplist, which Redis before 7 wrote.
pub(super) fn ziplist(
    packed: &[u8],
    mut each: impl FnMut(Vec<u8>) -> Result<(), RdbError>,
) -> Result<(), RdbError> {
    let mut bytes = Bytes(packed);
    bytes.take(10)?;
    loop {
        match bytes.byte()? {
            0xff => return Ok(()),
            0xfe => drop(bytes.take(4)?),
            _ => {}
        }
        let first = bytes.byte()?;
        each(match first {
            0x00..=0x3f => bytes.take(usize::from(first))?.to_vec(),
            0x40..=0x7f => {
                let length = usize::from(first & 0x3f) << 8 | usize::from(bytes.byte()?);
                bytes.take(length)?.to_vec()
            }
            0x80 => {
                let length = u32::from_be_bytes(bytes.array()?);
                bytes.take(length as usize)?.to_vec()
            }
            0xc0 => digits(i64::from(i16::from_le_bytes(bytes.array()?))),
            0xd0 => digits(i64::from(i32::from_le_bytes(bytes.array()?))),
            0xe0 => digits(i64::from_le_bytes(bytes.array()?)),
            0xf0 => digits(bytes.int24()?),
            0xfe => digits(i64::from(i8::from_le_bytes(bytes.array()?))),
            0xf1..=0xfd => digits(i64::from(first & 0x0f) - 1),
            _ => return Err(DAMAGED),
        })?;
    }
}

/// The elements of a set of numbers.
pub(super) fn intset(
    packed: &[u8],
    mut each: impl FnMut(Vec<u8>) -> Result<(), RdbError>,
) -> Result<(), RdbError> {
    let mut bytes = Bytes(packed);
    let width = u32::from_le_bytes(bytes.array()?);
    let count = u32::from_le_bytes(bytes.array()?);
    for _ in 0..count {
        each(digits(match width {
            2 => i64::from(i16::from_le_bytes(bytes.array()?)),
            4 => i64::from(i32::from_le_bytes(bytes.array()?)),
            8 => i64::from_le_bytes(bytes.array()?),
            _ => return Err(DAMAGED),
        }))?;
    }
    Ok(())
}
