//! Scripts: lines to commands.

use mainstay_series::{Labels, Samples};

use super::expect::{self, Expect};
use super::sequence::{self, Sequence};
use crate::syntax::{duration_ms, number, parse_series, unquote_text};

/// A script that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ScriptError {
    /// From 1.
    pub line: usize,
    pub message: String,
}

/// One command.
#[derive(Debug)]
pub(crate) enum Command {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
}

/// `load 1m` and its series.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) step_ms: i64,
    /// Classic histograms are to be loaded as native ones as well.
    pub(crate) native: bool,
    pub(crate) series: Vec<Loaded>,
}

/// A series to load.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) labels: Labels,
    pub(crate) values: Vec<Option<f64>>,
    /// It holds what is not supported.
    pub(crate) refused: bool,
}

impl Loaded {
    /// Its samples from time 0 on.
    pub(crate) fn samples(&self, step_ms: i64) -> Samples {
        let mut samples = Samples::default();
        for (i, value) in self.values.iter().enumerate() {
            if let Some(value) = value {
                samples.push(step_ms * i as i64, *value);
            }
        }
        samples
    }
}

/// When an expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    Instant(i64),
    Range { start: i64, end: i64, step: i64 },
}

/// `eval …` and what is expected.
#[derive(Debug)]
pub(crate) struct Eval {
    pub(crate) line: usize,
    pub(crate) expr: String,
    pub(crate) times: Times,
    pub(crate) expects: Vec<Expect>,
    pub(crate) expected: Expectation,
    /// The times of an expected range vector.
    pub(crate) range_vector: Option<(i64, i64, i64)>,
    /// Native histograms are expected.
    pub(crate) native: bool,
}

/// The answer that is expected.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expectation {
    Series(Vec<(Labels, Vec<Option<f64>>)>),
    Scalar(f64),
    String(String),
}

/// The lines of a script without space around them; comments are empty lines.
struct Lines<'a> {
    lines: Vec<&'a str>,
    at: usize,
}

impl<'a> Lines<'a> {
    /// The lines up to the next empty one, with their numbers.
    fn block(&mut self) -> Vec<(usize, &'a str)> {
        let mut block = Vec::new();
        while let Some(line) = self.lines.get(self.at).filter(|line| !line.is_empty()) {
            self.at += 1;
            block.push((self.at, *line));
        }
        block
    }
}

/// The commands of a script, each with its line.
pub(crate) fn parse(text: &str) -> Result<Vec<(usize, Command)>, ScriptError> {
    let lines = text.lines().map(str::trim);
    let mut lines = Lines {
        lines: lines
            .map(|line| if line.starts_with('#') { "" } else { line })
            .collect(),
        at: 0,
    };
    let mut commands = Vec::new();
    while let Some(first) = lines.lines.get(lines.at).copied() {
        lines.at += 1;
        let line = lines.at;
        if first.is_empty() {
            continue;
        }
        let at = |message: String| ScriptError { line, message };
        let command = first.split_whitespace().next().unwrap_or_default();
        let command = match command.to_ascii_lowercase().as_str() {
            "clear" => Command::Clear,
            "load" | "load_with_nhcb" => Command::Load(load(first, lines.block())?),
            word if word.starts_with("eval") => {
                let mut eval = head(first).map_err(at)?;
                eval.line = line;
                body(&mut eval, lines.block())?;
                Command::Eval(Box::new(eval))
            }
            word => return Err(at(format!("invalid command {word:?}"))),
        };
        commands.push((line, command));
    }
    Ok(commands)
}

fn load(first: &str, block: Vec<(usize, &str)>) -> Result<Load, ScriptError> {
    let (word, step) = first.split_once(char::is_whitespace).unwrap_or((first, ""));
    let line = block.first().map_or(0, |(line, _)| line - 1);
    let step_ms = duration_ms(step.trim()).map_err(|message| ScriptError { line, message })?;
    let mut series = Vec::new();
    let mut has_start = false;
    for (line, text) in block {
        let at = |message: String| ScriptError { line, message };
        // Start timestamps are experimental: the series they belong to is refused.
        if text
            .split_whitespace()
            .next()
            .is_some_and(|word| word.ends_with("@st"))
        {
            has_start = true;
            continue;
        }
        let (labels, rest) = parse_series(text).map_err(|error| at(error.to_string()))?;
        let (values, native) = match sequence::parse(rest).map_err(at)? {
            Sequence::Values(values) => (values, false),
            Sequence::Native => (Vec::new(), true),
        };
        series.push(Loaded {
            labels,
            values,
            refused: native || std::mem::take(&mut has_start),
        });
    }
    Ok(Load {
        step_ms,
        native: word == "load_with_nhcb",
        series,
    })
}

