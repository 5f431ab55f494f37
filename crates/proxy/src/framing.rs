//! Watches a client's bytes for request heads whose length could be read in two ways.
//!
//! hyper takes `Content-Length` away when `Transfer-Encoding` stands beside it, and folds equal
//! `Content-Length` fields into one, before anybody sees them. Both are how requests are
//! smuggled past one of two servers, and RFC 9112 section 6.3 lets a proxy refuse them. So the
//! bytes are followed here as well, just closely enough to know where each head begins and what
//! it says about its body's length.
//!
//! This is no second parser to disagree with hyper: what it cannot follow, it reports as
//! ambiguous, and a request is answered only when both have nothing against it.

/// Longer lines of chunk sizes and trailers are refused by hyper.
const MAX_LINE: usize = 128 << 10;

/// Follows one connection's bytes.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    state: State,
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    head: Head,
    /// Heads that ended.
    heads: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before or inside of a head.
    #[default]
    Head,
    /// This many bytes of a body of known length.
    Body(u64),
    ChunkSize,
    /// The rest of a chunk and its line end.
    Chunk(u64),
    Trailers,
    /// Cannot be followed any more.
    Lost,
}

/// What the present head said so far.
#[derive(Debug, Default, Clone, Copy)]
struct Head {
    began: bool,
    lengths: u32,
    length: u64,
    chunked: bool,
    ambiguous: bool,
}

/// A head, by its number on the connection (from 1), that must not be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ambiguous(pub(crate) u64);

impl Framing {
    /// Whether a head has begun and not ended.
    pub(crate) fn is_inside_head(&self) -> bool {
        self.state == State::Head && (self.head.began || !self.partial.is_empty())
    }

    /// Follows the next bytes; says which head is the first that must not be served.
    pub(crate) fn follow(&mut self, mut bytes: &[u8]) -> Option<Ambiguous> {
        let mut found = None;
        while !bytes.is_empty() {
            match self.state {
                State::Lost => break,
                State::Body(left) => {
                    let taken = left.min(bytes.len() as u64);
                    bytes = &bytes[taken as usize..];
                    self.state = after(left - taken, State::Body, State::Head);
                }
                State::Chunk(left) => {
                    let taken = left.min(bytes.len() as u64);
                    bytes = &bytes[taken as usize..];
                    self.state = after(left - taken, State::Chunk, State::ChunkSize);
                }
                State::Head | State::ChunkSize | State::Trailers => {
                    bytes = self.line_of(bytes, &mut found);
                }
            }
        }
        found
    }

    /// Takes one line off, or keeps what there is of it.
    fn line_of<'a>(&mut self, bytes: &'a [u8], found: &mut Option<Ambiguous>) -> &'a [u8] {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            self.partial.extend_from_slice(bytes);
            if self.partial.len() > MAX_LINE {
                self.lose(found);
            }
            return &[];
        };
        let rest = &bytes[end + 1..];
        if self.partial.is_empty() {
            self.line(&bytes[..end], found);
        } else {
            let mut line = std::mem::take(&mut self.partial);
            line.extend_from_slice(&bytes[..end]);
            self.line(&line, found);
        }
        rest
    }

    fn line(&mut self, line: &[u8], found: &mut Option<Ambiguous>) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match self.state {
            State::Head if line.is_empty() && !self.head.began => {}
            State::Head if line.is_empty() => self.end_head(found),
            State::Head if !self.head.began => self.head.began = true,
            State::Head => self.head.field(line),
            State::ChunkSize => match chunk_size(line) {
                Some(0) => self.state = State::Trailers,
                // The chunk and the line end behind it.
                Some(size) => self.state = State::Chunk(size.saturating_add(2)),
                None => self.lose(found),
            },
            State::Trailers if line.is_empty() => self.state = State::Head,
            _ => {}
        }
    }

    fn end_head(&mut self, found: &mut Option<Ambiguous>) {
        self.heads += 1;
        let head = std::mem::take(&mut self.head);
        let both = head.chunked && head.lengths > 0;
        if both || head.lengths > 1 || head.ambiguous {
            found.get_or_insert(Ambiguous(self.heads));
            self.state = State::Lost;
        } else if head.chunked {
            self.state = State::ChunkSize;
        } else {
            self.state = after(head.length, State::Body, State::Head);
        }
    }

    /// From the next head on nothing is served.
    fn lose(&mut self, found: &mut Option<Ambiguous>) {
        self.partial = Vec::new();
        found.get_or_insert(Ambiguous(self.heads + 1));
        self.state = State::Lost;
    }
}

