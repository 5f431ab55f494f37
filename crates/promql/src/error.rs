//! Why a query has no answer.

use mainstay_series::StorageError;

/// Why a query has no answer. The words are Prometheus's where it has the same error.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The query itself cannot be carried out on this data: duplicate series, a bad parameter.
    #[error("{0}")]
    Execution(String),
    /// More samples in memory at once than allowed.
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// More series than allowed.
    #[error("query would read more than {limit} series")]
    TooManySeries { limit: usize },
    /// More points in the answer than allowed.
    #[error("answer would have more than {limit} points")]
    TooManyPoints { limit: usize },
    /// More steps than allowed.
    #[error(
        "exceeded maximum resolution of {} points per timeseries. Try decreasing the query \
         resolution (?step=XX)", thousands(*limit)
    )]
    TooManySteps { limit: usize },
    /// A range without steps.
    #[error(
        "zero or negative query resolution step widths are not accepted. Try a positive integer"
    )]
    NoStep,
    /// The caller's time was over.
    #[error("query timed out in expression evaluation")]
    Timeout,
    /// The caller gave up.
    #[error("query was canceled in expression evaluation")]
    Canceled,
    /// The store could not answer.
    #[error("expanding series: {0}")]
    Storage(#[from] StorageError),
}

/// Why the caller wants a query to end early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// Its time is over.
    Timeout,
    /// Nobody waits for it any more.
    Canceled,
}

impl From<Interrupt> for QueryError {
    fn from(interrupt: Interrupt) -> Self {
        match interrupt {
            Interrupt::Timeout => Self::Timeout,
            Interrupt::Canceled => Self::Canceled,
        }
    }
}

/// A number with its thousands apart: `11,000`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl QueryError {
    /// What Prometheus's HTTP API calls it in `errorType`; there `bad_data` is status 400,
    /// `execution` 422, `timeout` 503, `canceled` 499, `internal` 500.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::TooManySteps { .. } | Self::NoStep => "bad_data",
            Self::Execution(_)
            | Self::TooManySamples
            | Self::TooManySeries { .. }
            | Self::TooManyPoints { .. }
            // What is asked for cannot be had, and nothing is broken.
            | Self::Storage(StorageError::TooMuch { .. } | StorageError::OnlyAggregates(_)) => {
                "execution"
            }
            Self::Timeout => "timeout",
            Self::Canceled => "canceled",
            Self::Storage(StorageError::Read(_)) => "internal",
        }
    }

    /// Two series of an answer have the same labels.
    pub(crate) fn same_labels() -> Self {
        Self::Execution("vector cannot contain metrics with the same labelset".to_owned())
    }
}
