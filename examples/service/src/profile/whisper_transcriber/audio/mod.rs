//! Recordings: what a WAV file holds, and what can be measured in it.
//!
//! Pure: bytes in, numbers out. No model: nothing here knows words.

mod analysis;
mod wav;

pub(crate) use analysis::{Analysis, Report};
pub(crate) use wav::{Wav, WavError};
