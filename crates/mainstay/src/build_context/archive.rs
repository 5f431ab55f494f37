//! The context as a tar archive that is made while it is sent.

use super::walk::Kind;
use super::{BuildContext, OWN_DOCKERFILE};
use bytes::Bytes;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::MetadataExt;
use tokio::sync::mpsc;

/// Pieces that wait to be sent; then the disk waits.
const PIECES: usize = 8;
const PIECE: usize = 256 << 10;

/// A channel of pieces; the last one may be the error that ended it. Made by a thread of its own,
/// which ends when nobody takes them.
pub fn stream(context: BuildContext) -> mpsc::Receiver<io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let pieces = Pieces(sender.clone());
        if let Err(error) = write(&context, BufWriter::with_capacity(PIECE, pieces)) {
            let _ = sender.blocking_send(Err(error));
        }
    });
    receiver
}

struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(buffer);
        self.0
            .blocking_send(Ok(piece))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(context: &BuildContext, out: impl Write) -> io::Result<()> {
    let mut builder = tar::Builder::new(out);
    for entry in &context.walked.entries {
        let of_file =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", entry.path));
        if context.brings_dockerfile() && entry.path == ".dockerignore" {
            // Written below, with one line more.
            continue;
        }
        let metadata = entry.place.symlink_metadata().map_err(of_file)?;
        let mut header = tar::Header::new_gnu();
        header.set_mode(metadata.mode() & 0o7777);
        header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        match entry.kind {
            Kind::Directory => {
                header.set_entry_type(tar::EntryType::Directory);
                builder.append_data(&mut header, format!("{}/", entry.path), io::empty())?;
            }
            Kind::Link => {
                header.set_entry_type(tar::EntryType::Symlink);
                let target = entry.place.read_link().map_err(of_file)?;
                builder.append_link(&mut header, &entry.path, target)?;
            }
            Kind::File => {
                let file = File::open(&entry.place).map_err(of_file)?;
                let size = file.metadata().map_err(of_file)?.len();
                header.set_size(size);
                let reader = Exactly { file, left: size };
                builder
                    .append_data(&mut header, &entry.path, reader)
                    .map_err(of_file)?;
            }
        }
    }
    if context.brings_dockerfile() {
        let ignore = context.directory.join(".dockerignore");
        let ignore = std::fs::read_to_string(ignore).unwrap_or_default();
        let ignore = format!("{ignore}\n{OWN_DOCKERFILE}\n");
        text(&mut builder, ".dockerignore", &ignore)?;
        text(&mut builder, OWN_DOCKERFILE, &context.dockerfile_text)?;
    }
    builder.into_inner()?.flush()
}

fn text<W: Write>(builder: &mut tar::Builder<W>, path: &str, text: &str) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(text.len() as u64);
    builder.append_data(&mut header, path, text.as_bytes())
}

/// As many bytes as the header has said, also when somebody writes to the file meanwhile.
struct Exactly {
    file: File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self.file.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(io::Error::other("it became shorter while it was read"));
        }
        self.left -= count as u64;
        Ok(count)
    }
}
