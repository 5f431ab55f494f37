//! Recordings made of tones.

const RATE_HZ: u32 = 8_000;

/// Seconds and amplitude of each part; speech from 0.5 to 1.0 and from 1.5 to 2.0.
pub(crate) const WITH_TWO_SEGMENTS: [(f64, f64); 4] =
    [(0.5, 0.001), (0.5, 0.4), (0.5, 0.001), (0.5, 0.4)];

/// A WAV file, mono, 16 bits.
pub(crate) fn recording(parts: &[(f64, f64)]) -> Vec<u8> {
    let mut samples = Vec::new();
    for (seconds, amplitude) in parts {
        for n in 0..(seconds * f64::from(RATE_HZ)) as usize {
            let phase = n as f64 * 300.0 * std::f64::consts::TAU / f64::from(RATE_HZ);
            let sample = (amplitude * phase.sin() * 32_767.0) as i16;
            samples.extend(sample.to_le_bytes());
        }
    }
    let mut file = b"RIFF".to_vec();
    file.extend((36 + samples.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(RATE_HZ.to_le_bytes());
    file.extend((RATE_HZ * 2).to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend((samples.len() as u32).to_le_bytes());
    file.extend(samples);
    file
}
