//! A place of its own for one scenario: a stack's directory, free ports, and the `mainstay` binary.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// No command of any scenario may take longer.
const COMMAND_DEADLINE: Duration = Duration::from_secs(90);

/// What every scenario's `mainstay.yaml` says, unless it says otherwise: short times.
pub(crate) const QUICK: &str = "\
routes:
  - path: /
    service: app
health:
  app:
    http: /health
deploy:
  minimum_healthy_time: 300ms
  healthy_deadline: 15s
  watch: 1s
  drain: 10s
";

/// One scenario's place.
pub(crate) struct Site {
    directory: TempDir,
    pub(crate) proxy: SocketAddr,
    api: SocketAddr,
    variables: BTreeMap<String, String>,
}

impl Site {
    /// A stack with the sample service in two instances.
    pub(crate) fn sample() -> Self {
        let site = Self::empty();
        site.write("compose.yaml", &compose(2, ""));
        site.write("mainstay.yaml", QUICK);
        site
    }

    pub(crate) fn empty() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            proxy: free_address(),
            api: free_address(),
            variables: BTreeMap::new(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where the API listens for those with a token.
    pub(crate) fn api(&self) -> SocketAddr {
        self.api
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The command, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mainstay"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_remove("MAINSTAY_SERVER")
            .env("MAINSTAY_PROXY_ADDRESS", self.proxy.to_string())
            .env("MAINSTAY_API_ADDRESS", self.api.to_string())
            .env("NO_COLOR", "1")
            .envs(&self.variables)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let output = finish(child, COMMAND_DEADLINE).unwrap_or_else(|said| {
            let words = arguments.join(" ");
            panic!("`mainstay {words}` does not end; {said}\n{}", self.files())
        });
        Said {
            words: format!("mainstay {}", arguments.join(" ")),
            output,
        }
    }

    /// Runs a command over TCP, as the bearer of a token.
    pub(crate) fn run_as(&self, token: &str, arguments: &[&str]) -> Said {
        let mut command = self.command(arguments);
        command
            .env("MAINSTAY_SERVER", format!("http://{}", self.api))
            .env("MAINSTAY_TOKEN", token)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let output = finish(command.spawn().unwrap(), COMMAND_DEADLINE);
        Said {
            words: format!("mainstay {}", arguments.join(" ")),
            output: output.unwrap(),
        }
    }

    /// `git` in the stack's directory.
    pub(crate) fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(self.path())
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org"])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        assert!(command.status().unwrap().success(), "git {arguments:?}");
    }

