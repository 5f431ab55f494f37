//! Bits in and out of bytes, the highest first.

/// Writes bits behind the bytes that are there.
#[derive(Debug, Clone, Default)]
pub(crate) struct BitWriter {
    pub(crate) bytes: Vec<u8>,
    /// How many low bits of the last byte are still free.
    free: u8,
}

impl BitWriter {
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, free: 0 }
    }

    /// The low `count` bits of a value, at most 64.
    #[inline]
    pub(crate) fn write(&mut self, value: u64, count: u32) {
        if count == 0 {
            return;
        }
        let mut left = count;
        // The wanted bits at the top, nothing below them.
        let mut value = value << (64 - count);
        if self.free > 0
            && let Some(last) = self.bytes.last_mut()
        {
            let free = u32::from(self.free);
            let part = left.min(free);
            *last |= ((value >> (64 - part)) as u8) << (free - part);
            value <<= part;
            left -= part;
            self.free -= part as u8;
        }
        if left > 0 {
            let whole = left.div_ceil(8);
            self.bytes
                .extend_from_slice(&value.to_be_bytes()[..whole as usize]);
            self.free = (whole * 8 - left) as u8;
        }
    }

    /// LEB128 of an unsigned number, as bits.
    pub(crate) fn write_uvarint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.write((value & 0x7f) | 0x80, 8);
            value >>= 7;
        }
        self.write(value, 8);
    }
}

/// Reads bits; past the end there is nothing.
#[derive(Debug, Clone)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next bits at the top of a word, at least 57 of them where there are so many.
    #[inline]
    fn peek(&self) -> u64 {
        let from = self.at / 8;
        let word = match self.bytes.get(from..from + 8).map(<[u8; 8]>::try_from) {
            Some(Ok(word)) => u64::from_be_bytes(word),
            _ => self.peek_end(from),
        };
        word << (self.at % 8)
    }

    #[cold]
    fn peek_end(&self, from: usize) -> u64 {
        let mut word = [0; 8];
        let rest = self.bytes.get(from..).unwrap_or_default();
        let length = rest.len().min(8);
        word[..length].copy_from_slice(&rest[..length]);
        u64::from_be_bytes(word)
    }

    /// The next `count` bits, at most 64.
    #[inline]
    pub(crate) fn read(&mut self, count: u32) -> Option<u64> {
        match count {
            0 => Some(0),
            1..=57 => self.read_short(count),
            _ => self.read_long(count),
        }
    }

    #[inline(never)]
    fn read_long(&mut self, count: u32) -> Option<u64> {
        let high = self.read_short(count - 32)?;
        Some((high << 32) | self.read_short(32)?)
    }

    /// From 1 to 57 bits.
    #[inline]
    fn read_short(&mut self, count: u32) -> Option<u64> {
        let end = self.at + count as usize;
        if end > self.bytes.len() * 8 {
            return None;
        }
        let value = self.peek() >> (64 - count);
        self.at = end;
        Some(value)
    }

    /// How many of the next bits are ones, at most `most`; the zero that ends them is taken too.
    #[inline]
    pub(crate) fn read_ones(&mut self, most: u32) -> Option<u32> {
        let ones = self.peek().leading_ones().min(most);
        let length = if ones == most { ones } else { ones + 1 };
        let end = self.at + length as usize;
        if end > self.bytes.len() * 8 {
            return None;
        }
        self.at = end;
        Some(ones)
    }

    pub(crate) fn read_uvarint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.read(8)?;
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

/// Small numbers of either sign as small unsigned ones.
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The reverse of [`zigzag`].
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_then_nothing_more() {
        let words = [(1, 1), (0x1234, 14), (u64::MAX, 64), (0, 3), (0x7f, 7)];
        let mut writer = BitWriter::default();
        for (value, count) in words {
            writer.write(value, count);
        }
        writer.write_uvarint(300);
        let mut reader = BitReader::new(&writer.bytes);
        for (value, count) in words {
            assert_eq!(reader.read(count), Some(value));
        }
        assert_eq!(reader.read_uvarint(), Some(300));
        assert_eq!(reader.read(8), None);
    }

    #[test]
    fn signs_fold_and_unfold() {
        for value in [0, 1, -1, 63, -64, i64::MAX, i64::MIN] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }
}
