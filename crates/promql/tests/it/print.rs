//! How queries are printed, as text and as JSON, and how errors of the parser read.

use mainstay_promql::Query;

#[test]
fn queries_are_printed_in_one_way() {
    for (text, printed) in [
        ("sum(x)by(job)", "sum by (job) (x)"),
        ("sum without() (x)", "sum without () (x)"),
        ("topk(5,x)", "topk(5, x)"),
        (
            "count_values by(a)('v',x)",
            "count_values by (a) (\"v\", x)",
        ),
        ("a+on(l)group_left(m)b", "a + on (l) group_left (m) b"),
        ("a/ignoring()b", "a / b"),
        ("a and on()b", "a and on () b"),
        ("a>bool 1", "a > bool 1"),
        ("-x^-2", "-x ^ -2"),
        ("-Inf^a > Inf", "-Inf ^ a > +Inf"),
        ("x{b='2',a=\"1\"}", "x{a=\"1\",b=\"2\"}"),
        ("{\"x y\",\"a.b\"='c'}", "{\"a.b\"=\"c\",__name__=\"x y\"}"),
        ("x[90s] offset 1h @ 10", "x[1m30s] @ 10.000 offset 1h"),
        ("x[1h:]@end() offset -1w", "x[1h:] @ end() offset -1w"),
        ("1e3 + 0x10 + 5m", "1000 + 16 + 5m"),
        ("`a\"b`", "\"a\\\"b\""),
        ("sum by (\"a b\") (x) # comment", "sum by (\"a b\") (x)"),
    ] {
        let query = Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(query.to_string(), printed, "{text}");
        let again = Query::parse(printed).expect("it is a query");
        assert_eq!(again.to_string(), printed);
    }
}

#[test]
fn a_query_knows_its_selectors() {
    let text =
        "topk(scalar(a), -(b{c=\"d\"})) / on () sum(rate(e[5m])) + max_over_time(f[1h:]) + 1";
    let query = Query::parse(text).expect("a query");
    let names = query.expr().selectors().into_iter().map(|s| s.name.clone());
    let names: Vec<String> = names.flatten().collect();
    assert_eq!(names, ["a", "b", "e", "f"]);
}

#[test]
fn long_queries_are_split_and_indented() {
    let text = "histogram_quantile(0.99, sum by (le, job) (rate(http_request_duration_seconds_bucket\
                {job=~\"api|web\",code!=\"500\"}[5m]))) > on (job) group_left () max by (job) (limit)";
    let query = Query::parse(text).expect("a query");
    let pretty = r#"  histogram_quantile(
    0.99,
    sum by (le, job) (rate(http_request_duration_seconds_bucket{code!="500",job=~"api|web"}[5m]))
  )
> on (job) group_left ()
  max by (job) (limit)"#;
    assert_eq!(query.pretty(), pretty);
    assert_eq!(Query::parse("sum(x)").expect("a query").pretty(), "sum(x)");
}