    /// A repository with everything there is in one commit.
    pub(crate) fn commit_all(&self) {
        self.write(".gitignore", ".mainstay/\n*.db*\n*.log\n");
        self.git(&["init", "-q"]);
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "feat: begin"]);
    }

    /// Runs a command that has to succeed; what it wrote to standard output.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        self.run(arguments).with_code(0).out()
    }

    /// Runs a command with `--json` and reads the answer.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let text = self.ok(&all);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// Starts the stack in the background.
    pub(crate) fn up(&self) {
        self.ok(&["up", "--detach"]);
    }

    /// Deploys with settings of the service's environment.
    pub(crate) fn deploy(&self, strategy: &str, settings: &[&str]) -> Said {
        let settings: Vec<String> = settings
            .iter()
            .map(|setting| format!("app.environment.{setting}"))
            .collect();
        let mut arguments = vec!["deploy", "--strategy", strategy];
        for setting in &settings {
            arguments.extend(["--set", setting]);
        }
        self.run(&arguments)
    }

    /// Number of the current release; 0: none.
    pub(crate) fn release(&self) -> u64 {
        self.json(&["status"])["release"]["number"]
            .as_u64()
            .unwrap_or(0)
    }

    /// The messages of all events, oldest first.
    pub(crate) fn events(&self) -> Vec<String> {
        let text = self.ok(&["events", "--json", "--limit", "1000"]);
        let events: Vec<Value> = match serde_json::from_str(&text) {
            Ok(Value::Array(events)) => events,
            _ => text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
        };
        events
            .iter()
            .map(|event| format!("{} {}", event["kind"], event["message"]).replace('"', ""))
            .collect()
    }

    /// GET through the proxy.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[])
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        request(self.proxy, method, path, body)
    }

    /// Another value for a variable of each command.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// The pid of the control plane.
    pub(crate) fn server_pid(&self) -> i32 {
        let lock = self.path().join(".mainstay/lock");
        std::fs::read_to_string(lock)
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }

    /// `kill -9` of the control plane.
    pub(crate) fn kill_server(&self) {
        let pid = self.server_pid();
        kill(pid);
        // The signal is taken at once; the end of the process, and of its lock, comes after.
        self.eventually("the killed server is gone", || {
            !Path::new(&format!("/proc/{pid}")).exists()
        });
    }

    /// Starts a control plane over the same directory, and waits until it answers.
    pub(crate) fn start_server(&self) {
        let log = std::fs::File::create(self.path().join("serve.log")).unwrap();
        let mut child = self
            .command(&["serve", "."])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        // It is our child until it ends, and must not stay a zombie.
        std::thread::spawn(move || child.wait());
        self.eventually("the server answers", || {
            self.run(&["status"]).output.status.success()
        });
    }

    /// Waits for something, with a deadline.
    pub(crate) fn eventually(&self, what: &str, mut happens: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !happens() {
            assert!(Instant::now() < deadline, "never: {what}\n{}", self.story());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Instances that run now, from the processes themselves.
    pub(crate) fn running_instances(&self) -> Vec<String> {
        let mut found: Vec<String> = self
            .processes()
            .into_iter()
            .filter_map(|process| process.instance)
            .collect();
        found.sort();
        found
    }

    /// Everything that is known, for a failed scenario.
    pub(crate) fn story(&self) -> String {
        let mut story = self.files();
        let events = self.run(&["events"]);
        let _ = writeln!(story, "--- events\n{}", events.out());
        story
    }

    /// What the planes wrote.
    fn files(&self) -> String {
        let mut story = String::new();
        for name in [
            ".mainstay/server.log",
            "serve.log",
            ".mainstay/proxy/proxy.log",
        ] {
            let text = std::fs::read_to_string(self.path().join(name)).unwrap_or_default();
            let _ = writeln!(story, "--- {name}\n{text}");
        }
        story
    }

    /// Processes whose environment or arguments name this directory.
    pub(crate) fn processes(&self) -> Vec<Process> {
        let mark = self.path().to_str().unwrap().to_owned();
        std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| *pid != std::process::id() as i32)
            .filter_map(|pid| Process::read(pid, &mark))
            .collect()
    }

    fn end(&self) -> Result<(), String> {
        // Other environments first: with the last one its server ends.
        let listed = self.run(&["env", "list", "--json"]).out();
        let listed: Value = serde_json::from_str(&listed).unwrap_or_default();
        for environment in listed.as_array().into_iter().flatten() {
            let up = environment["state"]
                .as_str()
                .is_some_and(|state| state != "down");
            if let Some(name) = environment["name"].as_str().filter(|_| up) {
                let _ = self.run(&["down", "--env", name]);
            }
        }
        let _ = self.run(&["down"]);
        if let Ok(text) = std::fs::read_to_string(self.path().join(".mainstay/lock"))
            && let Ok(pid) = text.trim().parse()
        {
            terminate(pid);
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let left = self.processes();
            let only_proxy = left
                .iter()
                .all(|process| process.arguments.contains("proxy"));
            if only_proxy {
                for process in &left {
                    terminate(process.pid);
                }
            }
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                for process in &left {
                    kill(process.pid);
                }
                return Err(format!("left behind: {left:?}"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let ended = self.end();
        if std::thread::panicking() {
            return;
        }
        if let Err(left) = ended {
            panic!("{left}");
        }
    }
}

/// A process of a scenario.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) arguments: String,
    /// Its name, where it is an instance.
    pub(crate) instance: Option<String>,
}

impl Process {
    fn read(pid: i32, mark: &str) -> Option<Self> {
        let text = |name: &str| {
            let bytes = std::fs::read(format!("/proc/{pid}/{name}")).ok()?;
            Some(String::from_utf8_lossy(&bytes).replace('\0', "\n"))
        };
        let (arguments, environment) = (text("cmdline")?, text("environ").unwrap_or_default());
        let place = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        let ours =
            arguments.contains(mark) || environment.contains(mark) || place.starts_with(mark);
        // A zombie has no arguments.
        (ours && !arguments.is_empty()).then(|| Self {
            pid,
            instance: environment
                .lines()
                .find_map(|line| line.strip_prefix("MAINSTAY_INSTANCE="))
                .map(str::to_owned),
            arguments,
        })
    }
}

/// What a command said.
pub(crate) struct Said {
    words: String,
    pub(crate) output: Output,
}

impl Said {
    /// Of a command that a scenario ran by itself.
    pub(crate) fn new(words: String, output: Output) -> Self {
        Self { words, output }
    }

    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Self {
        let status = self.output.status;
        assert_eq!(
            status.code().or(status.signal()),
            Some(code),
            "{}\n{}\n{}",
            self.words,
            self.out(),
            self.err()
        );
        self
    }

    /// Asserts that the words stand in what it wrote, to either stream.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        let all = format!("{}\n{}", self.out(), self.err());
        assert!(
            all.contains(words),
            "{}: no `{words}` in:\n{all}",
            self.words
        );
        self
    }
}

/// An answer through the proxy.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// One request on a connection of its own.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> Answer {
    try_request(address, method, path, body).unwrap()
}

