//! The values of a series as scripts write them: `1 2+3x2 _ _x3 stale -1`.

use mainstay_series::STALE;

use crate::syntax::number;

/// The most values one series may have.
const LONGEST: usize = 1_000_000;

/// The values of a series, `None` where there is none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sequence {
    Values(Vec<Option<f64>>),
    /// There are native histograms among them.
    Native,
}

/// Parses what stands behind a series' labels.
pub(crate) fn parse(text: &str) -> Result<Sequence, String> {
    if text.contains("{{") {
        return Ok(Sequence::Native);
    }
    let mut values = Vec::new();
    for item in text.split_whitespace() {
        add(item, &mut values).ok_or_else(|| format!("bad series value {item:?}"))?;
        if values.len() > LONGEST {
            return Err(format!("more than {LONGEST} values"));
        }
    }
    Ok(Sequence::Values(values))
}

fn add(item: &str, values: &mut Vec<Option<f64>>) -> Option<()> {
    let (what, times) = match item.rsplit_once('x') {
        Some((what, times)) => (what, Some(times.parse::<usize>().ok()?.min(LONGEST))),
        None => (item, None),
    };
    match what {
        "_" => values.extend(std::iter::repeat_n(None, times.unwrap_or(1))),
        "stale" => {
            let stale = std::iter::repeat_n(Some(STALE), times.map_or(1, |n| n + 1));
            values.extend(stale);
        }
        _ => match (step_at(what), times) {
            // The value itself, and then so many more.
            (Some(at), Some(times)) => {
                let mut value = signed(&what[..at])?;
                let step = signed(&what[at..])?;
                for _ in 0..=times {
                    values.push(Some(value));
                    value += step;
                }
            }
            (None, times) => {
                let value = signed(what)?;
                values.extend(std::iter::repeat_n(Some(value), times.map_or(1, |n| n + 1)));
            }
            (Some(_), None) => return None,
        },
    }
    Some(())
}

/// Where the step of `1+2` begins: a sign that is neither the first nor an exponent's.
fn step_at(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    (1..bytes.len()).find(|at| {
        let sign = matches!(bytes[*at], b'+' | b'-');
        let before = |n: usize| at.checked_sub(n).and_then(|at| bytes.get(at));
        let exponent =
            matches!(before(1), Some(b'e' | b'E')) && before(2).is_some_and(u8::is_ascii_digit);
        sign && !exponent
    })
}

fn signed(text: &str) -> Option<f64> {
    match text.strip_prefix('-') {
        Some(rest) => number(rest).map(|value| -value),
        None => number(text.strip_prefix('+').unwrap_or(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<f64> {
        let Ok(Sequence::Values(values)) = parse(text) else {
            panic!("{text}");
        };
        values.into_iter().map(|v| v.unwrap_or(-999.0)).collect()
    }

    #[test]
    fn every_notation_is_expanded() {
        assert_eq!(values("1 -2.5 1e3 1e-1"), [1.0, -2.5, 1000.0, 0.1]);
        assert_eq!(values("1+2x3"), [1.0, 3.0, 5.0, 7.0]);
        assert_eq!(values("-1-1x2"), [-1.0, -2.0, -3.0]);
        assert_eq!(values("1e1+1e1x1"), [10.0, 20.0]);
        assert_eq!(values("5x2"), [5.0, 5.0, 5.0]);
        assert_eq!(values("1 _ _x2 2"), [1.0, -999.0, -999.0, -999.0, 2.0]);
        assert_eq!(values("Inf -Inf"), [f64::INFINITY, f64::NEG_INFINITY]);
        assert!(values("NaN")[0].is_nan() && mainstay_series::is_stale(values("stale")[0]));
        assert_eq!(parse("{{schema:0}} 1"), Ok(Sequence::Native));
        for text in ["1+2", "x3", "1xx", "1x-1", "abc", "e+", "+"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
