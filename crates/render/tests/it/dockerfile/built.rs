//! Each kind of Dockerfile, as it is rendered, builds a small project and runs what comes out.
//!
//! The bases are stand-ins of the same names (`bases.rs`). Nothing is fetched: the build has no network.

use super::bases;
use crate::engine::{Engine, wait};
use crate::peers::{find, find_all, peer, quiet, skipped};
use crate::support::{project, write};
use mainstay_render::{Target, render};
use std::path::{Path, PathBuf};

const COMPOSE: &str =
    "name: shop\nservices: {app: {build: ., ports: ['8000:8000'], stop_signal: SIGINT}}\n";
const OPERATION: &str = "render: {services: {app: {language: LANGUAGE}}}\nhealth: {app: {http: /health?of='app', interval: 1s, timeout: 5s, retries: 2}}\n";

/// Files of projects that answer on `/health` until there is a file `/tmp/broken`, and are ended by SIGINT.
const PYTHON: [(&str, &str); 2] = [
    ("requirements.txt", "greeting==1.0\n"),
    (
        "app/__main__.py",
        "
import http.server, os, greeting
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if os.path.exists('/tmp/broken') else 200)
        self.end_headers()
        self.wfile.write(greeting.WORD)
address = (os.environ['HOST'], int(os.environ['PORT']))
http.server.ThreadingHTTPServer(address, Handler).serve_forever()
",
    ),
];
const NODE: [(&str, &str); 3] = [
    (
        "package.json",
        r#"{"name": "app", "version": "1.0.0", "scripts": {"build": "echo 503 > failing"},
 "dependencies": {"greeting": "file:/opt/packages/greeting.tgz"},
 "devDependencies": {"tool": "file:/opt/packages/tool.tgz"}}"#,
    ),
    (
        "package-lock.json",
        r#"{"name": "app", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": {
 "": {"name": "app", "version": "1.0.0", "dependencies": {"greeting": "file:/opt/packages/greeting.tgz"},
  "devDependencies": {"tool": "file:/opt/packages/tool.tgz"}},
 "node_modules/greeting": {"version": "1.0.0", "resolved": "file:/opt/packages/greeting.tgz"},
 "node_modules/tool": {"version": "1.0.0", "resolved": "file:/opt/packages/tool.tgz", "dev": true}}}"#,
    ),
    (
        "index.js",
        "
const fs = require('fs'), greeting = require('greeting')
if (fs.existsSync('node_modules/tool')) throw new Error('what only the build needs is still there')
const failing = Number(fs.readFileSync('failing'))
const server = require('http').createServer((request, response) => {
  response.writeHead(fs.existsSync('/tmp/broken') ? failing : 200)
  response.end(greeting)
})
server.listen(Number(process.env.PORT), process.env.HOST)
process.on('SIGINT', () => process.exit(130))
",
    ),
];
/// It answers after the first piece of a request and closes, as small servers do.
const RUST: [(&str, &str); 3] = [
    (
        "Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2024\"\n",
    ),
    (
        "Cargo.lock",
        "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"1.0.0\"\n",
    ),
    (
        "src/main.rs",
        r#"
use std::io::{Read as _, Write as _};
fn main() {
    let of = |name| std::env::var(name).expect("a variable");
    let listener = std::net::TcpListener::bind(format!("{}:{}", of("HOST"), of("PORT")));
    for mut connection in listener.expect("an address").incoming().flatten() {
        let _ = connection.read(&mut [0; 1024]);
        let broken = std::path::Path::new("/tmp/broken").exists();
        let status = if broken { "503 Service Unavailable" } else { "200 OK" };
        let _ = write!(connection, "HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nok");
    }
}
"#,
    ),
];

/// A client that can ask for a build by `BuildKit`: newer ones need a part of their own for that.
fn client(test: &str) -> Option<PathBuf> {
    peer("docker", test)?;
    let able = find_all("docker").find(|docker| {
        let mut command = std::process::Command::new(docker);
        command
            .args(["build", "--help"])
            .env("DOCKER_BUILDKIT", "1");
        command.output().is_ok_and(|said| said.status.success())
    });
    if able.is_none() {
        skipped("a docker client with BuildKit", test);
    }
    able
}

