//! What an engine says while it works, as values.

use super::error::FailedStep;
use bollard::models::{BuildInfo, CreateImageInfo, ProgressDetail, PushImageInfo};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Lines of a step that are kept for the case of failure.
const KEPT_LINES: usize = 40;

/// A longer line is cut.
const MAX_LINE: usize = 4 << 10;

/// One sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Progress {
    /// A step of a build begins.
    Step {
        number: u32,
        of: u32,
        instruction: String,
    },
    /// What a step prints.
    Output {
        line: String,
    },
    /// A layer is pulled or pushed.
    Layer {
        id: String,
        status: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        current: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total: Option<u64>,
    },
    Note {
        text: String,
    },
}

/// Reads the stream of a build: cuts it into lines, tells steps from output, and remembers enough
/// to say where it failed.
#[derive(Debug, Default)]
pub(super) struct BuildReader {
    open: String,
    step: Option<FailedStep>,
    kept: VecDeque<String>,
    /// The image that came out.
    pub(super) id: Option<String>,
}

impl BuildReader {
    pub(super) fn read(&mut self, info: BuildInfo, mut each: impl FnMut(Progress)) {
        if let Some(text) = info.stream {
            self.open.push_str(&text);
            while let Some(end) = self.open.find('\n') {
                let line: String = self.open.drain(..=end).collect();
                self.line(line.trim_end(), &mut each);
            }
            if self.open.len() > MAX_LINE {
                let line = std::mem::take(&mut self.open);
                self.line(&line, &mut each);
            }
        }
        if let Some(id) = info.aux.and_then(|aux| aux.id) {
            self.id = Some(id);
        }
        if let Some(status) = info.status {
            each(layer(info.id, status, info.progress_detail.as_ref()));
        }
    }

    fn line(&mut self, line: &str, each: &mut impl FnMut(Progress)) {
        // Colours of a terminal that nobody has.
        let line = line.trim_end_matches('\r');
        if let Some((number, of, instruction)) = step(line) {
            self.kept.clear();
            self.step = Some(FailedStep {
                number,
                of,
                instruction: instruction.to_owned(),
                last_lines: Vec::new(),
            });
            let instruction = instruction.to_owned();
            return each(Progress::Step {
                number,
                of,
                instruction,
            });
        }
        if line.trim().is_empty() || is_bookkeeping(line) {
            return;
        }
        let line = cut(line).to_owned();
        self.kept.push_back(line.clone());
        if self.kept.len() > KEPT_LINES {
            self.kept.pop_front();
        }
        each(Progress::Output { line });
    }

    /// Where it was when it failed.
    pub(super) fn failed_step(mut self) -> Option<FailedStep> {
        let open = std::mem::take(&mut self.open);
        self.line(&open, &mut |_| {});
        self.step.map(|mut step| {
            step.last_lines = self.kept.into();
            step
        })
    }
}

/// `Step 2/5 : RUN make`
fn step(line: &str) -> Option<(u32, u32, &str)> {
    let (count, instruction) = line.strip_prefix("Step ")?.split_once(" : ")?;
    let (number, of) = count.split_once('/')?;
    Some((number.parse().ok()?, of.trim().parse().ok()?, instruction))
}

/// What the classic builder says about itself.
fn is_bookkeeping(line: &str) -> bool {
    line.starts_with(" --->")
        || [
            "Removing intermediate container ",
            "Successfully built ",
            "Successfully tagged ",
        ]
        .iter()
        .any(|start| line.starts_with(start))
}

fn cut(line: &str) -> &str {
    &line[..line.floor_char_boundary(MAX_LINE)]
}

fn layer(id: Option<String>, status: String, detail: Option<&ProgressDetail>) -> Progress {
    let bytes = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok());
    match id.filter(|id| !id.is_empty()) {
        Some(id) => Progress::Layer {
            id,
            status,
            current: bytes(detail.and_then(|detail| detail.current)),
            total: bytes(detail.and_then(|detail| detail.total)).filter(|total| *total > 0),
        },
        None => Progress::Note { text: status },
    }
}

pub(super) fn of_pull(info: CreateImageInfo) -> Option<Progress> {
    Some(layer(info.id, info.status?, info.progress_detail.as_ref()))
}

/// A push says no layer's id; its lines are shown as they are.
pub(super) fn of_push(info: PushImageInfo) -> Option<Progress> {
    Some(layer(None, info.status?, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> BuildInfo {
        BuildInfo {
            stream: Some(text.to_owned()),
            ..BuildInfo::default()
        }
    }

    #[test]
    fn steps_are_told_from_what_they_print() {
        let mut reader = BuildReader::default();
        let mut seen = Vec::new();
        for text in [
            "Step 1/2 : FROM a",
            "\n",
            " ---> 0a1b\n",
            "Step 2/2 : RUN make\n ---> Running in 77\ncc ",
            "main.c\n\n",
            "error: no",
        ] {
            reader.read(said(text), |progress| seen.push(progress));
        }
        assert_eq!(
            seen,
            [
                Progress::Step {
                    number: 1,
                    of: 2,
                    instruction: "FROM a".to_owned()
                },
                Progress::Step {
                    number: 2,
                    of: 2,
                    instruction: "RUN make".to_owned()
                },
                Progress::Output {
                    line: "cc main.c".to_owned()
                },
            ]
        );
        let step = reader.failed_step().expect("a step");
        assert_eq!(
            (step.number, step.last_lines),
            (2, vec!["cc main.c".to_owned(), "error: no".to_owned()])
        );
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let mut reader = BuildReader::default();
        let mut lines = 0;
        for _ in 0..100 {
            reader.read(said(&"é".repeat(1000)), |_| lines += 1);
        }
        assert!(lines > 10 && reader.open.len() <= MAX_LINE + 2000);
    }
}
