//! amtool takes the routing, and it leads each alert where Mainstay's own would.

use crate::peers::{peer as find, quiet};
use crate::support::{EXAMPLES, example, project, write};
use mainstay_alert::config::Configuration;
use mainstay_render::{Project, Target, render};
use mainstay_series::Labels;
use std::path::Path;
use std::process::Command;

const COMPOSE: &str = "services: {app: {image: shop/app:1, expose: [\"80\"]}}\n";
const MAINSTAY: &str = "\
environments:
  production:
    purpose: production
    policy:
      windows:
        - {days: [sat], from: \"22:00\", to: \"02:00\", zone: Europe/Zurich}
  staging: {purpose: staging}
alerts: {mute_in_windows: true}
render: {domain: shop.example.org}
";

fn everything() -> Project {
    project(COMPOSE, MAINSTAY)
}

#[test]
fn amtool_takes_every_example_and_leads_alerts_by_severity() {
    let test = "amtool_takes_every_example_and_leads_alerts_by_severity";
    let Some(amtool) = find("amtool", test) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut check = Command::new(&amtool);
    check.arg("check-config");
    let mut files = Vec::new();
    let projects = EXAMPLES.map(|name| (name, example(name)));
    for (name, project) in projects.iter().chain([&("shop", everything())]) {
        let folder = folder.path().join(name);
        write(&render(Target::Alertmanager, project), &folder);
        files.push((name.to_owned(), folder.join("alertmanager.yml")));
        check.arg(folder.join("alertmanager.yml"));
    }
    quiet(&mut check);
    for (name, file) in files {
        for (severity, receiver) in [
            ("critical", "pagerduty"),
            ("warning", "slack"),
            ("info", "email"),
        ] {
            let mut command = Command::new(&amtool);
            command
                .args(["config", "routes", "test", "--config.file"])
                .arg(&file)
                .arg(format!("--verify.receivers={receiver}"))
                .arg(format!("severity={severity}"))
                .args([&format!("stack={name}"), "environment=production"]);
            quiet(&mut command);
        }
    }
}

#[test]
fn mainstay_reads_it_to_the_same_receivers() {
    let rendering = render(Target::Alertmanager, &everything());
    let text = &rendering.files["alertmanager.yml"].text;
    let path = Path::new("/etc/alertmanager/alertmanager.yml");
    let (configuration, problems) = Configuration::read(text, path, "alertmanager.yml");
    assert!(problems.is_empty(), "{problems}");
    let configuration = configuration.expect("a configuration");
    let mute = |environment: &str, severity: &str| {
        let labels = Labels::from_pairs([
            ("alertname", "A"),
            ("stack", "shop"),
            ("environment", environment),
            ("severity", severity),
        ]);
        let routes = configuration.route.matching(&labels);
        assert_eq!(routes.len(), 1, "{environment} {severity}");
        (
            routes[0].receiver.clone(),
            routes[0].mute_time_intervals.clone(),
        )
    };
    let windows = vec!["windows-of-shop-production".to_owned()];
    for (severity, receiver) in [
        ("critical", "pagerduty"),
        ("warning", "slack"),
        ("info", "email"),
    ] {
        let (told, muted) = mute("production", severity);
        assert_eq!((told.as_str(), &muted), (receiver, &windows));
        // Another stack's environment of the same name is not quiet.
        let (told, muted) = mute("elsewhere", severity);
        assert_eq!((told.as_str(), muted.len()), (receiver, 0));
    }
    assert!(!text.contains("routing_key:") && !text.contains("api_url:"));
}

#[test]
fn where_mails_go_is_asked_for_once() {
    let problems = render(Target::Alertmanager, &project(COMPOSE, "")).problems;
    let messages: Vec<&str> = problems.iter().map(|one| one.message.as_str()).collect();
    let expected =
        "`render.domain` is lost: nothing says where mails are handed in and who gets them";
    assert_eq!(messages, [expected]);
    assert!(
        render(Target::Alertmanager, &everything())
            .problems
            .is_empty()
    );
}
