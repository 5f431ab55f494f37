//! Prometheus's XOR encoding, bit for bit: Facebook's Gorilla (VLDB 2015, section 4.1) with wider
//! steps for milliseconds. Source: Prometheus, `tsdb/docs/format/chunks.md`.
//!
//! It holds floats only. What a chunk says of itself is not believed: a count that is larger than
//! what its bits hold, or widths that do not fit, are [`Corrupt`].

use mainstay_series::{Sample, Window};

use super::Chunk;
use super::bits::{BitReader, BitWriter, unzigzag, zigzag};

/// No width of a value has been chosen yet.
const NONE: u8 = 0xff;

/// The most bytes one sample takes, with a margin.
const SAMPLE_BYTES: usize = 24;

/// Bytes that are no chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("chunk is corrupt: {0}")]
pub(crate) struct Corrupt(pub(crate) &'static str);

/// How many samples a chunk says it has.
pub(crate) fn count(bytes: &[u8]) -> usize {
    match bytes {
        [high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    }
}

/// A chunk that samples are appended to; it has at least one.
#[derive(Debug, Clone)]
pub(crate) struct XorAppender {
    /// Its first two bytes, the count, are written when the chunk is taken out: they lie far from
    /// its end in memory.
    bits: BitWriter,
    first_ms: i64,
    last: Sample,
    delta: u64,
    count: u16,
    leading: u8,
    trailing: u8,
}

impl XorAppender {
    pub(crate) fn new(first: Sample) -> Self {
        let mut bytes = Vec::with_capacity(2 * SAMPLE_BYTES);
        bytes.extend_from_slice(&[0, 0]);
        let mut bits = BitWriter::of(bytes);
        bits.write_uvarint(zigzag(first.time_ms));
        bits.write(first.value.to_bits(), 64);
        Self {
            bits,
            first_ms: first.time_ms,
            last: first,
            delta: 0,
            count: 1,
            leading: NONE,
            trailing: 0,
        }
    }

    pub(crate) fn count(&self) -> usize {
        usize::from(self.count)
    }

    pub(crate) fn last(&self) -> Sample {
        self.last
    }

    pub(crate) fn first_ms(&self) -> i64 {
        self.first_ms
    }

    /// The last byte: what a next sample is written to.
    pub(crate) fn touch(&self) -> u8 {
        self.bits.bytes.last().copied().unwrap_or(0)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bits.bytes.capacity()
    }

    /// Appends a sample that is newer than the last.
    pub(crate) fn append(&mut self, sample: Sample) {
        self.make_room();
        let delta = sample.time_ms.wrapping_sub(self.last.time_ms) as u64;
        if self.count == 1 {
            self.bits.write_uvarint(delta);
        } else {
            self.write_time(delta.wrapping_sub(self.delta) as i64);
        }
        self.write_value(sample.value.to_bits() ^ self.last.value.to_bits());
        self.last = sample;
        self.delta = delta;
        self.count += 1;
    }

    /// In small steps: a million of these are open at once, and doubling would waste half.
    fn make_room(&mut self) {
        let bytes = &mut self.bits.bytes;
        if bytes.capacity() - bytes.len() < SAMPLE_BYTES {
            let step = (bytes.len() / 2).clamp(SAMPLE_BYTES, 128);
            bytes.reserve_exact(step + SAMPLE_BYTES);
        }
    }

    fn write_time(&mut self, change: i64) {
        let (mark, mark_bits, bits) = match change {
            0 => (0, 1, 0),
            change if fits(change, 14) => (0b10, 2, 14),
            change if fits(change, 17) => (0b110, 3, 17),
            change if fits(change, 20) => (0b1110, 4, 20),
            _ => (0b1111, 4, 64),
        };
        self.bits.write(mark, mark_bits);
        self.bits.write(change as u64, bits);
    }

    fn write_value(&mut self, difference: u64) {
        if difference == 0 {
            self.bits.write(0, 1);
            return;
        }
        // Five bits hold it.
        let leading = (difference.leading_zeros() as u8).min(31);
        let trailing = difference.trailing_zeros() as u8;
        if self.leading != NONE && leading >= self.leading && trailing >= self.trailing {
            self.bits.write(0b10, 2);
        } else {
            (self.leading, self.trailing) = (leading, trailing);
            // 64 does not fit into six bits and stands there as 0, which never occurs.
            let width = u64::from(64 - leading - trailing) & 63;
            let marks = (0b11 << 11) | (u64::from(leading) << 6) | width;
            self.bits.write(marks, 13);
        }
        let significant = 64 - self.leading - self.trailing;
        self.bits
            .write(difference >> self.trailing, significant.into());
    }

    /// The bytes so far, which are a whole chunk.
    pub(crate) fn snapshot(&self) -> Chunk {
        let mut bytes: std::sync::Arc<[u8]> = self.bits.bytes.as_slice().into();
        if let Some(bytes) = std::sync::Arc::get_mut(&mut bytes) {
            bytes[..2].copy_from_slice(&self.count.to_be_bytes());
        }
        let Window {
            start_ms: min_ms,
            end_ms: max_ms,
        } = self.window();
        Chunk {
            min_ms,
            max_ms,
            bytes,
        }
    }

    /// Appends the bytes of [`Self::snapshot`].
    pub(crate) fn copy_to(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.count.to_be_bytes());
        into.extend_from_slice(self.bits.bytes.get(2..).unwrap_or_default());
    }

    /// From its first to its last sample.
    pub(crate) fn window(&self) -> Window {
        Window {
            start_ms: self.first_ms,
            end_ms: self.last.time_ms,
        }
    }

    pub(crate) fn finish(self) -> Chunk {
        self.snapshot()
    }
}

/// Whether a change stands in so many bits, as Prometheus counts: one more above than below zero.
fn fits(value: i64, bits: u32) -> bool {
    let half = 1i64 << (bits - 1);
    (-(half - 1)..=half).contains(&value)
}

/// Reads a chunk's samples one by one.
#[derive(Debug, Clone)]
pub(crate) struct XorReader<'a> {
    bits: BitReader<'a>,
    total: usize,
    read: usize,
    last: Sample,
    delta: u64,
    leading: u32,
    width: u32,
}

