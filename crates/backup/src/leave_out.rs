//! An archive of a volume without what patterns leave out: as directories leave it out while they are walked.
//!
//! Nothing is unpacked and packed anew: an entry passes as it is, with its long name, its owner and its attributes,
//! or it does not pass at all.
//!
//! **Invariant:** an archive that breaks off is an error, and so is a hard link that would lose its file.

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

const BLOCK: usize = 512;
/// Of what stands before an entry: names and attributes that do not fit into its header.
const MAX_BEFORE: usize = 1 << 20;

/// What is left out, by globs as in `.gitignore`, relative to the archive's own directory.
#[derive(Debug)]
pub struct LeaveOut(Gitignore);

/// What the blocks before an entry say of it.
#[derive(Debug, Default)]
struct Before {
    blocks: Vec<u8>,
    name: Option<String>,
    link: Option<String>,
    size: Option<u64>,
}

impl LeaveOut {
    /// # Errors
    /// A pattern that is no glob.
    pub fn new(patterns: &[String]) -> Result<Self, String> {
        let mut builder = GitignoreBuilder::new("");
        for pattern in patterns {
            let added = builder.add_line(None, pattern);
            added.map_err(|error| format!("`{pattern}` is no pattern: {error}"))?;
        }
        let built = builder.build().map_err(|error| error.to_string())?;
        Ok(Self(built))
    }

    /// Passes a tar archive on, whose names begin with the name of its directory. Answers how many entries were left
    /// out.
    ///
    /// # Errors
    /// What reading or writing failed with; an archive that is not whole, or that cannot be understood.
    pub async fn pass(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut into: impl AsyncWrite + Unpin,
    ) -> io::Result<u64> {
        if self.0.is_empty() {
            tokio::io::copy(&mut from, &mut into).await?;
            return Ok(0);
        }
        let mut left_out = 0;
        let mut before = Before::default();
        loop {
            let mut header = [0; BLOCK];
            from.read_exact(&mut header).await.map_err(broken)?;
            if header.iter().all(|byte| *byte == 0) {
                into.write_all(&header).await?;
                tokio::io::copy(&mut from, &mut into).await?;
                into.flush().await?;
                return Ok(left_out);
            }
            let kind = header[156];
            if matches!(kind, b'x' | b'L' | b'K') {
                before.read(&header, &mut from).await?;
                continue;
            }
            if kind == b'S' {
                return Err(wrong("it has a sparse file in an old form"));
            }
            let before = std::mem::take(&mut before);
            let size = before.size.map_or_else(|| size(&header), Ok)?;
            let size = if has_data(kind) { padded(size) } else { 0 };
            let name = before.name.unwrap_or_else(|| name(&header));
            let passes = kind == b'g' || !self.is_left_out(&name, kind == b'5');
            if passes && kind == b'1' {
                let link = before.link.unwrap_or_else(|| text(&header[157..257]));
                self.keeps(&name, &link)?;
            }
            if passes {
                into.write_all(&before.blocks).await?;
                into.write_all(&header).await?;
                let copied = tokio::io::copy(&mut (&mut from).take(size), &mut into).await?;
                whole(copied, size)?;
            } else {
                left_out += 1;
                let mut sink = tokio::io::sink();
                let copied = tokio::io::copy(&mut (&mut from).take(size), &mut sink).await?;
                whole(copied, size)?;
            }
        }
    }

    /// The directory of the archive itself always passes.
    fn is_left_out(&self, name: &str, directory: bool) -> bool {
        let plain = name.trim_start_matches("./").trim_matches('/');
        let Some((_, inside)) = plain.split_once('/') else {
            return false;
        };
        let found = self.0.matched_path_or_any_parents(inside, directory);
        found.is_ignore()
    }

    fn keeps(&self, name: &str, link: &str) -> io::Result<()> {
        if self.is_left_out(link, false) {
            return Err(io::Error::other(format!(
                "{name} is the same file as {link}, which is left out: leave out both, or neither"
            )));
        }
        Ok(())
    }
}

impl Before {
    async fn read(
        &mut self,
        header: &[u8; BLOCK],
        from: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<()> {
        let size = size(header)?;
        let long = usize::try_from(size).unwrap_or(usize::MAX);
        if long > MAX_BEFORE - self.blocks.len().min(MAX_BEFORE) {
            return Err(wrong("a name in it is too long"));
        }
        let mut data = vec![0; long.next_multiple_of(BLOCK)];
        from.read_exact(&mut data).await.map_err(broken)?;
        self.blocks.extend_from_slice(header);
        self.blocks.extend_from_slice(&data);
        let data = &data[..long];
        match header[156] {
            b'L' => self.name = Some(text(data)),
            b'K' => self.link = Some(text(data)),
            _ => self.records(data)?,
        }
        Ok(())
    }

    /// `27 path=some/long/name\n`, one after the other.
    fn records(&mut self, mut data: &[u8]) -> io::Result<()> {
        let unread = || wrong("a record in it does not read");
        while !data.is_empty() {
            let space = data.iter().position(|byte| *byte == b' ');
            let space = space.ok_or_else(unread)?;
            let long: usize = text(&data[..space]).parse().map_err(|_| unread())?;
            if long <= space + 1 || long > data.len() {
                return Err(unread());
            }
            let record = text(&data[space + 1..long - 1]);
            match record.split_once('=') {
                Some(("path", value)) => self.name = Some(value.to_owned()),
                Some(("linkpath", value)) => self.link = Some(value.to_owned()),
                Some(("size", value)) => {
                    self.size = Some(value.parse().map_err(|_| unread())?);
                }
                _ => {}
            }
            data = &data[long..];
        }
        Ok(())
    }
}

/// Links, directories and devices have none, whatever their header says.
const fn has_data(kind: u8) -> bool {
    !matches!(kind, b'1'..=b'6')
}

const fn padded(size: u64) -> u64 {
    size.next_multiple_of(BLOCK as u64)
}

fn name(header: &[u8; BLOCK]) -> String {
    let last = text(&header[..100]);
    let first = text(&header[345..500]);
    // GNU's own headers have something else there.
    let is_posix = &header[257..263] == b"ustar\0";
    if is_posix && !first.is_empty() {
        format!("{first}/{last}")
    } else {
        last
    }
}

/// Octal digits, or the number itself behind a high bit.
fn size(header: &[u8; BLOCK]) -> io::Result<u64> {
    let field = &header[124..136];
    if field[0] & 0x80 != 0 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&field[4..12]);
        return Ok(u64::from_be_bytes(bytes));
    }
    let digits = text(field);
    match digits.trim() {
        "" => Ok(0),
        digits => u64::from_str_radix(digits, 8).map_err(|_| wrong("a size in it does not read")),
    }
}

/// Up to its end.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
}

fn whole(copied: u64, size: u64) -> io::Result<()> {
    if copied == size {
        return Ok(());
    }
    Err(broken(io::ErrorKind::UnexpectedEof.into()))
}

fn broken(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return io::Error::new(error.kind(), "the archive broke off");
    }
    error
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("no tar archive: {why}"))
}

#[cfg(test)]
mod tests;
