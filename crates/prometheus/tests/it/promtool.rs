//! promtool's query commands, as people use them.

use std::process::Command;

use crate::peer::program;
use crate::server::Server;

/// What promtool prints; it must succeed.
fn run(promtool: &std::path::Path, server: &Server, arguments: &[&str]) -> String {
    let url = server.client.url();
    let (command, rest) = arguments.split_first().unwrap();
    let output = Command::new(promtool)
        .args(["query", command, &url])
        .args(rest)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn promtool_queries_series_labels_and_values() {
    let Some(promtool) = program("promtool", "promtool_queries_series_labels_and_values") else {
        return;
    };
    let server = Server::start();
    let ask = |arguments: &[&str]| run(&promtool, &server, arguments);
    let instant = ask(&["instant", "--time=1700000100", "sum(http_requests_total)"]);
    assert_eq!(instant, "{} => 9126 @[1700000100]\n");
    let times = ["--start=1700000100", "--end=1700000130", "--step=15s"];
    let range = ask(&[&["range"], &times[..], &["up{job=\"api\"}"]].concat());
    assert_eq!(
        range,
        "up{instance=\"a:1\", job=\"api\"} =>\n1 @[1700000100]\n1 @[1700000115]\n1 @[1700000130]\n"
    );
    let series = ask(&[&["series", "--match=up", "--match=temp"], &times[..2]].concat());
    let mut series: Vec<_> = series.lines().collect();
    series.sort_unstable();
    assert_eq!(
        series,
        [
            r#"{__name__="temp", instance="a:1", job="web"}"#,
            r#"{__name__="up", instance="a:1", job="api"}"#,
            r#"{__name__="up", instance="a:1", job="web"}"#,
        ]
    );
    assert_eq!(
        ask(&[&["labels"], &times[..2], &["code"]].concat()),
        "200\n404\n500\n"
    );
}
