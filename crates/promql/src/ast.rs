//! The tree an expression is parsed into.
//!
//! Each node knows its place in the text, because errors and annotations point there. The tree is
//! valid by construction: types are checked by the parser, and the evaluator relies on it.

use mainstay_series::Matcher;

use crate::functions::Function;

/// A place in the text: bytes from `start` up to `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    /// From the beginning of one to the end of another.
    pub(crate) fn to(self, other: Self) -> Self {
        Self {
            start: self.start,
            end: other.end,
        }
    }

    /// `line:column` of the beginning, both from 1, the column in bytes as Prometheus counts it.
    pub fn position(self, text: &str) -> String {
        let before = text.get(..self.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = self.start - before.rfind('\n').map_or(0, |at| at + 1) + 1;
        format!("{line}:{column}")
    }
}

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    Scalar,
    Vector,
    Matrix,
    String,
}

impl ValueType {
    /// As the HTTP API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
            Self::String => "string",
        }
    }

    /// As the documentation of PromQL names it, and so do the parser's errors.
    pub(crate) fn documented(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::String => "string",
        }
    }
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Aggregate(Box<Aggregate>),
    Binary(Box<Binary>),
    Call(Call),
    Matrix(Matrix),
    Number(Number),
    Paren(Box<Paren>),
    String(StringLiteral),
    Subquery(Box<Subquery>),
    Unary(Box<Unary>),
    Selector(Selector),
}

/// `sum by (job) (…)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    pub op: Aggregation,
    pub expr: Expr,
    /// `k` of `topk`, the quantile of `quantile`, the label of `count_values`.
    pub param: Option<Expr>,
    pub grouping: Vec<String>,
    /// The grouping names what goes rather than what stays.
    pub without: bool,
    pub span: Span,
}

/// `a + on (job) group_left b`.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    pub op: BinaryOp,
    pub left: Expr,
    pub right: Expr,
    /// Between two vectors only.
    pub matching: Option<Matching>,
    /// A comparison that answers 0 or 1 rather than filtering.
    pub return_bool: bool,
}

/// How the series of two vectors find each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    pub cardinality: Cardinality,
    pub labels: Vec<String>,
    /// The labels are those of `on` rather than of `ignoring`.
    pub on: bool,
    /// Labels taken over from the side of which there is one.
    pub include: Vec<String>,
}

/// How many series on either side may belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    OneToOne,
    ManyToOne,
    OneToMany,
    ManyToMany,
}

impl Cardinality {
    /// As the HTTP API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneToOne => "one-to-one",
            Self::ManyToOne => "many-to-one",
            Self::OneToMany => "one-to-many",
            Self::ManyToMany => "many-to-many",
        }
    }
}

/// `rate(x[5m])`.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub function: &'static Function,
    pub args: Vec<Expr>,
    pub span: Span,
}

/// `x[5m]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    pub selector: Selector,
    pub range_ms: i64,
    pub span: Span,
}

/// A number; durations are numbers of seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    pub value: f64,
    /// It was written as a duration.
    pub duration: bool,
    pub span: Span,
}

/// `(…)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Paren {
    pub expr: Expr,
    pub span: Span,
}

/// `"…"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StringLiteral {
    pub value: String,
    /// It is UTF-8; what is not is held as it was written, and refused wherever it would be used.
    pub(crate) is_text: bool,
    pub span: Span,
}

/// `x[1h:5m]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    pub expr: Expr,
    pub range_ms: i64,
    /// Nothing: the engine's default step.
    pub step_ms: Option<i64>,
    pub time: TimeShift,
    pub end: usize,
}

/// `-x`, `+x`.
#[derive(Debug, Clone, PartialEq)]
pub struct Unary {
    pub negative: bool,
    pub expr: Expr,
    pub start: usize,
}

/// `x{job="a"}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    /// The name before the braces; it is among the matchers too.
    pub name: Option<String>,
    pub matchers: Vec<Matcher>,
    pub time: TimeShift,
    pub span: Span,
}

/// `offset` and `@`: at which time a selector looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeShift {
    pub offset_ms: i64,
    pub at: Option<At>,
}

/// What `@` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    TimeMs(i64),
    Start,
    End,
}

/// An aggregation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aggregation {
    Avg,
    BottomK,
    Count,
    CountValues,
    Group,
    Max,
    Min,
    Quantile,
    StdDev,
    StdVar,
    Sum,
    TopK,
}

