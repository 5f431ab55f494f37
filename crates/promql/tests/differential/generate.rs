//! Queries, well typed, of every stable kind that 2.42 and 3 answer alike.

use crate::data::{START_MS, Times};
use crate::random::Random;

/// A query and when it is evaluated: seven seconds past tens, where neither subqueries nor ranges
/// of whole tens have an edge.
pub(crate) fn query(random: &mut Random) -> (String, Times) {
    let at = |random: &mut Random| START_MS + 7000 + 10_000 * random.below(360) as i64;
    let text = match random.below(12) {
        0 => scalar(random, 2),
        1 => return (range(random), Times::Instant(at(random))),
        2 => return (sorted(random), Times::Instant(at(random))),
        _ => vector(random, 3),
    };
    let start = at(random);
    if random.one_in(2) {
        return (text, Times::Instant(start));
    }
    let step = 10_000 * (1 + random.below(30) as i64);
    let end = start + step * random.below(20) as i64 + 4000;
    (text, Times::Range(start, end, step))
}

fn sorted(random: &mut Random) -> String {
    let function = random.of(&["sort", "sort_desc"]);
    format!("{function}({})", continuous(random))
}

fn duration(random: &mut Random, tens: usize) -> String {
    let seconds = 10 * (1 + random.below(tens));
    if seconds.is_multiple_of(60) && random.one_in(2) {
        return format!("{}m", seconds / 60);
    }
    format!("{seconds}s")
}

fn number(random: &mut Random) -> String {
    let numbers = ["0", "1", "2", "-1", "0.5", "1e3", "3.25", "-7", "100", "20"];
    random.of(&numbers).to_owned()
}