impl<'a> XorReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Corrupt> {
        let body = bytes.get(2..).ok_or(Corrupt("shorter than its count"))?;
        Ok(Self {
            bits: BitReader::new(body),
            total: count(bytes),
            read: 0,
            last: Sample {
                time_ms: 0,
                value: 0.0,
            },
            delta: 0,
            leading: 0,
            width: 0,
        })
    }

    /// The next sample.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Sample>, Corrupt> {
        if self.read == self.total {
            return Ok(None);
        }
        self.advance()
            .ok_or(Corrupt("fewer samples than it says"))?;
        self.read += 1;
        Ok(Some(self.last))
    }

    #[inline]
    fn advance(&mut self) -> Option<()> {
        match self.read {
            0 => {
                let time_ms = unzigzag(self.bits.read_uvarint()?);
                let value = f64::from_bits(self.bits.read(64)?);
                self.last = Sample { time_ms, value };
                return Some(());
            }
            1 => self.delta = self.bits.read_uvarint()?,
            _ => self.delta = self.delta.wrapping_add(self.read_change()? as u64),
        }
        self.last.time_ms = self.last.time_ms.wrapping_add(self.delta as i64);
        self.read_value()
    }

    #[inline]
    fn read_change(&mut self) -> Option<i64> {
        let bits = match self.bits.read_ones(4)? {
            0 => return Some(0),
            1 => 14,
            2 => 17,
            3 => 20,
            _ => return Some(self.bits.read(64)? as i64),
        };
        let value = self.bits.read(bits)? as i64;
        let half = 1i64 << (bits - 1);
        Some(if value > half {
            value - (1 << bits)
        } else {
            value
        })
    }

    #[inline]
    fn read_value(&mut self) -> Option<()> {
        match self.bits.read_ones(2)? {
            0 => return Some(()),
            1 => {}
            _ => {
                self.leading = self.bits.read(5)? as u32;
                self.width = self.bits.read(6)? as u32;
                if self.width == 0 {
                    self.width = 64;
                }
            }
        }
        if self.width == 0 || self.leading + self.width > 64 {
            return None;
        }
        let difference = self.bits.read(self.width)? << (64 - self.leading - self.width);
        self.last.value = f64::from_bits(self.last.value.to_bits() ^ difference);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_series::{STALE, Samples};
    use proptest::prelude::*;

    fn chunk(samples: &[(i64, f64)]) -> Chunk {
        let of = |&(time_ms, value): &(i64, f64)| Sample { time_ms, value };
        let mut open = XorAppender::new(of(&samples[0]));
        for sample in &samples[1..] {
            open.append(of(sample));
        }
        open.finish()
    }

    /// By hand from the page of the format, and read back by promtool in `tests/peers.rs`.
    #[test]
    fn the_bytes_are_those_of_the_format() {
        let one = chunk(&[(1000, 1.0)]);
        assert_eq!(&one.bytes[..], b"\0\x01\xd0\x0f\x3f\xf0\0\0\0\0\0\0");
        // A second sample 15 s later with the same value: the step as a varint and one zero bit.
        let two = chunk(&[(1000, 1.0), (16_000, 1.0)]);
        assert_eq!(&two.bytes[12..], b"\x98\x75\x00");
        // A third on time with value 2: `0`, then `11`, 1 leading, 11 bits wide, 11 ones.
        let three = chunk(&[(1000, 1.0), (16_000, 1.0), (31_000, 2.0)]);
        assert_eq!(&three.bytes[14..], b"\x30\x97\xff\xc0");
    }

    fn any_samples() -> impl Strategy<Value = Vec<(i64, f64)>> {
        let step = prop_oneof![Just(15_000i64), 14_990i64..15_010, 1i64..2_000_000_000];
        let value = prop_oneof![
            Just(f64::NAN),
            Just(STALE),
            Just(0.0),
            (0u32..1000).prop_map(f64::from),
            any::<u64>().prop_map(f64::from_bits)
        ];
        let start = -1_000_000_000_000i64..2_000_000_000_000;
        let rest = prop::collection::vec((step, value), 1..120);
        (start, rest).prop_map(|(mut time, rest)| {
            let mut next = |(step, value): (i64, f64)| {
                time += step;
                (time, value)
            };
            rest.into_iter().map(&mut next).collect()
        })
    }

    proptest! {
        #[test]
        fn every_bit_of_every_sample_comes_back(samples in any_samples()) {
            let chunk = chunk(&samples);
            let mut read = Samples::default();
            crate::chunk::decode(&chunk.bytes, Window::ALL, &mut read).unwrap();
            let bits = |s: &[(i64, f64)]| -> Vec<(i64, u64)> {
                s.iter().map(|(t, v)| (*t, v.to_bits())).collect()
            };
            let read: Vec<_> = read.iter().map(|s| (s.time_ms, s.value)).collect();
            prop_assert_eq!(bits(&read), bits(&samples));
        }

        #[test]
        fn any_bytes_are_a_chunk_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = crate::chunk::decode(&bytes, Window::ALL, &mut Samples::default());
        }
    }
}
