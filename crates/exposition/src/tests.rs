//! Bodies, what is seen in them, and what is refused.

use std::fmt::Write as _;

use crate::{Format, Limits, Meta, MetaKind, Point, Reason, Visit, parse};

/// Writes down what it is shown.
#[derive(Default)]
pub(crate) struct Seen(pub(crate) Vec<String>);

impl Visit for Seen {
    fn sample(&mut self, point: Point<'_>) -> Result<(), Reason> {
        let mut line = format!("{} = {}", point.labels()?, point.value);
        if let Some(time) = point.time_ms {
            let _ = write!(line, " @ {time}");
        }
        if let Some(exemplar) = point.exemplar {
            let labels = crate::series_labels(exemplar.labels)?;
            let _ = write!(
                line,
                " # {labels} {} {:?}",
                exemplar.value, exemplar.time_ms
            );
        }
        self.0.push(line);
        Ok(())
    }

    fn meta(&mut self, meta: Meta<'_>) -> Result<(), Reason> {
        let (name, help) = (meta.name, meta.help());
        self.0.push(match meta.kind {
            MetaKind::Type(kind) => format!("type {name} {}", kind.as_str()),
            MetaKind::Unit(unit) => format!("unit {name} {unit}"),
            MetaKind::Help(_) => format!("help {name} {:?}", help.unwrap_or_default()),
        });
        Ok(())
    }
}

fn seen(format: Format, body: &str) -> Result<Vec<String>, String> {
    let mut seen = Seen::default();
    let outcome = parse(body.as_bytes(), format, &Limits::default(), &mut seen);
    outcome.map(|()| seen.0).map_err(|error| error.to_string())
}

#[test]
fn text_is_read_as_prometheus_reads_it() {
    let body = concat!(
        "# HELP http_requests_total The \\\\ total\\nof \"all\".\n",
        "# TYPE http_requests_total counter\n",
        "# just a comment\n#also\n#\n# HELP\n# HELPER x y\n\n",
        "http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n",
        "\thttp_requests_total {method = \"post\" , code=\"400\",}\t3\n",
        "msdos{path=\"C:\\\\DIR\\\\F.TXT\",error=\"Cannot \\\"find\\\"\\n} it\"} 1.458255915e9\n",
        "bare 12.47\nsomething_weird{problem=\"division by zero\"} +Inf 0\n",
        "nan{} NaN\nempty{a=\"\"} 1\nü{} 1\n",
    );
    let error = seen(Format::Text, body).unwrap_err();
    assert_eq!(error, "line 16: expected a metric's name, found `ü{} 1`");
    let body = body.replace("ü{}", "{\"ü\",\"k.8\"=\"s\"}");
    assert_eq!(
        seen(Format::Text, &body).unwrap(),
        [
            r#"help http_requests_total "The \\ total\nof \"all\".""#,
            "type http_requests_total counter",
            r#"http_requests_total{code="200", method="post"} = 1027 @ 1395066363000"#,
            r#"http_requests_total{code="400", method="post"} = 3"#,
            r#"msdos{error="Cannot \"find\"\n} it", path="C:\\DIR\\F.TXT"} = 1458255915"#,
            "bare = 12.47",
            r#"something_weird{problem="division by zero"} = inf @ 0"#,
            "nan = NaN",
            "empty = 1",
            r#"{"ü", "k.8"="s"} = 1"#,
        ]
    );
    assert_eq!(
        seen(Format::Text, "a 1").unwrap(),
        ["a = 1"],
        "the last line feed may be missing"
    );
}

#[test]
fn a_line_that_is_not_right_fails_the_body_with_its_number() {
    for (line, reason) in [
        ("a", "expected a value, found the end of the line"),
        ("a{b=\"c\"", "expected `}`, found the end"),
        ("a{b=\"c} 1", "expected `}`, found the end"),
        ("a{b=c} 1", "expected a text in quotes, found `c}`"),
        (
            "a{1b=\"c\"} 1",
            "expected a label's name, found `1b=\"c\"}`",
        ),
        (
            "a{b:c=\"c\"} 1",
            "expected a label's name, found `b:c=\"c\"}`",
        ),
        (
            "a{b=\"c\" d=\"e\"} 1",
            "expected `,` or `}`, found `d=\"e\"}`",
        ),
        ("a{b=\"1\",b=\"2\"} 1", "label `b` stands here twice"),
        ("a{\"x\"} 1", "label `__name__` stands here twice"),
        ("a{,} 1", "expected a label's name, found `,}`"),
        ("a{\"\"=\"c\"} 1", "expected a label's name, found `\"\"`"),
        ("1a 1", "expected a metric's name, found `1a 1`"),
        ("a one", "`one` is not a number"),
        ("a 0x1p3", "`0x1p3` is not a number"),
        ("a 1 -5", "`-5` is not a time"),
        ("a 1 1.5", "`1.5` is not a time"),
        ("a 1 5 x", "expected the end of the line, found `x`"),
        ("# TYPE a counters", "`counters` is not a type of metric"),
        (
            "# TYPE 5a counter",
            "expected a metric's name, found `5a counter`",
        ),
    ] {
        let error = seen(Format::Text, &format!("ok 1\n{line}")).unwrap_err();
        assert_eq!(error, format!("line 2: {reason}"), "{line}");
    }
    let mut none = Seen::default();
    let error = parse(
        b"ok 1\n\xff 1\n",
        Format::Text,
        &Limits::default(),
        &mut none,
    );
    assert_eq!(error.unwrap_err().to_string(), "line 2: is not UTF-8");
}

