//! Health checks as a command within the container, for engines that know no other.

use mainstay_stack::{HealthCheck, Language, Probe};

/// What to run; `None` where only the image knows, or nothing listens.
///
/// A probe over HTTP or TCP is asked by the language's own means, never by a tool that would be in the image for
/// this alone. Rust has none, so its runtime's bash opens the connection.
pub(super) fn words(
    health: &HealthCheck,
    port: Option<u16>,
    language: Option<Language>,
) -> Option<Vec<String>> {
    let seconds = health.timeout.as_secs().max(1);
    if let Probe::Command { command } = &health.probe {
        return Some(command.clone());
    }
    let words = match (&health.probe, language?, port?) {
        (Probe::Command { .. }, ..) => return None,
        (Probe::Http { path }, Language::Python, port) => vec![
            "python".to_owned(),
            "-c".to_owned(),
            format!(
                "import urllib.request as r; r.urlopen('http://127.0.0.1:{port}{}', timeout={seconds})",
                quoted(path)
            ),
        ],
        (Probe::Http { path }, Language::Node, port) => vec![
            "node".to_owned(),
            "-e".to_owned(),
            format!(
                "fetch('http://127.0.0.1:{port}{}').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))",
                quoted(path)
            ),
        ],
        // The whole request in one piece, and so by `cat`: bash's own words write line by line, and who answers the
        // first line and closes would end them by SIGPIPE.
        (Probe::Http { path }, Language::Rust, port) => bash(&format!(
            "exec 3<>/dev/tcp/127.0.0.1/{port} && cat >&3 <<< $'GET {} HTTP/1.0\\r\\nHost: localhost\\r\\n\\r' && read -r _ status _ <&3 && [[ $status == [23]* ]]",
            quoted(path)
        )),
        (Probe::Tcp, Language::Python, port) => vec![
            "python".to_owned(),
            "-c".to_owned(),
            format!("import socket; socket.create_connection(('127.0.0.1', {port}), {seconds})"),
        ],
        (Probe::Tcp, Language::Node, port) => vec![
            "node".to_owned(),
            "-e".to_owned(),
            format!(
                "require('net').connect({port}, '127.0.0.1').on('connect', () => process.exit(0)).on('error', () => process.exit(1))"
            ),
        ],
        (Probe::Tcp, Language::Rust, port) => bash(&format!("exec 3<>/dev/tcp/127.0.0.1/{port}")),
    };
    Some(words)
}

/// Within single quotes, by the escapes that Python, JavaScript and bash's `$'…'` share.
fn quoted(path: &str) -> String {
    path.replace('\\', "\\\\").replace('\'', "\\'")
}

fn bash(script: &str) -> Vec<String> {
    ["bash", "-c", script].map(str::to_owned).to_vec()
}
