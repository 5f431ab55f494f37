//! Writes large files past the page cache, where the file system lets us.
//!
//! A pack is written once and not read again soon. Through the cache it costs more of the processor than its encryption, and
//! pushes out what a database beside it had there. `open(2)` says of `O_DIRECT` what has to be aligned.

use super::directory::write_all;
use bytes::Bytes;
use parking_lot::Mutex;
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{self, ErrorKind, Seek as _, Write as _};

/// Below it a file goes through the cache, in bytes.
const LARGE: usize = 1 << 20;

/// Of the buffer, of lengths and of places in a file, in bytes: no disk has larger blocks.
const ALIGNED: usize = 4096;

/// Written at once, in bytes.
const ROOM: usize = 4 << 20;

/// Keeps a buffer from one file to the next.
#[derive(Debug, Default)]
pub(super) struct Direct(Mutex<Vec<u8>>);

impl Direct {
    /// Writes all of a new file; whoever asked has to sync it.
    pub(super) fn write(&self, file: &mut File, content: &[Bytes]) -> io::Result<()> {
        let length: usize = content.iter().map(Bytes::len).sum();
        if length < LARGE || !past_cache(file, true) {
            return write_all(file, content);
        }
        let mut buffer = std::mem::take(&mut *self.0.lock());
        buffer.resize(ROOM + ALIGNED, 0);
        let written = with_fallback(file, content, &mut buffer);
        *self.0.lock() = buffer;
        written
    }
}

/// The file system may take the flag and then refuse the writes.
fn with_fallback(file: &mut File, content: &[Bytes], buffer: &mut [u8]) -> io::Result<()> {
    match aligned(file, content, buffer) {
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            past_cache(file, false);
            file.set_len(0)?;
            file.rewind()?;
            write_all(file, content)
        }
        written => written,
    }
}

/// Whether the file system does as it is told.
fn past_cache(file: &File, on: bool) -> bool {
    let set = |flags: OFlags| {
        let mut flags = flags;
        flags.set(OFlags::DIRECT, on);
        rustix::fs::fcntl_setfl(file, flags)
    };
    rustix::fs::fcntl_getfl(file).and_then(set).is_ok()
}

/// The buffer is larger than [`ROOM`] by as much as it may begin too early.
fn aligned(file: &mut File, content: &[Bytes], buffer: &mut [u8]) -> io::Result<()> {
    let start = buffer.as_ptr().align_offset(ALIGNED);
    let room = buffer.get_mut(start..start.saturating_add(ROOM));
    let room = room.ok_or(ErrorKind::InvalidInput)?;
    let mut filled = 0;
    for piece in content {
        let mut rest = &piece[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(ROOM - filled));
            room[filled..filled + now.len()].copy_from_slice(now);
            filled += now.len();
            rest = later;
            if filled == ROOM {
                file.write_all(room)?;
                filled = 0;
            }
        }
    }
    let (whole, end) = room[..filled].split_at(filled - filled % ALIGNED);
    file.write_all(whole)?;
    if !past_cache(file, false) {
        return Err(ErrorKind::InvalidInput.into());
    }
    file.write_all(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn come_back(dir: &Path) {
        let direct = Direct::default();
        let more = [0, 1, ALIGNED - 1, ALIGNED, ALIGNED + 1, ROOM, 2 * ROOM + 5];
        for (number, more) in more.into_iter().enumerate() {
            let path = dir.join(number.to_string());
            let piece = |length: usize, seed: u8| -> Bytes {
                let bytes = (0..length).map(|at| (at / 7 % 251) as u8 ^ seed);
                bytes.collect::<Vec<_>>().into()
            };
            // Pieces as rustic gives them, of which none is aligned.
            let content = [
                piece(LARGE + 3, 1),
                Bytes::new(),
                piece(more, 2),
                piece(41, 3),
            ];
            let mut file = File::create_new(&path).unwrap();
            direct.write(&mut file, &content).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), content.concat(), "{more}");
        }
    }

    #[test]
    fn what_is_written_past_the_cache_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let probe = File::create_new(dir.path().join("probe")).unwrap();
        if !past_cache(&probe, true) {
            eprintln!("skipped for want of O_DIRECT: what_is_written_past_the_cache_comes_back");
        }
        come_back(dir.path());
    }

    #[test]
    fn where_the_file_system_refuses_it_the_file_is_written_anew() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"what was written before the refusal")
            .unwrap();
        let content = [Bytes::from_static(b"one"), Bytes::from_static(b"two")];
        // As the kernel refuses a buffer that is not aligned.
        with_fallback(&mut file, &content, &mut [0; ALIGNED]).unwrap();
        file.rewind().unwrap();
        assert_eq!(io::read_to_string(file).unwrap(), "onetwo");
    }

    #[test]
    fn in_memory_there_is_no_cache_to_pass() {
        let Ok(dir) = tempfile::tempdir_in("/dev/shm") else {
            eprintln!("skipped for want of /dev/shm: in_memory_there_is_no_cache_to_pass");
            return;
        };
        come_back(dir.path());
    }
}
