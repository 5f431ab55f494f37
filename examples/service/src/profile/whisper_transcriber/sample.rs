//! A recording to try the service with, made on the spot: two spoken-like bursts in silence.

use axum::http::header;
use axum::response::IntoResponse;
use std::f64::consts::TAU;

const RATE_HZ: u32 = 8000;
const SECONDS: u32 = 3;
/// Where there is sound, in seconds.
const BURSTS: [(f64, f64); 2] = [(0.5, 1.25), (1.75, 2.5)];

pub(super) async fn sample() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "audio/wav")], recording())
}

/// 16-bit mono PCM (RIFF WAVE; Microsoft and IBM, 1991).
fn recording() -> Vec<u8> {
    let samples = (0..RATE_HZ * SECONDS).map(sample_at);
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let length = data.len() as u32;
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + length).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(RATE_HZ.to_le_bytes());
    wav.extend((RATE_HZ * 2).to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend(length.to_le_bytes());
    wav.extend(data);
    wav
}

/// A voice's pitch, swelling and fading like syllables.
fn sample_at(at: u32) -> i16 {
    let time = f64::from(at) / f64::from(RATE_HZ);
    let sounds = BURSTS
        .iter()
        .any(|(start, end)| (*start..*end).contains(&time));
    if !sounds {
        return 0;
    }
    let syllable = 0.65 + 0.35 * (time * 4.0 * TAU).sin();
    ((time * 180.0 * TAU).sin() * syllable * 12_000.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recording_is_as_long_as_it_says_and_silent_outside_its_bursts() {
        let wav = recording();
        assert_eq!(wav.len() as u32, 44 + RATE_HZ * SECONDS * 2);
        assert_eq!(sample_at(0), 0);
        assert_ne!((sample_at(RATE_HZ), sample_at(RATE_HZ + 5)), (0, 0));
    }
}
