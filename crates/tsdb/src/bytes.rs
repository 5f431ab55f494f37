//! Numbers and texts as Prometheus writes them: big-endian words, LEB128 varints, texts behind
//! their length. Reading never panics; what does not fit is `None`.

/// Whether a checksum (CRC32C) is that of the bytes. A fuzzer would never guess one: built for it,
/// all are right, so that what stands behind them is tried.
pub(crate) fn sums_up(bytes: &[u8], sum: Option<u32>) -> bool {
    sum.is_some_and(|sum| cfg!(fuzzing) || sum == crc32c::crc32c(bytes))
}

/// Appends an unsigned varint.
pub(crate) fn put_uvarint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push((value as u8) | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// Appends a signed varint (zigzag, as Go's `binary.PutVarint`).
pub(crate) fn put_varint(into: &mut Vec<u8>, value: i64) {
    put_uvarint(into, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends a text behind its length.
pub(crate) fn put_text(into: &mut Vec<u8>, text: &str) {
    put_uvarint(into, text.len() as u64);
    into.extend_from_slice(text.as_bytes());
}

/// Reads forward through bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(crate) fn uvarint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    pub(crate) fn varint(&mut self) -> Option<i64> {
        let value = self.uvarint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.uvarint()?).ok()?;
        std::str::from_utf8(self.take(length)?).ok()
    }
}
