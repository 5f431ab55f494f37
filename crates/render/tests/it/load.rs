//! Load tests: those of Locust and of Artillery are really run, against a small server.

use crate::peers::peer;
use crate::support::{EXAMPLES, example, project, write};
use mainstay_render::{Target, render};
use mainstay_yaml::source::Source;
use mainstay_yaml::tree::Node;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// Requests by their first line, with what is answered to all of them.
pub(crate) struct Server {
    pub(crate) address: String,
    seen: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Server {
    /// Ends with the process: its threads wait in `accept`.
    pub(crate) fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(Mutex::new(BTreeMap::new()));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || answer(connection, status, &shared));
            }
        });
        Self { address, seen }
    }

    fn seen(&self) -> Vec<String> {
        self.seen
            .lock()
            .expect("not poisoned")
            .keys()
            .cloned()
            .collect()
    }
}

/// Requests without bodies, until the other end closes.
fn answer(mut connection: TcpStream, status: &str, seen: &Mutex<BTreeMap<String, u32>>) {
    let Ok(reading) = connection.try_clone() else {
        return;
    };
    let mut lines = BufReader::new(reading).lines().map_while(Result::ok);
    while let Some(first) = lines.next() {
        let request: Vec<&str> = first.split(' ').take(2).collect();
        let request = request.join(" ");
        *seen
            .lock()
            .expect("not poisoned")
            .entry(request)
            .or_default() += 1;
        while lines.next().is_some_and(|line| !line.is_empty()) {}
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nok");
        if connection.write_all(head.as_bytes()).is_err() {
            return;
        }
    }
}

struct Run<'a> {
    level: &'static str,
    kind: &'static str,
    server: &'a Server,
    /// Beyond what a busy machine takes, or below what any does.
    p95_ms: &'static str,
    passes: bool,
}

/// A few people for three seconds.
fn started(locust: &Path, folder: &Path, run: &Run<'_>) -> Child {
    let Run {
        level,
        kind,
        server,
        p95_ms,
        ..
    } = run;
    Command::new(locust)
        .current_dir(folder)
        .args([
            "--config",
            &format!("{level}.conf"),
            "--host",
            &server.address,
        ])
        .args(["--users", "4", "--spawn-rate", "4", "--run-time", "3s"])
        .args(["--stop-timeout", "2"])
        .env("LOAD_LEVEL", kind)
        .env("LOAD_P95_MS", p95_ms)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("locust starts")
}

#[test]
fn locust_runs_each_kind_and_fails_where_it_should() {
    let test = "locust_runs_each_kind_and_fails_where_it_should";
    let Some(locust) = peer("locust", test) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    write(
        &render(Target::Locust, &example("whisperengine")),
        folder.path(),
    );
    let good = Server::start("200 OK");
    let bad = Server::start("500 Internal Server Error");
    let run = |level, kind, server, p95_ms, passes| Run {
        level,
        kind,
        server,
        p95_ms,
        passes,
    };
    let runs = [
        run("light", "mixed", &good, "60000", true),
        run("stress", "stress", &good, "60000", true),
        run("cache", "cache", &good, "60000", true),
        // The slowness alone, and the errors alone, are enough to fail.
        run("cognitive", "cognitive", &good, "-1", false),
        run("light", "mixed", &bad, "60000", false),
    ];
    let children = runs.map(|run| {
        let child = started(&locust, folder.path(), &run);
        (run, child)
    });
    for (Run { level, passes, .. }, child) in children {
        let said = child.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&said.stdout);
        let errors = String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.success(), passes, "{level}: {text}\n{errors}");
        assert!(
            text.contains("requests: ") && !text.contains("requests: 0"),
            "{level}: {text}"
        );
    }
    assert_eq!(good.seen(), ["GET /discord/health", "GET /health"]);
}

