//! Duration, loudness, and where somebody seems to speak.
//!
//! A segment is where the signal is clearly louder than the recording's own background. That is
//! all: music or a slammed door count as well, and the report says so.

use super::Wav;
use serde::{Deserialize, Serialize};

/// One value of the loudness curve is taken over this time.
const FRAME_S: f64 = 0.02;

/// How much louder than the background counts as active, in dB.
const ABOVE_BACKGROUND_DB: f64 = 10.0;

/// Below the first nothing counts as active, above the second everything does (dBFS): a recording
/// without a pause has no background to compare with.
const THRESHOLD_DBFS: (f64, f64) = (-55.0, -35.0);

/// Pauses shorter than this do not end a segment.
const SHORTEST_PAUSE_S: f64 = 0.2;

/// Anything shorter is a click.
const SHORTEST_SEGMENT_S: f64 = 0.1;

/// What silence is given as, in dBFS; no 32-bit recording holds anything softer.
const SILENCE_DBFS: f64 = -200.0;

/// What was measured in a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) duration_s: f64,
    pub(crate) sample_rate_hz: u32,
    pub(crate) channels: u16,
    pub(crate) bits: u16,
    /// Root mean square of all channels; 0 is full scale, `null` is digital silence.
    pub(crate) rms_dbfs: Option<f64>,
    pub(crate) peak_dbfs: Option<f64>,
    pub(crate) segments: Vec<Segment>,
    /// How the segments were found, for whoever expects a model.
    pub(crate) method: String,
}

/// A stretch that is louder than the background.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Segment {
    pub(crate) start_s: f64,
    pub(crate) end_s: f64,
    pub(crate) rms_dbfs: Option<f64>,
}

/// An analysis in progress: fed step by step, so that whoever drives it can say how far it is.
#[derive(Debug)]
pub(crate) struct Analysis<'a> {
    wav: &'a Wav<'a>,
    /// Frames of the file taken in so far.
    taken: usize,
    /// File frames that make one value of the curve.
    window: usize,
    /// Mean squares, one per window.
    curve: Vec<f64>,
    peak: f32,
}

impl<'a> Analysis<'a> {
    pub(crate) fn of(wav: &'a Wav<'a>) -> Self {
        Self {
            wav,
            taken: 0,
            window: ((f64::from(wav.rate_hz) * FRAME_S) as usize).max(1),
            curve: Vec::new(),
            peak: 0.0,
        }
    }

    /// Takes in the next second. Says whether there is more.
    pub(crate) fn step(&mut self) -> bool {
        let end = (self.taken + self.wav.rate_hz as usize).min(self.wav.frames());
        while self.taken < end {
            // Windows go over the step's end, so that the curve does not depend on the steps.
            let to = (self.taken + self.window).min(self.wav.frames());
            let mut sum = 0.0;
            for sample in self.wav.samples(self.taken..to) {
                sum += f64::from(sample) * f64::from(sample);
                self.peak = self.peak.max(sample.abs());
            }
            let samples = (to - self.taken) * usize::from(self.wav.channels);
            self.curve.push(sum / samples as f64);
            self.taken = to;
        }
        self.taken < self.wav.frames()
    }

    /// From 0 to 1.
    pub(crate) fn progress(&self) -> f64 {
        self.taken as f64 / self.wav.frames() as f64
    }

    pub(crate) fn finish(mut self) -> Report {
        while self.step() {}
        Report {
            duration_s: millis(self.seconds(self.wav.frames())),
            sample_rate_hz: self.wav.rate_hz,
            channels: self.wav.channels,
            bits: self.wav.bits,
            rms_dbfs: shown(mean(&self.curve)),
            peak_dbfs: shown(f64::from(self.peak).powi(2)),
            segments: self.segments(),
            method: "energy above the background; no model, no words".to_owned(),
        }
    }

    fn seconds(&self, frames: usize) -> f64 {
        frames as f64 / f64::from(self.wav.rate_hz)
    }

    fn segments(&self) -> Vec<Segment> {
        let threshold = threshold(&self.curve);
        let active: Vec<bool> = self.curve.iter().map(|x| dbfs(*x) > threshold).collect();
        let window_s = self.seconds(self.window);
        stretches(&active, (SHORTEST_PAUSE_S / window_s) as usize)
            .into_iter()
            .filter(|(start, end)| (end - start) as f64 * window_s >= SHORTEST_SEGMENT_S)
            .map(|(start, end)| Segment {
                start_s: millis(start as f64 * window_s),
                end_s: millis((end as f64 * window_s).min(self.seconds(self.wav.frames()))),
                rms_dbfs: shown(mean(&self.curve[start..end])),
            })
            .collect()
    }
}

