//! The servers of the benchmark: one upstream, and the proxies in front of it.

use anyhow::{Context as _, bail};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(10);

/// A server under load; ended when dropped.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    child: Child,
}

impl Peer {
    fn start(name: &'static str, port: u16, command: &mut Command) -> anyhow::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let mut peer = Self { name, port, child };
        let deadline = Instant::now() + START;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = peer.child.try_wait()? {
                bail!("{name} ended at its start: {status}");
            }
            if Instant::now() > deadline {
                bail!("{name} does not listen after {} s", START.as_secs());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(peer)
    }

    /// CPU time of the server and its children so far.
    pub(crate) fn cpu(&self) -> Duration {
        let ticks: u64 = self.processes().into_iter().map(ticks).sum();
        // USER_HZ is 100 on every Linux architecture we run on.
        Duration::from_millis(ticks * 10)
    }

    pub(crate) fn resident_megabytes(&self) -> f64 {
        let kilobytes = |pid: u32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = status.lines().find(|line| line.starts_with("VmRSS:"));
            let size = line.and_then(|line| line.split_whitespace().nth(1));
            size.and_then(|size| size.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        self.processes().into_iter().map(kilobytes).sum::<f64>() / 1024.0
    }

    fn processes(&self) -> Vec<u32> {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        let children = children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok());
        std::iter::once(pid).chain(children).collect()
    }
}

/// utime and stime, of all threads; proc(5), fields 14 and 15.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<u64> = after_name
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0))
        .collect();
    fields.get(11).unwrap_or(&0) + fields.get(12).unwrap_or(&0)
}

