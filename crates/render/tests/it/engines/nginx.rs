//! nginx takes what is rendered for it, and requests go through as the stack says.

use super::peer::{self, Server};
use crate::peers::{peer as find, quiet};
use crate::support::{EXAMPLES, example, project, write};
use mainstay_render::{Project, Target, render};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// What the test's machine has in place of what a server has.
struct Place {
    folder: tempfile::TempDir,
    http: u16,
    https: u16,
    status: u16,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // nginx's workers run as somebody else.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("permissions");
        let [http, https, status] = peer::free_ports();
        let place = Self {
            folder,
            http,
            https,
            status,
        };
        place.certificate();
        place
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn certificate(&self) {
        let mut command = Command::new("openssl");
        command
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-keyout", "key.pem", "-out"])
            .arg("cert.pem")
            .current_dir(self.path());
        quiet(&mut command);
    }

    /// The files, with ports, paths and addresses of this machine.
    fn write(&self, project: &Project, upstream: u16) {
        let rendering = render(Target::Nginx, project);
        write(&rendering, self.path());
        for path in rendering.files.keys() {
            let path = self.path().join(path);
            let text = std::fs::read_to_string(&path).expect("a file");
            let lines: Vec<String> = text.lines().map(|line| self.line(line, upstream)).collect();
            std::fs::write(&path, lines.join("\n")).expect("a file");
        }
    }

    fn line(&self, line: &str, upstream: u16) -> String {
        let folder = self.path().display();
        let Self {
            http,
            https,
            status,
            ..
        } = self;
        let indent = " ".repeat(line.len() - line.trim_start().len());
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["server", _, "max_fails=3", rest] => {
                format!("{indent}server 127.0.0.1:{upstream} max_fails=3 {rest}")
            }
            ["ssl_certificate", _] => format!("{indent}ssl_certificate {folder}/cert.pem;"),
            ["ssl_certificate_key", _] => {
                format!("{indent}ssl_certificate_key {folder}/key.pem;")
            }
            ["root", "/var/www/acme;"] => format!("{indent}root {folder}/acme;"),
            ["pid", _] => format!("{indent}pid {folder}/nginx.pid;"),
            ["error_log", ..] => format!("{indent}error_log {folder}/error.log warn;"),
            ["access_log", "/dev/stdout", format] => {
                format!("{indent}access_log {folder}/access.log {format}")
            }
            ["http", "{"] => {
                let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
                let paths = kinds.map(|kind| format!("{kind}_temp_path {folder}/{kind};"));
                format!("{line}\n{}", paths.join("\n"))
            }
            _ => line
                // So that there is an address on loopback that is somebody else's.
                .replace("allow 127.0.0.0/8;", "allow 127.0.0.1;")
                .replace("listen 80 ", &format!("listen 127.0.0.1:{http} "))
                .replace("listen [::]:80 ", &format!("listen [::1]:{http} "))
                .replace("listen 443 ", &format!("listen 127.0.0.1:{https} "))
                .replace("listen [::]:443 ", &format!("listen [::1]:{https} "))
                .replace("listen 8081;", &format!("listen 127.0.0.1:{status};")),
        }
    }

    fn nginx(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .arg("-p")
            .arg(self.path())
            .arg("-e")
            .arg(self.path().join("error.log"))
            .arg("-c")
            .arg(self.path().join("nginx.conf"));
        command
    }

    /// Status, head and body of one request: `url` has `HTTP`, `HTTPS` or `STATUS` for a port.
    fn curl(&self, url: &str, arguments: &[&str]) -> (u16, String) {
        let url = url
            .replace("HTTPS", &self.https.to_string())
            .replace("HTTP", &self.http.to_string())
            .replace("STATUS", &self.status.to_string());
        let mut command = Command::new("curl");
        command
            .args(["-sS", "-k", "-i", "--max-time", "20"])
            .args(["--resolve", &format!("*:{}:127.0.0.1", self.https)])
            .args(["--resolve", &format!("*:{}:127.0.0.1", self.http)])
            .args(arguments)
            .arg(url);
        let text = quiet(&mut command);
        let status = text.split_whitespace().nth(1);
        let status = status.and_then(|status| status.parse().ok());
        (status.unwrap_or_default(), text)
    }
}

#[test]
fn nginx_takes_every_example_in_every_environment() {
    let test = "nginx_takes_every_example_in_every_environment";
    let Some(nginx) = find("nginx", test) else {
        return;
    };
    let place = Place::new();
    for name in EXAMPLES {
        let project = example(name);
        for environment in project.environments.keys() {
            let seen = project.seen_from(environment).expect("it is there");
            place.write(&seen, 1);
            let said = quiet(place.nginx(&nginx).arg("-t"));
            assert!(
                !said.contains("[warn]") && !said.contains("[emerg]"),
                "{name} {environment}: {said}"
            );
        }
    }
}

