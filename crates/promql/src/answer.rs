//! What a query answers.

use mainstay_series::{Labels, Samples};

use crate::ast::ValueType;

/// An answer with what is to be said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub value: Value,
    /// What is probably wrong, each with its place: `… (1:5)`.
    pub warnings: Vec<String>,
    /// What may be wrong.
    pub infos: Vec<String>,
    pub stats: Stats,
}

/// What a query read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Series selected.
    pub series: usize,
    /// Samples read from the store.
    pub samples: usize,
    /// The most samples and points held in memory at once.
    pub peak_samples: usize,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Scalar {
        time_ms: i64,
        value: f64,
    },
    /// Of an instant query: one value per series, all at one time, in the query's own order.
    Vector {
        time_ms: i64,
        samples: Vec<(Labels, f64)>,
    },
    /// Of a range query, or of a range selector: ordered by labels.
    Matrix(Vec<(Labels, Samples)>),
    String {
        time_ms: i64,
        value: String,
    },
}

impl Value {
    /// Its type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Scalar { .. } => ValueType::Scalar,
            Self::Vector { .. } => ValueType::Vector,
            Self::Matrix(_) => ValueType::Matrix,
            Self::String { .. } => ValueType::String,
        }
    }
}