/// GET as if `host` led there.
pub(crate) fn request_as(host: &str, address: SocketAddr, path: &str) -> Answer {
    send(address, "GET", host, path, "", b"").unwrap()
}

/// The same where the proxy may be gone.
pub(crate) fn try_request(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &[u8],
) -> std::io::Result<Answer> {
    exchange(address, method, path, "", body)
}

/// `fields` are whole lines of the head.
pub(crate) fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &str,
    body: &[u8],
) -> std::io::Result<Answer> {
    send(address, method, "localhost", path, fields, body)
}

fn send(
    address: SocketAddr,
    method: &str,
    host: &str,
    path: &str,
    fields: &str,
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{fields}content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split_whitespace().nth(1);
    Ok(Answer {
        status: status.and_then(|code| code.parse().ok()).unwrap_or(0),
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

/// The sample service as a Compose file; `more` are lines of its environment.
pub(crate) fn compose(replicas: u32, more: &str) -> String {
    let program = sample_service();
    let program = program.display();
    format!(
        "\
name: shop
services:
  app:
    x-mainstay:
      artifacts: [{program}]
      command: [{program}]
    environment:
      FAULTS_ENABLED: \"true\"
      DATABASE_PATH: ./data.db
{more}    expose: [\"8000\"]
    stop_grace_period: 5s
    deploy:
      replicas: {replicas}
"
    )
}

/// Built beside this test by `cargo xtask test`, or by `cargo build -p sample-service`.
pub(crate) fn sample_service() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_mainstay")).with_file_name("sample-service");
    assert!(
        path.exists(),
        "{} is missing: run `cargo build -p sample-service` first",
        path.display()
    );
    path
}

/// Free now, and not from the range that the kernel gives to outgoing connections (from 32768 on by
/// default): such a port may be some connection's own just when the server wants it again. It is nobody else's
/// until this process ends, also where scenarios run beside these: a name says so that the kernel takes back.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..1000 {
        let offset = std::process::id() * 16 + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 10_000 + (offset % 10_000) as u16;
        let name = format!("mainstay-scenario-port-{port}");
        let name = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
        let Ok(claim) = UnixListener::bind_addr(&name) else {
            continue;
        };
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            std::mem::forget(claim);
            return address;
        }
    }
    panic!("no free port between 10000 and 20000");
}

/// Waits for the end; `Err`: after the deadline, when it was ended, what it had said.
pub(crate) fn finish(mut child: Child, within: Duration) -> Result<Output, String> {
    let pid = child.id() as i32;
    let (sender, done) = std::sync::mpsc::sync_channel(1);
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let collect = |stream: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stream) = stream {
                let _ = std::io::Read::read_to_end(&mut stream, &mut bytes);
            }
            bytes
        })
    };
    let out = collect(out.map(|stream| Box::new(stream) as _));
    let err = collect(err.map(|stream| Box::new(stream) as _));
    std::thread::spawn(move || sender.send(child.wait()));
    let Ok(Ok(status)) = done.recv_timeout(within) else {
        kill(pid);
        let said = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (out, err) = (said(out.join().unwrap()), said(err.join().unwrap()));
        return Err(format!("it said:\n{out}{err}"));
    };
    Ok(Output {
        status,
        stdout: out.join().unwrap(),
        stderr: err.join().unwrap(),
    })
}

pub(crate) fn kill(pid: i32) {
    signal(pid, rustix::process::Signal::KILL);
}

pub(crate) fn terminate(pid: i32) {
    signal(pid, rustix::process::Signal::TERM);
}

pub(crate) fn signal(pid: i32, signal: rustix::process::Signal) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}
