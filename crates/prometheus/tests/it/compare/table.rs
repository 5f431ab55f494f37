//! The requests, and how the answers must relate.

/// How two answers must relate.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expect {
    /// Code, content type and body.
    Same,
    /// The same but for the text of `error`; why.
    OtherWords(&'static str),
    /// Our code, theirs, and why.
    Other(u16, u16, &'static str),
}
use Expect::{Other, OtherWords, Same};

/// What 2.42 does otherwise, more than once.
const UNNAMED: Expect = OtherWords("2.42 does not name the parameter of a range query");
const CAPITAL: Expect = OtherWords("2.42 begins with a capital letter");
const NO_WARNINGS: Expect = Other(200, 200, "2.42 has no annotations");
const REGEX: Expect = OtherWords("the words for a wrong pattern are of the regular expressions");
const ORDER: Expect = OtherWords("two series that collide are named in another order");
const UTF8: Expect = Other(200, 422, "any UTF-8 is a name since 3");

/// Evaluated at one time and over a range: how both answers of each must relate.
pub(super) const QUERIES: &[(&str, Expect, Expect)] = &[
    ("up", Same, Same),
    ("{__name__=~\".+\"}", Same, Same),
    ("odd", Same, Same),
    ("nan", Same, Same),
    ("inf", Same, Same),
    ("big", Same, Same),
    ("temp * 1e5", Same, Same),
    ("gone", Same, Same),
    ("none", Same, Same),
    ("sum by (code) (http_requests_total)", Same, Same),
    ("rate(http_requests_total{path=\"/\"}[5m])", Same, Same),
    (
        "bottomk(1, sum by (path) (http_requests_total))",
        Same,
        Same,
    ),
    ("count_values(\"v\", up)", Same, Same),
    ("up == 1", Same, Same),
    ("up and on(job) temp", Same, Same),
    (
        "http_requests_total / on(code) group_left sum by (code) (http_requests_total)",
        Same,
        Same,
    ),
    (
        "histogram_quantile(0.9, http_requests_total)",
        NO_WARNINGS,
        NO_WARNINGS,
    ),
    ("absent(none)", Same, Same),
    ("max_over_time(temp[10m30s:1m])", Same, Same),
    ("1", Same, Same),
    ("-1.5e-10", Same, Same),
    ("1/0", Same, Same),
    ("0/0", Same, Same),
    ("-0", Same, Same),
    ("1e21 + 0", Same, Same),
    ("vector(1e21)", Same, Same),
    // Two shortest texts are equally near.
    ("vector(93429049745560.625)", Same, Same),
    ("93429049745560.625", Same, Same),
    ("scalar(up{job=\"api\"})", Same, Same),
    ("time()", Same, Same),
    (
        "label_replace(up, \"x\", \"$1\", \"job\", \"(.).*\")",
        Same,
        Same,
    ),
    ("up offset 5m", Same, Same),
    ("up @ 1700000900", Same, Same),
    // None, or none that can be carried out.
    ("", Same, UNNAMED),
    ("sum(", Same, UNNAMED),
    ("rate(up)", Same, UNNAMED),
    ("up{", Same, UNNAMED),
    ("up + \"a\"", Same, UNNAMED),
    ("nofunction(up)", Same, UNNAMED),
    ("{}", Same, UNNAMED),
    ("up{job=~\"(\"}", REGEX, REGEX),
    ("up * on(instance) up", ORDER, ORDER),
    (
        "label_replace(up, \"0\", \"\", \"job\", \".*\")",
        UTF8,
        UTF8,
    ),
];

/// By GET.
pub(super) const GETS: &[(&str, Expect)] = &[
    // Results that only instant queries have.
    ("/api/v1/query?query=up%5B1m%5D&time=1700000900", Same),
    ("/api/v1/query?query=%22text%22&time=1700000900.5", Same),
    (
        "/api/v1/query_range?query=up%5B1m%5D&start=1&end=2&step=1",
        UNNAMED,
    ),
    (
        "/api/v1/query_range?query=%22text%22&start=1&end=2&step=1",
        UNNAMED,
    ),
    // Times.
    (
        "/api/v1/query?query=time()&time=2023-11-14T22:28:20.123Z",
        Same,
    ),
    (
        "/api/v1/query?query=time()&time=2023-11-14T22:28:20.123%2B01:00",
        Same,
    ),
    ("/api/v1/query?query=time()&time=1e9", Same),
    ("/api/v1/query?query=time()&time=-1.5", Same),
    ("/api/v1/query?query=time()&time=0.0015", Same),
    ("/api/v1/query?query=time()&time=1700000900.57", Same),
    ("/api/v1/query?query=time()&time=yesterday", CAPITAL),
    ("/api/v1/query?query=time()&time=2023-11-14", CAPITAL),
    (
        "/api/v1/query?query=1&time=Inf",
        Other(400, 200, "infinity is no time"),
    ),
    (
        "/api/v1/query?query=1&time=1e300",
        Other(400, 200, "it lies beyond every time"),
    ),
    ("/api/v1/query?query=1&timeout=x", Same),
    (
        "/api/v1/query?query=1&lookback_delta=x",
        Other(400, 200, "2.42 has no such parameter"),
    ),
    (
        "/api/v1/query?query=up&time=1700000900&limit=1",
        Other(200, 200, "2.42 has no limits"),
    ),
    ("/api/v1/query_range?query=1", Same),
    ("/api/v1/query_range?query=1&start=1", Same),
    ("/api/v1/query_range?query=1&start=1&end=2", Same),
    ("/api/v1/query_range?query=1&start=2&end=1&step=1", Same),
    ("/api/v1/query_range?query=1&start=1&end=2&step=0", Same),
    ("/api/v1/query_range?query=1&start=1&end=2&step=-1", Same),
    ("/api/v1/query_range?query=1&start=1&end=2&step=-1m", Same),
    ("/api/v1/query_range?query=1&start=1&end=2&step=1e300", Same),
    ("/api/v1/query_range?query=1&start=1&end=2&step=x", Same),
    ("/api/v1/query_range?query=1&start=1&end=2&step=1h30m", Same),
    ("/api/v1/query_range?query=1&start=0&end=11000&step=1", Same),
    ("/api/v1/query_range?query=1&start=0&end=11001&step=1", Same),
    (
        "/api/v1/query_range?query=1&start=0&end=5.5&step=500ms",
        Same,
    ),
    (
        "/api/v1/query_range?query=time()&start=-2&end=2.25&step=1.5",
        Same,
    ),
    (
        "/api/v1/query_range?query=up(&start=1&end=2&step=1",
        UNNAMED,
    ),
    // Series, names, values.
    ("/api/v1/series", Same),
    ("/api/v1/series?match[]=up", Same),
    (
        "/api/v1/series?match[]=up&match[]=temp&match[]=%7Bjob=%22web%22%7D",
        Same,
    ),
    ("/api/v1/series?match[]=up&start=1&end=2", Same),
    ("/api/v1/series?match[]=none", Same),
    ("/api/v1/series?match[]=%7B%7D", Same),
    ("/api/v1/series?match[]=%7Bjob=~%22.*%22%7D", Same),
    ("/api/v1/series?match[]=up%7B", Same),
    ("/api/v1/series?match[]=sum(up)", Same),
    ("/api/v1/series?match[]=up%20offset%205m", Same),
    ("/api/v1/series?match[]=up&start=x", CAPITAL),
    ("/api/v1/series?match[]=up&end=x", CAPITAL),
    ("/api/v1/series?match[]=up&bad=%25zz", Same),
    ("/api/v1/series?match[]=up&bad=%zz", Same),
    ("/api/v1/labels", Same),
    ("/api/v1/labels?match[]=up", Same),
    ("/api/v1/labels?match[]=up&match[]=odd", Same),
    ("/api/v1/labels?match[]=none", Same),
    ("/api/v1/labels?match[]=%7B", Same),
    ("/api/v1/labels?start=x", CAPITAL),
    (
        "/api/v1/labels?bad=%zz",
        Other(400, 200, "2.42 drops what it cannot decode"),
    ),
    ("/api/v1/label/job/values", Same),
    ("/api/v1/label/__name__/values", Same),
    ("/api/v1/label/k/values", Same),
    ("/api/v1/label/none/values", Same),
    (
        "/api/v1/label/code/values?match[]=http_requests_total&match[]=up",
        Same,
    ),
    ("/api/v1/label/code/values?match[]=up%7B", Same),
    (
        "/api/v1/label/0x/values",
        Other(200, 400, "any UTF-8 is a name since 3"),
    ),
    // The rest.
    ("/api/v1/query_exemplars?query=up", Same),
    ("/api/v1/query_exemplars?query=up&start=2&end=1", Same),
    ("/api/v1/query_exemplars?query=1", Same),
    ("/api/v1/query_exemplars?query=up(", Same),
    ("/api/v1/format_query?query=sum%20by(x)(up)%2B1", Same),
    ("/api/v1/format_query?query=up(", Same),
    ("/api/v1/metadata?limit=x", Same),
    ("/api/v1/metadata", Same),
    ("/api/v1/targets/metadata?limit=x", Same),
    ("/api/v1/targets/metadata?match_target=%7B", Same),
    ("/api/v1/rules", Same),
    ("/api/v1/rules?type=x", Same),
    ("/api/v1/rules?type=alert", Same),
    ("/api/v1/alerts", Same),
    ("/api/v1/alertmanagers", Same),
    (
        "/api/v1/status/tsdb?limit=0",
        Other(400, 200, "2.42 has no limits"),
    ),
    ("/api/v1/unknown", Same),
    ("/federate?match[]=up%7B", Same),
    ("/federate?match[]=none", Same),
    ("/federate", Same),
    ("/-/healthy", Same),
    ("/-/ready", Same),
    ("/-/reload", Same),
    ("/-/quit", Same),
];

/// By POST, with a form.
pub(super) const FORMS: &[(&str, &str, Expect)] = &[
    ("/api/v1/query", "query=up&time=1700000900", Same),
    ("/api/v1/query?query=nan&time=1700000900", "query=up", Same),
    ("/api/v1/query", "", Same),
    (
        "/api/v1/query_range",
        "query=up&start=1700000040&end=1700000900&step=1m",
        Same,
    ),
    ("/api/v1/series", "match[]=up&match[]=odd", Same),
    ("/api/v1/labels", "match%5B%5D=up", Same),
    ("/api/v1/query_exemplars", "query=up", Same),
    ("/api/v1/format_query", "query=up", Same),
    (
        "/api/v1/admin/tsdb/snapshot",
        "",
        Other(200, 500, "ours is on in this test"),
    ),
    ("/api/v1/label/job/values", "", Same),
    ("/api/v1/targets", "", Same),
    (
        "/api/v1/write",
        "query=up",
        Other(415, 400, "2.42 does not look at the type"),
    ),
    (
        "/api/v1/read",
        "query=up",
        OtherWords("the words are of the unpacker"),
    ),
    ("/-/quit", "", Same),
];
