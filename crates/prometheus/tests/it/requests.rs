//! What each path answers, by itself.

use crate::data::labels;
use crate::http::percent;
use crate::parts::exemplar;
use crate::server::Server;
use mainstay_prometheus::MetricMetadata;
use mainstay_prometheus::Options;
use mainstay_series::Sample;
use serde_json::json;
use std::io::Read as _;
use std::sync::atomic::Ordering;

#[test]
fn an_instant_query_is_answered_as_prometheus_does() {
    let server = Server::start();
    let answer = server
        .client
        .get("/api/v1/query?query=temp&time=1700000100");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        answer.text(),
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"temp","instance":"a:1","job":"web"},"value":[1700000100,"1.4112000805986722e-09"]}]}}"#
    );
    let form = format!("query={}&time=1700000100.5&stats=all", percent("sum(up)"));
    let answer = server.client.form("/api/v1/query", &form).json();
    let data = &answer["data"];
    assert_eq!(data["result"][0]["value"], json!([1_700_000_100.5, "1"]));
    assert!(
        data["stats"]["samples"]["totalQueryableSamples"]
            .as_i64()
            .unwrap()
            >= 2
    );
    assert!(data["stats"]["timings"]["execTotalTime"].is_number());
}

#[test]
fn unknown_paths_and_preflights_are_answered_as_prometheus_does() {
    let server = Server::start();
    let unknown = server.client.get("/api/v1/unknown");
    assert_eq!(
        (unknown.status, unknown.text().as_str()),
        (404, "404 page not found\n")
    );
    let options = server
        .client
        .send("OPTIONS", "/api/v1/query", &[], b"")
        .unwrap();
    assert_eq!((options.status, options.body.len()), (204, 0));
    let wrong = server
        .client
        .send("DELETE", "/api/v1/query", &[], b"")
        .unwrap();
    assert_eq!(wrong.status, 405);
    assert_eq!(
        server.client.get("/-/healthy").text(),
        "Prometheus Server is Healthy.\n"
    );
    assert_eq!(
        server.client.get("/-/ready").text(),
        "Prometheus Server is Ready.\n"
    );
}

#[test]
fn it_stands_on_a_listener_of_its_own_too() {
    let server = Server::below("", Options::default(), |_| {});
    assert_eq!(server.client.get("/api/v1/query?query=1").status, 200);
    assert_eq!(
        server.client.get("/api/v1/label/job/values").json()["data"],
        json!(["api", "web"])
    );
    assert_eq!(server.client.get("/-/healthy").status, 200);
    let options = server
        .client
        .send("OPTIONS", "/api/v1/write", &[], b"")
        .unwrap();
    assert_eq!(options.status, 204);
    assert_eq!(server.client.get("/").text(), "404 page not found\n");
}

#[test]
fn names_beyond_the_classic_form_are_asked_for_as_they_are_or_escaped() {
    let server = Server::start();
    let pod = labels("http.requests", &[("k8s.pod", "a/b")]);
    server.parts.add(&[(
        pod,
        vec![Sample {
            time_ms: 1000,
            value: 1.0,
        }],
    )]);
    for name in ["k8s.pod", "k8s%2Epod", "U__k8s_2e_pod"] {
        let answer = server.client.get(&format!("/api/v1/label/{name}/values"));
        assert_eq!(answer.json()["data"], json!(["a/b"]), "{name}");
    }
    let path = format!(
        "/api/v1/query?time=1&query={}",
        percent("{\"http.requests\"}")
    );
    assert_eq!(
        server.client.get(&path).json()["data"]["result"][0]["metric"]["k8s.pod"],
        "a/b"
    );
}

#[test]
fn queries_are_formatted_and_parsed() {
    let server = Server::start();
    let query = percent("sum by (job) (rate(up{job=~\"a.*\"}[5m] offset 1m)) > bool 0");
    let formatted = server
        .client
        .get(&format!("/api/v1/format_query?query={query}"))
        .json();
    assert_eq!(
        formatted["data"],
        "sum by (job) (rate(up{job=~\"a.*\"}[5m] offset 1m)) > bool 0"
    );
    let parsed = server
        .client
        .form("/api/v1/parse_query", &format!("query={query}"))
        .json();
    let tree = &parsed["data"];
    assert_eq!(
        (&tree["type"], &tree["op"]),
        (&json!("binaryExpr"), &json!(">"))
    );
    assert_eq!(
        (&tree["bool"], &tree["rhs"]["val"]),
        (&json!(true), &json!("0"))
    );
    let selector = &tree["lhs"]["expr"]["args"][0];
    assert_eq!(
        (&selector["type"], &selector["range"]),
        (&json!("matrixSelector"), &json!(300_000))
    );
    assert_eq!(
        selector["matchers"][0],
        json!({"name": "job", "type": "=~", "value": "a.*"})
    );
    let bad = server.client.get("/api/v1/parse_query?query=up(").json();
    assert_eq!(
        bad["error"],
        "invalid parameter \"query\": 1:4: parse error: unclosed left parenthesis"
    );
}

