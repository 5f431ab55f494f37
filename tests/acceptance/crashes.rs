//! `kill -9` of the control plane at twenty moments of a rollout: it ends in exactly one release.

use crate::load::Load;
use crate::site::{Site, kill, try_request};
use std::process::Stdio;
use std::time::Duration;

const KILLS: u64 = 20;

#[test]
fn twenty_kills_of_the_control_plane_end_each_in_exactly_one_release() {
    let site = Site::sample();
    site.up();
    let load = Load::start(site.proxy);
    for kill in 0..KILLS {
        let strategy = if kill % 2 == 0 {
            "rolling"
        } else {
            "blue-green"
        };
        let setting = format!("app.environment.GREETING={kill}");
        let mut deploy = site
            .command(&["deploy", "--strategy", strategy, "--set", &setting])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Spread over the whole rollout; where exactly does not matter, any point must do.
        std::thread::sleep(Duration::from_millis(130 * kill));
        site.kill_server();
        site.start_server();
        site.eventually("the rollout ends", || {
            site.json(&["status"])["state"] == "up"
        });
        let _ = deploy.kill();
        let _ = deploy.wait();
        let release = format!("r{}", site.release());
        let running = site.running_instances();
        assert_eq!(
            running.len(),
            2,
            "kill {kill}: {running:?}\n{}",
            site.story()
        );
        let of_one_release = running
            .iter()
            .all(|name| name.contains(&format!("-{release}-")));
        assert!(of_one_release, "kill {kill}: {running:?} in {release}");
        assert_eq!(
            site.get("/health").header("x-release"),
            Some(release.as_str())
        );
    }
    load.seen().no_failed_request();
    assert!(site.ok(&["journal", "verify"]).contains("intact"));
}

/// Instances that die while nobody watches are started again, and the traffic finds them.
#[test]
fn instances_and_proxy_are_brought_back() {
    let site = Site::sample();
    site.up();
    let instance = site
        .processes()
        .into_iter()
        .find(|process| process.instance.is_some())
        .unwrap();
    kill(instance.pid);
    site.eventually("the instance is restarted", || {
        let status = site.json(&["status"]);
        let instances = status["services"][0]["instances"]
            .as_array()
            .unwrap()
            .clone();
        status["state"] == "up" && instances.iter().any(|one| one["restarts"] == 1)
    });

    let proxy = site
        .processes()
        .into_iter()
        .find(|process| process.arguments.contains("\nproxy\n"))
        .unwrap();
    kill(proxy.pid);
    site.eventually("a new proxy serves", || {
        try_request(site.proxy, "GET", "/health", b"").is_ok_and(|answer| answer.status == 200)
    });
}
