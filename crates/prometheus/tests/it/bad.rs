//! Bad input, and more than is allowed: a clear error, and the server goes on.

use crate::data::{Dice, START_MS, body, some};
use crate::http::{Answer, PATIENCE, percent};
use crate::server::Server;
use mainstay_exposition::remote::{ReadRequest, pack};
use mainstay_prometheus::{Options, SourceError, Stored, Writer};
use mainstay_series::{
    LabelQuery, Labels, Samples, Selection, Series, Storage, StorageError, Window,
};
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

fn told(answer: &Answer) -> (u16, String, String) {
    let json = answer.json();
    let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    (answer.status, text("errorType"), text("error"))
}

#[test]
fn forms_that_are_none_or_too_large_are_refused() {
    let options = Options {
        form_bytes: 1000,
        ..Options::default()
    };
    let server = Server::with(options, |_| {});
    let large = server
        .client
        .form("/api/v1/query", &format!("query={}", "1".repeat(1000)));
    let (status, kind, error) = told(&large);
    assert_eq!((status, kind.as_str()), (400, "bad_data"));
    assert_eq!(error, "error parsing form values: http: POST too large");
    let type_of = |kind: &str, body: &[u8]| {
        let headers = [("Content-Type", kind)];
        server
            .client
            .send("POST", "/api/v1/query?time=5", &headers, body)
            .unwrap()
    };
    let multipart = type_of("multipart/form-data; boundary=x", b"--x--");
    assert!(
        told(&multipart)
            .2
            .contains("multipart/form-data is not supported")
    );
    let binary = type_of("application/x-www-form-urlencoded", b"query=\xff");
    assert!(told(&binary).2.contains("not UTF-8"));
    let charset = type_of(
        "application/x-www-form-urlencoded; charset=utf-8",
        b"query=1",
    );
    assert_eq!(charset.status, 200);
    let ignored = type_of("text/plain", b"query=1");
    assert!(told(&ignored).2.contains("no expression found"));
}

/// Pieces that parameters are made of, right ones and wrong ones.
const PIECES: [&str; 28] = [
    "query=",
    "match[]=",
    "start=",
    "end=",
    "time=",
    "step=",
    "limit=",
    "timeout=",
    "lookback_delta=",
    "stats=all",
    "&",
    "&",
    "&",
    "up",
    "temp",
    "sum(",
    ")",
    "%7B",
    "%7D",
    "%5B5m%5D",
    "1e9",
    "-1",
    "1700000900",
    "15s",
    "%",
    "%ff",
    ";",
    "+",
];

const PATHS: [&str; 12] = [
    "/api/v1/query",
    "/api/v1/query_range",
    "/api/v1/query_exemplars",
    "/api/v1/series",
    "/api/v1/labels",
    "/api/v1/label/job/values",
    "/api/v1/metadata",
    "/api/v1/targets",
    "/api/v1/parse_query",
    "/api/v1/format_query",
    "/api/v1/status/tsdb",
    "/api/v1/rules",
];

/// Those that take a form too.
const FORMS: [&str; 7] = [
    "/api/v1/query",
    "/api/v1/query_range",
    "/api/v1/query_exemplars",
    "/api/v1/series",
    "/api/v1/labels",
    "/api/v1/parse_query",
    "/api/v1/format_query",
];

/// How many requests are tried unless told otherwise.
const ROUNDS: &str = "MAINSTAY_API_ROUNDS";

#[test]
fn whatever_is_sent_is_answered_in_prometheus_shape() {
    let server = Server::start();
    let mut dice = Dice::new(7);
    let mut seen = BTreeSet::new();
    let rounds = std::env::var(ROUNDS)
        .ok()
        .and_then(|text| text.parse().ok());
    for round in 0..rounds.unwrap_or(2000) {
        let path = *dice.one_of(&PATHS);
        let parameters: String = (0..dice.below(14)).map(|_| *dice.one_of(&PIECES)).collect();
        let answer = if dice.below(2) == 0 || !FORMS.contains(&path) {
            server.client.get(&format!("{path}?{parameters}"))
        } else {
            server.client.form(path, &parameters)
        };
        let what = format!("round {round}: {path}?{parameters}: {}", answer.text());
        let fits = match answer.status {
            200 => answer.json()["status"] == "success",
            204 => path == "/api/v1/query_exemplars",
            400 | 422 | 503 => answer.json()["status"] == "error",
            _ => false,
        };
        assert!(fits, "{what}");
        seen.insert(answer.status);
    }
    assert!(seen.contains(&200) && seen.contains(&400), "{seen:?}");
}

