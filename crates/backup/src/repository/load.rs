//! One file of a snapshot, as a stream: some readers work ahead, and what they read goes out in order.

use super::blobs::{self, Run};
use super::{Repository, node_at};
use crate::{Failure, FailureKind, Loaded};
use ring::digest::{Context, SHA256};
use std::sync::mpsc::sync_channel;
use std::time::Instant;

/// Work ahead, each by one run: what is in memory is bounded by twice as many runs.
const READERS: usize = 4;

impl Repository {
    /// Writes the file at `path` into `sink`. What went out before a failure is no whole file.
    pub(crate) fn load_file(
        self,
        snapshot: &str,
        path: &str,
        mut sink: impl FnMut(Vec<u8>) -> Result<(), Failure>,
    ) -> Result<Loaded, Failure> {
        let started = Instant::now();
        let snapshot = self.snapshot(snapshot)?;
        let trouble = self.adapter.trouble.clone();
        let indexed = self.rustic.to_indexed();
        let indexed = indexed.map_err(|error| trouble.explain(error))?;
        let node = node_at(&indexed, &snapshot, path, &trouble)?;
        if !node.is_file() {
            let message = format!("`{path}` is no file in the snapshot");
            return Err(Failure::new(FailureKind::NotFound, message));
        }
        let content = node.content.unwrap_or_default();
        let pieces = content.iter().map(|id| blobs::find(&indexed, id, &trouble));
        let pieces = pieces.collect::<Result<Vec<_>, _>>()?;
        self.meter
            .expect(pieces.iter().map(|piece| u64::from(piece.size)).sum());
        let mut hash = Context::new(&SHA256);
        let mut bytes = 0;
        let read = |run: &Run| {
            let mut all = Vec::with_capacity(run.pieces.len());
            blobs::read(&self.adapter, &self.crypt, run, |_, blob| {
                all.push(blob);
                Ok(())
            })?;
            Ok(all)
        };
        in_order(&blobs::runs(pieces), read, |blob| {
            hash.update(&blob);
            bytes += blob.len() as u64;
            self.meter.add(blob.len() as u64);
            sink(blob)
        })?;
        Ok(Loaded {
            bytes,
            sha256: Some(super::crypt::hex(hash.finish().as_ref())),
            took: started.elapsed(),
        })
    }
}

/// Reads runs on several threads, and hands out their blobs one after the other.
fn in_order(
    runs: &[Run],
    read: impl Fn(&Run) -> Result<Vec<Vec<u8>>, Failure> + Sync,
    mut sink: impl FnMut(Vec<u8>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let read = &read;
    std::thread::scope(|scope| {
        let mut lanes = Vec::new();
        for lane in 0..READERS.min(runs.len()) {
            // One run read ahead while the one before it goes out.
            let (sender, receiver) = sync_channel(1);
            lanes.push(receiver);
            scope.spawn(move || {
                for run in runs.iter().skip(lane).step_by(READERS) {
                    let blobs = read(run);
                    let failed = blobs.is_err();
                    if sender.send(blobs).is_err() || failed {
                        return;
                    }
                }
            });
        }
        for number in 0..runs.len() {
            let ended = || Failure::new(FailureKind::Other, "a reader ended");
            let blobs = lanes[number % READERS].recv().map_err(|_| ended())??;
            blobs.into_iter().try_for_each(&mut sink)?;
        }
        Ok(())
    })
}
