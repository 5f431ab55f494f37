//! Blobs out of packs: which lie beside each other, read at once, opened, and compared with their names.

use super::Rustic;
use super::adapter::{Adapter, path};
use super::crypt::Crypt;
use super::trouble::{Trouble, damage};
use crate::Failure;
use rustic_core::{DataId, FileType, Id, IndexedFull};

/// Read at once, in bytes as they lie and as they are unpacked: what a reader holds in memory.
const READ: u32 = 4 << 20;

/// Read and thrown away rather than asked for again, in bytes.
const HOLE: u32 = 64 << 10;

/// Where a blob lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    pub(crate) id: Id,
    pub(crate) pack: Id,
    pub(crate) offset: u32,
    pub(crate) length: u32,
    /// Where it is packed.
    unpacked: Option<u32>,
    /// In bytes as it was saved.
    pub(crate) size: u32,
}

/// Finds a blob of data in the index.
pub(crate) fn find<S: IndexedFull>(
    repository: &Rustic<S>,
    id: &DataId,
    trouble: &Trouble,
) -> Result<Piece, Failure> {
    let found = repository.get_index_entry(id);
    let found = found.map_err(|error| {
        let _ = trouble.explain(error);
        damage(format!("blob {} is in no index", &*id.to_hex()))
    })?;
    let location = found.location;
    Ok(Piece {
        id: id.into_inner(),
        pack: found.pack.into_inner(),
        offset: location.offset,
        length: location.length,
        unpacked: location.uncompressed_length.map(std::num::NonZero::get),
        size: location.data_length(),
    })
}

/// Pieces of one pack that are read at once, in the order in which they lie.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) pieces: Vec<Piece>,
    length: u32,
    size: u32,
}

impl Run {
    fn new(piece: Piece) -> Self {
        Self {
            pieces: vec![piece],
            length: piece.length,
            size: piece.size,
        }
    }

    /// Takes a piece that lies close behind, as long as there is room.
    fn take(&mut self, piece: &Piece) -> bool {
        let first = self.pieces[0];
        let end = first.offset.saturating_add(self.length);
        let near = piece.pack == first.pack && piece.offset >= end && piece.offset - end <= HOLE;
        let length = piece
            .offset
            .saturating_add(piece.length)
            .saturating_sub(first.offset);
        let size = self.size.saturating_add(piece.size);
        if !near || length > READ || size > READ {
            return false;
        }
        self.length = length;
        self.size = size;
        self.pieces.push(*piece);
        true
    }
}

/// Groups pieces, in their order.
pub(crate) fn runs(pieces: impl IntoIterator<Item = Piece>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for piece in pieces {
        if !runs.last_mut().is_some_and(|run| run.take(&piece)) {
            runs.push(Run::new(piece));
        }
    }
    runs
}

/// Reads a run, and hands out each blob in turn.
pub(crate) fn read(
    adapter: &Adapter,
    crypt: &Crypt,
    run: &Run,
    mut each: impl FnMut(usize, Vec<u8>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let first = run.pieces[0];
    let sealed = adapter.read_pack(&first.pack, first.offset, run.length)?;
    for (number, piece) in run.pieces.iter().enumerate() {
        let start = (piece.offset - first.offset) as usize;
        let sealed = sealed.get(start..start + piece.length as usize);
        let blob = sealed.and_then(|sealed| crypt.blob(sealed, piece.unpacked));
        let blob = blob.filter(|blob| {
            let hash = ring::digest::digest(&ring::digest::SHA256, blob);
            <[u8; 32]>::try_from(hash.as_ref()).is_ok_and(|hash| Id::new(hash) == piece.id)
        });
        let Some(blob) = blob else {
            let pack = path(FileType::Pack, &piece.pack);
            let message = format!("{pack} is not what was written, at byte {}", piece.offset);
            return Err(damage(message));
        };
        each(number, blob)?;
    }
    Ok(())
}
