//! Through everything that moves instances: no failed request, no lost row.

use super::Yard;
use super::database::Writer;
use crate::load::Load;
use crate::site::Said;
use std::process::Stdio;
use std::time::Duration;

#[test]
fn nothing_that_moves_containers_fails_a_request_or_loses_a_row() {
    let Some(yard) = Yard::new("nothing_that_moves_containers_fails_a_request_or_loses_a_row")
    else {
        return;
    };
    let site = &yard.site;
    site.up();
    let health = site.get("/health");
    assert_eq!(health.header("x-release"), Some("r1"), "{health:?}");
    let beside = [yard.running_of("db"), yard.running_of("cache")];
    let writer = Writer::start(yard.database);
    // A page: what is measured is the way to it, and not how many the database can answer at once.
    let load = Load::start_at(site.proxy, "/");

    site.deploy("rolling", &["GREETING=two"]).with_code(0);
    assert_eq!(site.get("/health").header("x-release"), Some("r2"));
    site.deploy("blue-green", &["GREETING=three"]).with_code(0);
    assert_eq!(site.get("/health").header("x-release"), Some("r3"));
    site.ok(&["rollback", "--reason", "it was better before"]);
    assert_eq!(site.get("/health").header("x-release"), Some("r2"));
    site.ok(&["scale", "app=3"]);
    assert_eq!(yard.running_of("app").len(), 3);
    site.ok(&["scale", "app=1"]);
    assert_eq!(yard.running_of("app").len(), 1);
    site.ok(&["scale", "app=2"]);
    site.ok(&["restart", "app"]);
    // What did not change was left alone through all of it.
    assert_eq!([yard.running_of("db"), yard.running_of("cache")], beside);

    killed(&yard, 2, "GREETING=killed");
    killed(&yard, 5, "GREETING=killed again");
    let seen = load.seen();
    seen.no_failed_request();
    assert!(seen.releases.len() >= 3, "{seen:?}");

    // The database has the machine to itself now, and rows are written all the time. Nothing is
    // learnt from waiting longer for each.
    let settings = site.path().join("mainstay.yaml");
    let patient = std::fs::read_to_string(settings).unwrap();
    let quick = patient.replace("watch: 1s", "watch: 200ms");
    assert_ne!(quick, patient);
    site.write("mainstay.yaml", &quick);
    fifty(&yard);

    // A database that changed is stopped before it is started again, on its own volume.
    site.run(&["deploy", "--set", "db.environment.CHANGED=1"])
        .with_code(0);
    assert_ne!(yard.running_of("db"), beside[0]);
    assert_eq!(yard.running_of("db").len(), 1);
    yard.kill("db");
    site.eventually("the database is back", || {
        site.json(&["status"])["state"] == "up"
    });
    let (acknowledged, lost) = writer.lost();
    assert!(lost.is_empty(), "of {acknowledged} rows: {lost:?}");
    assert!(
        acknowledged > 500,
        "too few to mean anything: {acknowledged}"
    );
    assert!(site.ok(&["journal", "verify"]).contains("intact"));
    yard.end();
}

/// Fifty moves: deploys of both strategies, rollbacks, and `kill -9` of the control plane in the
/// middle of a deploy. Each ends in one release.
fn fifty(yard: &Yard) {
    let site = &yard.site;
    for turn in 0..50_u64 {
        let greeting = format!("GREETING=turn{turn}");
        match turn % 4 {
            0 => site.deploy("rolling", &[&greeting]).with_code(0),
            1 => site.deploy("blue-green", &[&greeting]).with_code(0),
            2 => site
                .run(&["rollback", "--reason", "a turn back"])
                .with_code(0),
            _ => killed(yard, turn / 4, &greeting),
        };
        let release = format!("-r{}-", site.release());
        let running = yard.running_of("app");
        let story = || site.story();
        assert_eq!(running.len(), 2, "turn {turn}: {running:?}\n{}", story());
        let of_one = running.iter().all(|name| name.contains(&release));
        assert!(of_one, "turn {turn}: {running:?} in {release}");
    }
}

/// Kills the control plane in the middle of a deploy, a little later each time.
fn killed(yard: &Yard, kill: u64, greeting: &str) -> Said {
    let site = &yard.site;
    let strategy = ["rolling", "blue-green"][kill as usize % 2];
    let setting = format!("app.environment.{greeting}");
    let mut deploy = site.command(&["deploy", "--strategy", strategy, "--set", &setting]);
    let deploy = deploy.stdout(Stdio::null()).stderr(Stdio::null());
    let mut deploy = deploy.spawn().unwrap();
    // Spread over the rollout; where exactly does not matter, any point must do.
    std::thread::sleep(Duration::from_millis(350 * kill));
    site.kill_server();
    site.start_server();
    site.eventually("the rollout ends", || {
        site.json(&["status"])["state"] == "up"
    });
    let _ = deploy.kill();
    let _ = deploy.wait();
    site.run(&["journal", "verify"]).with_code(0)
}

/// Every way in which a release can be bad: the old one stays, and has all requests.
#[test]
fn a_bad_release_of_containers_gets_no_request() {
    let Some(yard) = Yard::new("a_bad_release_of_containers_gets_no_request") else {
        return;
    };
    let site = &yard.site;
    let soon = "  services:\n    app:\n      healthy_deadline: 8s\n";
    let operation = super::OPERATION.replace("http: /", "http: /health");
    let settings = format!("{}{operation}{soon}", super::TARGET);
    site.write("mainstay.yaml", &settings);
    site.up();
    let before = yard.running();
    // A page: what is measured is the way to it, and not how many the database can answer at once.
    let load = Load::start_at(site.proxy, "/");
    for (fault, reason) in [
        ("FAULT_HEALTH=fail", "503"),
        ("FAULT_START=crash", "exit code"),
        ("FAULT_START=never-bind", "did not become healthy"),
    ] {
        site.deploy("blue-green", &[fault])
            .with_code(1)
            .says(reason);
        assert_eq!(yard.running(), before, "{fault}");
    }
    // What runs beside the service is seen through the same commands.
    let said = site.ok(&[
        "exec",
        "app",
        "--",
        "sh",
        "-c",
        "echo $MAINSTAY_SERVICE on $PORT",
    ]);
    assert_eq!(said.trim(), "app on 8000");
    site.run(&["exec", "app", "--", "sh", "-c", "exit 7"])
        .with_code(7);
    assert!(
        site.ok(&["logs", "db"])
            .contains("ready to accept connections")
    );
    assert!(site.ok(&["ps"]).contains("db-r1-1"));
    let seen = load.seen();
    seen.no_failed_request();
    assert_eq!(seen.releases.len(), 1, "a bad release answered: {seen:?}");
    yard.end();
}
