//! Starts the service and its peers, talks to them, and ends what it started.

mod http;
mod peers;
mod recording;
mod socket;

pub(crate) use http::{Answer, Request, boundary_form};
pub(crate) use peers::{Postgres, Redis};
pub(crate) use recording::{WITH_TWO_SEGMENTS, recording};
pub(crate) use socket::{Frame, Socket};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// For anything that is waited for; only a broken test takes it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A running instance of the service; ends with the value.
pub(crate) struct Service {
    child: Child,
    log: Receiver<String>,
    address: Option<SocketAddr>,
}

impl Service {
    /// Starts it and waits until it listens.
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        Self::spawn(variables).listening()
    }

    /// Waits until it listens.
    pub(crate) fn listening(mut self) -> Self {
        let line = self.logged("listening");
        let address = line["address"].as_str().expect("has an address");
        self.address = Some(address.parse().expect("is an address"));
        self
    }

    /// Starts it as something else than the service itself, and waits until it listens.
    pub(crate) fn start_as(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::spawn_as(arguments, variables).listening()
    }

    /// Starts it and waits for nothing. No variable of the test's own comes along.
    pub(crate) fn spawn(variables: &[(&str, &str)]) -> Self {
        Self::spawn_as(&[], variables)
    }

    fn spawn_as(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sample-service"))
            .args(arguments)
            .env_clear()
            .env("PORT", "0")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the service can be started");
        let log = lines(child.stdout.take().expect("is piped"));
        Self {
            child,
            log,
            address: None,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address.expect("it listens")
    }

    /// `scheme://HOST:PORT` and what follows.
    pub(crate) fn url(&self, scheme: &str, rest: &str) -> String {
        format!("{scheme}://{}{rest}", self.address())
    }

    /// Posts JSON and reads JSON.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let answer = Request::json(path, body).send(self.address());
        assert!(
            (200..300).contains(&answer.status),
            "{path}: {} {}",
            answer.status,
            answer.text()
        );
        answer.json()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        Request::get(path).send(self.address())
    }

    /// A series' value, 0 where there is none.
    pub(crate) fn metric(&self, series: &str) -> u64 {
        let metrics = self.get("/metrics").text();
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().expect("is a number"))
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// Uploads a recording; the new job's id.
    pub(crate) fn upload(&self, content: &[u8]) -> String {
        let answer = Request::post("/jobs", content).send(self.address());
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.json()["id"].as_str().expect("has an id").to_owned()
    }

    /// The job once it is finished.
    pub(crate) fn finished(&self, id: &str) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let job = self.json(&format!("/jobs/{id}?wait=10s"));
            if ["done", "failed"].contains(&job["state"].as_str().expect("has a state")) {
                return job;
            }
            assert!(Instant::now() < deadline, "still not finished: {job}");
        }
    }

    /// Waits for the job to be in a state.
    pub(crate) fn until_state(&self, id: &str, state: &str) {
        self.until(&format!("/jobs/{id}"), |job| job["state"] == state);
    }

    /// Asks again and again until the answer is as wanted.
    pub(crate) fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let answer = self.get(path).json();
            if wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{path} stays {answer}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The next log line with this message.
    pub(crate) fn logged(&mut self, message: &str) -> Value {
        let deadline = Instant::now() + DEADLINE;
        let mut seen = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.log.recv_timeout(left) else {
                panic!(
                    "never logged {message:?}, but:\n{}\n{}",
                    seen.join("\n"),
                    self.errors()
                );
            };
            let json: Value = serde_json::from_str(&line).expect("each line is JSON");
            if json["message"] == message {
                return json;
            }
            seen.push(line);
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("is our child").is_none()
    }

    /// `kill -9`
    pub(crate) fn kill(mut self) {
        self.signal(Signal::KILL);
        self.child.wait().expect("is our child");
    }

    /// Waits for the end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().expect("is our child") {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What it wrote to standard error; only after its end.
    pub(crate) fn errors(&mut self) -> String {
        let _ = self.child.kill();
        let mut text = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            let _ = stderr.read_to_string(&mut text);
        }
        text
    }
}

/// Asks again and again.
pub(crate) fn wait_until(what: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !what() {
        assert!(Instant::now() < deadline, "it does not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a stream as they come; the rest is read away when nobody listens any more.
fn lines<R: Read + Send + 'static>(stream: R) -> Receiver<String> {
    let (sender, receiver) = sync_channel(10_000);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let _ = sender.try_send(line);
        }
    });
    receiver
}
