//! What goes over the pipes between a client and its worker: one byte of kind, the length as four bytes, the payload.
//!
//! To the worker goes one [`Kind::Job`]; for a stream then [`Kind::Data`] and, as the last, [`Kind::Whole`] or
//! [`Kind::Broken`]: an end without either is a broken one. From it come [`Kind::Progress`], also where nothing
//! moved, so that silence means something; [`Kind::Data`] of a file; and as the last [`Kind::Done`] or
//! [`Kind::Failed`].

use std::io::{self, ErrorKind, Read, Write};

/// Of data in one frame, in bytes.
pub(crate) const DATA: usize = 256 << 10;

/// Of any frame, in bytes: the list of a large directory.
pub(crate) const MAX: u32 = 256 << 20;

/// Before each payload.
pub(crate) const HEAD: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Job = 1,
    Data = 2,
    Whole = 3,
    Broken = 4,
    Progress = 5,
    Done = 6,
    Failed = 7,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Job,
        Self::Data,
        Self::Whole,
        Self::Broken,
        Self::Progress,
        Self::Done,
        Self::Failed,
    ];
}

pub(crate) fn head(kind: Kind, length: usize) -> io::Result<[u8; HEAD]> {
    let length = u32::try_from(length).ok().filter(|length| *length <= MAX);
    let length = length.ok_or_else(|| io::Error::other("a frame is too long"))?;
    let [a, b, c, d] = length.to_be_bytes();
    Ok([kind as u8, a, b, c, d])
}

/// Kind and length of a payload.
pub(crate) fn parse(head: [u8; HEAD]) -> io::Result<(Kind, usize)> {
    let [kind, length @ ..] = head;
    let known = Kind::ALL.into_iter().find(|known| *known as u8 == kind);
    let length = u32::from_be_bytes(length);
    match known {
        Some(kind) if length <= MAX => Ok((kind, length as usize)),
        _ => Err(io::Error::new(ErrorKind::InvalidData, "not a frame")),
    }
}

pub(crate) fn read(from: &mut impl Read) -> io::Result<(Kind, Vec<u8>)> {
    let mut start = [0; HEAD];
    from.read_exact(&mut start)?;
    let (kind, length) = parse(start)?;
    let mut payload = vec![0; length];
    from.read_exact(&mut payload)?;
    Ok((kind, payload))
}

pub(crate) fn write(to: &mut impl Write, kind: Kind, payload: &[u8]) -> io::Result<()> {
    to.write_all(&head(kind, payload.len())?)?;
    to.write_all(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_as_they_went() {
        let mut pipe = Vec::new();
        write(&mut pipe, Kind::Data, b"hello").unwrap();
        write(&mut pipe, Kind::Whole, b"").unwrap();
        let mut pipe = pipe.as_slice();
        assert_eq!(read(&mut pipe).unwrap(), (Kind::Data, b"hello".to_vec()));
        assert_eq!(read(&mut pipe).unwrap(), (Kind::Whole, Vec::new()));
        let end = read(&mut pipe).unwrap_err();
        assert_eq!(end.kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for head in [[0, 0, 0, 0, 0], [8, 0, 0, 0, 0], [2, 255, 0, 0, 0]] {
            assert!(parse(head).is_err(), "{head:?}");
        }
        assert!(head(Kind::Data, MAX as usize + 1).is_err());
    }
}
