//! The files of one log, read in order. Blocking; knows nothing of who waits for the lines.

use super::{BATCH, Stored};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The shim writes no longer line; what is longer is none of ours, and is passed over in pieces.
const MAX_LINE: u64 = 1 << 20;

/// Read backwards at a time when looking for the last lines.
const BLOCK: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct Reader {
    directory: PathBuf,
    file: Option<BufReader<File>>,
    /// Of the open file.
    inode: u64,
    /// The highest number of a rotated file that was read.
    last_number: u64,
}

impl Reader {
    /// At the oldest line, or at the last `tail` lines.
    pub(crate) fn open(directory: PathBuf, tail: Option<usize>) -> io::Result<Self> {
        let mut reader = Self {
            directory,
            file: None,
            inode: 0,
            last_number: 0,
        };
        match tail {
            Some(lines) => reader.seek_tail(lines)?,
            None => reader.advance()?,
        }
        Ok(reader)
    }

    /// At most [`BATCH`] lines; none where there are none for now.
    pub(crate) fn next_batch(&mut self) -> io::Result<Vec<Stored>> {
        let mut lines = Vec::new();
        while lines.len() < BATCH {
            match self.read_line()? {
                Some(line) => lines.extend(parse(&line)),
                // A rotated file is whole: its end is the end. Looked at twice, because it could
                // have been written to and renamed since the first look.
                None if self.was_rotated() => match self.read_line()? {
                    Some(line) => lines.extend(parse(&line)),
                    None => self.advance()?,
                },
                None => break,
            }
            if self.file.is_none() {
                break;
            }
        }
        Ok(lines)
    }

    /// The directory was removed: nothing will come any more.
    pub(crate) fn is_gone(&self) -> bool {
        !self.directory.exists()
    }

    /// The next whole line. One that is not whole yet is left in the file: where the disk is full
    /// the shim cuts it off again, and writes another in its place.
    fn read_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = &mut self.file else {
            self.advance()?;
            return Ok(None);
        };
        let mut line = Vec::new();
        io::Read::take(&mut *file, MAX_LINE).read_until(b'\n', &mut line)?;
        if line.last() == Some(&b'\n') || line.len() as u64 == MAX_LINE {
            return Ok(Some(line));
        }
        // Also discards what was read ahead.
        file.seek(SeekFrom::Current(-(line.len() as i64)))?;
        Ok(None)
    }

    /// True where the open file is no longer the current one.
    fn was_rotated(&self) -> bool {
        self.file.is_some()
            && inode_of(&self.current()).is_some_and(|current| current != self.inode)
    }

    /// Opens the next file: the next number after what was read, else the current one.
    fn advance(&mut self) -> io::Result<()> {
        if self.file.is_some()
            && let Some((number, _)) = self
                .rotated()?
                .iter()
                .find(|(_, path)| inode_of(path) == Some(self.inode))
        {
            self.last_number = *number;
        }
        let had = self.file.take().is_some().then_some(self.inode);
        if let Some((number, path)) = self.next_rotated(had)? {
            return self.open_rotated(number, &path);
        }
        self.open_at(&self.current(), 0)?;
        // Rotated between the two looks: then what was opened is one too far.
        match self.next_rotated(had)? {
            Some((number, path)) if inode_of(&path) != Some(self.inode) => {
                self.open_rotated(number, &path)
            }
            _ => Ok(()),
        }
    }

    /// The oldest rotated file that was not read; `read` is the inode of the last one that was.
    fn next_rotated(&self, read: Option<u64>) -> io::Result<Option<(u64, PathBuf)>> {
        Ok(self.rotated()?.into_iter().find(|(number, path)| {
            *number > self.last_number && (read.is_none() || inode_of(path) != read)
        }))
    }

    fn open_rotated(&mut self, number: u64, path: &Path) -> io::Result<()> {
        self.open_at(path, 0)?;
        if self.file.is_some() {
            self.last_number = number;
        }
        Ok(())
    }

    fn open_at(&mut self, path: &Path, offset: u64) -> io::Result<()> {
        match File::open(path) {
            Ok(mut file) => {
                file.seek(SeekFrom::Start(offset))?;
                self.inode = file.metadata()?.ino();
                self.file = Some(BufReader::with_capacity(BLOCK, file));
                Ok(())
            }
            // Not there yet, or rotated away just now: looked for again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.file = None;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Goes back from the newest file until it has enough lines.
    fn seek_tail(&mut self, mut lines: usize) -> io::Result<()> {
        let rotated = self.rotated()?;
        let mut files = rotated.clone();
        files.push((u64::MAX, self.current()));
        for (number, path) in files.iter().rev() {
            let Ok(file) = File::open(path) else { continue };
            let (found, offset) = last_lines(&file, lines)?;
            lines -= found;
            let before = files.iter().rev().find(|(other, _)| other < number);
            if lines == 0 || before.is_none() {
                self.last_number = before.map_or(0, |(number, _)| *number);
                if *number != u64::MAX {
                    self.last_number = *number;
                }
                return self.open_at(path, offset);
            }
        }
        self.advance()
    }

    fn current(&self) -> PathBuf {
        self.directory.join("current.log")
    }

    /// Rotated files, oldest first.
    fn rotated(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let entries = match std::fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut files: Vec<(u64, PathBuf)> = entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let number = path.file_name()?.to_str()?.strip_suffix(".log")?;
                Some((number.parse().ok()?, path))
            })
            .collect();
        files.sort_unstable();
        Ok(files)
    }
}

