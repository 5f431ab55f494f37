//! LZF, by which an RDB file packs strings. Source: `lzf_d.c` of LibLZF.

/// Unpacks to exactly `whole` bytes; none where that is not what it comes to.
pub(super) fn unpack(packed: &[u8], whole: usize) -> Option<Vec<u8>> {
    let mut out: Vec<u8> = Vec::new();
    let mut rest = packed;
    while let Some((&control, after)) = rest.split_first() {
        let control = usize::from(control);
        rest = after;
        if control < 32 {
            let (literal, after) = rest.split_at_checked(control + 1)?;
            out.extend_from_slice(literal);
            rest = after;
        } else {
            let mut length = control >> 5;
            if length == 7 {
                length += usize::from(next(&mut rest)?);
            }
            let distance = ((control & 0x1f) << 8) + usize::from(next(&mut rest)?) + 1;
            let from = out.len().checked_sub(distance)?;
            for at in from..from + length + 2 {
                out.push(out[at]);
            }
        }
        if out.len() > whole {
            return None;
        }
    }
    (out.len() == whole).then_some(out)
}

fn next(rest: &mut &[u8]) -> Option<u8> {
    let (&first, after) = rest.split_first()?;
    *rest = after;
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::unpack;

    #[test]
    fn literals_and_repetitions() {
        // `abc`, then 9 bytes from 3 before.
        let packed = [2, b'a', b'b', b'c', 7 << 5, 0, 2];
        assert_eq!(unpack(&packed, 12).as_deref(), Some(&b"abcabcabcabc"[..]));
        assert_eq!(unpack(&packed, 11), None);
        assert_eq!(unpack(&packed[..6], 12), None);
        assert_eq!(unpack(&[32, 9], 3), None);
    }
}
