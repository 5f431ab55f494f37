//! An answer of one JSON object a line (NDJSON), as it comes.

use super::{Answer, CallError};
use bytes::BytesMut;
use serde::de::DeserializeOwned;

/// A longer line is not one of ours.
const MAX_LINE: usize = 1 << 20;

/// The lines of one answer. Dropping it closes the connection, which ends the work behind it.
#[derive(Debug)]
pub struct Lines {
    answer: Answer,
    read: BytesMut,
}

impl Lines {
    pub(super) fn new(answer: Answer) -> Self {
        Self {
            answer,
            read: BytesMut::new(),
        }
    }

    /// The next object; `None` when the server has ended the answer. Cancellation-safe.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Option<Result<T, CallError>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(end + 1);
                let decoded = serde_json::from_slice(&line);
                return Some(decoded.map_err(|error| CallError::Form(error.to_string())));
            }
            if self.read.len() > MAX_LINE {
                return Some(Err(CallError::Form("a line is too long".to_owned())));
            }
            match self.answer.piece().await? {
                Ok(piece) => self.read.extend_from_slice(&piece),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
