//! `sample-service health`: asks a running instance, for a container that has no curl.

use crate::settings::Settings;
use anyhow::{Context, ensure};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(2);

/// The answer's head; what stands behind it is for people.
const HEAD_BYTES: u64 = 64 * 1024;

/// Where the profile tells its health.
pub(crate) fn path_of(settings: &Settings) -> &'static str {
    settings.profile.paths.health[0]
}

/// # Errors
/// When nobody answers, or with anything but 200.
pub(crate) fn probe(settings: &Settings, path: &str) -> anyhow::Result<()> {
    let address = reachable(settings.listen);
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, DEADLINE)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.take(HEAD_BYTES).read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = ask().with_context(|| format!("no answer from {address}"))?;
    let status = answer.lines().next().unwrap_or_default();
    ensure!(
        status.split(' ').nth(1) == Some("200"),
        "unhealthy: {status}"
    );
    Ok(())
}

/// Who listens on every address is asked on this machine's own.
fn reachable(listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), listen.port())
    } else {
        listen
    }
}
