//! The load: targets that serve series, and remote writes of the same mix.

use anyhow::Result;
use mainstay_exposition::remote::{encode_v1, pack};
use mainstay_series::{Labels, Sample};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Series by number: what they are called, and what their values are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mix {
    series: usize,
}

impl Mix {
    pub(super) fn new(series: usize) -> Self {
        Self { series }
    }

    fn name(number: usize) -> &'static str {
        match number % 4 {
            0 | 1 => "bench_total",
            2 => "bench_noise",
            _ => "bench_limit",
        }
    }

    /// A counter that goes up unevenly, a gauge with one decimal, or a value that stays.
    fn value(number: usize, round: usize) -> f64 {
        let mixed = (number as u64 ^ (round as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .wrapping_mul(0xbf58_476d_1ce4_e5b9);
        match number % 4 {
            0 | 1 => (round * (number % 50 + 1)) as f64 + (mixed >> 60) as f64,
            2 => (mixed >> 54) as f64 / 10.0,
            _ => (number % 1000) as f64,
        }
    }

    /// A scrape's body.
    fn body(self, round: usize) -> String {
        let mut text = String::with_capacity(self.series * 80);
        for number in 0..self.series {
            let (name, value) = (Self::name(number), Self::value(number, round));
            let _ = writeln!(
                text,
                "{name}{{path=\"/api/v1/item/{number}\",method=\"GET\",code=\"200\"}} {value}"
            );
        }
        text
    }

    fn labels(number: usize) -> Labels {
        Labels::from_pairs([
            ("__name__", Self::name(number).to_owned()),
            ("path", format!("/api/v1/item/{number}")),
            ("method", "GET".to_owned()),
            ("code", "200".to_owned()),
            ("job", "bench".to_owned()),
            ("instance", format!("127.0.0.1:{}", number % 10)),
        ])
    }

    /// One round of remote writes, packed, `most` samples each.
    pub(super) fn writes(
        self,
        round: usize,
        time_ms: i64,
        most: usize,
    ) -> impl Iterator<Item = Vec<u8>> {
        let starts = (0..self.series).step_by(most);
        starts.map(move |start| {
            let numbers = start..(start + most).min(self.series);
            let rows: Vec<(Labels, [Sample; 1])> = numbers
                .map(|number| {
                    let value = Self::value(number, round);
                    (Self::labels(number), [Sample { time_ms, value }])
                })
                .collect();
            let series = rows.iter().map(|(labels, samples)| (labels, &samples[..]));
            pack(&encode_v1(series, &[])).unwrap_or_default()
        })
    }
}

/// Targets on ports of their own.
pub(super) struct Feed {
    addresses: Vec<SocketAddr>,
    served: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
}

impl Feed {
    pub(super) fn start(targets: usize, mix: Mix) -> Result<Self> {
        let served = Arc::new(AtomicUsize::new(0));
        let stopped = Arc::new(AtomicBool::new(false));
        let mut addresses = Vec::new();
        for _ in 0..targets {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            addresses.push(listener.local_addr()?);
            let (served, stopped) = (Arc::clone(&served), Arc::clone(&stopped));
            std::thread::spawn(move || {
                let round = Arc::new(AtomicUsize::new(0));
                for stream in listener.incoming().flatten() {
                    let served = Arc::clone(&served);
                    let (stopped, round) = (Arc::clone(&stopped), Arc::clone(&round));
                    // Ends with its connection.
                    std::thread::spawn(move || serve(stream, mix, &round, &served, &stopped));
                }
            });
        }
        Ok(Self {
            addresses,
            served,
            stopped,
        })
    }

    /// A file of Prometheus that scrapes all of them once a second.
    pub(super) fn configuration(&self) -> String {
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        format!(
            "scrape_configs:\n- job_name: bench\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  static_configs:\n  - targets: {addresses:?}\n"
        )
    }

    pub(super) fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }

    /// From now on every scrape fails at once.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }
}

/// `None` when the peer has gone.
fn serve(
    stream: TcpStream,
    mix: Mix,
    round: &AtomicUsize,
    served: &AtomicUsize,
    stopped: &AtomicBool,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
        }
        if stopped.load(Ordering::SeqCst) {
            return None;
        }
        let body = mix.body(round.fetch_add(1, Ordering::SeqCst));
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let out = stream.get_mut();
        out.write_all(head.as_bytes()).ok()?;
        out.write_all(body.as_bytes()).ok()?;
        served.fetch_add(1, Ordering::SeqCst);
    }
}
