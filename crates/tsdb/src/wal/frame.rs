//! Records in pages of 32 KiB: a record is cut where a page ends, each piece has its own CRC32C.
//!
//! Source: Prometheus, `tsdb/docs/format/wal.md`. Reading stops at the first thing that does not
//! fit and says where; it never skips one to find a next.

use crate::bytes::sums_up;

/// A page; a piece never crosses its end.
pub(crate) const PAGE: usize = 32 * 1024;

/// Type, length, checksum.
const HEADER: usize = 7;

/// A record longer than this is none (the same bound as for what is written).
pub(crate) const MAX_RECORD: usize = 64 << 20;

const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;
/// Set in the type where the whole record is compressed with snappy.
const SNAPPY: u8 = 1 << 3;
const ZSTD: u8 = 1 << 4;

/// Appends a record in pieces; `at` is where in its page the file ends.
pub(crate) fn put(record: &[u8], snappy: bool, at: &mut usize, into: &mut Vec<u8>) {
    let mut rest = record;
    let mut is_first = true;
    loop {
        if PAGE - *at < HEADER {
            pad(at, into);
        }
        let length = rest.len().min(PAGE - *at - HEADER);
        let (piece, after) = rest.split_at(length);
        let kind = match (is_first, after.is_empty()) {
            (true, true) => FULL,
            (true, false) => FIRST,
            (false, false) => MIDDLE,
            (false, true) => LAST,
        };
        into.push(kind | if snappy { SNAPPY } else { 0 });
        into.extend_from_slice(&(length as u16).to_be_bytes());
        into.extend_from_slice(&crc32c::crc32c(piece).to_be_bytes());
        into.extend_from_slice(piece);
        *at = (*at + HEADER + length) % PAGE;
        (rest, is_first) = (after, false);
        if rest.is_empty() {
            return;
        }
    }
}

/// Fills the page with zeros, unless it is just beginning.
pub(crate) fn pad(at: &mut usize, into: &mut Vec<u8>) {
    if *at != 0 {
        into.resize(into.len() + PAGE - *at, 0);
        *at = 0;
    }
}

/// How many bytes a record takes at most.
pub(crate) fn framed_length(record: usize) -> usize {
    record + (record / (PAGE - HEADER) + 2) * HEADER + HEADER
}

/// Where and why a segment stops being a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The end of the last whole record.
    pub(crate) good: usize,
    pub(crate) reason: &'static str,
    /// Whether the bytes just end, as they do after a crash, or are wrong.
    pub(crate) torn: bool,
}

/// Reads the records of one segment's bytes.
#[derive(Debug)]
pub(crate) struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    good: usize,
    /// The record in the making, and then the one that was given last.
    record: Vec<u8>,
    plain: Vec<u8>,
}