#[test]
fn experimental_functions_are_there_where_they_are_allowed() {
    let query = "/api/v1/query?query=sort_by_label(up,%20%22job%22)";
    assert_eq!(Server::start().client.get(query).status, 400);
    let options = Options {
        experimental_functions: true,
        ..Options::default()
    };
    assert_eq!(Server::with(options, |_| {}).client.get(query).status, 200);
}

#[test]
fn while_starting_only_health_and_replay_answer() {
    let server = Server::start();
    server.parts.starting.store(true, Ordering::Relaxed);
    for path in [
        "/api/v1/query?query=1",
        "/-/ready",
        "/federate",
        "/api/v1/status/config",
    ] {
        let answer = server.client.get(path);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (503, "Service Unavailable"),
            "{path}"
        );
        assert_eq!(answer.header("x-prometheus-stopping"), Some("false"));
    }
    assert_eq!(server.client.remote_write(b"").status, 503);
    assert_eq!(server.client.get("/-/healthy").status, 200);
    assert_eq!(server.client.get("/api/v1/status/walreplay").status, 200);
}

#[test]
fn big_answers_are_packed_for_whoever_takes_it() {
    let server = Server::start();
    let path =
        "/api/v1/query_range?query=http_requests_total&start=1700000040&end=1700001840&step=15";
    let plain = server.client.get(path);
    let packed = server
        .client
        .send("GET", path, &[("Accept-Encoding", "gzip")], b"")
        .unwrap();
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.header("vary"), Some("Accept-Encoding"));
    assert!(packed.body.len() * 3 < plain.body.len());
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(&packed.body[..]);
    decoder.read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
}

#[test]
fn targets_and_metadata_have_prometheus_shapes() {
    let server = Server::start();
    let targets = server.client.get("/api/v1/targets").json();
    assert_eq!(
        targets["data"]["activeTargets"][0],
        json!({
            "discoveredLabels": {"__address__": "a:1"},
            "labels": {"instance": "a:1", "job": "api"},
            "scrapePool": "api",
            "scrapeUrl": "http://a:1/metrics",
            "globalUrl": "http://a:1/metrics",
            "lastError": "",
            "lastScrape": "2023-11-14T22:13:20.123Z",
            "lastScrapeDuration": 0.0015,
            "health": "up",
            "scrapeInterval": "15s",
            "scrapeTimeout": "10s",
        })
    );
    assert_eq!(
        targets["data"]["activeTargets"][1]["lastScrape"],
        "0001-01-01T00:00:00Z"
    );
    assert_eq!(
        targets["data"]["droppedTargetCounts"],
        json!({"api": 0, "web": 1})
    );
    let dropped = server
        .client
        .get("/api/v1/targets?state=dropped&scrapePool=web")
        .json();
    assert_eq!(dropped["data"]["activeTargets"], json!([]));
    assert_eq!(dropped["data"]["droppedTargets"][0]["scrapePool"], "web");
    let pools = server.client.get("/api/v1/scrape_pools").json();
    assert_eq!(pools["data"], json!({"scrapePools": ["api", "web"]}));

    let known = |metric: &str, help: &str| MetricMetadata {
        metric: metric.to_owned(),
        kind: "gauge".to_owned(),
        help: help.to_owned(),
        unit: String::new(),
    };
    let all = [
        known("up", "a"),
        known("up", "b"),
        known("up", "a"),
        known("temp", "c"),
    ];
    server.parts.metadata.write().unwrap().extend(all);
    let data = |path: &str| server.client.get(path).json()["data"].clone();
    let of = |help: &str| json!({"type": "gauge", "help": help, "unit": ""});
    let both = json!({"temp": [of("c")], "up": [of("a"), of("b")]});
    assert_eq!(data("/api/v1/metadata"), both);
    assert_eq!(data("/api/v1/metadata?limit=-1"), both);
    assert_eq!(data("/api/v1/metadata?limit=1"), json!({"temp": [of("c")]}));
    assert_eq!(
        data("/api/v1/metadata?metric=up&limit_per_metric=1"),
        json!({"up": [of("a")]})
    );
    let target = json!({"instance": "a:1", "job": "api"});
    assert_eq!(
        data("/api/v1/targets/metadata?metric=temp"),
        json!([{"target": target, "type": "gauge", "help": "c", "unit": ""}])
    );
    let named = data("/api/v1/targets/metadata?match_target=%7Bjob%3D%22api%22%7D&limit=1");
    assert_eq!(named[0]["metric"], "up");
    assert_eq!(
        data("/api/v1/targets/metadata?match_target=%7Bjob%3D%22x%22%7D"),
        json!([])
    );
}