/// How many of the last `wanted` lines this file has, and where the first of them begins.
fn last_lines(file: &File, wanted: usize) -> io::Result<(usize, u64)> {
    let length = file.metadata()?.len();
    if wanted == 0 {
        return Ok((0, length));
    }
    let mut found = 0;
    let mut end = length;
    let mut block = vec![0; BLOCK];
    while end > 0 {
        let begin = end.saturating_sub(BLOCK as u64);
        let bytes = &mut block[..(end - begin) as usize];
        file.read_exact_at(bytes, begin)?;
        for (index, byte) in bytes.iter().enumerate().rev() {
            let at = begin + index as u64 + 1;
            // The line end at the very end belongs to the last line.
            if *byte == b'\n' && at != length {
                found += 1;
                if found == wanted {
                    return Ok((found, at));
                }
            }
        }
        end = begin;
    }
    Ok((if length > 0 { found + 1 } else { 0 }, 0))
}

fn inode_of(path: &Path) -> Option<u64> {
    path.metadata().ok().map(|metadata| metadata.ino())
}

/// A line that is none of ours (a file system that lost its tail) is passed over.
fn parse(line: &[u8]) -> Option<Stored> {
    serde_json::from_slice(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Write;

    fn write(path: &Path, numbers: std::ops::Range<u32>) {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        for number in numbers {
            writeln!(
                file,
                "{{\"time\":\"2026-01-01T00:00:00.000Z\",\"stream\":\"stdout\",\"line\":\"{number}\"}}"
            )
            .unwrap();
        }
    }

    fn read(reader: &mut Reader) -> Vec<u32> {
        let mut numbers = Vec::new();
        loop {
            let batch = reader.next_batch().unwrap();
            if batch.is_empty() {
                return numbers;
            }
            numbers.extend(batch.iter().map(|line| line.line.parse::<u32>().unwrap()));
        }
    }

    fn log() -> tempfile::TempDir {
        let log = tempfile::tempdir().unwrap();
        write(&log.path().join("00000003.log"), 0..10);
        write(&log.path().join("00000004.log"), 10..1000);
        write(&log.path().join("current.log"), 1000..1005);
        log
    }

    #[test]
    fn files_are_read_in_order() {
        let log = log();
        let mut reader = Reader::open(log.path().to_owned(), None).unwrap();
        assert_eq!(read(&mut reader), (0..1005).collect::<Vec<_>>());
    }

    #[test]
    fn the_tail_may_lie_in_any_file() {
        let log = log();
        for tail in [0, 1, 4, 5, 6, 900, 994, 995, 996, 1000, 1004, 1005, 5000] {
            let mut reader = Reader::open(log.path().to_owned(), Some(tail as usize)).unwrap();
            let expected: Vec<u32> = (1005_u32.saturating_sub(tail)..1005).collect();
            assert_eq!(read(&mut reader), expected, "{tail}");
        }
    }

    #[test]
    fn a_follower_reads_on_through_rotations() {
        let log = log();
        let path = |name: &str| log.path().join(name);
        let mut reader = Reader::open(log.path().to_owned(), Some(1)).unwrap();
        assert_eq!(read(&mut reader), [1004]);
        write(&path("current.log"), 1005..1010);
        std::fs::rename(path("current.log"), path("00000005.log")).unwrap();
        write(&path("current.log"), 1010..1020);
        std::fs::rename(path("current.log"), path("00000006.log")).unwrap();
        // Between two files there is none for a moment.
        let mut seen = read(&mut reader);
        write(&path("current.log"), 1020..1021);
        seen.extend(read(&mut reader));
        assert_eq!(seen, (1005..1021).collect::<Vec<_>>());
    }

    #[test]
    fn a_follower_whose_file_was_removed_goes_on_with_the_next() {
        let log = log();
        let path = |name: &str| log.path().join(name);
        let mut reader = Reader::open(log.path().to_owned(), Some(1)).unwrap();
        assert_eq!(read(&mut reader), [1004]);
        std::fs::remove_file(path("current.log")).unwrap();
        write(&path("00000006.log"), 2000..2001);
        write(&path("current.log"), 2001..2002);
        assert_eq!(read(&mut reader), [2000, 2001]);
    }

    #[test]
    fn a_line_that_is_cut_off_again_is_not_mixed_with_the_next() {
        let log = tempfile::tempdir().unwrap();
        let path = log.path().join("current.log");
        write(&path, 0..3);
        let whole = path.metadata().unwrap().len();
        let mut reader = Reader::open(log.path().to_owned(), None).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"time\":\"2026-01-0").unwrap();
        assert_eq!(read(&mut reader), [0, 1, 2]);
        file.set_len(whole).unwrap();
        write(&path, 3..6);
        assert_eq!(read(&mut reader), [3, 4, 5]);
    }

    #[test]
    fn a_line_that_is_being_written_is_waited_for() {
        let log = tempfile::tempdir().unwrap();
        let path = log.path().join("current.log");
        let whole =
            "{\"time\":\"2026-01-01T00:00:00.000Z\",\"stream\":\"stdout\",\"line\":\"7\"}\n";
        let mut reader = Reader::open(log.path().to_owned(), None).unwrap();
        assert!(read(&mut reader).is_empty());
        std::fs::write(&path, &whole[..20]).unwrap();
        assert!(read(&mut reader).is_empty());
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&whole.as_bytes()[20..]).unwrap();
        assert_eq!(read(&mut reader), [7]);
    }
}