fn matchers(random: &mut Random, name: &str) -> String {
    let mut all = Vec::new();
    if name != "odd" && random.one_in(3) {
        all.push(random.of(&[
            r#"job="api""#,
            r#"job!="api""#,
            r#"job=~"a.*|db""#,
            r#"job!~"w.b""#,
            r#"job="none""#,
        ]));
    }
    if matches!(name, "requests_total" | "temperature" | "flaky" | "up") && random.one_in(3) {
        all.push(random.of(&[r#"instance="a""#, r#"instance=~"a|b""#, r#"instance!="b""#]));
    }
    if name == "requests_total" && random.one_in(3) {
        all.push(random.of(&[r#"code="200""#, r#"code=~"4..|5..""#]));
    }
    if all.is_empty() {
        return name.to_owned();
    }
    format!("{name}{{{}}}", all.join(","))
}

/// `offset` and `@`.
fn shift(random: &mut Random) -> String {
    let mut text = String::new();
    if random.one_in(10) {
        let second = START_MS / 1000 + 7 + 10 * random.below(360) as i64;
        let at = random.of(&["start()", "end()", "time"]);
        let at = if at == "time" {
            second.to_string()
        } else {
            at.to_owned()
        };
        text = format!(" @ {at}");
    }
    if random.one_in(6) {
        let sign = random.of(&["", "", "-"]);
        text = format!("{text} offset {sign}{}", duration(random, 60));
    }
    text
}

const METRICS: [&str; 7] = [
    "requests_total",
    "temperature",
    "flaky",
    "up",
    "odd",
    "owner_info",
    "latency_bucket",
];

fn selector(random: &mut Random) -> String {
    let name = random.of(&METRICS);
    let selector = matchers(random, name);
    format!("{selector}{}", shift(random))
}

/// Values that no two series share, so that order is never a matter of luck.
fn continuous(random: &mut Random) -> String {
    let name = random.of(&["temperature", "flaky"]);
    matchers(random, name)
}

/// A range selector, or now and then a subquery; never one within the other.
fn range(random: &mut Random) -> String {
    if random.one_in(5) {
        let inner = match random.below(4) {
            0 => continuous(random),
            1 => format!("rate({})", counter_range(random)),
            2 => format!("sum by (job) ({})", continuous(random)),
            _ => format!("{} * 2", continuous(random)),
        };
        let step = random.of(&["10s", "30s", "1m", ""]);
        // In one shorter than its step 2.42 evaluates what is pinned at a time that is not in it.
        let range = format!("{}s", 60 + 10 * (1 + random.below(54)));
        return format!("({inner})[{range}:{step}]{}", shift(random));
    }
    let name = random.of(&METRICS);
    let selector = matchers(random, name);
    format!("{selector}[{}]{}", duration(random, 60), shift(random))
}

fn counter_range(random: &mut Random) -> String {
    let name = random.of(&["requests_total", "latency_bucket"]);
    let selector = matchers(random, name);
    format!("{selector}[{}]{}", duration(random, 60), shift(random))
}

/// A range of numbers that are all finite.
fn finite_range(random: &mut Random) -> String {
    let name = random.of(&["temperature", "flaky", "up", "requests_total"]);
    let selector = matchers(random, name);
    format!("{selector}[{}]{}", duration(random, 60), shift(random))
}

fn over_time(random: &mut Random) -> String {
    let any = [
        "count_over_time",
        "present_over_time",
        "last_over_time",
        "min_over_time",
        "max_over_time",
        "changes",
        "absent_over_time",
    ];
    let finite = [
        "sum_over_time",
        "avg_over_time",
        "stddev_over_time",
        "stdvar_over_time",
        "deriv",
        "delta",
        "idelta",
        "resets",
    ];
    match random.below(6) {
        0 => format!("{}({})", random.of(&any), range(random)),
        1 | 2 => {
            let function = random.of(&["rate", "increase", "irate"]);
            format!("{function}({})", counter_range(random))
        }
        3 => {
            let quantile = random.of(&["0", "0.1", "0.5", "0.99", "1", "-1", "2"]);
            format!("quantile_over_time({quantile}, {})", finite_range(random))
        }
        4 => {
            // 2.42 slides the window of a pinned one.
            let range = finite_range(random);
            let range = range.split(" @").next().unwrap_or_default();
            format!("predict_linear({range}, {})", number(random))
        }
        _ => format!("{}({})", random.of(&finite), finite_range(random)),
    }
}

fn grouping(random: &mut Random) -> String {
    random
        .of(&[
            "",
            "",
            " by (job) ",
            " by (job, instance) ",
            " by (none) ",
            " without (instance) ",
            " without (job, code) ",
        ])
        .to_owned()
}

fn aggregation(random: &mut Random, depth: usize) -> String {
    let group = grouping(random);
    match random.below(8) {
        0 => {
            let op = random.of(&["topk", "bottomk"]);
            let k = random.of(&["0", "1", "2", "5", "100"]);
            format!("{op}{group}({k}, {})", continuous(random))
        }
        1 => {
            let q = random.of(&["0", "0.3", "0.5", "0.9", "1", "-1", "2", "NaN"]);
            format!("quantile{group}({q}, {})", continuous(random))
        }
        2 => {
            let name = random.of(&["up", "odd", "owner_info", "latency_bucket"]);
            format!("count_values{group}(\"v\", {})", matchers(random, name))
        }
        3 => {
            let op = random.of(&["stddev", "stdvar"]);
            format!("{op}{group}({})", continuous(random))
        }
        4 | 5 => {
            let op = random.of(&["count", "group", "min", "max"]);
            format!("{op}{group}({})", vector(random, depth - 1))
        }
        _ => {
            let op = random.of(&["sum", "avg", "count"]);
            let inner = match random.below(3) {
                0 => format!("rate({})", counter_range(random)),
                1 => continuous(random),
                _ => over_time(random),
            };
            format!("{op}{group}({inner})")
        }
    }
}

fn element(random: &mut Random, depth: usize) -> String {
    let functions = [
        "abs", "ceil", "floor", "sgn", "sqrt", "exp", "ln", "log2", "log10", "sin", "cos", "atan",
        "deg", "rad", "sinh", "tanh", "asinh", "acosh", "atanh", "asin", "acos", "tan", "cosh",
    ];
    match random.below(7) {
        0 => {
            let function = random.of(&["clamp_min", "clamp_max"]);
            format!(
                "{function}({}, {})",
                vector(random, depth - 1),
                number(random)
            )
        }
        1 => {
            let (low, high) = (number(random), number(random));
            format!("clamp({}, {low}, {high})", vector(random, depth - 1))
        }
        2 => {
            let nearest = random.of(&["1", "0.1", "5", "0.25", "-1"]);
            format!("round({}, {nearest})", continuous(random))
        }
        3 => {
            // Prometheus forgets the offset of a pinned one.
            let selector = selector(random);
            let pinned = selector.contains(" @");
            let selector = selector
                .split(" offset")
                .next()
                .filter(|_| pinned)
                .unwrap_or(&selector);
            format!("timestamp({selector})")
        }
        4 => {
            let part = random.of(&[
                "hour",
                "minute",
                "year",
                "month",
                "day_of_week",
                "day_of_month",
                "day_of_year",
                "days_in_month",
            ]);
            let argument = random.of(&[
                "",
                "timestamp(up)",
                "vector(time() * 1.5)",
                "vector(-123456)",
            ]);
            format!("{part}({argument})")
        }
        _ => {
            let function = random.of(&functions);
            format!("{function}({})", selector(random))
        }
    }
}

fn scalar(random: &mut Random, depth: usize) -> String {
    if depth == 0 {
        return number(random);
    }
    match random.below(6) {
        0 => "time()".to_owned(),
        1 => format!("scalar({})", vector(random, depth - 1)),
        2 => {
            let op = random.of(&["+", "-", "*", "/", "%", "^", "atan2", "== bool", "< bool"]);
            format!(
                "({} {op} {})",
                scalar(random, depth - 1),
                scalar(random, depth - 1)
            )
        }
        3 => format!("-{}", scalar(random, depth - 1)),
        4 => "pi()".to_owned(),
        _ => number(random),
    }
}

fn with_scalar(random: &mut Random, depth: usize) -> String {
    let vector = vector(random, depth - 1);
    let (left, right) = if random.one_in(2) {
        (format!("({vector})"), scalar(random, 1))
    } else {
        (scalar(random, 1), format!("({vector})"))
    };
    let op = random.of(&["+", "-", "*", "/"]);
    format!("{left} {op} {right}")
}

/// Comparisons and remainders of numbers that are measured and not computed: a last digit decides nothing then.
fn comparison(random: &mut Random) -> String {
    let op = random.of(&["==", "!=", "<", ">", "<=", ">=", "%"]);
    let modifier = random.of(&["", " bool"]);
    let modifier = if op == "%" { "" } else { modifier };
    let name = random.of(&["temperature", "flaky", "up", "odd"]);
    let vector = matchers(random, name);
    let number = random.of(&["0", "1", "20.5", "19"]);
    if random.one_in(2) {
        format!("{vector} {op}{modifier} {number}")
    } else {
        format!("{number} {op}{modifier} {vector}")
    }
}

fn matching(random: &mut Random) -> String {
    // 2.42 keeps the name of what `atan2` gives: it stands between vectors without names only.
    let op = random.of(&["+", "-", "*", "/"]);
    match random.below(6) {
        0 => {
            let group = random.of(&["", "(team)"]);
            let many = over_time(random);
            format!("{many} {op} on (job) group_left {group} owner_info")
        }
        1 => format!(
            "owner_info {op} on (job) group_right (team) {}",
            over_time(random)
        ),
        2 => {
            let compare = random.of(&["<", ">", "== bool", ">= bool"]);
            format!(
                "temperature {compare} {}",
                random.of(&["flaky", "up", "temperature offset 5m"])
            )
        }
        3 => {
            let on = random.of(&["on (job, instance)", "ignoring (code)", "on (job)", ""]);
            format!("{} {op} {on} {}", selector(random), selector(random))
        }
        4 => {
            let op = random.of(&[op, "atan2"]);
            let (left, right) = (continuous(random), continuous(random));
            format!("sum by (job) ({left}) {op} sum by (job) ({right})")
        }
        _ => format!(
            "temperature {op} {}",
            random.of(&[
                "flaky",
                "up",
                "on (job, instance) flaky",
                "ignoring (job) up"
            ])
        ),
    }
}

fn set(random: &mut Random, depth: usize) -> String {
    let op = random.of(&["and", "or", "unless"]);
    let on = random.of(&["", "on (job)", "ignoring (instance, code)", "on ()"]);
    let (left, right) = (vector(random, depth - 1), vector(random, depth - 1));
    format!("({left}) {op} {on} ({right})")
}

fn labels(random: &mut Random, depth: usize) -> String {
    let inner = vector(random, depth - 1);
    match random.below(3) {
        0 => format!(r#"label_replace({inner}, "to", "$1-$2", "job", "(.)(.*)")"#),
        1 => format!(r#"label_replace({inner}, "job", "x", "instance", "a")"#),
        _ => format!(r#"label_join({inner}, "to", "/", "job", "none", "instance")"#),
    }
}

fn histogram(random: &mut Random) -> String {
    let q = random.of(&["0", "0.3", "0.5", "0.95", "1", "-1", "2"]);
    let by = random.of(&["(le)", "(job, le)"]);
    format!(
        "histogram_quantile({q}, sum by {by} (rate({})))",
        counter_range(random)
    )
}

fn vector(random: &mut Random, depth: usize) -> String {
    if depth == 0 {
        return selector(random);
    }
    match random.below(14) {
        0 | 1 => selector(random),
        2 | 3 => over_time(random),
        4 | 5 => aggregation(random, depth),
        6 => element(random, depth),
        7 => with_scalar(random, depth),
        8 => comparison(random),
        9 => matching(random),
        10 => set(random, depth),
        11 => labels(random, depth),
        12 => histogram(random),
        _ => match random.below(3) {
            0 => format!("absent({})", vector(random, depth - 1)),
            1 => format!("vector({})", scalar(random, 1)),
            // 2.42 fails on series that are the same without their names, even at other times.
            _ => format!("-({})", selector(random)),
        },
    }
}