#[test]
fn bodies_are_bounded() {
    let limits = Limits {
        line_bytes: 20,
        samples: 2,
        ..Limits::default()
    };
    let refused = |format, body: &str| {
        parse(body.as_bytes(), format, &limits, &mut Seen::default())
            .unwrap_err()
            .to_string()
    };
    for format in [Format::Text, Format::OpenMetrics] {
        assert_eq!(
            refused(format, "a 1\na 2\na 3\n"),
            "line 3: there are more than 2 samples"
        );
        let long = format!("a{{b=\"{}\"}} 1\n", "x".repeat(20));
        assert_eq!(
            refused(format, &long),
            "line 1: the line is longer than 20 bytes"
        );
    }
}

#[test]
fn openmetrics_has_units_exemplars_and_an_end() {
    let body = concat!(
        "# TYPE acme_http_seconds histogram\n# UNIT acme_http_seconds seconds\n",
        "# HELP acme_http_seconds Latency\\nof \\\"all\\\".\n",
        "acme_http_seconds_bucket{le=\"0.5\"} 8 # {trace_id=\"ab\"} 0.67\n",
        "acme_http_seconds_bucket{le=\"+Inf\"} 17 1520879607.789 # {trace_id=\"c\"} 9.8 1520879607.5\n",
        "acme_http_seconds_created 1605281325.0\n{\"q.n\",a=\"b\"} 1\n# TYPE x info\n# EOF\n",
    );
    assert_eq!(
        seen(Format::OpenMetrics, body).unwrap(),
        [
            "type acme_http_seconds histogram",
            "unit acme_http_seconds seconds",
            r#"help acme_http_seconds "Latency\nof \"all\".""#,
            r#"acme_http_seconds_bucket{le="0.5"} = 8 # {trace_id="ab"} 0.67 None"#,
            r#"acme_http_seconds_bucket{le="+Inf"} = 17 @ 1520879607789 # {trace_id="c"} 9.8 Some(1520879607500)"#,
            "acme_http_seconds_created = 1605281325",
            r#"{"q.n", a="b"} = 1"#,
            "type x info",
        ]
    );
    assert_eq!(seen(Format::OpenMetrics, "# EOF").unwrap(), [""; 0]);
}

#[test]
fn openmetrics_is_stricter() {
    for (body, error) in [
        ("a 1\n", "line 2: the body does not end with `# EOF`"),
        ("# EOF\na 1\n", "line 2: something stands after `# EOF`"),
        ("a  1\n# EOF", "line 1: expected a value, found ` 1`"),
        ("a 1 x\n# EOF", "line 1: `x` is not a time"),
        (
            "a 1 1 # x\n# EOF",
            "line 1: expected the end of the line or an exemplar, found ` # x`",
        ),
        (
            "a 1 # {b=\"c\"}\n# EOF",
            "line 1: expected an exemplar's value, found the end of the line",
        ),
        (
            "a 1 1 \n# EOF",
            "line 1: expected the end of the line or an exemplar, found ` `",
        ),
        (
            "# just a comment\n# EOF",
            "line 1: expected `# HELP`, `# TYPE`, `# UNIT` or `# EOF`, found `# just a comment`",
        ),
        (
            "\n# EOF",
            "line 1: expected a metric's name, found the end of the line",
        ),
        (
            "# UNIT a_b seconds\n# EOF",
            "line 1: unit `seconds` is not the end of the metric's name `a_b`",
        ),
    ] {
        assert_eq!(
            seen(Format::OpenMetrics, body).unwrap_err(),
            error,
            "{body}"
        );
    }
}

#[test]
fn the_content_type_says_the_format() {
    let of = |value, fallback| Format::of_content_type(value, fallback).ok();
    assert_eq!(
        of(Some("text/plain; version=0.0.4; charset=utf-8"), None),
        Some(Format::Text)
    );
    let open = Some("application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(of(open, None), Some(Format::OpenMetrics));
    assert_eq!((of(None, None), of(Some("text/html"), None)), (None, None));
    assert_eq!(
        of(Some("text/html"), Some(Format::Text)),
        Some(Format::Text)
    );
}

#[test]
fn what_is_written_reads_back() {
    use crate::{Family, MetricType, Writer};
    use mainstay_series::Labels;
    let labels = |name: &str, value: &str| Labels::from_pairs([("__name__", name), ("l", value)]);
    let write = |format| {
        let mut writer = Writer::new(format);
        writer.family(Family {
            name: "a_seconds_total",
            kind: MetricType::Counter,
            help: "of \"all\"\nlines \\",
            unit: "",
        });
        writer.sample(&labels("a_seconds_total", "q\"\\\n"), 1e6, Some(1_500));
        writer.family(Family {
            name: "k.8",
            kind: MetricType::Info,
            ..Family::default()
        });
        writer.sample(&labels("k.8", ""), f64::NEG_INFINITY, None);
        writer.pairs("b", &[("x.y", "1")], 0.5);
        writer.finish()
    };
    let text = write(Format::Text);
    assert_eq!(
        text,
        concat!(
            "# HELP a_seconds_total of \"all\"\\nlines \\\\\n# TYPE a_seconds_total counter\n",
            "a_seconds_total{l=\"q\\\"\\\\\\n\"} 1e+06 1500\n",
            "# TYPE \"k.8\" gauge\n{\"k.8\"} -Inf\nb{\"x.y\"=\"1\"} 0.5\n",
        )
    );
    let open = write(Format::OpenMetrics);
    assert!(
        open.contains("# TYPE a_seconds counter\n") && open.contains(" 1.500\n"),
        "{open}"
    );
    let samples = |format, body: &str| {
        let lines = seen(format, body).unwrap();
        lines
            .into_iter()
            .filter(|line| line.contains('='))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        samples(Format::Text, &text),
        samples(Format::OpenMetrics, &open)
    );
}
