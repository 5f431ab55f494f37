//! A chart drawn in the terminal: lines of braille dots, an axis on the left, times below.
//!
//! Each character holds two by four dots (Unicode 2800–28FF), so that a chart of sixty columns
//! shows 120 steps. Lines have colours where there are any; the legend below tells them apart by
//! their figures as well.

use crate::look::{Look, Tone};
use crate::render::quantity::clock;
use mainstay_model::Timestamp;
use std::fmt::Write as _;

/// One line: times in milliseconds, ascending, and values.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub name: String,
    pub points: Vec<(i64, f64)>,
}

/// What is shown, and of which time.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "units stand last in a name")]
pub struct Frame {
    pub start_ms: i64,
    pub end_ms: i64,
    /// Points further apart than this are not joined: nothing is known of what lies between.
    pub gap_ms: i64,
}

const ROWS: usize = 12;
const WIDEST: usize = 100;
const USUAL: usize = 80;
const NARROWEST: usize = 10;

/// How many steps a chart has room for.
pub fn steps(look: Look) -> usize {
    columns(look, 10) * 2
}

fn columns(look: Look, beside: usize) -> usize {
    let width = look.width.map_or(USUAL, usize::from).min(WIDEST);
    width.saturating_sub(beside).max(NARROWEST)
}

/// The chart without its legend; empty where there is nothing to draw.
pub fn chart(look: Look, lines: &[Line], frame: Frame) -> String {
    let values = || {
        let points = lines.iter().flat_map(|line| &line.points);
        points
            .map(|(_, value)| *value)
            .filter(|value| value.is_finite())
    };
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values() {
        (low, high) = (low.min(value), high.max(value));
    }
    if low > high {
        return String::new();
    }
    if high - low <= 0.0 {
        // A flat line stands in the middle, and from zero where that is near.
        (low, high) = (
            low - low.abs().max(1.0) / 2.0,
            high + high.abs().max(1.0) / 2.0,
        );
    }
    let labels = [high, f64::midpoint(low, high), low].map(short);
    let beside = labels.iter().map(String::len).max().unwrap_or(0) + 2;
    let mut canvas = Canvas::new(columns(look, beside), ROWS);
    let scale = Scale { frame, low, high };
    for (index, line) in lines.iter().enumerate() {
        canvas.draw(index, line, &scale);
    }
    let mut text = String::new();
    for row in 0..ROWS {
        let label = match row {
            0 => &labels[0],
            _ if row == ROWS / 2 => &labels[1],
            _ if row == ROWS - 1 => &labels[2],
            _ => "",
        };
        let axis = look.paint(
            Tone::Faint,
            format!("{label:>width$} ┤", width = beside - 2),
        );
        let _ = writeln!(text, "{axis}{}", canvas.row(look, row));
    }
    let (start, end) = (time(frame.start_ms), time(frame.end_ms));
    let room = (beside + canvas.columns).saturating_sub(start.len() + beside);
    let below = format!("{:beside$}{start}{end:>room$}", "");
    text.push_str(&look.paint(Tone::Faint, below));
    text
}

/// To the second: a character stands for more.
fn time(ms: i64) -> String {
    let text = clock(Timestamp::from_millis(ms));
    text.split('.').next().unwrap_or_default().to_owned()
}

/// Where a point lies, from 0 to 1.
struct Scale {
    frame: Frame,
    low: f64,
    high: f64,
}

impl Scale {
    fn place(&self, (time, value): (i64, f64)) -> (f64, f64) {
        let span = (self.frame.end_ms - self.frame.start_ms).max(1) as f64;
        let across = (time - self.frame.start_ms) as f64 / span;
        (across, (self.high - value) / (self.high - self.low))
    }
}

/// Dots, and which line was drawn last in each character.
struct Canvas {
    columns: usize,
    rows: usize,
    cells: Vec<(u8, usize)>,
}

/// The bit of each dot of a character, by column and row.
const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

impl Canvas {
    fn new(columns: usize, rows: usize) -> Self {
        Self {
            columns,
            rows,
            cells: vec![(0, 0); columns * rows],
        }
    }

    fn draw(&mut self, index: usize, line: &Line, scale: &Scale) {
        let mut before: Option<(i64, (i64, i64))> = None;
        for point in &line.points {
            if !point.1.is_finite() {
                before = None;
                continue;
            }
            let (across, down) = scale.place(*point);
            let dot = (
                (across * (self.columns * 2 - 1) as f64).round() as i64,
                (down * (self.rows * 4 - 1) as f64).round() as i64,
            );
            match before {
                Some((time, from)) if point.0 - time <= scale.frame.gap_ms => {
                    self.join(index, from, dot);
                }
                _ => self.set(index, dot),
            }
            before = Some((point.0, dot));
        }
    }

