//! A scraper against targets on real sockets: good ones, and ones that misbehave.

#![allow(clippy::unwrap_used, reason = "tests, also outside of their functions")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainstay_exposition::Batch;
use mainstay_scrape::{ActiveTarget, Appended, Health, Scraper, Settings, Sink, SinkError};
use mainstay_series::{Labels, is_stale};
use mainstay_targets::{Configuration, Group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// For anything to happen that is to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Keeps everything, by labels; counts its numbers up.
#[derive(Debug, Default)]
struct Memory(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    series: Vec<Labels>,
    rows: Vec<(Labels, i64, f64)>,
    /// Numbers of which it pretends to have forgotten all.
    forget: bool,
}

impl Sink for Memory {
    fn append(&self, batch: &mut Batch) -> Result<Appended, SinkError> {
        let mut kept = self.0.lock().unwrap();
        for (row, labels) in &batch.new {
            let known = kept.series.iter().position(|other| other == labels);
            let place = known.unwrap_or(kept.series.len());
            if known.is_none() {
                kept.series.push(labels.clone());
            }
            batch.rows[*row as usize].series = place as u64 + 1;
        }
        let mut appended = Appended::default();
        let forget = std::mem::take(&mut kept.forget);
        for (index, row) in batch.rows.iter().enumerate() {
            let new = batch.new.iter().any(|(other, _)| *other as usize == index);
            if forget && !new {
                appended.forgotten.push(index as u32);
                continue;
            }
            let labels = kept.series[row.series as usize - 1].clone();
            kept.rows.push((labels, row.time_ms, row.value));
        }
        Ok(appended)
    }
}

impl Memory {
    /// Values of a series in order, `stale` for the marker.
    fn values(&self, series: &str) -> Vec<String> {
        let kept = self.0.lock().unwrap();
        let rows = kept
            .rows
            .iter()
            .filter(|(labels, ..)| labels.to_string() == series);
        let shown = |value: f64| {
            if is_stale(value) {
                "stale".to_owned()
            } else {
                value.to_string()
            }
        };
        rows.map(|(_, _, value)| shown(*value)).collect()
    }

    /// Waits until a series has values that fit.
    async fn until(&self, series: &str, fits: impl Fn(&[String]) -> bool) -> Vec<String> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let values = self.values(series);
            if fits(&values) {
                return values;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{series}: {values:?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Answers each request with the next of these (the last one for ever), whole responses.
async fn target(answers: Vec<Vec<u8>>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        let answers = Arc::new(answers);
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&answers), Arc::clone(&seen)));
        }
    });
    (address, requests)
}

