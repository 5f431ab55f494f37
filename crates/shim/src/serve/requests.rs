//! What is asked on the shim's socket, and the answers.

use super::{Shim, named_signal};
use crate::clock;
use crate::lifecycle::Event;
use crate::socket::Connection;
use mainstay_wire::shim::{Request, Response};
use rustix::process::{Pid, Signal};
use std::time::Duration;

/// How long those who wait for the end are given to take their answer.
const FAREWELL: Duration = Duration::from_secs(1);

impl Shim {
    /// Answers who has asked something; `ready` goes by the order of the connections.
    pub(super) fn serve(&mut self, ready: &[bool]) {
        for index in 0..self.connections.len() {
            if !ready.get(index).copied().unwrap_or(true) {
                continue;
            }
            self.connections[index].write();
            for request in self.connections[index].read(clock::monotonic()) {
                let answer = match request {
                    Ok(request) => self.answer(index, request),
                    Err(reason) => Some(Response::Refused { reason }),
                };
                if let Some(answer) = answer {
                    self.connections[index].answer(&answer);
                }
            }
        }
    }

    /// `None` where the answer comes later.
    fn answer(&mut self, index: usize, request: Request) -> Option<Response> {
        match request {
            Request::Status => {}
            Request::Wait => {
                self.connections[index].waits = true;
                if !self.lifecycle.has_ended() {
                    return None;
                }
            }
            Request::Stop { grace } => self.step(Event::StopAsked { grace }),
            Request::Signal { signal } => match named_signal(&signal) {
                Some(signal) => self.signal_group(signal),
                None => {
                    return Some(Response::Refused {
                        reason: format!("`{signal}` is not a signal"),
                    });
                }
            },
            Request::Dismiss if self.lifecycle.has_ended() => self.dismissed = true,
            Request::Dismiss => {
                return Some(Response::Refused {
                    reason: "the instance runs; hint: stop it first".into(),
                });
            }
        }
        Some(Response::Record(self.record.clone()))
    }

    /// The group bears the pid of the main process, which is ours until we have reaped it.
    fn signal_group(&self, signal: Signal) {
        if self.lifecycle.outcome().is_none()
            && let Some(group) = Pid::from_raw(self.main.pid)
        {
            let _ = rustix::process::kill_process_group(group, signal);
        }
    }

    /// Tells those who wait, and gives them a moment to listen.
    pub(super) fn say_farewell(&mut self) {
        let answer = Response::Record(self.record.clone());
        for connection in &mut self.connections {
            if connection.waits {
                connection.answer(&answer);
            }
        }
        let until = clock::monotonic() + FAREWELL;
        self.connections.retain(Connection::has_unread);
        while !self.connections.is_empty() && clock::monotonic() < until {
            std::thread::sleep(Duration::from_millis(10));
            self.connections.iter_mut().for_each(Connection::write);
            let now = clock::monotonic();
            self.connections
                .retain(|connection| connection.has_unread() && !connection.is_done(now));
        }
    }
}
