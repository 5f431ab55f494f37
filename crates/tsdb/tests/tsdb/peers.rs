//! Prometheus and promtool judge what lies on disk: they read ours, and we read theirs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mainstay_series::{Labels, Matcher, STALE, Window};

use crate::support::{All, BLOCK, START, count, fill, labels, open, put, read, read_with};

/// The program on the `PATH`; where there is none the test is skipped, and says so past the capture
/// of its output.
fn program(name: &str, test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/bin")])
        .map(|folder| folder.join(name))
        .find(|file| Path::is_file(file));
    if found.is_none() {
        assert!(
            std::env::var_os("MAINSTAY_REQUIRE_PEERS").is_none(),
            "{name} is not here"
        );
        let line = format!("skipped for want of {name}: {test}\n");
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
    found
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}\n{text}");
    text
}

/// What `promtool tsdb dump` prints, as we read it: labels, value, time.
fn dump(promtool: &Path, dir: &Path) -> All {
    let text = output(Command::new(promtool).args(["tsdb", "dump"]).arg(dir));
    let mut all = All::new();
    for line in text.lines() {
        let (rest, time) = line.rsplit_once(' ').unwrap();
        let (labels, value) = rest.rsplit_once(' ').unwrap();
        let value: f64 = value.parse().unwrap();
        let samples = all.entry(series_name(labels)).or_default();
        samples.push((time.parse().unwrap(), value.to_bits()));
    }
    all
}

/// `{__name__="a", job="b"}` as [`Labels`] show themselves.
fn series_name(text: &str) -> String {
    let inner = text.trim_start_matches('{').trim_end_matches('}');
    let pairs = inner.split(", ").filter_map(|pair| pair.split_once('='));
    let unquoted = pairs.map(|(name, value)| (name, value.trim_matches('"')));
    Labels::from_pairs(unquoted).to_string()
}

/// Not-a-numbers are printed as one.
fn as_printed(all: &All) -> All {
    let one_nan = |bits: u64| {
        if f64::from_bits(bits).is_nan() {
            f64::NAN.to_bits()
        } else {
            bits
        }
    };
    let of = |samples: &Vec<(i64, u64)>| samples.iter().map(|(t, v)| (*t, one_nan(*v))).collect();
    all.iter()
        .map(|(name, samples)| (name.clone(), of(samples)))
        .collect()
}

/// Values that are hard on an encoding, at steps that are.
fn put_hard(store: &mainstay_tsdb::Store) {
    let series = labels("hard", 0);
    let values = [
        0.0,
        -0.0,
        1.0,
        f64::NAN,
        STALE,
        f64::INFINITY,
        f64::MIN_POSITIVE,
        1e300,
        -7.25,
        0.1,
    ];
    let steps = [
        1, 15_000, 15_001, 14_999, 8_191, 8_192, 8_193, 65_536, 524_288, 1_048_577, 2_000_000,
    ];
    let mut time = START;
    for round in 0..20 {
        put(store, &series, time, values[round % values.len()]);
        time += steps[round % steps.len()];
    }
}

#[test]
fn promtool_lists_analyzes_and_dumps_blocks_and_log() {
    let Some(promtool) = program(
        "promtool",
        "promtool_lists_analyzes_and_dumps_blocks_and_log",
    ) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    put_hard(&store);
    fill(&store, 40, START + 2 * BLOCK, START + 5 * BLOCK);
    store.maintain(START + 5 * BLOCK).unwrap();
    let deleted = Window {
        start_ms: START + 2 * BLOCK,
        end_ms: START + 2 * BLOCK + BLOCK / 2,
    };
    store
        .delete(&[Matcher::equal("instance", "host-3:9100")], deleted)
        .unwrap();
    let expected = read(&store);
    let blocks = store.stats(0).unwrap().blocks.len();
    drop(store);

    assert!(blocks > 1);
    assert_eq!(dump(&promtool, dir.path()), as_printed(&expected));
    let list = output(
        Command::new(&promtool)
            .args(["tsdb", "list"])
            .arg(dir.path()),
    );
    assert_eq!(
        list.lines().count(),
        1 + blocks,
        "a heading and each block: {list}"
    );
    let analysis = output(
        Command::new(&promtool)
            .args(["tsdb", "analyze"])
            .arg(dir.path()),
    );
    assert!(analysis.contains("Series: 40"), "{analysis}");
    assert!(analysis.contains("requests_total"), "{analysis}");
}

#[test]
fn late_samples_in_blocks_and_merged_blocks_are_read_by_promtool() {
    let Some(promtool) = program(
        "promtool",
        "late_samples_in_blocks_and_merged_blocks_are_read_by_promtool",
    ) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let late = labels("late", 1);
    for back in [0, 60_000, 30_000, 90_000, 45_000] {
        put(&store, &late, START + BLOCK - back, back as f64);
    }
    fill(&store, 3, START + BLOCK / 2, START + 9 * BLOCK);
    store.maintain(START + 9 * BLOCK).unwrap();
    let expected = read(&store);
    drop(store);
    assert_eq!(dump(&promtool, dir.path()), expected);
}

