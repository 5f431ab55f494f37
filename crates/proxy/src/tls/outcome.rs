//! How handshakes ended, counted by reason.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How one handshake ended; a fixed set, so that it can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Outcome {
    Served,
    /// A certificate authority looked at a challenge.
    Challenged,
    /// The client did not get on in time.
    TooSlow,
    /// More at a time than allowed.
    TooMany,
    /// The first byte was no handshake's.
    NotTls,
    /// No certificate to answer with.
    NoCertificate,
    /// No version, cipher or protocol that both speak.
    Incompatible,
    /// The client did not want ours; most often it does not trust the certificate.
    Refused,
    /// The client went away.
    Closed,
    Malformed,
}

const OUTCOMES: [(Outcome, &str); 10] = [
    (Outcome::Served, "served"),
    (Outcome::Challenged, "challenged"),
    (Outcome::TooSlow, "too_slow"),
    (Outcome::TooMany, "too_many"),
    (Outcome::NotTls, "not_tls"),
    (Outcome::NoCertificate, "no_certificate"),
    (Outcome::Incompatible, "incompatible"),
    (Outcome::Refused, "refused"),
    (Outcome::Closed, "closed"),
    (Outcome::Malformed, "malformed"),
];

impl Outcome {
    /// What an error of a handshake means.
    pub(super) fn of(error: &io::Error) -> Self {
        use rustls::Error;
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => Self::Incompatible,
            Some(Error::AlertReceived(_)) => Self::Refused,
            Some(_) => Self::Malformed,
            None => Self::Closed,
        }
    }
}

/// The handshakes of one listener.
#[derive(Debug, Default)]
pub(crate) struct Handshakes([AtomicU64; OUTCOMES.len()]);

impl Handshakes {
    pub(super) fn count(&self, outcome: Outcome) {
        self.0[outcome as usize].fetch_add(1, Relaxed);
    }

    /// By reason, those that were seen.
    pub(crate) fn seen(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        OUTCOMES.iter().filter_map(|(outcome, name)| {
            let count = self.0[*outcome as usize].load(Relaxed);
            (count > 0).then_some((*name, count))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_own_place() {
        for (place, (outcome, _)) in OUTCOMES.iter().enumerate() {
            assert_eq!(*outcome as usize, place, "{outcome:?}");
        }
    }
}