impl Head {
    fn field(&mut self, line: &[u8]) {
        let Some(colon) = memchr::memchr(b':', line) else {
            return;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        // Spaces before the colon are hyper's to refuse; here they hide nothing.
        let name = name.trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths += 1;
            match decimal(value) {
                Some(length) => self.length = length,
                None => self.ambiguous = true,
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked = true;
        }
    }
}

fn after(left: u64, more: fn(u64) -> State, done: State) -> State {
    if left == 0 { done } else { more(left) }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok()?;
    text.parse().ok().filter(|_| all_digits)
}

/// The size before any extension.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let end = line.iter().position(|byte| b"; \t".contains(byte));
    let digits = &line[..end.unwrap_or(line.len())];
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows `bytes` whole, and then in every division into two parts and byte by byte: the
    /// same head must be found each time.
    fn check(bytes: &str, first_ambiguous: Option<u64>) {
        let bytes = bytes.as_bytes();
        let follow = |parts: &[&[u8]]| {
            let mut framing = Framing::default();
            parts
                .iter()
                .fold(None, |found, part| found.or(framing.follow(part)))
        };
        let expected = first_ambiguous.map(Ambiguous);
        assert_eq!(follow(&[bytes]), expected);
        for at in 0..bytes.len() {
            assert_eq!(follow(&[&bytes[..at], &bytes[at..]]), expected, "at {at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(follow(&single), expected);
    }

    #[test]
    fn plain_requests_follow_each_other() {
        check(
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n\
             POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde\
             POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
             5;x=y\r\nab\r\nc\r\n0\r\nTrailer: x\r\n\r\n\
             \r\nGET / HTTP/1.1\nHost: a\n\n",
            None,
        );
    }

    #[test]
    fn a_body_may_look_like_a_head() {
        let inner = "\r\n\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let length = inner.len();
        check(
            &format!(
                "POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{inner}\
                 POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{inner}\r\n0\r\n\r\n\
                 GET / HTTP/1.1\r\n\r\n"
            ),
            None,
        );
    }

    #[test]
    fn both_lengths_are_ambiguous_in_either_order_and_behind_other_requests() {
        let first = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for (a, b) in [
            ("Content-Length: 5", "Transfer-Encoding: chunked"),
            ("transfer-encoding: chunked", "content-length: 5"),
            ("Content-Length: 5", "Content-Length: 5"),
            ("Content-Length: 5", "Content-Length: 6"),
            ("Content-Length: 5, 5", "X: y"),
            ("Content-Length: +5", "X: y"),
        ] {
            let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{a}\r\n{b}\r\n\r\n");
            check(&head, Some(1));
            check(&format!("{first}{head}"), Some(2));
        }
    }

    #[test]
    fn after_chunks_that_cannot_be_followed_nothing_is_served() {
        for size in ["", "xyz", "-1", "0x5", "11111111111111111"] {
            let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
            check(&format!("{head}{size}\r\nGET / HTTP/1.1\r\n\r\n"), Some(2));
        }
    }

    #[test]
    fn it_knows_when_a_head_is_incomplete() {
        let mut framing = Framing::default();
        assert!(!framing.is_inside_head());
        framing.follow(b"G");
        assert!(framing.is_inside_head());
        framing.follow(b"ET / HTTP/1.1\r\nHost: a\r\n");
        assert!(framing.is_inside_head());
        framing.follow(b"\r\n");
        assert!(!framing.is_inside_head());
    }
}