#[test]
fn blocks_that_promtool_made_are_read() {
    let Some(promtool) = program("promtool", "blocks_that_promtool_made_are_read") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (text, made) = (dir.path().join("past.om"), dir.path().join("made"));
    let mut lines = String::from("# TYPE temperature gauge\n");
    for n in 0..500 {
        for room in ["kitchen", "cellar"] {
            let time = START / 1000 + n * 60;
            writeln!(lines, "temperature{{room=\"{room}\"}} {} {time}", n % 7).unwrap();
        }
    }
    lines.push_str("# EOF\n");
    std::fs::write(&text, lines).unwrap();
    let mut command = Command::new(&promtool);
    command.args(["tsdb", "create-blocks-from", "openmetrics"]);
    output(command.arg(&text).arg(&made));
    let (store, report) = open(&made);
    assert!(report.blocks > 1 && report.is_clean(), "{report:?}");
    let all = read(&store);
    assert_eq!((all.len(), count(&all)), (2, 1000));
    let cellar = read_with(&store, &[Matcher::equal("room", "cellar")], Window::ALL);
    let value = |n: usize| {
        (
            (START + n as i64 * 60_000),
            f64::from(n as u32 % 7).to_bits(),
        )
    };
    assert_eq!(
        cellar.into_values().next().unwrap(),
        (0..500).map(value).collect::<Vec<_>>()
    );
    drop(store);
    assert_eq!(dump(&promtool, &made), all);
}

/// A Prometheus on a directory, ended with the test.
struct Prometheus {
    child: Child,
    port: u16,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PATIENCE: Duration = Duration::from_secs(60);

impl Prometheus {
    fn start(program: &Path, dir: &Path, data: &Path, config: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let file = dir.join("prometheus.yml");
        std::fs::write(&file, config.replace("PORT", &port.to_string())).unwrap();
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--storage.tsdb.retention.time=100y")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(dir.join("prometheus.log")).unwrap())
            .spawn()
            .unwrap();
        let mut started = Self { child, port };
        let until = Instant::now() + PATIENCE;
        while !started
            .get("/-/ready")
            .is_some_and(|answer| answer.contains("200 OK"))
        {
            assert!(
                Instant::now() < until && started.child.try_wait().unwrap().is_none(),
                "{}",
                std::fs::read_to_string(dir.join("prometheus.log")).unwrap()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        started
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// The values of an instant query, by their `instance`.
    fn query(&self, query: &str, at_ms: i64) -> BTreeMap<String, f64> {
        let answer = self
            .get(&format!(
                "/api/v1/query?query={query}&time={}",
                at_ms / 1000
            ))
            .unwrap();
        let body = answer.split("\r\n\r\n").nth(1).unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let results = body["data"]["result"]
            .as_array()
            .unwrap_or_else(|| panic!("{body}"));
        let of = |result: &serde_json::Value| {
            let instance = result["metric"]["instance"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            (
                instance,
                result["value"][1].as_str().unwrap().parse().unwrap(),
            )
        };
        results.iter().map(of).collect()
    }
}

#[test]
fn a_real_prometheus_takes_the_directory_over() {
    let Some(prometheus) = program("prometheus", "a_real_prometheus_takes_the_directory_over")
    else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (store, _) = open(&data);
    fill(&store, 10, START, START + 5 * BLOCK);
    store.maintain(START + 5 * BLOCK).unwrap();
    drop(store);
    let running = Prometheus::start(&prometheus, dir.path(), &data, "scrape_configs: []\n");
    // One instant in a block, one that only the log has.
    for at in [START + BLOCK, START + 5 * BLOCK - 60_000] {
        let found = running.query("requests_total", at);
        let expected = |n: i64| {
            (
                format!("host-{n}:9100"),
                ((n + 1) * (at - START) / 1000) as f64,
            )
        };
        assert_eq!(found, (0..10).map(expected).collect());
    }
    let rates = running.query("rate(requests_total[5m])", START + 2 * BLOCK);
    assert_eq!(rates.get("host-3:9100"), Some(&4.0), "{rates:?}");
}

#[test]
fn the_directory_of_a_prometheus_is_taken_over() {
    let Some(prometheus) = program("prometheus", "the_directory_of_a_prometheus_is_taken_over")
    else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let config = "scrape_configs:\n- job_name: self\n  scrape_interval: 200ms\n  scrape_timeout: 200ms\n  \
                  static_configs:\n  - targets: ['127.0.0.1:PORT']\n";
    let mut running = Prometheus::start(&prometheus, dir.path(), &data, config);
    let until = Instant::now() + PATIENCE;
    let scraped = || {
        let now = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_millis() as i64;
        running
            .query("count_over_time(up[5m])", now + 1000)
            .into_values()
            .sum::<f64>()
    };
    while scraped() < 5.0 {
        assert!(Instant::now() < until, "five scrapes take a second");
        std::thread::sleep(Duration::from_millis(50));
    }
    // As a crash would: its log is what there is.
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    drop(running);
    let (store, report) = open(&data);
    assert!(
        report.series > 300 && report.unknown == 0 && report.is_clean(),
        "{report:?}"
    );
    let up = read_with(&store, &[Matcher::equal("__name__", "up")], Window::ALL);
    assert!(count(&up) >= 4, "{up:?}");
    assert!(
        up.values()
            .flatten()
            .all(|(_, value)| *value == 1f64.to_bits())
    );
}