#[test]
fn absurd_queries_are_refused_and_do_no_harm() {
    let server = Server::start();
    let deep = "(".repeat(100_000);
    let long = format!("{{__name__=~\"{}\"}}", "a|".repeat(100_000));
    let huge = format!("{{a=~\"{}\"}}", "(a{1000}){1000}");
    for query in [
        deep.as_str(),
        &long,
        &huge,
        "up[",
        "\0",
        "up[100000000y]",
        "1e400",
    ] {
        let answer = server
            .client
            .form("/api/v1/query", &format!("query={}", percent(query)));
        assert!(
            matches!(answer.status, 200 | 400 | 422),
            "{}",
            answer.text()
        );
    }
    let path = "/api/v1/query_range?query=1&start=-9e15&end=9e15&step=1";
    assert!(
        told(&server.client.get(path))
            .2
            .starts_with("exceeded maximum resolution")
    );
    let path = "/api/v1/query_range?query=up&start=-9e15&end=9e15&step=1e13";
    assert!(matches!(server.client.get(path).status, 200 | 400));
    let path = "/api/v1/query_range?query=1&start=1&end=2&step=0.0001";
    assert!(
        told(&server.client.get(path))
            .2
            .starts_with("invalid parameter \"step\": zero or")
    );
    let earliest = "/api/v1/series?match[]=up&start=-292273086-05-16T16:47:06Z&end=292277025-08-18T07:12:54.999999999Z";
    assert_eq!(
        server.client.get(earliest).json()["data"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(server.client.get("/api/v1/query?query=1").status, 200);
}

#[test]
fn limits_cut_and_say_so() {
    let server = Server::start();
    for (path, count) in [
        ("/api/v1/query?query=up&time=1700000900&limit=1", 1),
        (
            "/api/v1/query_range?query=up&start=1700000900&end=1700000960&step=15&limit=1",
            1,
        ),
        ("/api/v1/series?match[]=up&limit=1", 1),
        ("/api/v1/series?match[]=up&match[]=odd&limit=2", 2),
        ("/api/v1/labels?limit=3", 3),
        ("/api/v1/label/__name__/values?limit=2", 2),
    ] {
        let json = server.client.get(path).json();
        assert_eq!(
            json["warnings"][0], "results truncated due to limit",
            "{path}"
        );
        let data = json["data"].get("result").unwrap_or(&json["data"]).clone();
        assert_eq!(data.as_array().unwrap().len(), count, "{path}");
    }
    let whole = server
        .client
        .get("/api/v1/series?match[]=up&limit=2")
        .json();
    assert_eq!(whole.get("warnings"), None);
    for limit in ["-1", "x", "1.5", "99999999999999999999"] {
        let answer = server.client.get(&format!("/api/v1/labels?limit={limit}"));
        assert!(
            told(&answer).2.starts_with("invalid parameter \"limit\": "),
            "{limit}"
        );
    }
}

#[test]
fn a_query_has_a_time_and_a_number_of_samples() {
    let options = Options {
        engine: mainstay_promql::Options {
            max_samples: 100,
            ..mainstay_promql::Options::default()
        },
        ..Options::default()
    };
    let server = Server::with(options, |_| {});
    let late = told(&server.client.get("/api/v1/query?query=up&timeout=0"));
    assert_eq!((late.0, late.1.as_str()), (503, "timeout"));
    assert!(late.2.starts_with("query timed out in "), "{}", late.2);
    let path =
        "/api/v1/query_range?query=http_requests_total&start=1700000040&end=1700001840&step=15";
    let (status, kind, error) = told(&server.client.get(path));
    assert_eq!((status, kind.as_str()), (422, "execution"));
    assert!(error.contains("too many samples"), "{error}");
}

#[test]
fn writes_that_are_none_are_refused() {
    let options = Options {
        body_bytes: 10_000,
        unpacked_bytes: 20_000,
        ..Options::default()
    };
    let server = Server::with(options, |_| {});
    let post = |headers: &[(&str, &str)], body: &[u8]| {
        server
            .client
            .send("POST", "/api/v1/write", headers, body)
            .unwrap()
    };
    let garbage: Vec<u8> = (0..2000u32).map(|n| (n * 7 % 251) as u8).collect();
    assert_eq!(post(&[], b"").status, 400);
    assert_eq!(post(&[], &garbage).status, 400);
    assert_eq!(post(&[], &pack(&garbage).unwrap()).status, 400);
    assert_eq!(post(&[], &[0xff; 9]).status, 400);
    // It says that it is large; nothing is made room for.
    let bomb = post(&[], &[0xff, 0xff, 0xff, 0xff, 0x0f, 0]);
    assert_eq!(bomb.status, 400);
    assert!(bomb.text().contains("more than 20000"), "{}", bomb.text());
    assert_eq!(post(&[], &body(&some(START_MS))).status, 413);
    assert_eq!(post(&[("Content-Encoding", "gzip")], b"").status, 415);
    assert_eq!(
        post(&[("Content-Type", "application/json")], b"").status,
        415
    );
    let other = [("Content-Type", "application/x-protobuf;proto=some.Other")];
    assert_eq!(post(&other, b"").status, 415);
    let second = [(
        "Content-Type",
        "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    )];
    assert_eq!(post(&second, &pack(&garbage).unwrap()).status, 400);
    assert_eq!(post(&second, &pack(b"").unwrap()).status, 204);

    let read = |body: &[u8]| {
        server
            .client
            .send("POST", "/api/v1/read", &[], body)
            .unwrap()
    };
    assert_eq!(read(&garbage).status, 400);
    assert_eq!(read(&pack(&garbage).unwrap()).status, 400);
    assert_eq!(read(&ReadRequest::default().encode().unwrap()).status, 200);
    // Field 2, type 1: only streamed chunks.
    let streamed = read(&pack(&[16, 1]).unwrap());
    assert_eq!(streamed.status, 400);
    assert!(
        streamed.text().contains("supported: SAMPLES"),
        "{}",
        streamed.text()
    );
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let options = Options {
        body_timeout: Duration::from_millis(20),
        ..Options::default()
    };
    let server = Server::with(options, |_| {});
    for (path, status) in [("query", "400"), ("write", "408"), ("read", "408")] {
        let mut client = TcpStream::connect(("127.0.0.1", server.client.port)).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let kind = if path == "query" {
            "x-www-form-urlencoded"
        } else {
            "x-protobuf"
        };
        let request = format!(
            "POST /prometheus/api/v1/{path} HTTP/1.0\r\nHost: a\r\nContent-Type: application/{kind}\r\n\
             Content-Length: 100\r\n\r\nquery=1"
        );
        client.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
        assert!(
            answer.contains("the body did not arrive in time"),
            "{answer}"
        );
    }
}

/// A store that has a bad day.
#[derive(Debug)]
struct Full;

impl Writer for Full {
    fn write(&self, _: &mut mainstay_exposition::Batch) -> Result<Stored, SourceError> {
        Err(SourceError("no space left on device".to_owned()))
    }
}

#[test]
fn a_store_that_cannot_write_lets_the_sender_come_again() {
    let server = Server::with(Options::default(), |sources| {
        sources.writer = Some(Arc::new(Full));
    });
    let answer = server.client.remote_write(&body(&some(START_MS)));
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (500, "no space left on device\n")
    );
}

/// Very many series, each of which is read when the test says so.
struct Slow {
    reading: Mutex<Option<SyncSender<()>>>,
    go_on: Mutex<Receiver<()>>,
    reads: AtomicUsize,
}

const MANY: usize = 100_000;

struct SlowSeries<'a>(&'a Slow, Labels);

impl Series for SlowSeries<'_> {
    fn labels(&self) -> &Labels {
        &self.1
    }

    fn read(&self, _: Window, into: &mut Samples) -> Result<(), StorageError> {
        self.0.reads.fetch_add(1, Ordering::Relaxed);
        if let Some(first) = self.0.reading.lock().unwrap().take() {
            first.send(()).unwrap();
        }
        let _ = self.0.go_on.lock().unwrap().recv();
        into.push(1, 1.0);
        Ok(())
    }
}

impl Storage for Slow {
    fn select(&self, _: &Selection<'_>) -> Result<Vec<Box<dyn Series + '_>>, StorageError> {
        let series = (0..MANY).map(|n| {
            let labels = Labels::from_pairs([("n", n.to_string())]);
            Box::new(SlowSeries(self, labels)) as Box<dyn Series>
        });
        Ok(series.collect())
    }

    fn label_names(&self, _: LabelQuery<'_>) -> Result<BTreeSet<String>, StorageError> {
        Ok(BTreeSet::new())
    }

    fn label_values(&self, _: &str, _: LabelQuery<'_>) -> Result<BTreeSet<String>, StorageError> {
        Err(StorageError::Read(
            "block 01ABC: input/output error".to_owned(),
        ))
    }
}

#[test]
fn a_query_ends_when_its_client_goes_away_and_others_are_refused_until_then() {
    let (reading, is_reading) = sync_channel(1);
    let (go_on, wait) = sync_channel(MANY);
    let slow = Arc::new(Slow {
        reading: Mutex::new(Some(reading)),
        go_on: Mutex::new(wait),
        reads: AtomicUsize::new(0),
    });
    let options = Options {
        concurrency: 1,
        queue: 0,
        ..Options::default()
    };
    let storage = slow.clone();
    let server = Server::with(options, |sources| sources.storage = storage);
    let mut client = TcpStream::connect(("127.0.0.1", server.client.port)).unwrap();
    let request = "GET /prometheus/api/v1/query?query=sum(x)&time=1 HTTP/1.1\r\nHost: a\r\n\r\n";
    client.write_all(request.as_bytes()).unwrap();
    is_reading.recv_timeout(PATIENCE).unwrap();
    let busy = told(&server.client.get("/api/v1/query?query=1"));
    assert_eq!((busy.0, busy.1.as_str()), (503, "unavailable"));
    assert_eq!(
        busy.2,
        "too many requests at once: 1 run and 0 wait; try again later"
    );

    drop(client);
    let deadline = Instant::now() + PATIENCE;
    while server.client.get("/api/v1/query?query=1").status == 503 {
        assert!(Instant::now() < deadline, "the query still runs");
        go_on.send(()).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(
        slow.reads.load(Ordering::Relaxed) < MANY,
        "it read everything"
    );
    let values = told(&server.client.get("/api/v1/label/x/values"));
    assert_eq!((values.0, values.1.as_str()), (422, "execution"));
    assert_eq!(values.2, "reading series: block 01ABC: input/output error");
}
