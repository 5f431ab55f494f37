//! Figures as people read them and type them.

use crate::check::Unit;

/// `82.4 %`, `480 ms`, `1.75 s`, `1200`.
pub(crate) fn shown(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Share => format!("{} %", short(value * 100.0)),
        Unit::Seconds if value.abs() < 1.0 => format!("{} ms", short(value * 1000.0)),
        Unit::Seconds => format!("{} s", short(value)),
        Unit::Count => short(value),
    }
}

/// At most two digits behind the point, none that say nothing.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        large if large >= 100.0 => 0,
        medium if medium >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `75%` or `0.75` for a share, `2s`, `500ms` or `2` for seconds, `1000` for a count. `None`: none of it.
pub(crate) fn typed(unit: Unit, text: &str) -> Option<f64> {
    let text = text.trim();
    let (number, factor) = match unit {
        Unit::Share => match text.strip_suffix('%') {
            Some(number) => (number, 0.01),
            None => (text, 1.0),
        },
        Unit::Seconds => match (text.strip_suffix("ms"), text.strip_suffix('s')) {
            (Some(number), _) => (number, 0.001),
            (None, Some(number)) => (number, 1.0),
            (None, None) => (text, 1.0),
        },
        Unit::Count => (text, 1.0),
    };
    let value = number.trim().parse::<f64>().ok()? * factor;
    let most = if unit == Unit::Share { 1.0 } else { f64::MAX };
    (0.0..=most).contains(&value).then_some(value)
}