async fn serve(mut stream: TcpStream, answers: Arc<Vec<Vec<u8>>>, seen: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while stream.read_exact(&mut byte).await.is_ok() {
        head.push(byte[0]);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(String::from_utf8(std::mem::take(&mut head)).unwrap());
            seen.len() - 1
        };
        let answer = &answers[number.min(answers.len() - 1)];
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

fn answer(body: &str) -> Vec<u8> {
    typed("text/plain; version=0.0.4", "", body.as_bytes())
}

fn typed(kind: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{more}\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// A scraper with jobs of 500 ms, from a configuration that begins with `scrape_configs`.
fn scraper(config: &str) -> (Scraper, Arc<Memory>) {
    let memory = Arc::new(Memory::default());
    let scraper = Scraper::new(memory.clone(), Settings::default());
    scraper.apply(&jobs(config));
    (scraper, memory)
}

fn jobs(config: &str) -> Vec<mainstay_targets::Job> {
    let text = format!("global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}\n{config}");
    let (config, problems) = Configuration::read(&text, Path::new("/p.yml"), "p.yml");
    assert!(problems.is_empty(), "{problems}");
    config.jobs
}

fn job(address: SocketAddr, more: &str) -> String {
    format!("scrape_configs: [{{job_name: j, static_configs: [{{targets: ['{address}']}}]{more}}}]")
}

async fn health(scraper: &Scraper, fits: impl Fn(&ActiveTarget) -> bool) -> ActiveTarget {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let snapshot = scraper.snapshot();
        if let Some(target) = snapshot.active.first().filter(|target| fits(target)) {
            return target.clone();
        }
        assert!(tokio::time::Instant::now() < deadline, "{snapshot:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The text of a series of the target.
fn of(name: &str, address: SocketAddr, more: &str) -> String {
    let instance = address.to_string();
    let own = [("__name__", name), ("instance", &instance), ("job", "j")];
    let more = more.split_once('=');
    Labels::from_pairs(own.into_iter().chain(more)).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_scraped_with_its_automatic_series() {
    let body = "# TYPE a counter\na{x=\"1\"} 1\nb 2\n";
    let (address, requests) = target(vec![answer(body), answer("a{x=\"1\"} 3\n")]).await;
    let config = job(
        address,
        ", scrape_timeout: 400ms, params: {m: [x]}, basic_auth: {username: u, password: p}",
    );
    let (scraper, memory) = scraper(&config);
    let values = memory
        .until(&of("a", address, "x=1"), |values| values.len() > 2)
        .await;
    assert_eq!(values[..3], ["1", "3", "3"]);
    assert_eq!(memory.values(&of("b", address, ""))[..2], ["2", "stale"]);
    for (name, first) in [
        ("up", "1"),
        ("scrape_samples_scraped", "2"),
        ("scrape_samples_post_metric_relabeling", "2"),
        ("scrape_series_added", "2"),
    ] {
        assert_eq!(memory.values(&of(name, address, ""))[0], first, "{name}");
    }
    assert!(
        memory
            .values(&of("scrape_duration_seconds", address, ""))
            .len()
            >= 2
    );
    let shown = health(&scraper, |target| target.health == Health::Up).await;
    assert_eq!((shown.samples, shown.last_error.as_str()), (1, ""));
    assert_eq!(shown.url, format!("http://{address}/metrics?m=x"));
    let request = requests.lock().unwrap()[0].to_lowercase();
    for line in [
        "get /metrics?m=x http/1.1",
        "authorization: basic dtpw",
        "accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,",
        "accept-encoding: gzip",
        "x-prometheus-scrape-timeout-seconds: 0.4",
    ] {
        assert!(request.contains(line), "{line} in {request}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_ends_series_and_a_target_that_goes_ends_all() {
    let good = answer("a 1\n");
    let (address, _) = target(vec![good.clone(), answer("a one\n"), good]).await;
    let (scraper, memory) = scraper(&job(address, ""));
    let a = of("a", address, "");
    let values = memory.until(&a, |values| values.len() > 2).await;
    assert_eq!(values[..3], ["1", "stale", "1"]);
    assert_eq!(memory.values(&of("up", address, ""))[..3], ["1", "0", "1"]);
    scraper.apply(&[]);
    for series in [
        a,
        of("up", address, ""),
        of("scrape_series_added", address, ""),
    ] {
        let values = memory
            .until(&series, |values| {
                values.last().is_some_and(|last| last == "stale")
            })
            .await;
        let again = memory.values(&series);
        assert_eq!(values, again, "nothing comes after the end");
    }
    assert!(scraper.snapshot().active.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_no_series() {
    let (address, _) = target(vec![answer("a 1\n")]).await;
    let (scraper, memory) = scraper(&job(address, ""));
    let a = of("a", address, "");
    memory.until(&a, |values| !values.is_empty()).await;
    scraper.stop().await;
    assert!(memory.values(&a).iter().all(|value| value == "1"));
}

/// What a target may do wrong, and what is said of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_misbehaves_is_told_and_bounded() {
    let big = format!("a 1\n{}", "# ".repeat(50_000));
    let zeros = vec![0u8; 1 << 20];
    let bomb = gzip(&zeros);
    let slow =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\na 1\n".to_vec();
    let gone = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n".to_vec();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"garbage\r\n\r\n".to_vec(), "invalid HTTP version parsed"),
        (answer("a{\n"), "line 1: expected `}`, found the end"),
        (
            typed("text/html", "", b"a 1\n"),
            "content type `text/html` is none of metrics",
        ),
        (
            answer(&big),
            "body size limit exceeded: more than 65536 bytes",
        ),
        (
            typed("text/plain", "content-encoding: gzip\r\n", &bomb),
            "body size limit exceeded: more than 65536 bytes",
        ),
        (
            typed("text/plain", "content-encoding: gzip\r\n", b"no"),
            "the body is not gzip",
        ),
        (
            typed("text/plain", "content-encoding: br\r\n", b"no"),
            "the body is compressed as `br`",
        ),
        (slow, "no whole answer within 300ms"),
        (
            gone,
            "server returned HTTP status 500 Internal Server Error",
        ),
        (
            answer("a 1\nb 1\nc 1\n"),
            "sample limit exceeded: 3 samples after relabelling, the limit is 2",
        ),
    ];
    for (bytes, wanted) in cases {
        let (address, _) = target(vec![bytes]).await;
        let more =
            ", body_size_limit: 64KB, sample_limit: 2, scrape_interval: 1s, scrape_timeout: 300ms";
        let (scraper, memory) = scraper(&job(address, more));
        let shown = health(&scraper, |target| target.health != Health::Unknown).await;
        assert!(
            shown.last_error.contains(wanted),
            "{} is not {wanted}",
            shown.last_error
        );
        assert_eq!(memory.values(&of("up", address, ""))[0], "0");
        assert!(memory.values(&of("a", address, "")).is_empty());
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_byte_at_a_time_harms_no_other() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n";
                let mut sent = stream.write_all(head).await;
                while sent.is_ok() {
                    sent = stream.write_all(b"#").await;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
    });
    let (good, _) = target(vec![answer("a 1\n")]).await;
    let config = format!(
        "scrape_configs: [{{job_name: j, static_configs: [{{targets: ['{slow}', '{good}']}}]}}]"
    );
    let (_scraper, memory) = scraper(&config);
    memory
        .until(&of("up", slow, ""), |values| {
            values.iter().filter(|value| *value == "0").count() > 2
        })
        .await;
    memory
        .until(&of("a", good, ""), |values| values.len() > 2)
        .await;
    assert!(memory.values(&of("up", good, "")).contains(&"1".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn gzip_is_read_and_redirects_are_followed_without_credentials_to_others() {
    let zipped = typed("text/plain", "content-encoding: gzip\r\n", &gzip(b"a 1\n"));
    let (there, requests) = target(vec![zipped]).await;
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://{there}/other\r\ncontent-length: 0\r\n\r\n"
    );
    let (here, first) = target(vec![redirect.into_bytes()]).await;
    let config = ", scrape_interval: 1s, scrape_timeout: 900ms, bearer_token: t";
    let (first_scraper, memory) = scraper(&job(here, config));
    memory
        .until(&of("a", here, ""), |values| !values.is_empty())
        .await;
    assert!(first.lock().unwrap()[0].contains("authorization: Bearer t"));
    let request = requests.lock().unwrap()[0].clone();
    assert!(
        request.starts_with("GET /other ") && !request.contains("authorization"),
        "{request}"
    );

    drop(first_scraper);
    let (scraper, _) = scraper(&job(here, ", follow_redirects: false"));
    let shown = health(&scraper, |target| target.health == Health::Down).await;
    assert_eq!(shown.last_error, "server returned HTTP status 302 Found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sink_has_forgotten_goes_again_by_labels() {
    let (address, _) = target(vec![answer("a 1\n"), answer("a 2\n")]).await;
    let (_scraper, memory) = scraper(&job(address, ""));
    let a = of("a", address, "");
    memory.until(&a, |values| values.len() > 1).await;
    memory.0.lock().unwrap().forget = true;
    let before = memory.values(&a).len();
    memory.until(&a, |values| values.len() > before + 1).await;
    assert!(!memory.0.lock().unwrap().forget, "it was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_come_from_files_and_from_whoever_knows_them() {
    let (address, _) = target(vec![answer("a 1\n")]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.json");
    std::fs::write(
        &file,
        format!(r#"[{{"targets":["{address}"],"labels":{{"from":"file"}}}}]"#),
    )
    .unwrap();
    let config = format!(
        "scrape_configs: [{{job_name: j, file_sd_configs: [{{files: ['{}'], refresh_interval: 1s}}]}}, {{job_name: own}}]",
        file.display()
    );
    let (scraper, memory) = scraper(&config);
    let series = of("a", address, "from=file");
    memory.until(&series, |values| !values.is_empty()).await;
    std::fs::write(&file, "[]").unwrap();
    memory
        .until(&series, |values| {
            values.last().is_some_and(|last| last == "stale")
        })
        .await;

    let labels = Labels::from_pairs([("service", "web")]);
    let group = Group::of_addresses("runtime", labels, [address.to_string()]);
    assert!(scraper.found("own", "runtime", vec![group]).await);
    assert!(!scraper.found("none", "runtime", Vec::new()).await);
    let series = format!("up{{instance=\"{address}\", job=\"own\", service=\"web\"}}");
    memory
        .until(&series, |values| values.contains(&"1".to_owned()))
        .await;
    let pools: BTreeMap<String, String> = scraper
        .snapshot()
        .active
        .into_iter()
        .map(|target| (target.pool, target.url))
        .collect();
    assert_eq!(
        pools,
        BTreeMap::from([("own".to_owned(), format!("http://{address}/metrics"))])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_job_keeps_the_targets_that_stay() {
    let (stays, _) = target(vec![answer("a 1\n")]).await;
    let (goes, _) = target(vec![answer("a 1\n")]).await;
    let (given, _) = target(vec![answer("a 1\n")]).await;
    let config = |targets: &str, more: &str| {
        format!(
            "scrape_configs: [{{job_name: j, static_configs: [{{targets: [{targets}]}}]{more}}}]"
        )
    };
    let (scraper, memory) = scraper(&config(&format!("'{stays}', '{goes}'"), ""));
    let group = Group::of_addresses("runtime", Labels::empty(), [given.to_string()]);
    assert!(scraper.found("j", "runtime", vec![group]).await);
    for address in [stays, goes, given] {
        memory
            .until(&of("a", address, ""), |values| !values.is_empty())
            .await;
    }
    scraper.apply(&jobs(&config(&format!("'{stays}'"), "")));
    let gone = |values: &[String]| values.last().is_some_and(|last| last == "stale");
    memory.until(&of("a", goes, ""), gone).await;
    for address in [stays, given] {
        let before = memory.values(&of("a", address, "")).len();
        memory
            .until(&of("a", address, ""), |values| values.len() > before + 1)
            .await;
        let values = memory.values(&of("a", address, ""));
        assert!(values.iter().all(|value| value == "1"), "{values:?}");
    }
    let added = memory.values(&of("scrape_series_added", stays, ""));
    assert_eq!(
        added.iter().filter(|value| *value == "1").count(),
        1,
        "it is new once: {added:?}"
    );
    // With other labels the series are others.
    let relabelled = ", metric_relabel_configs: [{target_label: l, replacement: v}]";
    scraper.apply(&jobs(&config(&format!("'{stays}'"), relabelled)));
    memory.until(&of("a", stays, ""), gone).await;
    memory
        .until(&of("a", stays, "l=v"), |values| !values.is_empty())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_targets_than_allowed_are_none() {
    let config = "scrape_configs: [{job_name: j, target_limit: 1, static_configs: [{targets: ['h:1', 'h:2']}]}]";
    let (scraper, _) = scraper(config);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while scraper.snapshot().troubles.is_empty() {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let snapshot = scraper.snapshot();
    assert_eq!(
        snapshot.troubles[0].error,
        "target_limit exceeded (number of targets: 2, limit: 1)"
    );
    assert!(snapshot.active.is_empty());
}
