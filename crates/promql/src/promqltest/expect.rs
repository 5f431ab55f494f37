//! `expect` lines: failure, annotations, order.

use regex::Regex;

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Fail,
    Warn,
    NoWarn,
    Info,
    NoInfo,
    Ordered,
}

/// Which text is expected.
#[derive(Debug, Clone)]
enum Text {
    Any,
    Is(String),
    Matches(Regex),
}

/// One line.
#[derive(Debug, Clone)]
pub(crate) struct Expect {
    pub(crate) kind: Kind,
    text: Text,
}

impl Expect {
    pub(crate) fn any(kind: Kind) -> Self {
        let text = Text::Any;
        Self { kind, text }
    }

    pub(crate) fn message(kind: Kind, text: &str) -> Self {
        let text = Text::Is(text.to_owned());
        Self { kind, text }
    }

    pub(crate) fn pattern(kind: Kind, pattern: &str) -> Result<Self, String> {
        let regex = Regex::new(pattern).map_err(|_| format!("invalid regex {pattern:?}"))?;
        let text = Text::Matches(regex);
        Ok(Self { kind, text })
    }

    /// `expect warn msg: …`
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let rest = line.trim_start_matches("expect").trim();
        let (kind, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let kind = match kind {
            "fail" => Kind::Fail,
            "warn" => Kind::Warn,
            "no_warn" => Kind::NoWarn,
            "info" => Kind::Info,
            "no_info" => Kind::NoInfo,
            "ordered" => Kind::Ordered,
            other => return Err(format!("invalid expectation {other:?}")),
        };
        let rest = rest.trim();
        if let Some(text) = rest.strip_prefix("msg:") {
            return Ok(Self::message(kind, text.trim()));
        }
        if let Some(pattern) = rest.strip_prefix("regex:") {
            return Self::pattern(kind, pattern.trim());
        }
        if rest.is_empty() {
            return Ok(Self::any(kind));
        }
        Err(format!("invalid token {rest:?} in expect line"))
    }

    /// Whether a text is the one that is expected.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match &self.text {
            Text::Any => true,
            Text::Is(wanted) => wanted == text,
            Text::Matches(regex) => regex.is_match(text),
        }
    }
}

/// Whether annotations are those that are expected; if any is named, all must be.
pub(crate) fn check(
    expects: &[Expect],
    wanted: Kind,
    unwanted: Kind,
    found: &[String],
) -> Result<(), String> {
    if expects.iter().any(|expect| expect.kind == unwanted) && !found.is_empty() {
        return Err(format!("unexpected annotations {found:?}"));
    }
    let lines: Vec<&Expect> = expects.iter().filter(|e| e.kind == wanted).collect();
    if lines.is_empty() {
        return Ok(());
    }
    for line in &lines {
        if !found.iter().any(|text| line.matches(text)) {
            return Err(format!("no annotation is {line:?}, found {found:?}"));
        }
    }
    let unnamed = found
        .iter()
        .find(|text| !lines.iter().any(|line| line.matches(text)));
    match unnamed {
        Some(text) => Err(format!("unexpected annotation {text:?}")),
        None => Ok(()),
    }
}