/// The background is what a tenth of the recording stays below.
fn threshold(curve: &[f64]) -> f64 {
    let mut sorted = curve.to_vec();
    sorted.sort_by(f64::total_cmp);
    let background = sorted.get(sorted.len() / 10).copied().unwrap_or(0.0);
    (dbfs(background) + ABOVE_BACKGROUND_DB).clamp(THRESHOLD_DBFS.0, THRESHOLD_DBFS.1)
}

/// Runs of `true` as half-open ranges, joined where fewer than `gap` values lie between.
fn stretches(active: &[bool], gap: usize) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for at in (0..active.len()).filter(|at| active[*at]) {
        match found.last_mut() {
            Some((_, end)) if at - *end < gap.max(1) => *end = at + 1,
            _ => found.push((at, at + 1)),
        }
    }
    found
}

fn mean(squares: &[f64]) -> f64 {
    squares.iter().sum::<f64>() / (squares.len().max(1)) as f64
}

/// A mean square as decibels below full scale.
fn dbfs(square: f64) -> f64 {
    if square > 0.0 {
        10.0 * square.log10()
    } else {
        SILENCE_DBFS
    }
}

fn shown(square: f64) -> Option<f64> {
    (square > 0.0).then(|| (dbfs(square) * 10.0).round() / 10.0)
}

fn millis(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 16_000;

    /// A mono file of 16 bits in which each part is a tone of a length and an amplitude.
    fn recording(parts: &[(f64, f64)]) -> Vec<u8> {
        let mut data = Vec::new();
        for (seconds, amplitude) in parts {
            for n in 0..(seconds * f64::from(RATE)) as usize {
                let phase = n as f64 * 440.0 * std::f64::consts::TAU / f64::from(RATE);
                let sample = (amplitude * phase.sin() * 32_767.0) as i16;
                data.extend(sample.to_le_bytes());
            }
        }
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        bytes.extend(RATE.to_le_bytes());
        bytes.extend([0; 6]);
        bytes.extend(16u16.to_le_bytes());
        bytes.extend(b"data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    fn report(parts: &[(f64, f64)]) -> Report {
        let bytes = recording(parts);
        Analysis::of(&Wav::parse(&bytes).unwrap()).finish()
    }

    fn spans(report: &Report) -> Vec<(f64, f64)> {
        report
            .segments
            .iter()
            .map(|s| (s.start_s, s.end_s))
            .collect()
    }

    #[test]
    fn a_full_scale_sine_is_three_decibels_below_its_peak() {
        let report = report(&[(1.0, 1.0)]);
        assert_eq!(report.rms_dbfs, Some(-3.0));
        assert_eq!(report.peak_dbfs, Some(0.0));
        assert_eq!(spans(&report), [(0.0, 1.0)]);
    }

    #[test]
    fn silence_has_no_level_and_no_segment() {
        let report = report(&[(0.5, 0.0)]);
        assert_eq!(report.rms_dbfs, None);
        assert_eq!(report.peak_dbfs, None);
        assert!(report.segments.is_empty());
    }

    #[test]
    fn segments_stand_where_it_is_louder_than_the_background() {
        let hiss = 0.002;
        let report = report(&[
            (1.0, hiss),
            (0.6, 0.3),
            (1.0, hiss),
            (0.4, 0.3),
            (0.5, hiss),
        ]);
        assert_eq!(spans(&report), [(1.0, 1.6), (2.6, 3.0)]);
    }

    #[test]
    fn a_short_pause_does_not_part_and_a_click_does_not_count() {
        let report = report(&[(0.5, 0.3), (0.1, 0.0), (0.5, 0.3), (1.0, 0.0), (0.04, 0.9)]);
        assert_eq!(spans(&report), [(0.0, 1.1)]);
    }

    #[test]
    fn progress_runs_from_nothing_to_all() {
        let bytes = recording(&[(2.5, 0.1)]);
        let wav = Wav::parse(&bytes).unwrap();
        let mut analysis = Analysis::of(&wav);
        let mut seen = vec![analysis.progress()];
        while analysis.step() {
            seen.push(analysis.progress());
        }
        seen.push(analysis.progress());
        assert_eq!(seen, [0.0, 0.4, 0.8, 1.0]);
    }
}
