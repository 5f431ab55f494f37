//! Finding the end of a series' text, the only thing that is done for every line.
//!
//! It looks for the brace that closes, past quotes and escapes, and judges nothing: a text that was
//! never seen before is judged by [`crate::series`].

/// Whether a byte may stand in a bare metric name.
pub(crate) fn is_name(byte: u8) -> bool {
    NAME[byte as usize]
}

static NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric() || b == b'_' || b == b':';
        byte += 1;
    }
    table
};

/// Where the name ends that begins at `at`.
pub(crate) fn name(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && is_name(bytes[at]) {
        at += 1;
    }
    at
}

/// Past spaces and tabs.
pub(crate) fn blanks(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && matches!(bytes[at], b' ' | b'\t') {
        at += 1;
    }
    at
}

/// Past the brace that closes the one at `open`; `None` where there is none.
pub(crate) fn braces(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += memchr::memchr2(b'"', b'}', bytes.get(at..)?)?;
        if bytes[at] == b'}' {
            return Some(at + 1);
        }
        at = quoted(bytes, at)?;
    }
}

/// Past the quote that closes the one at `open`.
pub(crate) fn quoted(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Where the line ends that `at` stands in.
pub(crate) fn line_end(bytes: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length)
}

/// Where the word ends that begins at `at`.
pub(crate) fn word_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && !matches!(bytes[at], b' ' | b'\t' | b'\n') {
        at += 1;
    }
    at
}
