//! How long it takes from a cause to the message: a counter of the service passes a limit, and a webhook
//! of ours is told.
//!
//! What may pass is one scrape, one evaluation and `group_wait`, and a second for everything else; each
//! falls where it will, so the least and the most of several causes are shown.

use super::site::{Programs, Site};
use anyhow::{Context as _, Result, bail};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Causes, one after the other
    #[arg(long, default_value_t = 20)]
    causes: u32,
    /// Seconds between two scrapes, and between two evaluations; `group_wait` is as long
    #[arg(long, default_value_t = 1)]
    seconds: u64,
    #[command(flatten)]
    programs: Programs,
}

/// No message takes longer.
const PATIENCE: Duration = Duration::from_mins(2);
/// For everything that is neither scrape nor evaluation nor `group_wait`.
const REST: Duration = Duration::from_secs(1);

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let site = Site::prepare(&options.programs)?;
    let (port, told) = receive()?;
    write(&site, options, port)?;
    site.up()?;
    // Everything has had its first turn.
    std::thread::sleep(Duration::from_secs(options.seconds * 3 + 2));
    let mut took = Vec::new();
    for number in 1..=options.causes {
        // At another moment of the interval each time.
        std::thread::sleep(Duration::from_millis(
            u64::from(number) * 137 % (options.seconds * 1_000),
        ));
        let cause = Instant::now();
        get(&site, "/status")?;
        let alert = format!("Passed{number}");
        loop {
            let left = PATIENCE.saturating_sub(cause.elapsed());
            let body = told.recv_timeout(left).context("nobody was told")?;
            if body.contains(&format!("\"{alert}\"")) {
                break;
            }
        }
        took.push(cause.elapsed().as_secs_f64());
    }
    print(&took, options);
    Ok(ExitCode::SUCCESS)
}

fn print(took: &[f64], options: &Options) {
    let mut sorted = took.to_vec();
    sorted.sort_by(f64::total_cmp);
    let budget = (options.seconds * 3) as f64 + REST.as_secs_f64();
    println!(
        "from cause to message, {} causes: least {:.2} s, median {:.2} s, most {:.2} s",
        sorted.len(),
        sorted.first().copied().unwrap_or_default(),
        sorted.get(sorted.len() / 2).copied().unwrap_or_default(),
        sorted.last().copied().unwrap_or_default(),
    );
    println!(
        "scrape, evaluation and group_wait of {} s each, and a second: {budget:.0} s; {} of {} within it",
        options.seconds,
        sorted.iter().filter(|took| **took <= budget).count(),
        sorted.len(),
    );
}

fn write(site: &Site, options: &Options, port: u16) -> Result<()> {
    let seconds = options.seconds;
    let mut rules = format!("groups:\n- name: bench\n  interval: {seconds}s\n  rules:\n");
    for number in 1..=options.causes {
        let _ = write!(
            rules,
            "  - alert: Passed{number}\n    expr: sum(http_requests_total{{endpoint=\"/status\"}}) >= {number}\n"
        );
    }
    site.write("rules.yml", &rules)?;
    site.write(
        "mainstay.yaml",
        "routes: [{path: /, service: app}]\nhealth: {app: {http: /health}}\nalerts: {rules: [rules.yml]}\n",
    )?;
    site.write(
        ".mainstay/alertmanager.yml",
        &format!(
            "route: {{receiver: bench, group_by: [alertname], group_wait: {seconds}s}}\nreceivers: [{{name: bench, webhook_configs: [{{url: 'http://127.0.0.1:{port}/'}}]}}]\n"
        ),
    )?;
    site.write(
        ".mainstay/server.yaml",
        &format!(
            "metrics: {{interval: {seconds}s}}\nalerts: {{interval: {seconds}s, packs: [], routing: alertmanager.yml}}\n"
        ),
    )
}

fn get(site: &Site, path: &str) -> Result<()> {
    let address = site.proxy();
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if !answer.starts_with("HTTP/1.1 200") {
        bail!(
            "{path} answered {}",
            answer.lines().next().unwrap_or_default()
        );
    }
    Ok(())
}

/// The port of a webhook, and what it was sent.
fn receive() -> Result<(u16, Receiver<String>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let (send, received) = sync_channel(1_000);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let send = send.clone();
            std::thread::spawn(move || {
                let mut stream = stream;
                let _ = stream.set_read_timeout(Some(PATIENCE));
                while let Some(body) = request(&mut stream) {
                    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    if stream.write_all(answer.as_bytes()).is_err() || send.send(body).is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok((port, received))
}

/// The body of the next request on a connection that is kept.
fn request(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?.to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let mut body = vec![0; length?.trim().parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}
