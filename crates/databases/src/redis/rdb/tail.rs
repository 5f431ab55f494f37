//! Whether an RDB file is whole, by the checksum at its end, without knowing what it holds.
//!
//! `redis-cli --rdb -` writes to standard output what the server sends; where the server sends it straight
//! from memory, a mark of forty characters comes after the file, which redis-cli cuts off a file but not off
//! a pipe. So the last bytes are held back until it is known which of them belong to the file.

use super::RdbError;

/// The mark, in bytes (`CONFIG_RUN_ID_SIZE` of Redis).
const MARK: usize = 40;
/// The opcode of the end, and the checksum.
const END: usize = 9;

/// Polynomial of Jones, reflected; the checksum of Redis.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

static TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut at = 0;
    while at < 256 {
        let mut value = at as u64;
        let mut bit = 0;
        while bit < 8 {
            value = (value >> 1) ^ (POLYNOMIAL * (value & 1));
            bit += 1;
        }
        tables[0][at] = value;
        at += 1;
    }
    let mut level = 1;
    while level < 8 {
        let mut at = 0;
        while at < 256 {
            let before = tables[level - 1][at];
            tables[level][at] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            at += 1;
        }
        level += 1;
    }
    tables
}

/// CRC-64 of Redis, carried on: eight bytes at a time.
fn crc(mut sum: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let mixed = (sum ^ u64::from_le_bytes(*word)).to_le_bytes();
        sum = 0;
        for (at, byte) in mixed.into_iter().enumerate() {
            sum ^= TABLES[7 - at][usize::from(byte)];
        }
    }
    for byte in rest {
        sum = (sum >> 8) ^ TABLES[0][usize::from(sum as u8 ^ byte)];
    }
    sum
}

/// The last bytes of a stream, and the checksum of all before them.
#[derive(Debug, Default)]
pub(in crate::redis) struct Tail {
    sum: u64,
    held: Vec<u8>,
    /// Bytes that were let go.
    gone: u64,
}

/// The end of a file that is whole.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::redis) struct End {
    /// What was held back of the file itself.
    pub(in crate::redis) rest: Vec<u8>,
    /// Of the file, in bytes.
    pub(in crate::redis) length: u64,
    /// The file has a checksum. A server can be told to write none.
    pub(in crate::redis) summed: bool,
}

impl Tail {
    /// Takes more of the stream, and answers what is surely of the file.
    pub(in crate::redis) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let gone = self.held.len().saturating_sub(MARK + END);
        let free: Vec<u8> = self.held.drain(..gone).collect();
        self.sum = crc(self.sum, &free);
        self.gone += gone as u64;
        free
    }

    /// The stream is at its end.
    pub(in crate::redis) fn end(self) -> Result<End, RdbError> {
        let length = self.held.len();
        let marked =
            length >= MARK + END && self.held[length - MARK..].iter().all(u8::is_ascii_hexdigit);
        let ends = [marked.then(|| length - MARK), Some(length)];
        for end in ends.into_iter().flatten() {
            if let Some(summed) = self.is_end(end) {
                return Ok(End {
                    rest: self.held[..end].to_vec(),
                    length: self.gone + end as u64,
                    summed,
                });
            }
        }
        Err(RdbError::Short)
    }

    /// Whether the file ends there; and whether by a checksum.
    fn is_end(&self, end: usize) -> Option<bool> {
        let begin = end.checked_sub(8)?;
        let before = &self.held[..begin];
        if before.last() != Some(&0xff) {
            return None;
        }
        let said = u64::from_le_bytes(self.held[begin..end].try_into().ok()?);
        match said {
            0 => Some(false),
            said => (crc(self.sum, before) == said).then_some(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Tail, crc};

    #[test]
    fn the_checksum_is_that_of_redis() {
        // The check value in `crc64.c` of Redis.
        assert_eq!(crc(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    fn file() -> Vec<u8> {
        let mut file = b"REDIS0010 whatever stands in between\xff".to_vec();
        file.extend(crc(0, &file).to_le_bytes());
        file
    }

    fn through(stream: &[u8], step: usize) -> Option<Vec<u8>> {
        let mut tail = Tail::default();
        let mut out = Vec::new();
        for piece in stream.chunks(step) {
            out.extend(tail.push(piece));
        }
        let end = tail.end().ok()?;
        out.extend(end.rest);
        assert_eq!(out.len() as u64, end.length);
        Some(out)
    }

    #[test]
    fn the_mark_is_cut_off_and_a_file_without_one_is_left_alone() {
        let marked = [file(), b"0123456789abcdef0123456789abcdef01234567".to_vec()].concat();
        for step in [1, 7, 1000] {
            assert_eq!(through(&file(), step), Some(file()));
            assert_eq!(through(&marked, step), Some(file()));
        }
    }

    #[test]
    fn what_is_cut_anywhere_or_changed_is_not_whole() {
        let file = file();
        for length in 0..file.len() {
            assert_eq!(through(&file[..length], 5), None, "{length}");
        }
        for at in 0..file.len() - 8 {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert_eq!(through(&changed, 5), None, "{at}");
        }
    }
}
