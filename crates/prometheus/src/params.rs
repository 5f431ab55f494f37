//! Parameters that several requests have: times, limits, selectors.

use mainstay_series::{Matcher, Window};

use crate::failure::Failure;
use crate::form::Form;
use crate::time;

/// `start` and `end`, each all of time where it is not given.
pub(crate) fn window(form: &Form) -> Result<Window, Failure> {
    let start_ms = time_or(form, "start", time::ALL.start_ms)?;
    let end_ms = time_or(form, "end", time::ALL.end_ms)?;
    Ok(Window { start_ms, end_ms })
}

/// A time, or what holds without one.
pub(crate) fn time_or(form: &Form, name: &str, default_ms: i64) -> Result<i64, Failure> {
    match form.first(name) {
        "" => Ok(default_ms),
        text => time::parse_time(text).map_err(|reason| {
            Failure::parameter(name, format!("invalid time value for '{name}': {reason}"))
        }),
    }
}

/// `limit`; 0: none.
pub(crate) fn limit(form: &Form) -> Result<usize, Failure> {
    let text = form.first("limit");
    if text.is_empty() {
        return Ok(0);
    }
    match whole_number(text) {
        Err(reason) => Err(Failure::parameter("limit", reason)),
        Ok(number) => usize::try_from(number)
            .map_err(|_| Failure::parameter("limit", "limit must be non-negative")),
    }
}

/// A whole number as Go's `strconv.Atoi` reads it.
pub(crate) fn whole_number(text: &str) -> Result<i64, String> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    text.parse().map_err(|error: std::num::ParseIntError| {
        let reason = match error.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.Atoi: parsing {}: {reason}", time::quoted(text))
    })
}

/// One more than is answered, so that it is seen when something is cut off.
pub(crate) fn one_more(limit: usize) -> usize {
    if limit == 0 {
        0
    } else {
        limit.saturating_add(1)
    }
}

/// A selector, without `offset` and `@`.
pub(crate) fn selector(text: &str) -> Result<Vec<Matcher>, String> {
    mainstay_promql::parse_selector(text).map_err(|error| error.to_string())
}

/// All of `match[]`. Each must have a matcher that does not meet the empty value.
pub(crate) fn selectors(form: &Form) -> Result<Vec<Vec<Matcher>>, String> {
    let sets: Vec<_> = form
        .all("match[]")
        .map(selector)
        .collect::<Result<_, _>>()?;
    if sets.iter().any(|set| set.iter().all(|m| m.matches(""))) {
        return Err("match[] must contain at least one non-empty matcher".to_owned());
    }
    Ok(sets)
}

/// What is said when something was cut off.
pub(crate) const TRUNCATED: &str = "results truncated due to limit";