/// A level of an example, in two seconds and without people who think.
fn hurried(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let margin = &line[..line.len() - line.trim_start().len()];
        match line.trim_start().split_once(": ") {
            Some(("duration", _)) => format!("{margin}duration: 1"),
            Some(("- think", _)) => format!("{margin}- think: 0.01"),
            _ => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn artillery_runs_each_kind_and_fails_where_it_should() {
    let test = "artillery_runs_each_kind_and_fails_where_it_should";
    let Some(artillery) = peer("artillery", test) else {
        return;
    };
    let rendering = render(Target::Artillery, &example("whisperengine"));
    let good = Server::start("200 OK");
    let bad = Server::start("500 Internal Server Error");
    let folder = tempfile::tempdir().expect("a folder");
    // The slowness alone, and the errors alone, are enough to fail.
    let runs = [
        ("light", &good, "60000", true),
        ("stress", &good, "60000", true),
        ("cognitive", &good, "0", false),
        ("cache", &bad, "60000", false),
    ];
    let children = runs.map(|(level, server, p95, passes)| {
        let file = format!("{level}.yml");
        let text = hurried(&rendering.files[&file].text);
        let (usual, ours) = (
            "response_time.p95: 2000",
            format!("response_time.p95: {p95}"),
        );
        assert!(text.contains(usual), "{text}");
        let text = text.replace(usual, &ours);
        std::fs::write(folder.path().join(&file), text).expect("a file");
        let mut command = Command::new(&artillery);
        command.current_dir(folder.path());
        command.args(["run", &file, "--target", &server.address]);
        // It would tell its makers what is run, and keep what it knows of them at home.
        command.env("ARTILLERY_DISABLE_TELEMETRY", "true");
        command.env("HOME", folder.path());
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        (level, passes, command.spawn().expect("artillery starts"))
    });
    for (level, passes, child) in children {
        let said = child.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&said.stdout);
        let errors = String::from_utf8_lossy(&said.stderr);
        let code = Some(i32::from(!passes));
        assert_eq!(said.status.code(), code, "{level}: {text}\n{errors}");
        let failed = text
            .lines()
            .filter(|line| line.starts_with("fail: "))
            .count();
        assert_eq!(failed, usize::from(!passes), "{level}: {text}");
    }
}

fn files(target: Target) -> Vec<(String, String)> {
    let all = EXAMPLES.iter().flat_map(|name| {
        let rendering = render(target, &example(name));
        let files = rendering.files.into_iter();
        files.map(move |(path, file)| (format!("{name}/{path}"), file.text))
    });
    all.collect()
}

fn whole(node: Option<&Node>) -> Option<u32> {
    node?.as_text()?.parse().ok()
}

/// What Artillery's reference asks of a test script.
#[test]
fn artillery_finds_what_its_reference_asks_for() {
    let all = files(Target::Artillery);
    assert_eq!(all.len(), EXAMPLES.len() * 9);
    for (path, text) in all {
        let mut problems = mainstay_model::Problems::default();
        let read = mainstay_yaml::parse(
            &text,
            &Arc::new(Source::named(path.as_str())),
            &mut problems,
        );
        assert!(problems.is_empty(), "{path}: {problems}");
        let config = read[0].get("config").expect("config");
        let target = config.get("target").and_then(Node::as_text);
        assert!(
            target.is_some_and(|target| target.starts_with("http://127.0.0.1:")),
            "{path}"
        );
        let phases = config.get("phases").expect("phases").items();
        assert_eq!(phases.len(), 2, "{path}");
        for phase in phases {
            for key in ["duration", "arrivalRate", "maxVusers"] {
                assert!(
                    whole(phase.get(key)).is_some_and(|number| number > 0),
                    "{path} {key}"
                );
            }
        }
        let ensure = config.get("ensure").expect("ensure");
        assert!(whole(ensure.get("maxErrorRate")).is_some(), "{path}");
        assert!(
            config
                .get("plugins")
                .is_some_and(|plugins| plugins.get("ensure").is_some()),
            "{path}"
        );
        let scenarios = read[0].get("scenarios").expect("scenarios").items();
        assert!(!scenarios.is_empty(), "{path}");
        for scenario in scenarios {
            assert!(whole(scenario.get("weight")).is_some(), "{path}");
            assert!(
                !scenario.get("flow").expect("flow").items().is_empty(),
                "{path}"
            );
            assert!(scenario.get("requests").is_none(), "{path}");
        }
    }
}

#[test]
fn the_levels_are_those_of_the_handbooks() {
    let locust: BTreeMap<String, String> = files(Target::Locust).into_iter().collect();
    for (level, users, rate, minutes) in [
        ("light", 10, 2, 5),
        ("medium", 50, 5, 10),
        ("heavy", 100, 10, 15),
        ("stress", 200, 20, 20),
    ] {
        let text = &locust[&format!("deep-echo/{level}.conf")];
        for line in [
            format!("users = {users}"),
            format!("spawn-rate = {rate}"),
            format!("run-time = {minutes}m"),
        ] {
            assert!(
                text.lines().any(|known| known == line),
                "{level}: {line}\n{text}"
            );
        }
    }
    for level in ["baseline", "sustained", "peak", "cache", "cognitive"] {
        assert!(
            locust.contains_key(&format!("deep-echo/{level}.conf")),
            "{level}"
        );
    }
}

#[test]
fn a_stack_without_routes_is_asked_for_its_health() {
    let project = project(
        "services: {app: {image: 'a:1', ports: ['80:80']}}",
        "health: {app: {http: /up}}",
    );
    let rendering = render(Target::Locust, &project);
    let text = &rendering.files["locustfile.py"].text;
    assert!(text.contains("or [\"/up\"]"), "{text}");
}