impl Drop for Peer {
    fn drop(&mut self) {
        // nginx and HAProxy end their workers themselves when asked, not when killed.
        let pid = rustix::process::Pid::from_raw(self.child.id().cast_signed());
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn write(directory: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    fs::write(directory.join(name), text).with_context(|| format!("cannot write {name}"))
}

/// What both nginx servers need to run without a system around them.
fn nginx_frame(directory: &Path, name: &str, workers: u32, http: &str) -> String {
    let place = directory.display();
    format!(
        "daemon off; worker_processes {workers}; pid {place}/{name}.pid;\n\
         error_log {place}/{name}.err;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n\
           client_body_temp_path {place}/{name}-body; proxy_temp_path {place}/{name}-proxy;\n\
           fastcgi_temp_path {place}/{name}-f; uwsgi_temp_path {place}/{name}-u;\n\
           scgi_temp_path {place}/{name}-s;\n\
           keepalive_requests 100000000; tcp_nodelay on;\n\
           {http}\n\
         }}\n"
    )
}

fn start_nginx(directory: &Path, name: &'static str, port: u16) -> anyhow::Result<Peer> {
    let configuration = directory.join(format!("{name}.conf"));
    let mut command = Command::new("nginx");
    command
        .arg("-p")
        .arg(directory)
        .arg("-e")
        .arg(directory.join(format!("{name}.err")))
        .arg("-c")
        .arg(configuration);
    Peer::start(name, port, &mut command)
}

/// One nginx worker that answers at once, and writes no log.
pub(crate) fn upstream(directory: &Path) -> anyhow::Result<Peer> {
    let port = free_port()?;
    let small = "x".repeat(100);
    fs::write(directory.join("large"), vec![b'x'; 64 << 10])?;
    let root = directory.display();
    let http = format!(
        "access_log off; sendfile on;\n\
         server {{ listen 127.0.0.1:{port}; root {root};\n\
         location /small {{ return 200 \"{small}\"; }} location /large {{ }} }}"
    );
    let text = nginx_frame(directory, "upstream", 1, &http);
    write(directory, "upstream.conf", &text)?;
    start_nginx(directory, "upstream", port)
}

pub(crate) fn nginx(directory: &Path, upstream: u16) -> anyhow::Result<Peer> {
    let port = free_port()?;
    let log = directory.join("nginx.log");
    let http = format!(
        "access_log {log};\n\
         upstream app {{ server 127.0.0.1:{upstream}; keepalive 64; \
         keepalive_requests 100000000; }}\n\
         server {{ listen 127.0.0.1:{port};\n\
         location / {{ proxy_pass http://app; proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\"; proxy_set_header Host $host;\n\
         proxy_set_header X-Real-IP $remote_addr;\n\
         proxy_set_header X-Request-ID $request_id;\n\
         proxy_set_header X-Forwarded-Proto $scheme;\n\
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }}\n\
         location /metrics {{ stub_status; }} }}",
        log = log.display()
    );
    let workers = u32::try_from(std::thread::available_parallelism()?.get())?;
    let text = nginx_frame(directory, "nginx", workers, &http);
    write(directory, "nginx.conf", &text)?;
    start_nginx(directory, "nginx", port)
}

pub(crate) fn haproxy(directory: &Path, upstream: u16) -> anyhow::Result<Peer> {
    let port = free_port()?;
    let threads = std::thread::available_parallelism()?;
    let text = format!(
        "global\n  nbthread {threads}\n  maxconn 4096\n  log stdout format raw local0\n\
         defaults\n  mode http\n  log global\n  option httplog\n  option forwardfor\n\
         \x20 http-reuse always\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
         frontend main\n  bind 127.0.0.1:{port}\n  unique-id-format %[uuid]\n\
         \x20 unique-id-header X-Request-ID\n  default_backend app\n\
         backend app\n  http-request set-header X-Forwarded-Proto http\n\
         \x20 server app 127.0.0.1:{upstream} pool-max-conn 64\n"
    );
    write(directory, "haproxy.cfg", &text)?;
    let log = File::create(directory.join("haproxy.log"))?;
    let mut command = Command::new("haproxy");
    command
        .arg("-db")
        .arg("-f")
        .arg(directory.join("haproxy.cfg"))
        .stdout(log)
        .stderr(Stdio::null());
    Peer::start("haproxy", port, &mut command)
}

pub(crate) fn mainstay(directory: &Path, upstream: u16, program: &Path) -> anyhow::Result<Peer> {
    let port = free_port()?;
    let data = directory.join("mainstay");
    fs::create_dir_all(data.join("proxy"))?;
    let socket = directory.join("mainstay.sock");
    // As a proxy finds it after a restart: it serves at once.
    let text = format!(
        r#"{{"format":"mainstay-proxy-config","version":"1.0","config":{{
        "protocol":1,"revision":1,
        "listeners":[{{"name":"main","address":"127.0.0.1:{port}","accept":{{"accept":"http",
          "routes":[{{"name":"main","hosts":[],"path":"/","strip_prefix":false,
          "pool":"bench/dev/app","timeout":60000,"max_body":1048576}}]}}}}],
        "pools":{{"bench/dev/app":{{"balance":"round-robin","service":"app","environment":"dev",
          "stack":"bench","health":null,"endpoints":[{{"instance":"bench-dev-app-r1-1",
          "release":"r1","address":"127.0.0.1:{upstream}","weight":100}}]}}}},
        "limits":{{"max_header":65536,"header_timeout":10000,"body_timeout":30000,
          "idle_timeout":75000,"connect_timeout":2000,"max_connections":10000}}}}}}"#
    );
    fs::write(data.join("proxy/config.json"), text)?;
    let mut command = Command::new(program);
    command
        .arg("proxy")
        .arg("--directory")
        .arg(&data)
        .arg("--socket")
        .arg(&socket)
        .stdout(Stdio::null());
    let peer = Peer::start("mainstay", port, &mut command)?;
    println!(
        "mainstay at rest: {:.1} MB resident",
        peer.resident_megabytes()
    );
    check_metrics(&socket)?;
    Ok(peer)
}

/// The metrics must be there for the comparison to be one.
fn check_metrics(socket: &Path) -> anyhow::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(START))?;
    let request = "GET /metrics HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if !answer.contains("mainstay_proxy_config_revision 1\n") {
        bail!("the proxy's metrics are not there: {answer}");
    }
    Ok(())
}