/// Takes a word off the beginning.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}

/// Takes `from 1m` off the beginning.
fn named_duration<'a>(name: &str, text: &'a str) -> Result<(i64, &'a str), String> {
    let (found, rest) = word(text);
    if found != name {
        return Err(format!("expected {name:?}, found {found:?}"));
    }
    let (duration, rest) = word(rest);
    Ok((duration_ms(duration)?, rest))
}

/// The first line of an evaluation.
fn head(first: &str) -> Result<Eval, String> {
    let (command, rest) = word(first);
    let (kind, rest) = word(rest);
    let (times, expr) = match kind {
        "instant" if word(rest).0 == "at" => {
            let (time, rest) = named_duration("at", rest)?;
            (Times::Instant(time), rest)
        }
        "instant" => (Times::Instant(0), rest),
        "range" => {
            let (start, rest) = named_duration("from", rest)?;
            let (end, rest) = named_duration("to", rest)?;
            let (step, rest) = named_duration("step", rest)?;
            (Times::Range { start, end, step }, rest)
        }
        other => return Err(format!("expected instant or range, found {other:?}")),
    };
    let expects = match command {
        "eval" => Vec::new(),
        "eval_fail" => vec![Expect::any(expect::Kind::Fail)],
        "eval_warn" => vec![Expect::any(expect::Kind::Warn)],
        "eval_info" => vec![Expect::any(expect::Kind::Info)],
        "eval_ordered" => vec![Expect::any(expect::Kind::Ordered)],
        other => return Err(format!("invalid command {other:?}")),
    };
    Ok(Eval {
        line: 0,
        expr: expr.trim().to_owned(),
        times,
        expects,
        expected: Expectation::Series(Vec::new()),
        range_vector: None,
        native: false,
    })
}

/// The lines below the first.
fn body(eval: &mut Eval, block: Vec<(usize, &str)>) -> Result<(), ScriptError> {
    let mut series = Vec::new();
    for (line, text) in block {
        let at = |message: String| ScriptError { line, message };
        if let Some(rest) = text.strip_prefix("expect range vector") {
            eval.range_vector = Some(range_vector(rest).map_err(at)?);
        } else if let Some(rest) = text.strip_prefix("expect string") {
            eval.expected = Expectation::String(unquote_text(rest.trim()).map_err(at)?);
        } else if let Some(rest) = text.strip_prefix("expected_fail_message") {
            eval.expects = vec![Expect::message(expect::Kind::Fail, rest.trim())];
        } else if let Some(rest) = text.strip_prefix("expected_fail_regexp") {
            let pattern = Expect::pattern(expect::Kind::Fail, rest.trim());
            eval.expects = vec![pattern.map_err(at)?];
        } else if text.starts_with("expect ") {
            eval.expects.push(Expect::parse(text).map_err(at)?);
        } else if let Some(value) = signed_number(text) {
            eval.expected = Expectation::Scalar(value);
            return Ok(());
        } else {
            let (labels, rest) = parse_series(text).map_err(|error| at(error.to_string()))?;
            match sequence::parse(rest).map_err(at)? {
                Sequence::Values(values) => series.push((labels, values)),
                Sequence::Native => eval.native = true,
            }
        }
    }
    if eval.expected == Expectation::Series(Vec::new()) {
        eval.expected = Expectation::Series(series);
    }
    Ok(())
}

fn signed_number(text: &str) -> Option<f64> {
    match text.strip_prefix(['-', '+']) {
        Some(rest) if text.starts_with('-') => number(rest).map(|value| -value),
        Some(rest) => number(rest),
        None => number(text),
    }
}

fn range_vector(text: &str) -> Result<(i64, i64, i64), String> {
    let (start, rest) = named_duration("from", text)?;
    let (end, rest) = named_duration("to", rest)?;
    let (step, _) = named_duration("step", rest)?;
    Ok((start, end, step))
}
