//! How long a client may take: the one timer of a connection.

use crate::config::Limits;
use crate::socket::{Expiry, Wire};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// While it is the proxy's turn, the timer looks again after this long.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// It is moved only when a deadline comes nearer; one that moved away is found out when the timer
/// fires.
pub(crate) struct Patience<'a> {
    wire: &'a Wire,
    limits: &'a Limits,
    timer: Pin<Box<Sleep>>,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(wire: &'a Wire, limits: &'a Limits) -> Self {
        Self {
            wire,
            limits,
            timer: Box::pin(tokio::time::sleep(limits.header_timeout.min(LOOK_AGAIN))),
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Expiry> {
        let standing = self.wire.deadline(self.limits);
        if let Some((deadline, _)) = standing
            && Instant::from_std(deadline) < self.timer.deadline()
        {
            self.timer.as_mut().reset(deadline.into());
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let next = match standing {
                Some((deadline, expiry)) if Instant::from_std(deadline) <= now => {
                    return Poll::Ready(expiry);
                }
                Some((deadline, _)) => deadline.into(),
                None => now + LOOK_AGAIN,
            };
            self.timer.as_mut().reset(next);
        }
        Poll::Pending
    }
}