#[test]
fn gixy_finds_nothing_dangerous() {
    let Some(gixy) = find("gixy", "gixy_finds_nothing_dangerous") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(gixy);
    command.args(["--format", "json"]);
    let projects = EXAMPLES.map(|name| (name, example(name)));
    let whole = ("shop", project(COMPOSE, MAINSTAY));
    for (name, project) in projects.iter().chain([&whole]) {
        let place = folder.path().join(name);
        write(&render(Target::Nginx, project), &place);
        command.arg(place.join("nginx.conf"));
    }
    let output = peer::run(&mut command);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let found: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(found.as_array().map(Vec::len), Some(0), "{said}");
    assert!(output.status.success());
    // It does find what is wrong.
    let file = folder.path().join("shop/conf.d/90-status.conf");
    let open = "server { listen 8081; location = /stub_status { stub_status; } }\n";
    std::fs::write(file, open).expect("a file");
    let said = peer::run(&mut command).stdout;
    assert!(String::from_utf8_lossy(&said).contains("status_page_exposed"));
}

const COMPOSE: &str = "\
services:
  app:
    image: shop/app:1
    expose: [\"8000\"]
    healthcheck: {test: [CMD, app, health]}
  api:
    image: shop/api:1
    expose: [\"9000\"]
  db:
    image: postgres:16
    ports: [\"5432:5432\"]
";

const MAINSTAY: &str = "\
environments:
  production: {purpose: production, target: docker}
routes:
  - {path: /, service: app, balance: least-connections, host: shop.example.org}
  - {path: /api, service: api, strip_prefix: true, max_body: 1k, timeout: 1500ms, balance: client-ip, host: shop.example.org}
  - {path: /, service: app, host: \"*.tenants.example.org\"}
  - {path: /v1.2, service: api, strip_prefix: true, host: shop.example.org}
  - {path: '/w{2};$$x', service: api, strip_prefix: true, host: shop.example.org}
deploy: {strategy: blue-green}
render:
  nginx: {client_rate: 10}
";

/// Answers with the head of what it was asked, one connection after the other.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    port
}

fn answer(mut stream: std::net::TcpStream) {
    let mut seen = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count) = stream.read(&mut piece) {
        seen.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&seen).into_owned();
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            if count == 0 {
                return;
            }
            continue;
        };
        let length = head.len();
        let reply = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nX-Request-ID: upstream\r\nConnection: close\r\n\r\n{head}"
        );
        let _ = stream.write_all(reply.as_bytes());
        return;
    }
}

