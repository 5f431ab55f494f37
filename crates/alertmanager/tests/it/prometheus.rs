//! A real Prometheus that evaluates a rule and sends its alert here.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mainstay_alert::AlertStatus;

use crate::http::wait_for;
use crate::peer::program;
use crate::shell::Server;

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(program: &Path, room: &Path, server: &Server, rule: &str) -> Running {
    let rules = format!(
        "groups:\n- name: g\n  interval: 100ms\n  rules:\n  - alert: Down\n    expr: {rule}\n    labels: {{severity: critical}}\n    annotations: {{summary: 'it is down'}}\n"
    );
    std::fs::write(room.join("rules.yml"), rules).unwrap();
    let config = format!(
        "global: {{external_labels: {{cluster: c}}}}\nrule_files: [rules.yml]\nalerting: {{alertmanagers: [{{path_prefix: '{}', api_version: v2, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]}}\n",
        Server::PREFIX,
        server.port
    );
    std::fs::write(room.join("prometheus.yml"), config).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let child = Command::new(program)
        .arg(format!(
            "--config.file={}",
            room.join("prometheus.yml").display()
        ))
        .arg(format!(
            "--storage.tsdb.path={}",
            room.join("data").display()
        ))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(["--rules.alert.resend-delay=1s", "--log.level=error"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Running(child)
}

#[test]
fn its_alert_comes_in_is_told_and_is_told_to_be_over() {
    let Some(program) = program(
        "prometheus",
        "its_alert_comes_in_is_told_and_is_told_to_be_over",
    ) else {
        return;
    };
    let server = Server::start(
        "route: {receiver: ops, group_wait: 10ms, group_interval: 50ms}\nreceivers: [{name: ops, webhook_configs: [{url: 'http://ops/'}]}]",
    );
    let room = tempfile::tempdir().unwrap();
    // Fires for the first seconds of the process, then is over.
    let began = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let _running = start(
        &program,
        room.path(),
        &server,
        &format!("vector(time()) < {}", began + 8),
    );
    let of = |status: AlertStatus| {
        let sent = server.shell.sent();
        sent.into_iter()
            .flat_map(|n| n.alerts)
            .find(|alert| alert.status == status)
    };
    let firing = wait_for("firing notification", || of(AlertStatus::Firing));
    assert_eq!(
        firing.labels.to_string(),
        r#"{alertname="Down", cluster="c", severity="critical"}"#
    );
    assert_eq!(firing.annotations["summary"], "it is down");
    assert!(
        firing.generator_url.contains("/graph?g0.expr="),
        "{}",
        firing.generator_url
    );
    let over = wait_for("resolved notification", || of(AlertStatus::Resolved));
    assert_eq!(
        (over.fingerprint, over.starts_at),
        (firing.fingerprint, firing.starts_at)
    );
    assert!(over.ends_at.is_some());
}
