//! The threads that carry the traffic: each has a runtime of its own and never shares a task.
//!
//! A client connection and the endpoint connections it uses live on one thread, so that passing
//! a request on wakes no other thread and waits for no lock.

use crate::connection;
use crate::listener::Place;
use crate::shared::Shared;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use tokio::sync::mpsc;

/// More threads than this gain nothing a single machine's services could use.
const MAX_WORKERS: usize = 4;

/// Connections accepted and not yet taken by their worker; beyond it they are closed.
const QUEUE: usize = 1024;

/// A connection on its way to a worker.
#[derive(Debug)]
struct Accepted {
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
}

#[derive(Debug)]
pub(crate) struct Workers {
    workers: Vec<Worker>,
}

#[derive(Debug)]
struct Worker {
    queue: mpsc::Sender<Accepted>,
    connections: Arc<AtomicUsize>,
}

/// The workers, and the threads that end once the workers were dropped.
pub(crate) type Started = (Arc<Workers>, Vec<JoinHandle<()>>);

impl Workers {
    /// One for each core, up to four.
    pub(crate) fn count() -> usize {
        std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_WORKERS))
    }

    pub(crate) fn start(count: usize, shared: &Arc<Shared>) -> io::Result<Started> {
        let mut workers = Vec::new();
        let mut threads = Vec::new();
        for index in 0..count {
            let (queue, accepted) = mpsc::channel(QUEUE);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let connections = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&connections);
            let shared = Arc::clone(shared);
            let thread = std::thread::Builder::new()
                .name(format!("proxy-worker-{index}"))
                .spawn(move || runtime.block_on(work(index, accepted, counter, shared)))?;
            workers.push(Worker { queue, connections });
            threads.push(thread);
        }
        Ok((Arc::new(Self { workers }), threads))
    }

    /// To the worker with the fewest connections.
    pub(crate) fn hand_over(&self, stream: TcpStream, peer: SocketAddr, place: Place) {
        let load = |worker: &&Worker| worker.connections.load(Ordering::Relaxed);
        let Some(worker) = self.workers.iter().min_by_key(load) else {
            return;
        };
        worker.connections.fetch_add(1, Ordering::Relaxed);
        let accepted = Accepted {
            stream,
            peer,
            place,
        };
        if worker.queue.try_send(accepted).is_err() {
            worker.connections.fetch_sub(1, Ordering::Relaxed);
            tracing::warn!("a worker's queue is full; a connection was closed");
        }
    }
}

async fn work(
    index: usize,
    mut queue: mpsc::Receiver<Accepted>,
    connections: Arc<AtomicUsize>,
    shared: Arc<Shared>,
) {
    let log = Arc::clone(&shared);
    let flushing = tokio::spawn(async move { log.log.keep_flushing(index).await });
    while let Some(accepted) = queue.recv().await {
        let connections = Arc::clone(&connections);
        tokio::spawn(async move {
            let Accepted {
                stream,
                peer,
                place,
            } = accepted;
            match tokio::net::TcpStream::from_std(stream) {
                Ok(stream) => connection::serve(place, stream, peer, index).await,
                Err(error) => tracing::warn!(%error, "cannot watch a connection"),
            }
            connections.fetch_sub(1, Ordering::Relaxed);
        });
    }
    flushing.abort();
}
