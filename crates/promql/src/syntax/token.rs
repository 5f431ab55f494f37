//! Tokens of PromQL, and how each is called in an error.
//!
//! Errors name tokens the way Prometheus does, because people search for those words.

use crate::ast::{Aggregation, BinaryOp, Span};

/// One token; its text is `&input[span]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    End,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    At,
    Equal,
    EqualRegex,
    NotRegex,
    String,
    Number,
    Duration,
    /// A name without a colon.
    Identifier,
    /// A name with a colon.
    MetricIdentifier,
    Op(BinaryOp),
    Aggregation(Aggregation),
    /// `limitk`, `limit_ratio`: experimental, refused by name.
    ExperimentalAggregation,
    Keyword(Keyword),
    /// `</` and `>/`: experimental, refused by name.
    Trim,
}

/// Words with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    Offset,
    Smoothed,
    Anchored,
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Fill,
    Bool,
    Start,
    End,
    /// `step`, `range`, `max_of`, `min_of`: words of experimental duration expressions.
    Context,
}

/// The token a word is; words are keywords in any case of letters.
pub(crate) fn word(text: &str) -> Kind {
    let lower = text.to_ascii_lowercase();
    if let Some(op) = BinaryOp::from_word(&lower) {
        return Kind::Op(op);
    }
    if let Some(aggregation) = Aggregation::from_name(&lower) {
        return Kind::Aggregation(aggregation);
    }
    let keyword = match lower.as_str() {
        "inf" | "nan" => return Kind::Number,
        "limitk" | "limit_ratio" => return Kind::ExperimentalAggregation,
        "offset" => Keyword::Offset,
        "smoothed" => Keyword::Smoothed,
        "anchored" => Keyword::Anchored,
        "by" => Keyword::By,
        "without" => Keyword::Without,
        "on" => Keyword::On,
        "ignoring" => Keyword::Ignoring,
        "group_left" => Keyword::GroupLeft,
        "group_right" => Keyword::GroupRight,
        "fill" | "fill_left" | "fill_right" => Keyword::Fill,
        "bool" => Keyword::Bool,
        "start" => Keyword::Start,
        "end" => Keyword::End,
        "step" | "range" | "max_of" | "min_of" => Keyword::Context,
        _ if text.contains(':') => return Kind::MetricIdentifier,
        _ => return Kind::Identifier,
    };
    Kind::Keyword(keyword)
}

impl Kind {
    /// Whether a word of this kind can stand as a metric's name.
    pub(crate) fn names_metric(self) -> bool {
        match self {
            Self::Identifier
            | Self::MetricIdentifier
            | Self::Aggregation(_)
            | Self::ExperimentalAggregation => true,
            Self::Op(op) => op.is_set(),
            Self::Keyword(keyword) => !matches!(
                keyword,
                Keyword::On
                    | Keyword::Ignoring
                    | Keyword::GroupLeft
                    | Keyword::GroupRight
                    | Keyword::Bool
            ),
            _ => false,
        }
    }

    /// Whether a word of this kind can stand as a label in a grouping.
    pub(crate) fn names_label(self) -> bool {
        matches!(
            self,
            Self::Identifier
                | Self::MetricIdentifier
                | Self::Aggregation(_)
                | Self::ExperimentalAggregation
                | Self::Keyword(_)
        ) || matches!(self, Self::Op(op) if op.is_set() || op == BinaryOp::Atan2)
    }

    /// The name of the kind and the token, as errors have them: `identifier "x"`, `<op:+>`.
    pub(crate) fn describe(self, text: &str) -> String {
        match self {
            Self::End => "end of input".to_owned(),
            Self::Identifier => format!("identifier {text:?}"),
            Self::MetricIdentifier => format!("metric identifier {text:?}"),
            Self::String => format!("string {}", shortened(text)),
            Self::Number => format!("number {}", shortened(text)),
            Self::Duration => format!("duration {}", shortened(text)),
            Self::Keyword(_) => format!("<{text}>"),
            Self::Op(_) | Self::Trim => format!("<op:{text}>"),
            Self::Aggregation(_) | Self::ExperimentalAggregation => format!("<aggr:{text}>"),
            _ => format!("{text:?}"),
        }
    }
}

/// The first ten characters are enough to find the place.
fn shortened(text: &str) -> String {
    if text.len() <= 10 {
        return format!("{text:?}");
    }
    let head: String = text.chars().take(10).collect();
    format!("{head:?}...")
}
