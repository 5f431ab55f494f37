//! Durations as Go prints and rounds them.

/// A duration as Go prints it: `1h30m0s`, `1.5ms`.
pub(crate) fn duration(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".to_owned();
    }
    let sign = if nanos < 0 { "-" } else { "" };
    let all = nanos.unsigned_abs();
    let fraction = |unit: u64| {
        let (whole, part) = (all / unit, all % unit);
        if part == 0 {
            return whole.to_string();
        }
        let width = unit.ilog10() as usize;
        let part = format!("{part:0width$}");
        format!("{whole}.{}", part.trim_end_matches('0'))
    };
    if all < 1_000 {
        return format!("{sign}{all}ns");
    }
    if all < 1_000_000 {
        return format!("{sign}{}µs", fraction(1_000));
    }
    if all < 1_000_000_000 {
        return format!("{sign}{}ms", fraction(1_000_000));
    }
    let (minutes, rest) = (all / 60_000_000_000, all % 60_000_000_000);
    let seconds = {
        let (whole, part) = (rest / 1_000_000_000, rest % 1_000_000_000);
        let part = format!("{part:09}");
        let part = part.trim_end_matches('0');
        if part.is_empty() {
            whole.to_string()
        } else {
            format!("{whole}.{part}")
        }
    };
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// To whole units, or down to them.
pub(super) fn round(nanos: i64, unit: i64, nearest: bool) -> i64 {
    if unit <= 0 {
        return nanos;
    }
    let rest = nanos % unit;
    let down = nanos - rest;
    if nearest && rest.unsigned_abs() >= unit.unsigned_abs() - rest.unsigned_abs() {
        return down.saturating_add(unit * rest.signum());
    }
    down
}
