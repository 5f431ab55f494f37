//! The WAV container: finds the format and the samples, and refuses what it cannot read.
//!
//! RIFF WAVE as in the Multimedia Programming Interface 1.0 and RFC 2361, with Microsoft's
//! WAVE_FORMAT_EXTENSIBLE. PCM of 8, 16, 24 and 32 bits and IEEE floats of 32 bits are read; every
//! compressed codec is refused by its number.

use std::ops::Range;

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xFFFE;

const MAX_CHANNELS: u16 = 8;
const RATES_HZ: Range<u32> = 4_000..384_001;

/// Why bytes are not a recording we can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WavError {
    #[error("not a WAV file: it does not begin with RIFF … WAVE")]
    NotWav,
    #[error("no `{0}` chunk")]
    Missing(&'static str),
    #[error("cut off: the `{chunk}` chunk says {says} bytes, {has} are there")]
    CutOff {
        chunk: String,
        says: usize,
        has: usize,
    },
    #[error("codec {0:#06x} is not read: PCM and 32-bit float are")]
    Codec(u16),
    #[error("{bits} bits a sample are not read: 8, 16, 24 and 32 are")]
    Bits { bits: u16 },
    #[error("{0} channels: from 1 to {MAX_CHANNELS} are read")]
    Channels(u16),
    #[error("{0} Hz: from {low} to {high} Hz are read", low = RATES_HZ.start, high = RATES_HZ.end - 1)]
    Rate(u32),
    #[error("no samples")]
    Empty,
}

impl WavError {
    /// Whether it is a WAV file all right, only of a kind that is not read here.
    pub(crate) fn is_unsupported(&self) -> bool {
        matches!(
            self,
            Self::Codec(_) | Self::Bits { .. } | Self::Channels(_) | Self::Rate(_)
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    U8,
    I16,
    I24,
    I32,
    F32,
}

/// A recording, borrowed from the bytes of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wav<'a> {
    pub(crate) rate_hz: u32,
    pub(crate) channels: u16,
    pub(crate) bits: u16,
    encoding: Encoding,
    /// Whole frames only.
    data: &'a [u8],
}

impl<'a> Wav<'a> {
    /// Finds format and samples.
    ///
    /// # Errors
    /// When it is no WAV file, is cut off, or is of a kind that is not read.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, WavError> {
        if bytes.len() < 12 || &bytes[..4] != b"RIFF" || &bytes[8..12] != b"WAVE" {
            return Err(WavError::NotWav);
        }
        let mut rest = &bytes[12..];
        let mut format = None;
        while let Some((id, size, body)) = chunk(rest) {
            match &id {
                b"fmt " => format = Some(Format::parse(whole(id, size, body)?)?),
                b"data" => {
                    let format = format.ok_or(WavError::Missing("fmt "))?;
                    return format.with(samples(size, body)?);
                }
                _ => {}
            }
            // Chunks are padded to an even length.
            rest = body
                .get(size.saturating_add(size % 2)..)
                .unwrap_or_default();
        }
        Err(match format {
            None => WavError::Missing("fmt "),
            Some(_) => WavError::Missing("data"),
        })
    }

    fn frame_bytes(&self) -> usize {
        usize::from(self.bits / 8) * usize::from(self.channels)
    }

    pub(crate) fn frames(&self) -> usize {
        self.data.len() / self.frame_bytes()
    }

    /// The samples of some frames, channels interleaved, each from -1 to 1.
    pub(crate) fn samples(&self, frames: Range<usize>) -> impl Iterator<Item = f32> {
        let size = self.frame_bytes();
        let range = frames.start * size..frames.end.min(self.frames()) * size;
        let encoding = self.encoding;
        self.data
            .get(range)
            .unwrap_or_default()
            .chunks_exact(usize::from(self.bits / 8))
            .map(move |sample| decode(encoding, sample))
    }
}

/// One chunk's id, the size it says, and everything after its head.
fn chunk(bytes: &[u8]) -> Option<([u8; 4], usize, &[u8])> {
    let (id, rest) = bytes.split_first_chunk::<4>()?;
    let (size, body) = rest.split_first_chunk::<4>()?;
    Some((*id, u32::from_le_bytes(*size) as usize, body))
}

fn whole(id: [u8; 4], size: usize, body: &[u8]) -> Result<&[u8], WavError> {
    body.get(..size).ok_or_else(|| WavError::CutOff {
        chunk: String::from_utf8_lossy(&id).into_owned(),
        says: size,
        has: body.len(),
    })
}

/// Who writes to a pipe cannot go back to fill the size in, and leaves 0 or the largest number:
/// then the samples go to the end.
fn samples(size: usize, body: &[u8]) -> Result<&[u8], WavError> {
    match size {
        0 | 0xFFFF_FFFF => Ok(body),
        size => whole(*b"data", size, body),
    }
}

struct Format {
    rate_hz: u32,
    channels: u16,
    bits: u16,
    encoding: Encoding,
}

