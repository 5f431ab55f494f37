//! From bytes to lines: what a program writes is cut at its line ends, and at a bound.

/// A longer line is cut into pieces of at most this many bytes.
pub(crate) const MAX_LINE: usize = 64 << 10;

/// One line of output, or a piece of a long one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) bytes: &'a [u8],
    /// The line goes on in the next piece.
    pub(crate) partial: bool,
}

/// Holds the beginning of a line until its end arrives.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    begun: Vec<u8>,
}

impl Splitter {
    /// Takes what was read and hands on each line that is now complete.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut emit: impl FnMut(Line<'_>)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.take(&bytes[..end], &mut emit);
            emit(Line {
                bytes: &self.begun,
                partial: false,
            });
            self.begun.clear();
            bytes = &bytes[end + 1..];
        }
        self.take(bytes, &mut emit);
        // One long line must not hold its memory for ever.
        if self.begun.capacity() > 4096 && self.begun.len() < 1024 {
            self.begun.shrink_to(1024);
        }
    }

    /// The output has ended: what was begun is the last line.
    pub(crate) fn finish(&mut self, mut emit: impl FnMut(Line<'_>)) {
        if !self.begun.is_empty() {
            emit(Line {
                bytes: &self.begun,
                partial: false,
            });
            self.begun = Vec::new();
        }
    }

    fn take(&mut self, mut bytes: &[u8], emit: &mut impl FnMut(Line<'_>)) {
        while self.begun.len() + bytes.len() > MAX_LINE {
            let (head, tail) = bytes.split_at(MAX_LINE - self.begun.len());
            self.begun.extend_from_slice(head);
            let cut = character_boundary(&self.begun);
            emit(Line {
                bytes: &self.begun[..cut],
                partial: true,
            });
            self.begun.drain(..cut);
            bytes = tail;
        }
        self.begun.extend_from_slice(bytes);
    }
}

/// Where to cut so that no UTF-8 character is torn; at the end where it is no UTF-8 anyhow.
fn character_boundary(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => error.valid_up_to(),
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every line with its mark, for input given in pieces of `size`.
    fn split(input: &[u8], size: usize) -> Vec<(Vec<u8>, bool)> {
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        for piece in input.chunks(size) {
            splitter.feed(piece, |line| {
                lines.push((line.bytes.to_vec(), line.partial));
            });
        }
        splitter.finish(|line| lines.push((line.bytes.to_vec(), line.partial)));
        lines
    }

    #[test]
    fn lines_do_not_depend_on_how_they_were_read() {
        let input = b"one\n\ntwo three\nlast without end";
        let expected: Vec<(Vec<u8>, bool)> = [&b"one"[..], b"", b"two three", b"last without end"]
            .iter()
            .map(|line| (line.to_vec(), false))
            .collect();
        for size in 1..=input.len() {
            assert_eq!(split(input, size), expected, "{size}");
        }
    }

    #[test]
    fn a_long_line_is_cut_between_characters_and_can_be_joined_again() {
        let mut input = "x".repeat(MAX_LINE - 1);
        input.push_str(&"é".repeat(MAX_LINE));
        input.push('\n');
        for size in [1, 777, 65_536, input.len()] {
            let pieces = split(input.as_bytes(), size);
            assert_eq!(pieces.len(), 3, "{size}");
            assert!(pieces[..2].iter().all(|(_, partial)| *partial));
            assert!(!pieces[2].1);
            let joined: Vec<u8> = pieces.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
            assert_eq!(joined, input.trim_end().as_bytes());
            assert!(
                pieces
                    .iter()
                    .all(|(bytes, _)| std::str::from_utf8(bytes).is_ok())
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost_or_added(
            input in proptest::collection::vec(0_u8..=255, 0..2000),
            size in 1_usize..100,
        ) {
            let expected: Vec<Vec<u8>> = input.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let mut lines: Vec<Vec<u8>> = split(&input, size).into_iter().map(|(bytes, _)| bytes).collect();
            // The splitter knows no empty last line.
            if expected.last().is_some_and(Vec::is_empty) {
                lines.push(Vec::new());
            }
            proptest::prop_assert_eq!(lines, expected);
        }
    }

    #[test]
    fn bytes_that_are_no_text_still_make_progress() {
        let pieces = split(&vec![0x80; 3 * MAX_LINE], 4096);
        assert_eq!(
            pieces.iter().map(|(bytes, _)| bytes.len()).sum::<usize>(),
            3 * MAX_LINE
        );
    }
}
