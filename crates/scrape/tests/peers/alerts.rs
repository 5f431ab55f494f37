//! Alerts on their way out: to a real Alertmanager, and to one that is not there.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use mainstay_scrape::{AlertSender, OutgoingAlert, QUEUE_ALERTS};
use mainstay_series::Labels;
use mainstay_targets::{Alerting, Configuration};

use crate::support::{PATIENCE, Peer, free_port, get, program};

fn alerting(ports: &[u16]) -> Alerting {
    let targets: Vec<String> = ports
        .iter()
        .map(|port| format!("'127.0.0.1:{port}'"))
        .collect();
    let text = format!(
        "alerting:\n  alert_relabel_configs: [{{action: drop, source_labels: [alertname], regex: Quiet}}]\n  alertmanagers:\n  - static_configs: [{{targets: [{}]}}]\n    timeout: 2s\n    alert_relabel_configs: [{{action: labeldrop, regex: replica}}]\n",
        targets.join(", ")
    );
    let (config, problems) = Configuration::read(&text, Path::new("/p.yml"), "p.yml");
    assert!(!problems.has_errors(), "{problems}");
    config.alerting.unwrap()
}

fn alert(name: &str) -> OutgoingAlert {
    OutgoingAlert {
        labels: Labels::from_pairs([("alertname", name), ("replica", "1"), ("site", "own")]),
        annotations: BTreeMap::from([("summary".to_owned(), "it \"hurts\"".to_owned())]),
        starts_at: "2026-11-27T10:00:00.000Z".to_owned(),
        ends_at: "2126-11-27T10:00:00.000Z".to_owned(),
        generator_url: "http://here/graph?g0.expr=up".to_owned(),
    }
}

fn external() -> BTreeMap<String, String> {
    let pairs = [("cluster", "eu"), ("site", "external")];
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

#[tokio::test]
async fn an_alertmanager_takes_them_and_one_that_is_away_holds_up_nobody() {
    let test = "an_alertmanager_takes_them_and_one_that_is_away_holds_up_nobody";
    let Some(program) = program("prometheus-alertmanager", test) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("am.yml");
    std::fs::write(
        &file,
        "route: {receiver: none}\nreceivers: [{name: none}]\n",
    )
    .unwrap();
    let (port, nobody) = (free_port(), free_port());
    let mut command = Command::new(program);
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.path={}", folder.path().display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=");
    let _peer = Peer::start(&mut command, port);
    let sender = AlertSender::start(&alerting(&[nobody, port]), external()).unwrap();
    sender.offer(vec![alert("Down"), alert("Quiet")]);
    let deadline = Instant::now() + PATIENCE;
    while sender.counted()[1].sent == 0 || sender.counted()[0].dropped == 0 {
        assert!(Instant::now() < deadline, "{:?}", sender.counted());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let counted = sender.counted();
    assert_eq!((counted[1].sent, counted[1].dropped), (1, 0));
    assert!(counted[0].last_error.contains("connecting"), "{counted:?}");
    let (_, body) = get(port, "/api/v2/alerts", "application/json");
    let found: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let labels = serde_json::json!({"alertname": "Down", "cluster": "eu", "site": "own"});
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found[0]["labels"], labels);
    assert_eq!(found[0]["annotations"]["summary"], "it \"hurts\"");
    assert_eq!(found[0]["startsAt"], "2026-11-27T10:00:00.000Z");
    sender.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_and_counted() {
    // Nobody answers there, and on a runtime of one thread nobody takes from the queue meanwhile.
    let sender = AlertSender::start(&alerting(&[free_port()]), external()).unwrap();
    sender.offer(vec![alert("Down"); QUEUE_ALERTS + 7]);
    assert_eq!(sender.counted()[0].dropped, 7);
}