    /// As many dots as the longer of both directions has.
    fn join(&mut self, index: usize, from: (i64, i64), to: (i64, i64)) {
        let (across, down) = (to.0 - from.0, to.1 - from.1);
        let most = across.abs().max(down.abs()).max(1);
        for step in 0..=most {
            let part = |distance: i64| (distance as f64 * step as f64 / most as f64).round() as i64;
            self.set(index, (from.0 + part(across), from.1 + part(down)));
        }
    }

    fn set(&mut self, index: usize, (across, down): (i64, i64)) {
        let (Ok(across), Ok(down)) = (usize::try_from(across), usize::try_from(down)) else {
            return;
        };
        let (column, row) = (across / 2, down / 4);
        if column < self.columns && row < self.rows {
            let cell = &mut self.cells[row * self.columns + column];
            *cell = (cell.0 | BITS[across % 2][down % 4], index);
        }
    }

    fn row(&self, look: Look, row: usize) -> String {
        let cells = &self.cells[row * self.columns..(row + 1) * self.columns];
        let last = cells.iter().rposition(|(bits, _)| *bits != 0);
        let mut text = String::new();
        for (bits, index) in &cells[..last.map_or(0, |last| last + 1)] {
            match char::from_u32(0x2800 + u32::from(*bits)) {
                Some(dots) if *bits != 0 => {
                    text.push_str(&look.distinguish(*index, &dots.to_string()));
                }
                _ => text.push(' '),
            }
        }
        text
    }
}

/// A value with few digits: `1.25k`, `0.003`.
pub fn short(value: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    if !value.is_finite() {
        return value.to_string();
    }
    let size = value.abs();
    let (scaled, unit) = UNITS
        .iter()
        .find(|(from, _)| size >= *from)
        .map_or((value, ""), |(from, unit)| (value / from, *unit));
    let digits = match scaled.abs() {
        0.0 => return "0".to_owned(),
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 1e-4 => (2.0 - size.log10().floor()) as usize,
        _ => return format!("{value:.2e}"),
    };
    let text = format!("{scaled:.digits$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text}{unit}")
}

#[cfg(test)]
#[allow(clippy::needless_raw_string_hashes, reason = "snapbox writes them so")]
mod tests {
    use super::*;
    use snapbox::{assert_data_eq, str};

    fn frame() -> Frame {
        Frame {
            start_ms: 0,
            end_ms: 3_600_000,
            gap_ms: 120_000,
        }
    }

    #[test]
    fn values_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (0.25, "0.25"),
            (0.00371, "0.00371"),
            (12.34, "12.3"),
            (1_250.0, "1.25k"),
            (-3_000_000.0, "-3M"),
            (1e-9, "1.00e-9"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn a_line_is_drawn_and_a_gap_is_left() {
        let points = (0..60).filter(|minute| !(20..30).contains(minute));
        let points = points
            .map(|minute| (minute * 60_000, minute as f64))
            .collect();
        let line = Line {
            name: "x".to_owned(),
            points,
        };
        let look = Look {
            colour: false,
            width: Some(40),
        };
        assert_data_eq!(
            chart(look, &[line], frame()),
            str![[r#"
  59 ┤                              ⢀⠤⠔⠁
     ┤                            ⡠⠔⠁
     ┤                         ⡠⠔⠊
     ┤                      ⢀⠤⠊
     ┤                   ⢀⠤⠊⠁
     ┤                 ⡠⠔⠁
29.5 ┤
     ┤
     ┤        ⢀⠔⠊
     ┤     ⢀⠔⠒⠁
     ┤  ⢀⡠⠒⠁
   0 ┤⡠⠒⠁
      00:00:00                  01:00:00
"#]]
        );
    }

    #[test]
    fn what_cannot_be_drawn_is_not() {
        let of = |points: Vec<(i64, f64)>| {
            let name = "x".to_owned();
            chart(Look::PLAIN, &[Line { name, points }], frame())
        };
        assert_eq!(of(Vec::new()), "");
        assert_eq!(of(vec![(0, f64::NAN)]), "");
        assert!(of(vec![(0, 5.0)]).contains('5'), "a single value");
        assert!(!of(vec![(-1, f64::MAX), (1 << 40, f64::MIN)]).is_empty());
    }
}