#[test]
fn status_pages_say_what_the_server_says() {
    let server = Server::start();
    let data = |path: &str| server.client.get(path).json()["data"].clone();
    assert_eq!(data("/api/v1/status/flags"), json!({"query.timeout": "2m"}));
    assert_eq!(
        data("/api/v1/status/runtimeinfo")["storageRetention"],
        "15d"
    );
    let build = data("/api/v1/status/buildinfo");
    assert_eq!(build["version"], "3.5.0");
    assert!(
        build.get("features").is_none(),
        "Grafana would take it for Mimir"
    );
    let tsdb = data("/api/v1/status/tsdb?limit=7");
    assert_eq!(tsdb["headStats"]["numSeries"], 3);
    assert_eq!(
        tsdb["seriesCountByMetricName"],
        json!([{"name": "up", "value": 7}])
    );
    assert_eq!(tsdb["memoryInBytesByLabelName"], json!([]));
    assert_eq!(
        data("/api/v1/status/walreplay"),
        json!({"min": 0, "max": 0, "current": 0})
    );
}

#[test]
fn exemplars_stand_below_their_series() {
    let server = Server::start();
    let all = [1000, 2500].map(exemplar);
    server.parts.exemplars.write().unwrap().extend(all);
    let path = "/api/v1/query_exemplars?query=rate(up%5B5m%5D)%20%2B%20temp";
    assert_eq!(
        server.client.get(path).json()["data"],
        json!([{
            "seriesLabels": {"__name__": "up", "job": "api"},
            "exemplars": [
                {"labels": {"trace_id": "abc"}, "value": "0.25", "timestamp": 1},
                {"labels": {"trace_id": "abc"}, "value": "0.25", "timestamp": 2.5},
            ],
        }])
    );
    let none = server.client.get(&format!("{path}&start=3")).json();
    assert_eq!(none["data"], json!([]));
    assert_eq!(
        server.client.get("/api/v1/query_exemplars?query=1").status,
        204
    );
}

#[test]
fn the_admin_api_asks_the_store_and_only_where_it_is_on() {
    let server = Server::start();
    let put = |path: &str| server.client.send("PUT", path, &[], b"").unwrap();
    let admin = "/api/v1/admin/tsdb";
    let delete = server.client.form(
        &format!("{admin}/delete_series"),
        "match[]=up%7Bjob%3D%22api%22%7D&match[]=temp&start=1&end=2.5",
    );
    assert_eq!((delete.status, delete.body.len()), (204, 0));
    assert_eq!(put(&format!("{admin}/clean_tombstones")).status, 204);
    let snapshot = put(&format!("{admin}/snapshot?skip_head=true"));
    assert_eq!(
        snapshot.json()["data"]["name"],
        "20261127T120000Z-0123456789abcdef"
    );
    let asked = server.parts.asked.read().unwrap().clone();
    let window = "Window { start_ms: 1000, end_ms: 2500 }";
    assert_eq!(
        asked,
        [
            format!("delete job=\"api\",__name__=\"up\" {window}"),
            format!("delete __name__=\"temp\" {window}"),
            "clean".to_owned(),
            "snapshot true".to_owned(),
        ]
    );
    let fails = server
        .client
        .form(&format!("{admin}/delete_series"), "match[]=fails");
    assert_eq!(fails.status, 500);
    assert_eq!(fails.json()["error"], "the disk is full");
    let half = server
        .client
        .form(&format!("{admin}/delete_series"), "match[]=up&match[]=%7B");
    assert_eq!(half.status, 400);
    assert_eq!(
        server.parts.asked.read().unwrap().len(),
        4,
        "nothing was deleted"
    );
    let reload = server.client.send("POST", "/-/reload", &[], b"").unwrap();
    assert_eq!(reload.status, 500);
    assert_eq!(reload.text(), "failed to reload config: line 3 is wrong\n");
}

#[test]
fn what_is_off_says_so() {
    let server = Server::with(Options::default(), |sources| {
        sources.admin = None;
        sources.writer = None;
        sources.reload = None;
    });
    let post = |path: &str| server.client.send("POST", path, &[], b"").unwrap();
    for path in ["delete_series?match[]=up", "clean_tombstones", "snapshot"] {
        let answer = post(&format!("/api/v1/admin/tsdb/{path}"));
        assert_eq!(answer.status, 500);
        let json = answer.json();
        assert_eq!(json["errorType"], "unavailable");
        assert_eq!(json["error"], "admin APIs disabled");
    }
    assert_eq!(post("/api/v1/write").status, 404);
    assert_eq!(post("/-/reload").status, 403);
    assert_eq!(post("/-/quit").status, 403);
    assert_eq!(server.client.get("/-/reload").status, 405);
}
