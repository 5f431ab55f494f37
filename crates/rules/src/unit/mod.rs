//! promtool's unit tests of rules: series are loaded, rules evaluated over them in virtual time, and
//! what fires and what expressions give is compared with what is expected.
//!
//! Source: <https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/>. A
//! [`TestFile`] is read first; whoever reads files brings the rule files that it names, and
//! [`TestFile::run`] judges. Verdicts are promtool's: an expected value that is not a number equals
//! nothing, and the first moment at which a rule fails ends its test.

mod compare;
mod load;
mod read;
mod run;

use mainstay_model::Place;
use mainstay_promql::Query;
use mainstay_series::{Labels, Samples};

use std::collections::BTreeMap;

/// A file of unit tests.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TestFile {
    /// Patterns of rule files, relative to this file, and where they stand.
    pub rule_files: Vec<(String, Place)>,
    /// Between two evaluations.
    pub evaluation_interval_ms: i64,
    /// Groups in this order; those that are not named count as the first.
    pub group_order: Vec<String>,
    /// Values are equal to their neighbours among the floating-point numbers.
    pub fuzzy: bool,
    pub tests: Vec<Test>,
}

/// One test.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// `None`: it has none.
    pub name: Option<String>,
    pub place: Place,
    /// Between two values of its series.
    pub interval_ms: i64,
    pub start_ms: i64,
    pub external_labels: Labels,
    pub external_url: String,
    pub(crate) series: BTreeMap<Labels, Samples>,
    /// Series that cannot be loaded, with why not.
    pub(crate) unsupported: Vec<(Place, String)>,
    pub(crate) alerts: Vec<AlertTest>,
    pub(crate) expressions: Vec<ExpressionTest>,
}

/// Which alerts of a name fire at a time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AlertTest {
    pub(crate) place: Place,
    /// Since the start.
    pub(crate) eval_time_ms: i64,
    pub(crate) name: String,
    pub(crate) expected: Vec<Firing>,
}

/// Labels and annotations of an alert; both may be empty texts where they are expected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Firing {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// What an expression gives at a time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ExpressionTest {
    pub(crate) place: Place,
    /// Since the start.
    pub(crate) eval_time_ms: i64,
    pub(crate) text: String,
    /// An error is one of the test, as in promtool.
    pub(crate) query: Result<Query, String>,
    pub(crate) expected: Vec<(Labels, f64)>,
}

/// What became of the tests of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    pub tests: Vec<TestReport>,
}

/// What became of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestReport {
    /// Its own, or `unnamed#` and its number from 0.
    pub name: String,
    pub place: Place,
    /// How many alerts and expressions were compared.
    pub compared: usize,
    /// Empty: it passed.
    pub failures: Vec<Failure>,
}

/// What is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Of what was expected.
    pub place: Place,
    /// What was looked at: `alert Down at 5m`.
    pub what: String,
    /// In which way it is different: `-` expected and not there, `+` there and not expected.
    pub difference: Vec<String>,
}

impl Report {
    /// Whether nothing failed.
    pub fn passed(&self) -> bool {
        self.tests.iter().all(|test| test.failures.is_empty())
    }
}
