//! The table of functions: names, types, and what evaluates each.
//!
//! Functions that are experimental in Prometheus are there only for those who ask for them; those that
//! read native histograms are known by name so that they can be refused by name.

use crate::ast::ValueType::{self, Matrix, Scalar, String, Vector};

/// A function as the parser and the evaluator know it.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: &'static str,
    pub args: &'static [ValueType],
    /// How many of the last argument there may be: 0: exactly those given; n: up to n fewer or
    /// more, as Prometheus counts; -1: any number.
    pub variadic: i8,
    pub returns: ValueType,
    pub(crate) does: Does,
}

/// What evaluates a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    /// One number for each window of one series.
    Range(RangeFn),
    /// One number for each number.
    Element(ElementFn),
    /// A part of the date that a value is.
    Date(DatePart),
    /// Something of its own.
    Special(Special),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeFn {
    AbsentOverTime,
    AvgOverTime,
    Changes,
    CountOverTime,
    Delta,
    Deriv,
    DoubleExponentialSmoothing,
    FirstOverTime,
    Idelta,
    Increase,
    Irate,
    LastOverTime,
    MadOverTime,
    MaxOverTime,
    MinOverTime,
    PredictLinear,
    PresentOverTime,
    QuantileOverTime,
    Rate,
    Resets,
    StddevOverTime,
    StdvarOverTime,
    SumOverTime,
    TsOfFirstOverTime,
    TsOfLastOverTime,
    TsOfMaxOverTime,
    TsOfMinOverTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ElementFn {
    Abs,
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atanh,
    Ceil,
    Clamp,
    ClampMax,
    ClampMin,
    Cos,
    Cosh,
    Deg,
    Exp,
    Floor,
    Ln,
    Log10,
    Log2,
    Rad,
    Round,
    Sgn,
    Sin,
    Sinh,
    Sqrt,
    Tan,
    Tanh,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatePart {
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    DaysInMonth,
    Hour,
    Minute,
    Month,
    Year,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    Absent,
    End,
    HistogramFraction,
    HistogramQuantile,
    HistogramQuantiles,
    LabelJoin,
    LabelReplace,
    MaxOf,
    MinOf,
    Pi,
    Range,
    Scalar,
    Sort,
    SortByLabel,
    SortByLabelDesc,
    SortDesc,
    Start,
    Step,
    Time,
    Timestamp,
    Vector,
}

const fn range(name: &'static str, does: RangeFn) -> Function {
    Function {
        name,
        args: &[Matrix],
        variadic: 0,
        returns: Vector,
        does: Does::Range(does),
    }
}

const fn element(name: &'static str, does: ElementFn) -> Function {
    Function {
        name,
        args: &[Vector],
        variadic: 0,
        returns: Vector,
        does: Does::Element(does),
    }
}

const fn date(name: &'static str, does: DatePart) -> Function {
    Function {
        name,
        args: &[Vector],
        variadic: 1,
        returns: Vector,
        does: Does::Date(does),
    }
}

const fn special(
    name: &'static str,
    args: &'static [ValueType],
    returns: ValueType,
    does: Special,
) -> Function {
    Function {
        name,
        args,
        variadic: 0,
        returns,
        does: Does::Special(does),
    }
}

impl Function {
    const fn taking(mut self, args: &'static [ValueType], variadic: i8) -> Self {
        self.args = args;
        self.variadic = variadic;
        self
    }
}

/// Sorted by name.
static FUNCTIONS: [Function; 68] = [
    element("abs", ElementFn::Abs),
    special("absent", &[Vector], Vector, Special::Absent),
    range("absent_over_time", RangeFn::AbsentOverTime),
    element("acos", ElementFn::Acos),
    element("acosh", ElementFn::Acosh),
    element("asin", ElementFn::Asin),
    element("asinh", ElementFn::Asinh),
    element("atan", ElementFn::Atan),
    element("atanh", ElementFn::Atanh),
    range("avg_over_time", RangeFn::AvgOverTime),
    element("ceil", ElementFn::Ceil),
    range("changes", RangeFn::Changes),
    element("clamp", ElementFn::Clamp).taking(&[Vector, Scalar, Scalar], 0),
    element("clamp_max", ElementFn::ClampMax).taking(&[Vector, Scalar], 0),
    element("clamp_min", ElementFn::ClampMin).taking(&[Vector, Scalar], 0),
    element("cos", ElementFn::Cos),
    element("cosh", ElementFn::Cosh),
    range("count_over_time", RangeFn::CountOverTime),
    date("day_of_month", DatePart::DayOfMonth),
    date("day_of_week", DatePart::DayOfWeek),
    date("day_of_year", DatePart::DayOfYear),
    date("days_in_month", DatePart::DaysInMonth),
    element("deg", ElementFn::Deg),
    range("delta", RangeFn::Delta),
    range("deriv", RangeFn::Deriv),
    element("exp", ElementFn::Exp),
    range("first_over_time", RangeFn::FirstOverTime),
    element("floor", ElementFn::Floor),
    special(
        "histogram_fraction",
        &[Scalar, Scalar, Vector],
        Vector,
        Special::HistogramFraction,
    ),
    special(
        "histogram_quantile",
        &[Scalar, Vector],
        Vector,
        Special::HistogramQuantile,
    ),
    date("hour", DatePart::Hour),
    range("idelta", RangeFn::Idelta),
    range("increase", RangeFn::Increase),
    range("irate", RangeFn::Irate),
    special(
        "label_join",
        &[Vector, String, String, String],
        Vector,
        Special::LabelJoin,
    )
    .taking(&[Vector, String, String, String], -1),
    special(
        "label_replace",
        &[Vector, String, String, String, String],
        Vector,
        Special::LabelReplace,
    ),
    range("last_over_time", RangeFn::LastOverTime),
    element("ln", ElementFn::Ln),
    element("log10", ElementFn::Log10),
    element("log2", ElementFn::Log2),
    range("max_over_time", RangeFn::MaxOverTime),
    range("min_over_time", RangeFn::MinOverTime),
    date("minute", DatePart::Minute),
    date("month", DatePart::Month),
    special("pi", &[], Scalar, Special::Pi),
    range("predict_linear", RangeFn::PredictLinear).taking(&[Matrix, Scalar], 0),
    range("present_over_time", RangeFn::PresentOverTime),
    range("quantile_over_time", RangeFn::QuantileOverTime).taking(&[Scalar, Matrix], 0),
    element("rad", ElementFn::Rad),
    range("rate", RangeFn::Rate),
    range("resets", RangeFn::Resets),
    element("round", ElementFn::Round).taking(&[Vector, Scalar], 1),
    special("scalar", &[Vector], Scalar, Special::Scalar),
    element("sgn", ElementFn::Sgn),
    element("sin", ElementFn::Sin),
    element("sinh", ElementFn::Sinh),
    special("sort", &[Vector], Vector, Special::Sort),
    special("sort_desc", &[Vector], Vector, Special::SortDesc),
    element("sqrt", ElementFn::Sqrt),
    range("stddev_over_time", RangeFn::StddevOverTime),
    range("stdvar_over_time", RangeFn::StdvarOverTime),
    range("sum_over_time", RangeFn::SumOverTime),
    element("tan", ElementFn::Tan),
    element("tanh", ElementFn::Tanh),
    special("time", &[], Scalar, Special::Time),
    special("timestamp", &[Vector], Vector, Special::Timestamp),
    special("vector", &[Scalar], Vector, Special::Vector),
    date("year", DatePart::Year),
];

/// Experimental in Prometheus, behind a feature flag there, and behind one here. Sorted by name.
static EXPERIMENTAL: [Function; 15] = [
    range(
        "double_exponential_smoothing",
        RangeFn::DoubleExponentialSmoothing,
    )
    .taking(&[Matrix, Scalar, Scalar], 0),
    special("end", &[], Scalar, Special::End),
    special(
        "histogram_quantiles",
        &[Vector, String, Scalar, Scalar],
        Vector,
        Special::HistogramQuantiles,
    )
    .taking(&[Vector, String, Scalar, Scalar], 9),
    range("mad_over_time", RangeFn::MadOverTime),
    special("max_of", &[Scalar, Scalar], Scalar, Special::MaxOf),
    special("min_of", &[Scalar, Scalar], Scalar, Special::MinOf),
    special("range", &[], Scalar, Special::Range),
    special("sort_by_label", &[], Vector, Special::SortByLabel).taking(&[Vector, String], -1),
    special("sort_by_label_desc", &[], Vector, Special::SortByLabelDesc)
        .taking(&[Vector, String], -1),
    special("start", &[], Scalar, Special::Start),
    special("step", &[], Scalar, Special::Step),
    range("ts_of_first_over_time", RangeFn::TsOfFirstOverTime),
    range("ts_of_last_over_time", RangeFn::TsOfLastOverTime),
    range("ts_of_max_over_time", RangeFn::TsOfMaxOverTime),
    range("ts_of_min_over_time", RangeFn::TsOfMinOverTime),
];

/// Experimental as well, and not there.
const MISSING: [&str; 2] = ["info", "start_timestamp"];

/// They read native histograms, which are not stored.
const NATIVE_HISTOGRAM: [&str; 5] = [
    "histogram_avg",
    "histogram_count",
    "histogram_stddev",
    "histogram_stdvar",
    "histogram_sum",
];

fn among(table: &'static [Function], name: &str) -> Option<&'static Function> {
    let at = table.binary_search_by(|function| function.name.cmp(name));
    at.ok().and_then(|at| table.get(at))
}

/// The function of a name, or why there is none.
pub(crate) fn find(
    name: &str,
    experimental: bool,
) -> Result<&'static Function, std::string::String> {
    if let Some(function) = among(&FUNCTIONS, name) {
        return Ok(function);
    }
    match among(&EXPERIMENTAL, name) {
        Some(function) if experimental => return Ok(function),
        Some(_) => return Err(format!("function {name:?} is experimental and not enabled")),
        None => {}
    }
    Err(if MISSING.contains(&name) {
        format!("function {name:?} is experimental and not supported")
    } else if NATIVE_HISTOGRAM.contains(&name) {
        format!("function {name:?} reads native histograms, which are not supported")
    } else if name == "holt_winters" {
        format!("function {name:?} was removed in Prometheus 3")
    } else {
        format!("unknown function with name {name:?}")
    })
}

/// Whether a function's answer depends on the time it is evaluated at, whatever its arguments.
/// The functions that `@` does not make constant, as Prometheus lists them.
pub(crate) fn depends_on_time(function: &Function) -> bool {
    matches!(
        function.does,
        Does::Date(_)
            | Does::Range(RangeFn::PredictLinear)
            | Does::Special(
                Special::Time
                    | Special::Timestamp
                    | Special::Start
                    | Special::End
                    | Special::Range
                    | Special::Step
            )
    )
}

/// The stable functions, sorted by name.
pub fn all() -> &'static [Function] {
    &FUNCTIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_every_name_is_found() {
        for table in [&FUNCTIONS[..], &EXPERIMENTAL[..]] {
            assert!(table.windows(2).all(|pair| pair[0].name < pair[1].name));
        }
        for function in all() {
            let found = find(function.name, false).map(|found| found.name);
            assert_eq!(found, Ok(function.name));
        }
    }

    #[test]
    fn what_is_experimental_must_be_enabled() {
        for function in &EXPERIMENTAL {
            let error = find(function.name, false).unwrap_err();
            assert!(error.contains("experimental and not enabled"), "{error}");
            assert!(find(function.name, true).is_ok());
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for name in MISSING.iter().chain(&NATIVE_HISTOGRAM) {
            let error = find(name, true).unwrap_err();
            assert!(
                error.contains(name) && error.contains("not supported"),
                "{error}"
            );
        }
        let unknown = Err("unknown function with name \"nope\"".to_owned());
        assert_eq!(find("nope", true), unknown);
    }
}
