//! A thread that reads what passes, beside the one that hands it on.

use std::io::{self, Read};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

/// Chunks on their way to the thread.
const QUEUE: usize = 8;

/// Starts it. What is sent is read; when the sender is gone, so is the end. It may end before.
pub(crate) fn counting<T, F>(read: F) -> (mpsc::Sender<Vec<u8>>, JoinHandle<T>)
where
    T: Send + 'static,
    F: FnOnce(&mut dyn Read) -> T + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(QUEUE);
    let work = move || {
        let mut chunks = Chunks {
            receiver,
            current: Vec::new(),
            at: 0,
        };
        read(&mut chunks)
    };
    (sender, spawn_blocking(work))
}

struct Chunks {
    receiver: mpsc::Receiver<Vec<u8>>,
    current: Vec<u8>,
    at: usize,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.current.len() {
            let Some(next) = self.receiver.blocking_recv() else {
                return Ok(0);
            };
            (self.current, self.at) = (next, 0);
        }
        let count = buffer.len().min(self.current.len() - self.at);
        buffer[..count].copy_from_slice(&self.current[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