#[test]
fn requests_go_through_nginx_as_the_stack_says() {
    let test = "requests_go_through_nginx_as_the_stack_says";
    let (Some(nginx), Some(_)) = (find("nginx", test), find("curl", test)) else {
        return;
    };
    let place = Place::new();
    place.write(&project(COMPOSE, MAINSTAY), echo());
    let token = place.path().join("acme/.well-known/acme-challenge");
    std::fs::create_dir_all(&token).expect("a folder");
    std::fs::write(token.join("token"), "the answer").expect("a file");
    let mut server = Server::start(place.nginx(&nginx).args(["-g", "daemon off;"]));
    let address = format!("127.0.0.1:{}", place.https);
    server.wait_until(&place.path().join("error.log"), || {
        std::net::TcpStream::connect(&address).is_ok()
    });
    forwarded(&place);
    refused(&place);
    let log = std::fs::read_to_string(place.path().join("access.log")).expect("a log");
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        assert!(line["requestId"].as_str().is_some_and(|id| !id.is_empty()));
        assert!(!line["path"].as_str().unwrap().contains('?'), "{line}");
    }
    assert!(log.contains(r#""limited":"REJECTED""#), "{log}");
}

/// What reaches the service, and what the client is told.
fn forwarded(place: &Place) {
    let (status, said) = place.curl("http://shop.example.org:HTTP/a?b=1", &["-X", "POST"]);
    assert_eq!(status, 308);
    assert!(said.contains("Location: https://shop.example.org/a?b=1\r\n"));
    let challenge = "http://shop.example.org:HTTP/.well-known/acme-challenge/token";
    let (status, said) = place.curl(challenge, &[]);
    assert_eq!(
        (status, said.ends_with("the answer")),
        (200, true),
        "{said}"
    );

    let site = "https://shop.example.org:HTTPS";
    let id = ["-H", "X-Request-ID: req_abc123", "-H", "Proxy: evil"];
    let (status, said) = place.curl(&format!("{site}/page?x=%2F"), &id);
    assert_eq!(status, 200, "{said}");
    for line in [
        "GET /page?x=%2F HTTP/1.1",
        "Host: shop.example.org",
        "X-Real-IP: 127.0.0.1",
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Proto: https",
        "X-Request-ID: req_abc123",
        "x-request-id: req_abc123",
        "strict-transport-security: max-age=31536000",
        "x-content-type-options: nosniff",
    ] {
        let lines = said.lines().filter(|one| *one == line);
        assert_eq!(lines.count(), 1, "{line}\n{said}");
    }
    assert!(
        !said.contains("evil") && !said.contains("upstream\r\n"),
        "{said}"
    );
    let (_, said) = place.curl(site, &["-H", "X-Request-ID: no id"]);
    assert!(!said.contains("no id"), "{said}");

    for (asked, seen) in [("/api", "GET / "), ("/api/a%20b?c=d", "GET /a%20b?c=d ")] {
        let (_, said) = place.curl(&format!("{site}{asked}"), &[]);
        assert!(said.contains(seen), "{asked}: {said}");
    }
    for (asked, seen) in [
        // Whole segments, and a dot that is a dot: these are the other route's.
        ("/apix", "GET /apix "),
        ("/v1x2/y", "GET /v1x2/y "),
        ("/v1.2/y", "GET /y "),
        ("/w{2};$x/y", "GET /y "),
    ] {
        let (_, said) = place.curl(&format!("{site}{asked}"), &["-g"]);
        assert!(said.contains(seen), "{asked}: {said}");
    }
    let upgrade = ["--http1.1", "-H", "Connection: Upgrade", "-H"];
    let upgrade = [upgrade.as_slice(), &["Upgrade: websocket"]].concat();
    let (_, said) = place.curl(site, &upgrade);
    assert!(
        said.contains("Upgrade: websocket\r\nConnection: upgrade"),
        "{said}"
    );
    let (status, said) = place.curl("https://a.tenants.example.org:HTTPS/", &[]);
    assert_eq!((status, said.contains("Host: a.tenants.")), (200, true));
    let (status, said) = place.curl("http://127.0.0.1:STATUS/stub_status", &[]);
    assert_eq!((status, said.contains("Active connections")), (200, true));
}

/// What does not come through.
fn refused(place: &Place) {
    let site = "https://shop.example.org:HTTPS";
    let large = "x".repeat(1025);
    let (status, _) = place.curl(&format!("{site}/api"), &["--data", &large]);
    assert_eq!(status, 413);
    let (status, _) = place.curl(&format!("{site}/other"), &["--data", &large]);
    assert_eq!(status, 200, "the other route takes more");

    let stranger = ["--interface", "127.0.0.2"];
    for (path, own, strangers) in [("/metrics", 200, 403), ("/page", 200, 200)] {
        let url = format!("{site}{path}");
        assert_eq!(place.curl(&url, &[]).0, own, "{path}");
        assert_eq!(place.curl(&url, &stranger).0, strangers, "{path}");
    }

    let mut command = Command::new("curl");
    let other = format!("https://other.example.com:{}/", place.https);
    command
        .args(["-sS", "-k", "--resolve"])
        .arg(format!("*:{}:127.0.0.1", place.https))
        .arg(other);
    assert!(!peer::run(&mut command).status.success(), "no handshake");

    let statuses: Vec<String> = (0..60).map(|_| format!("{site}/many")).collect();
    let many: Vec<&str> = statuses.iter().map(String::as_str).collect();
    let urls = many
        .iter()
        .map(|url| url.replace("HTTPS", &place.https.to_string()));
    let mut command = Command::new("curl");
    command
        .args(["-sS", "-k", "-w", "%{http_code}\\n", "--resolve"])
        .arg(format!("*:{}:127.0.0.1", place.https))
        .args(urls.flat_map(|url| ["-o".to_owned(), "/dev/null".to_owned(), url]));
    let said = quiet(&mut command);
    assert!(said.contains("429"), "{said}");
}

#[test]
fn what_nginx_cannot_do_is_named() {
    let rendering = render(Target::Nginx, &project(COMPOSE, MAINSTAY));
    let lost: Vec<String> = rendering
        .problems
        .iter()
        .map(|problem| problem.message.clone())
        .collect();
    let names = [
        "`services.api.health` is lost",
        "`services.app.health` is lost",
        "`deploy.strategy: blue-green` is lost",
        "`services.db.ports: 5432` is lost",
    ];
    assert_eq!(lost.len(), names.len(), "{lost:?}");
    for (lost, name) in lost.iter().zip(names) {
        assert!(lost.starts_with(name), "{lost}");
    }
}

#[test]
fn every_reason_is_told_at_once_and_nothing_is_written() {
    let compose = "services: {a: {image: shop/a:1}, b: {image: shop/b:1}}\n";
    let mainstay = "routes: [{path: /a, service: a}, {path: /b, service: b}]\n";
    let rendering = render(Target::Nginx, &project(compose, mainstay));
    let refused: Vec<String> = rendering
        .problems
        .iter()
        .filter(|problem| problem.message.contains("cannot be expressed"))
        .map(|problem| problem.message.clone())
        .collect();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0].starts_with("`services.a.ports`"), "{refused:?}");
    assert!(refused[1].starts_with("`services.b.ports`"), "{refused:?}");
    assert!(rendering.files.is_empty());
}

#[test]
fn a_stack_without_routes_has_no_server() {
    let compose = "services: {worker: {image: shop/worker:1}}\n";
    let rendering = render(Target::Nginx, &project(compose, ""));
    assert!(rendering.files.is_empty());
    let problem = rendering.problems.iter().next().expect("one");
    assert!(problem.message.starts_with("`routes` cannot be expressed"));
}