impl Aggregation {
    const ALL: [Self; 12] = [
        Self::Avg,
        Self::BottomK,
        Self::Count,
        Self::CountValues,
        Self::Group,
        Self::Max,
        Self::Min,
        Self::Quantile,
        Self::StdDev,
        Self::StdVar,
        Self::Sum,
        Self::TopK,
    ];

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.as_str() == name)
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::BottomK => "bottomk",
            Self::Count => "count",
            Self::CountValues => "count_values",
            Self::Group => "group",
            Self::Max => "max",
            Self::Min => "min",
            Self::Quantile => "quantile",
            Self::StdDev => "stddev",
            Self::StdVar => "stdvar",
            Self::Sum => "sum",
            Self::TopK => "topk",
        }
    }

    /// The type of its parameter, where it has one.
    pub(crate) fn param(self) -> Option<ValueType> {
        match self {
            Self::CountValues => Some(ValueType::String),
            Self::TopK | Self::BottomK | Self::Quantile => Some(ValueType::Scalar),
            _ => None,
        }
    }
}

/// An operator between two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Or,
    And,
    Unless,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Atan2,
    Pow,
}

impl BinaryOp {
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "and" => Some(Self::And),
            "or" => Some(Self::Or),
            "unless" => Some(Self::Unless),
            "atan2" => Some(Self::Atan2),
            _ => None,
        }
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Unless => "unless",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Atan2 => "atan2",
            Self::Pow => "^",
        }
    }

    /// How strongly it binds: more binds first.
    pub(crate) fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            _ if self.is_comparison() => 3,
            Self::Add | Self::Sub => 4,
            Self::Pow => 6,
            _ => 5,
        }
    }

    /// `==`, `<` and their like.
    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal
                | Self::NotEqual
                | Self::Less
                | Self::LessOrEqual
                | Self::Greater
                | Self::GreaterOrEqual
        )
    }

    /// `and`, `or`, `unless`.
    pub fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

impl Expr {
    /// What it evaluates to.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Aggregate(_) | Self::Selector(_) => ValueType::Vector,
            Self::Binary(binary) => {
                let scalar = |expr: &Self| expr.value_type() == ValueType::Scalar;
                if scalar(&binary.left) && scalar(&binary.right) {
                    ValueType::Scalar
                } else {
                    ValueType::Vector
                }
            }
            Self::Call(call) => call.function.returns,
            Self::Matrix(_) | Self::Subquery(_) => ValueType::Matrix,
            Self::Number(_) => ValueType::Scalar,
            Self::Paren(paren) => paren.expr.value_type(),
            Self::String(_) => ValueType::String,
            Self::Unary(unary) => unary.expr.value_type(),
        }
    }

    /// Its place in the text.
    pub fn span(&self) -> Span {
        match self {
            Self::Aggregate(aggregate) => aggregate.span,
            Self::Binary(binary) => binary.left.span().to(binary.right.span()),
            Self::Call(call) => call.span,
            Self::Matrix(matrix) => matrix.span,
            Self::Number(number) => number.span,
            Self::Paren(paren) => paren.span,
            Self::String(string) => string.span,
            Self::Subquery(subquery) => Span {
                start: subquery.expr.span().start,
                end: subquery.end,
            },
            Self::Unary(unary) => Span {
                start: unary.start,
                end: unary.expr.span().end,
            },
            Self::Selector(selector) => selector.span,
        }
    }

    /// Every selector in it, from left to right; those of ranges too.
    pub fn selectors(&self) -> Vec<&Selector> {
        match self {
            Self::Aggregate(aggregate) => {
                let param = aggregate.param.iter().flat_map(Self::selectors);
                param.chain(aggregate.expr.selectors()).collect()
            }
            Self::Binary(binary) => {
                let mut all = binary.left.selectors();
                all.extend(binary.right.selectors());
                all
            }
            Self::Call(call) => call.args.iter().flat_map(Self::selectors).collect(),
            Self::Matrix(matrix) => vec![&matrix.selector],
            Self::Number(_) | Self::String(_) => Vec::new(),
            Self::Paren(paren) => paren.expr.selectors(),
            Self::Subquery(subquery) => subquery.expr.selectors(),
            Self::Unary(unary) => unary.expr.selectors(),
            Self::Selector(selector) => vec![selector],
        }
    }

    /// Without the parentheses around it.
    pub(crate) fn bare(&self) -> &Self {
        let mut expr = self;
        while let Self::Paren(paren) = expr {
            expr = &paren.expr;
        }
        expr
    }
}