struct Shape {
    language: &'static str,
    files: &'static [(&'static str, &'static str)],
    /// Of a program that was asked to end.
    exit: Option<&'static str>,
}

#[test]
fn each_kind_is_built_and_what_it_runs_is_well() {
    let test = "each_kind_is_built_and_what_it_runs_is_well";
    let here =
        ["dockerd", "ip", "dpkg", "apt-cache", "gcc", "npm"].map(|program| peer(program, test));
    let Some(docker) = client(test).filter(|_| here.iter().all(Option::is_some)) else {
        return;
    };
    let engine = Engine::start();
    let shapes = [
        Shape {
            language: "python",
            files: &PYTHON,
            exit: Some("130"),
        },
        Shape {
            language: "node",
            files: &NODE,
            exit: Some("130"),
        },
        // The first process of a container is not ended by a signal that it does not handle.
        Shape {
            language: "rust",
            files: &RUST,
            exit: None,
        },
    ];
    // Most of the time goes into waiting, for disks and for checks of health.
    std::thread::scope(|scope| {
        for shape in &shapes {
            scope.spawn(|| {
                let folder = engine.folder().join(shape.language);
                laid_out(&folder, shape);
                bases_of(&engine, &folder);
                built(&engine, &docker, &folder, shape.language);
                runs(&engine, shape);
            });
        }
    });
}

/// The project beside its Dockerfile, and what must not get into an image.
fn laid_out(folder: &Path, shape: &Shape) {
    let operation = OPERATION.replace("LANGUAGE", shape.language);
    write(
        &render(Target::Dockerfile, &project(COMPOSE, &operation)),
        folder,
    );
    for (path, text) in shape.files.iter().chain(&[(".env", "KEY=value\n")]) {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
}

/// Stand-ins for the images that stand in the Dockerfile's arguments.
fn bases_of(engine: &Engine, folder: &Path) {
    let text = std::fs::read_to_string(folder.join("Dockerfile")).expect("a Dockerfile");
    let named = text
        .lines()
        .filter_map(|line| line.strip_prefix("ARG ")?.split_once('='));
    for (argument, image) in named.filter(|(argument, _)| matches!(*argument, "BASE" | "RUNTIME")) {
        match image.split(':').next() {
            Some("python") => bases::python(engine, image),
            Some("rust") => bases::rust(engine, image),
            Some("debian") => bases::debian(engine, image),
            Some("node") => bases::node(engine, image, &find("npm").expect("npm")),
            _ => panic!("{argument} is {image}"),
        }
    }
}

fn built(engine: &Engine, docker: &Path, folder: &Path, name: &str) {
    let mut build = engine.client(docker);
    build.env("DOCKER_BUILDKIT", "1").arg("build");
    build.args(["--network", "none", "--build-arg", "VERSION=v1.2.3"]);
    build.args(["--progress", "plain", "--tag", name]);
    let said = quiet(build.arg(folder));
    assert!(!said.to_lowercase().contains("warning"), "{said}");
    let format = "{{.Config.User}} {{.Config.StopSignal}} {{json .Config.Labels}}";
    let said = engine.said(&["image", "inspect", "--format", format, name]);
    let labels = r#"{"org.opencontainers.image.title":"shop-app","org.opencontainers.image.version":"v1.2.3"}"#;
    assert_eq!(said, format!("10001:10001 SIGINT {labels}"));
}

fn runs(engine: &Engine, shape: &Shape) {
    let name = shape.language;
    engine.said(&["run", "--detach", "--network", "none", "--name", name, name]);
    let health = ["inspect", "--format", "{{json .State.Health}}", name];
    wait("health", || {
        engine.said(&health).contains(r#""Status":"healthy""#)
    });
    let within = |script: &str| engine.said(&["exec", name, "sh", "-c", script]);
    assert_eq!(within("id -u; id -g"), "10001\n10001");
    within("! test -w /app && ! test -e /app/.env && ! test -e /app/Dockerfile");
    within("touch /tmp/broken");
    wait("the end of health", || {
        engine.said(&health).contains(r#""Status":"unhealthy""#)
    });
    if let Some(exit) = shape.exit {
        engine.said(&["stop", name]);
        assert_eq!(
            engine.said(&["inspect", "--format", "{{.State.ExitCode}}", name]),
            exit
        );
    }
    engine.said(&["rm", "--force", name]);
}