impl<'a> Records<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            good: 0,
            record: Vec::new(),
            plain: Vec::new(),
        }
    }

    /// The end of the last whole record.
    pub(crate) fn good(&self) -> usize {
        self.good
    }

    /// The next record, `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, Broken> {
        self.record.clear();
        let mut begun = false;
        loop {
            if !self.skip_padding(begun)? {
                return Ok(None);
            }
            let (kind, piece) = self.piece()?;
            match (kind & 7, begun) {
                (FULL | FIRST, false) | (MIDDLE | LAST, true) => {}
                _ => return Err(self.broken("pieces of records out of order")),
            }
            if kind & ZSTD != 0 || kind > 15 {
                return Err(self.broken("a compression that is not known"));
            }
            if self.record.len() + piece.len() > MAX_RECORD {
                return Err(self.broken("a record that is too long"));
            }
            self.record.extend_from_slice(piece);
            self.at += HEADER + piece.len();
            begun = true;
            if matches!(kind & 7, FULL | LAST) {
                return self.finish(kind & SNAPPY != 0).map(Some);
            }
        }
    }

    fn finish(&mut self, snappy: bool) -> Result<&[u8], Broken> {
        if snappy {
            let length = snap::raw::decompress_len(&self.record);
            if !length.is_ok_and(|length| length <= MAX_RECORD) {
                return Err(self.broken("a compressed record that is too long"));
            }
            match snap::raw::Decoder::new().decompress_vec(&self.record) {
                Ok(plain) => self.plain = plain,
                Err(_) => return Err(self.broken("a record that does not unpack")),
            }
        } else {
            std::mem::swap(&mut self.plain, &mut self.record);
        }
        self.good = self.at;
        Ok(&self.plain)
    }

    /// Goes over what fills a page; false at the end of the bytes.
    fn skip_padding(&mut self, begun: bool) -> Result<bool, Broken> {
        loop {
            if self.at >= self.bytes.len() {
                return if begun {
                    Err(self.torn("the bytes end within a record"))
                } else {
                    Ok(false)
                };
            }
            let room = PAGE - self.at % PAGE;
            let page_end = (self.at + room).min(self.bytes.len());
            if room >= HEADER && self.bytes[self.at] != 0 {
                return Ok(true);
            }
            if self.bytes[self.at..page_end].iter().any(|byte| *byte != 0) {
                return Err(self.broken("a page that is not filled with zeros"));
            }
            self.at = page_end;
            if !begun {
                self.good = self.at;
            }
        }
    }

    /// The piece at this place, checked.
    fn piece(&self) -> Result<(u8, &'a [u8]), Broken> {
        let header = self.bytes.get(self.at..self.at + HEADER);
        let Some(&[kind, high, low, a, b, c, d]) = header else {
            return Err(self.torn("the bytes end within a header"));
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > PAGE - self.at % PAGE - HEADER {
            return Err(self.broken("a piece that is longer than its page"));
        }
        let from = self.at + HEADER;
        let Some(piece) = self.bytes.get(from..from + length) else {
            return Err(self.torn("the bytes end within a piece"));
        };
        if !sums_up(piece, Some(u32::from_be_bytes([a, b, c, d]))) {
            return Err(self.broken("a checksum that is wrong"));
        }
        Ok((kind, piece))
    }

    fn broken(&self, reason: &'static str) -> Broken {
        Broken {
            good: self.good,
            reason,
            torn: false,
        }
    }

    fn torn(&self, reason: &'static str) -> Broken {
        Broken {
            torn: true,
            ..self.broken(reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> (Vec<Vec<u8>>, Option<Broken>) {
        let mut records = Records::new(bytes);
        let mut all = Vec::new();
        loop {
            match records.next() {
                Ok(Some(record)) => all.push(record.to_vec()),
                Ok(None) => return (all, None),
                Err(broken) => return (all, Some(broken)),
            }
        }
    }

    fn written(lengths: &[usize]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let fill = |(n, length): (usize, &usize)| vec![n as u8 + 1; *length];
        let records: Vec<_> = lengths.iter().enumerate().map(fill).collect();
        let (mut at, mut bytes) = (0, Vec::new());
        for record in &records {
            let before = bytes.len();
            put(record, false, &mut at, &mut bytes);
            assert!(bytes.len() - before <= framed_length(record.len()) + HEADER);
        }
        (records, bytes)
    }

    proptest! {
        #[test]
        fn records_come_back_whatever_their_lengths(
            lengths in prop::collection::vec(prop_oneof![1usize..200, 32_700usize..32_800, 60_000usize..100_000], 1..12)
        ) {
            let (records, bytes) = written(&lengths);
            prop_assert_eq!(read(&bytes), (records, None));
        }

        #[test]
        fn any_bytes_are_read_to_their_end_or_to_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            read(&bytes);
        }
    }

    #[test]
    fn cut_anywhere_the_whole_records_before_stay() {
        let (records, bytes) = written(&[20, 30, 40]);
        for end in 0..bytes.len() {
            let (read, broken) = read(&bytes[..end]);
            assert!(records.starts_with(&read));
            let good = [0, 27, 64].contains(&end);
            assert_eq!(broken.is_none(), good, "cut at {end}");
            assert!(broken.is_none_or(|broken| broken.torn && broken.good <= end));
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_is_seen() {
        let (records, bytes) = written(&[20, 30, 40]);
        for place in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[place] ^= 0x10;
            let (read, broken) = read(&bytes);
            assert!(records.starts_with(&read) && read.len() < 3);
            assert!(broken.is_some(), "flipped at {place}");
        }
    }
}