impl Format {
    fn parse(body: &[u8]) -> Result<Self, WavError> {
        let u16_at = |at: usize| {
            body.get(at..at + 2)
                .map(|b| u16::from_le_bytes([b[0], b[1]]))
                .ok_or_else(|| WavError::CutOff {
                    chunk: "fmt ".to_owned(),
                    says: 16,
                    has: body.len(),
                })
        };
        let mut codec = u16_at(0)?;
        let channels = u16_at(2)?;
        let rate_hz = u32::from(u16_at(4)?) | u32::from(u16_at(6)?) << 16;
        let bits = u16_at(14)?;
        if codec == EXTENSIBLE {
            // The real codec begins the sub-format's GUID.
            codec = u16_at(24)?;
        }
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(WavError::Channels(channels));
        }
        if !RATES_HZ.contains(&rate_hz) {
            return Err(WavError::Rate(rate_hz));
        }
        let encoding = match (codec, bits) {
            (PCM, 8) => Encoding::U8,
            (PCM, 16) => Encoding::I16,
            (PCM, 24) => Encoding::I24,
            (PCM, 32) => Encoding::I32,
            (FLOAT, 32) => Encoding::F32,
            (PCM | FLOAT, bits) => return Err(WavError::Bits { bits }),
            (codec, _) => return Err(WavError::Codec(codec)),
        };
        Ok(Self {
            rate_hz,
            channels,
            bits,
            encoding,
        })
    }

    fn with(self, data: &[u8]) -> Result<Wav<'_>, WavError> {
        let mut wav = Wav {
            rate_hz: self.rate_hz,
            channels: self.channels,
            bits: self.bits,
            encoding: self.encoding,
            data,
        };
        wav.data = &data[..wav.frames() * wav.frame_bytes()];
        if wav.data.is_empty() {
            return Err(WavError::Empty);
        }
        Ok(wav)
    }
}

fn decode(encoding: Encoding, sample: &[u8]) -> f32 {
    match (encoding, sample) {
        (Encoding::U8, [a]) => (f32::from(*a) - 128.0) / 128.0,
        (Encoding::I16, [a, b]) => f32::from(i16::from_le_bytes([*a, *b])) / 32_768.0,
        (Encoding::I24, [a, b, c]) => i32::from_le_bytes([0, *a, *b, *c]) as f32 / 2_147_483_648.0,
        (Encoding::I32, [a, b, c, d]) => {
            i32::from_le_bytes([*a, *b, *c, *d]) as f32 / 2_147_483_648.0
        }
        (Encoding::F32, [a, b, c, d]) => {
            let value = f32::from_le_bytes([*a, *b, *c, *d]);
            // A broken encoder's NaN would spread over every sum.
            if value.is_finite() { value } else { 0.0 }
        }
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(codec: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        bytes.extend(codec.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend([0; 6]);
        bytes.extend(bits.to_le_bytes());
        bytes.extend(b"data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    fn only_sample(bytes: &[u8]) -> f32 {
        Wav::parse(bytes).unwrap().samples(0..1).next().unwrap()
    }

    #[test]
    fn every_encoding_reaches_full_scale() {
        for (codec, bits, low, middle) in [
            (PCM, 8, vec![0], vec![128]),
            (PCM, 16, vec![0, 0x80], vec![0, 0]),
            (PCM, 24, vec![0, 0, 0x80], vec![0; 3]),
            (PCM, 32, vec![0, 0, 0, 0x80], vec![0; 4]),
            (FLOAT, 32, (-1.0f32).to_le_bytes().to_vec(), vec![0; 4]),
        ] {
            let low = only_sample(&file(codec, 1, 8000, bits, &low));
            let middle = only_sample(&file(codec, 1, 8000, bits, &middle));
            assert!((low + 1.0).abs() < 1e-6, "{codec} {bits}: {low}");
            assert!(middle.abs() < 1e-6, "{codec} {bits}: {middle}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        let data = [0; 8];
        for (bytes, expected) in [
            (b"<html>not a recording</html>".to_vec(), WavError::NotWav),
            (file(0x11, 1, 8000, 4, &data), WavError::Codec(0x11)),
            (file(PCM, 1, 8000, 12, &data), WavError::Bits { bits: 12 }),
            (file(PCM, 0, 8000, 16, &data), WavError::Channels(0)),
            (file(PCM, 1, 1, 16, &data), WavError::Rate(1)),
            (file(PCM, 1, 8000, 16, &[]), WavError::Empty),
            (b"RIFF\0\0\0\0WAVE".to_vec(), WavError::Missing("fmt ")),
        ] {
            assert_eq!(Wav::parse(&bytes), Err(expected));
        }
    }

    #[test]
    fn a_file_cut_off_says_how_much_is_there() {
        let whole = file(PCM, 1, 8000, 16, &[0; 100]);
        assert_eq!(
            Wav::parse(&whole[..whole.len() - 40]),
            Err(WavError::CutOff {
                chunk: "data".to_owned(),
                says: 100,
                has: 60
            })
        );
    }

    #[test]
    fn no_prefix_of_a_file_panics() {
        let whole = file(EXTENSIBLE, 2, 44_100, 24, &[7; 60]);
        for end in 0..whole.len() {
            let _ = Wav::parse(&whole[..end]);
        }
    }

    #[test]
    fn a_stream_without_a_size_goes_to_the_end() {
        let mut bytes = file(PCM, 2, 8000, 16, &[0; 12]);
        let size_at = bytes.len() - 16;
        bytes[size_at..size_at + 4].fill(0xFF);
        // 12 bytes are three frames of two channels.
        assert_eq!(Wav::parse(&bytes).unwrap().frames(), 3);
    }
}
