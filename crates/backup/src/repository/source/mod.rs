//! What is read to be saved, so that nothing that fails on the way goes unnoticed.
//!
//! rustic warns and goes on where a file cannot be read, and cuts a file short where a read fails. Here every
//! failure is kept in [`Trouble`], and the job asks at its end. And every read fills the buffer it was given: rustic's
//! chunker works in steps of a short read for ever after it.

mod file;
mod folder;

pub(crate) use folder::{Folder, GO_DIRECTORY, SPECIAL};

use super::trouble::Trouble;
use crate::{Failure, FailureKind};
use parking_lot::Mutex;
use rustic_core::repofile::{Metadata, Node, NodeType};
use rustic_core::{ReadSource, ReadSourceEntry, RusticResult};
use std::io::{self, Read};
use std::path::PathBuf;

/// A reader whose failures are kept, and which fills what it is given.
#[derive(Debug)]
pub(crate) struct Filled<R> {
    inner: R,
    name: String,
    trouble: Trouble,
}

impl<R: Read> Filled<R> {
    pub(crate) fn new(inner: R, name: String, trouble: Trouble) -> Self {
        Self {
            inner,
            name,
            trouble,
        }
    }
}

impl<R: Read> Read for Filled<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.trouble.is_there() {
            return Err(io::Error::other("the job has failed already"));
        }
        let mut filled = 0;
        while filled < buffer.len() {
            match self.inner.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let message = format!("cannot read {} to its end: {error}", self.name);
                    self.trouble
                        .note(Failure::new(FailureKind::Source, message));
                    return Err(error);
                }
            }
        }
        Ok(filled)
    }
}

/// One file, from a stream.
pub(crate) struct Stream<R> {
    path: PathBuf,
    reader: Mutex<Option<R>>,
    /// How its preliminary node is found again: its inode.
    mark: u64,
}

impl<R> Stream<R> {
    pub(crate) fn new(path: PathBuf, reader: R, mark: u64) -> Self {
        Self {
            path,
            reader: Mutex::new(Some(reader)),
            mark,
        }
    }
}

impl<R: Read + Send + 'static> ReadSource for Stream<R> {
    type Open = R;
    type Iter = std::option::IntoIter<RusticResult<ReadSourceEntry<R>>>;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Self::Iter {
        let reader = self.reader.lock().take();
        let entry = reader.map(|reader| {
            let meta = Metadata {
                inode: self.mark,
                // As a hint for buffers: not known, so large.
                size: u64::MAX,
                ..Metadata::default()
            };
            let name = self.path.file_name().unwrap_or_default();
            Ok(ReadSourceEntry {
                path: self.path.clone(),
                node: Node::new_node(name, NodeType::File, meta),
                open: Some(reader),
            })
        });
        entry.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_read_fills_its_buffer() {
        struct Drop(usize);
        impl Read for Drop {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let read = self.0.min(buffer.len()).min(3);
                self.0 -= read;
                Ok(read)
            }
        }
        let mut filled = Filled::new(Drop(100), "x".to_owned(), Trouble::default());
        let mut buffer = [0; 64];
        let reads = [64, 36, 0].map(|_| filled.read(&mut buffer).unwrap());
        assert_eq!(reads, [64, 36, 0]);
    }
}
