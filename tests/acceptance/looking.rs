//! Looking at one instance: past the proxy, and on one page.

use crate::site::{Site, compose, request};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

const VALUE: &str = "a-well-kept-value-of-a-secret";

/// A local port leads to the one instance that was named, for as long as the command runs.
#[test]
fn a_port_is_forwarded_to_one_instance() {
    let site = Site::sample();
    site.up();
    for (arguments, words) in [
        (["port-forward", "app", "22"], "app-r1-1 has no port 22"),
        (["port-forward", "ap", "8000"], "did you mean `app`"),
        (["port-forward", "a/b", "8000"], "neither a service nor"),
    ] {
        site.run(&arguments).with_code(2).says(words);
    }
    let mut child = site
        .command(&["--json", "port-forward", "app-r1-2", ":8000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let said: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address = said["listening"].as_str().unwrap().parse().unwrap();
    for _ in 0..4 {
        let answer = request(address, "GET", "/only-to-the-second", b"");
        assert_eq!(answer.status, 404, "{answer:?}");
    }
    site.eventually("its log has the requests", || {
        let log = site.ok(&["logs", "app-r1-2"]);
        log.matches("/only-to-the-second").count() == 4
    });
    assert!(!site.ok(&["logs", "app-r1-1"]).contains("/only-to"));
    // More than fits in any buffer on the way, in both directions.
    let large = vec![b'x'; 3 << 20];
    let answer = request(address, "POST", "/jobs", &large);
    assert!((400..500).contains(&answer.status), "{answer:?}");
    crate::site::terminate(i32::try_from(child.id()).unwrap());
    assert!(child.wait().unwrap().success());
    assert!(site.events().join("\n").contains("forward"));
}

/// One page has what five commands say, and no secret.
#[test]
fn one_page_says_everything_of_a_service() {
    let site = Site::sample();
    let secret = format!("      API_TOKEN: {VALUE}\n");
    site.write("compose.yaml", &compose(2, &secret));
    site.up();
    let page = site.ok(&["debug", "app"]);
    for words in [
        "app-r1-1",
        "app-r1-2",
        "DATABASE_PATH",
        "and serves",
        "last lines",
    ] {
        assert!(page.contains(words), "no `{words}` in {page}");
    }
    assert!(!page.contains(VALUE), "{page}");
    let one = site.json(&["debug", "app-r1-2"]);
    assert_eq!(one["instances"].as_array().unwrap().len(), 1);
    assert!(!one["logs"].as_array().unwrap().is_empty(), "{one}");
    site.run(&["debug", "ap"])
        .with_code(2)
        .says("did you mean `app`");
}
