//! A target that sends a gigabyte, with the limits that hold where nothing is said.
//!
//! It stands alone in its program: the most memory that a process ever had is looked at.

#![allow(clippy::unwrap_used, reason = "tests, also outside of their functions")]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mainstay_exposition::Batch;
use mainstay_scrape::{ActiveTarget, Appended, Health, Scraper, Settings, Sink, SinkError};
use mainstay_targets::Configuration;

const PATIENCE: Duration = Duration::from_secs(120);

const GIGABYTE: usize = 1 << 30;

/// What a scraper may take to refuse it: the 128 MiB that a body may have, its buffer's last doubling, and
/// the rest of the program.
const MOST_BYTES: u64 = 320 << 20;

/// Counts samples whose value is that of the good target.
#[derive(Debug, Default)]
struct Counting(Mutex<usize>);

impl Sink for Counting {
    fn append(&self, batch: &mut Batch) -> Result<Appended, SinkError> {
        let good = batch
            .rows
            .iter()
            .filter(|row| row.value.to_bits() == 4_711_f64.to_bits());
        *self.0.lock().unwrap() += good.count();
        Ok(Appended::default())
    }
}

/// Serves each connection on a thread of its own, which ends with it.
fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Reads to the end of a request's head; whether there was one.
fn request(stream: &mut TcpStream) -> bool {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read(&mut byte), Ok(1)) {
            return false;
        }
        head.push(byte[0]);
    }
    true
}

fn good(served: Arc<AtomicUsize>) -> SocketAddr {
    listen(move |mut stream| {
        let answer =
            b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 7\r\n\r\na 4711\n";
        while request(&mut stream) && stream.write_all(answer).is_ok() {
            served.fetch_add(1, Ordering::SeqCst);
        }
    })
}

/// Sends series without end; halfway to the limit it waits until the other was scraped twice more.
fn flood(served: Arc<AtomicUsize>, sent: Arc<AtomicUsize>) -> SocketAddr {
    listen(move |mut stream| {
        if !request(&mut stream) {
            return;
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {GIGABYTE}\r\n\r\n"
        );
        let mut lines = String::new();
        for n in 0..20_000 {
            let _ = writeln!(lines, "wide{{number=\"{n:08}\",of=\"very many\"}} 1");
        }
        if stream.write_all(head.as_bytes()).is_err() {
            return;
        }
        let (mut here, mut wanted) = (0, None);
        while here < GIGABYTE && stream.write_all(lines.as_bytes()).is_ok() {
            here += lines.len();
            if here > 64 << 20 {
                let wanted = *wanted.get_or_insert_with(|| served.load(Ordering::SeqCst) + 2);
                let until = Instant::now() + PATIENCE;
                while served.load(Ordering::SeqCst) < wanted && Instant::now() < until {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
        sent.fetch_max(here, Ordering::SeqCst);
    })
}

/// The most that this process ever had in memory.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        << 10
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_is_refused_within_bounds_and_harms_no_other() {
    let (served, sent) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let good = good(Arc::clone(&served));
    let flood = flood(Arc::clone(&served), Arc::clone(&sent));
    let text = format!(
        "global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}\nscrape_configs:\n\
         - {{job_name: good, static_configs: [{{targets: ['{good}']}}]}}\n\
         - {{job_name: flood, scrape_interval: 10s, scrape_timeout: 10s, static_configs: [{{targets: ['{flood}']}}]}}\n"
    );
    let (config, problems) = Configuration::read(&text, Path::new("/p.yml"), "p.yml");
    assert!(problems.is_empty(), "{problems}");
    let sink = Arc::new(Counting::default());
    let scraper = Scraper::new(sink.clone(), Settings::default());
    scraper.apply(&config.jobs);

    let of = |job: &str| -> Option<ActiveTarget> {
        let snapshot = scraper.snapshot();
        let found = snapshot.active.iter().find(|target| target.pool == job);
        found.cloned()
    };
    let wanted = "body size limit exceeded: more than 134217728 bytes";
    let deadline = Instant::now() + PATIENCE;
    while !of("flood").is_some_and(|target| target.last_error.contains(wanted)) {
        assert!(Instant::now() < deadline, "{:?}", of("flood"));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let there = of("good").unwrap();
    assert_eq!(there.health, Health::Up, "{there:?}");
    assert!(*sink.0.lock().unwrap() >= 2, "it was scraped on");
    let peak = peak_bytes();
    assert!(peak < MOST_BYTES, "{peak} bytes of memory");
    scraper.stop().await;
    let deadline = Instant::now() + PATIENCE;
    while sent.load(Ordering::SeqCst) == 0 {
        assert!(Instant::now() < deadline, "the connection was let go");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent < GIGABYTE / 4, "{sent} bytes were read");
}
