//! A network that fails as it is told: each connection meets the next fault of a list, then all go through.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::spawn;

/// What happens to one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is closed at once.
    Refuse,
    /// It is closed after so many bytes of the request.
    CutRequest(usize),
    /// It is closed after so many bytes of the answer.
    CutAnswer(usize),
    /// One byte of the request is changed, so many bytes from its beginning.
    ChangeRequest(usize),
    ChangeAnswer(usize),
    /// It takes the request and never answers.
    Silent,
    /// It answers this in place of the server.
    Says(&'static str),
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    connections: Arc<AtomicUsize>,
}

impl Proxy {
    /// Its threads end with the test's process.
    pub(crate) fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let faults: Arc<Mutex<VecDeque<Fault>>> = Arc::default();
        let connections: Arc<AtomicUsize> = Arc::default();
        let (next, count) = (Arc::clone(&faults), Arc::clone(&connections));
        spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let fault = next.lock().unwrap().pop_front();
                spawn(move || carry(stream, to, fault));
            }
        });
        Self {
            address,
            faults,
            connections,
        }
    }

    /// What the next connections meet.
    pub(crate) fn next(&self, faults: &[Fault]) {
        self.faults.lock().unwrap().extend(faults);
    }

    /// Faults that nobody met.
    pub(crate) fn left(&self) -> usize {
        self.faults.lock().unwrap().len()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn carry(client: TcpStream, to: SocketAddr, fault: Option<Fault>) {
    match fault {
        Some(Fault::Refuse) => return,
        Some(Fault::Silent) => {
            let mut client = client;
            let mut all = Vec::new();
            let _ = client.read_to_end(&mut all);
            return;
        }
        Some(Fault::Says(answer)) => return say(client, answer),
        _ => {}
    }
    let Ok(server) = TcpStream::connect(to) else {
        return;
    };
    let (client_too, server_too) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (cut, change) = match fault {
        Some(Fault::CutRequest(at)) => (Some(at), None),
        Some(Fault::ChangeRequest(at)) => (None, Some(at)),
        _ => (None, None),
    };
    let upwards = spawn(move || pass(client_too, server_too, cut, change));
    let (cut, change) = match fault {
        Some(Fault::CutAnswer(at)) => (Some(at), None),
        Some(Fault::ChangeAnswer(at)) => (None, Some(at)),
        _ => (None, None),
    };
    pass(server, client, cut, change);
    let _ = upwards.join();
}

/// One direction, to its end or to where it is cut; then both ends are closed.
fn pass(mut from: TcpStream, mut to: TcpStream, cut: Option<usize>, change: Option<usize>) {
    let mut buffer = vec![0; 64 << 10];
    let mut passed = 0;
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let end = cut.map_or(count, |cut| count.min(cut.saturating_sub(passed)));
        if let Some(at) = change
            && (passed..passed + count).contains(&at)
        {
            buffer[at - passed] ^= 1;
        }
        if to.write_all(&buffer[..end]).is_err() || end < count {
            break;
        }
        passed += count;
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// Reads the head of a request and what follows at once, and answers.
fn say(mut client: TcpStream, answer: &str) {
    let mut buffer = vec![0; 64 << 10];
    let _ = client.read(&mut buffer);
    let _ = client.write_all(answer.as_bytes());
    let _ = client.shutdown(Shutdown::Write);
    while let Ok(1..) = client.read(&mut buffer) {}
}
