//! Standard input behind the job: the data of a stream, its end, and the end of whoever wanted it.

use super::frame::{self, Kind};
use parking_lot::Mutex;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Frames that wait for the job: with [`frame::DATA`] two megabytes.
const WAITING: usize = 8;

/// Exit code of a worker that nobody waits for.
const ABANDONED: i32 = 3;

enum Piece {
    Data(Vec<u8>),
    End(Result<(), String>),
}

/// Read by a thread of its own.
pub(super) struct Input(Receiver<Piece>);

impl Input {
    pub(super) fn start(pipe: File) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING);
        let watch = move || watch(pipe, &sender);
        std::thread::Builder::new()
            .name("input".to_owned())
            .spawn(watch)?;
        Ok(Self(receiver))
    }

    /// The data, and what says behind it whether that was all.
    pub(super) fn stream(self) -> (Data, impl FnOnce() -> Result<(), String>) {
        let end = Arc::new(Mutex::new(None));
        let data = Data {
            pieces: self.0,
            current: io::Cursor::default(),
            end: end.clone(),
        };
        let whole = move || {
            let end = end.lock().take();
            end.unwrap_or_else(|| Err("it broke off".to_owned()))
        };
        (data, whole)
    }
}

fn watch(mut pipe: File, sender: &SyncSender<Piece>) {
    loop {
        let piece = match frame::read(&mut pipe) {
            Ok((Kind::Data, data)) => Piece::Data(data),
            Ok((Kind::Whole, _)) => Piece::End(Ok(())),
            Ok((Kind::Broken, reason)) => {
                Piece::End(Err(String::from_utf8_lossy(&reason).into_owned()))
            }
            // Whoever gave the job is gone: as if killed, which everything here has to bear.
            Ok(_) | Err(_) => {
                let _ = writeln!(io::stderr(), "backup-worker: nobody waits for it any more");
                std::process::exit(ABANDONED)
            }
        };
        // Nobody takes it where the job has failed; the end of the pipe is still waited for.
        let _ = sender.send(piece);
    }
}

/// The data of a stream.
pub(super) struct Data {
    pieces: Receiver<Piece>,
    current: io::Cursor<Vec<u8>>,
    end: Arc<Mutex<Option<Result<(), String>>>>,
}

impl Read for Data {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.current.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match &*self.end.lock() {
                Some(Ok(())) => return Ok(0),
                Some(Err(reason)) => return Err(io::Error::other(reason.clone())),
                None => {}
            }
            match self.pieces.recv() {
                Ok(Piece::Data(data)) => self.current = io::Cursor::new(data),
                Ok(Piece::End(end)) => *self.end.lock() = Some(end),
                Err(_) => return Err(io::Error::other("it broke off")),
            }
        }
    }
}