#[test]
fn trees_are_printed_as_prometheus_answers_them() {
    let query = Query::parse("sum by (a) (rate(x{b!=\"c\"}[5m] @ start() offset 1m)) / on () y")
        .expect("a query");
    let wanted = serde_json::json!({
        "type": "binaryExpr", "op": "/", "bool": false,
        "matching": {
            "card": "one-to-one", "labels": [], "on": true, "include": [],
            "fillValues": {"lhs": null, "rhs": null},
        },
        "lhs": {
            "type": "aggregation", "op": "sum", "param": null, "grouping": ["a"], "without": false,
            "expr": {
                "type": "call",
                "func": {
                    "name": "rate", "argTypes": ["matrix"], "variadic": 0, "returnType": "vector",
                },
                "args": [{
                    "type": "matrixSelector", "name": "x", "range": 300_000, "rangeExpr": null,
                    "offset": 60_000, "offsetExpr": null, "timestamp": null, "startOrEnd": "start",
                    "anchored": false, "smoothed": false,
                    "matchers": [
                        {"name": "b", "value": "c", "type": "!="},
                        {"name": "__name__", "value": "x", "type": "="},
                    ],
                }],
            },
        },
        "rhs": {
            "type": "vectorSelector", "name": "y", "offset": 0, "offsetExpr": null,
            "timestamp": null, "startOrEnd": null, "anchored": false, "smoothed": false,
            "matchers": [{"name": "__name__", "value": "y", "type": "="}],
        },
    });
    assert_eq!(query.json(), wanted);
    let query = Query::parse("-(quantile_over_time(0.5, (x)[1h:5m] @ 1.5) + 1m) == bool vector(2)")
        .expect("a query");
    let text = query.json().to_string();
    for part in [
        r#""type":"unaryExpr""#,
        r#""type":"parenExpr""#,
        r#""step":300000"#,
        r#""timestamp":1500"#,
        r#""val":"60""#,
        r#""bool":true"#,
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

/// A text, and what its error contains; nothing: it is a query.
const ERRORS: &[(&str, &str)] = &[
    ("", "1:1: parse error: no expression found in input"),
    ("x y", "1:3: parse error: unexpected identifier \"y\""),
    ("sum(x", "1:6: parse error: unclosed left parenthesis"),
    (
        "x{a=}",
        "1:5: parse error: unexpected \"}\" in label matching, expected string",
    ),
    (
        "x{a}",
        "1:4: parse error: unexpected \"}\" in label matching, expected label matching operator",
    ),
    (
        "x[5m",
        "1:5: parse error: unexpected end of input in duration expression",
    ),
    ("x[5]", ""),
    (
        "x[]",
        "1:3: parse error: unexpected \"]\" in subquery or range selector, expected number or duration",
    ),
    ("x[0]", "1:3: parse error: duration must be greater than 0"),
    (
        "x offset",
        "1:9: parse error: unexpected end of input in offset, expected number or duration",
    ),
    (
        "x @ y",
        "1:5: parse error: unexpected identifier \"y\" in @, expected timestamp",
    ),
    (
        "foo(x)",
        "1:1: parse error: unknown function with name \"foo\"",
    ),
    (
        "abs(x, y)",
        "1:1: parse error: expected 1 argument(s) in call to \"abs\", got 2",
    ),
    (
        "abs(1)",
        "1:5: parse error: expected type instant vector in call to function \"abs\", got scalar",
    ),
    (
        "rate(x)",
        "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
    ),
    ("x +\n1 < 2", ""),
    (
        "1 +\n\n (1 < 2)",
        "3:5: parse error: comparisons between scalars must use BOOL modifier",
    ),
    (
        "x and 1",
        "1:1: parse error: set operator \"and\" not allowed in binary scalar expression",
    ),
    (
        "sum(x, y)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2",
    ),
    (
        "sum()",
        "1:1: parse error: no arguments for aggregate expression provided",
    ),
    (
        "{}",
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    ),
    (
        "x{__name__=\"y\"}",
        "1:1: parse error: metric name must not be set twice: \"x\" or \"y\"",
    ),
    (
        "sum(1)",
        "1:5: parse error: expected type instant vector in aggregation expression, got scalar",
    ),
    (
        "x offset 1m offset 1m",
        "1:1: parse error: offset may not be set multiple times",
    ),
    (
        "(x) offset 1m",
        "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    ),
    (
        "x[5m][5m]",
        "1:6: parse error: ranges only allowed for vector selectors",
    ),
    (
        "1[5m:]",
        "1:1: parse error: subquery is only allowed on instant vector, got scalar instead",
    ),
    ("x{a=~\"(\"}", "regular expression"),
    ("1 $ 2", "1:3: parse error: unexpected character: '$'"),
    (
        "x anchored",
        "anchored modifier is experimental and not supported",
    ),
    ("limitk(1, x)", "limitk() is experimental and not supported"),
    (
        "x[5m+1m]",
        "duration expressions are experimental and not supported",
    ),
    (
        "x offset step()",
        "duration expressions are experimental and not supported",
    ),
    (
        "x + fill(0) y",
        "binop fill modifiers are experimental and not supported",
    ),
    (
        "x </ 1",
        "operator \"</\" is experimental and not supported",
    ),
    (
        "info(x)",
        "function \"info\" is experimental and not supported",
    ),
    (
        "mad_over_time(x[1m])",
        "function \"mad_over_time\" is experimental and not enabled",
    ),
    (
        "histogram_count(x)",
        "reads native histograms, which are not supported",
    ),
];

#[test]
fn errors_name_the_place_and_the_thing() {
    for (text, error) in ERRORS {
        match Query::parse(text) {
            Ok(_) => assert_eq!(*error, "", "{text} is a query"),
            Err(found) => {
                let found = found.to_string();
                assert!(
                    !error.is_empty() && found.contains(error),
                    "{text}: {found}"
                );
            }
        }
    }
}
