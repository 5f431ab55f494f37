//! Policy, approval, promotion, and clients that die: the server holds to what was agreed.

use crate::site::{QUICK, Site, compose};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

/// `dev` and `staging` beside `live`, which asks for approval and for tags. Each has a host.
fn site(policy: &str) -> Site {
    let site = Site::sample();
    site.write(
        "compose.yaml",
        &compose(1, "      GREETING: ${GREETING:-one}\n"),
    );
    let quick = QUICK.replace("- path: /", "- host: ${HOST}\n    path: /");
    let environments = format!(
        "environments:
  dev: {{variables: {{HOST: localhost}}}}
  staging: {{variables: {{HOST: staging.localhost}}, policy: {{auto_deploy: {{branch: [main, 'release/*']}}}}}}
  canary: {{variables: {{HOST: canary.localhost, GREETING: canary}}}}
  live:
    variables: {{HOST: live.localhost}}
    policy: {policy}
"
    );
    site.write("mainstay.yaml", &format!("{environments}{quick}"));
    site.commit_all();
    site.git(&["tag", "v1.0.0"]);
    site.up();
    site
}

fn token(site: &Site, name: &str, role: &str) -> String {
    let token = site.json(&["token", "create", name, "--role", role]);
    token["secret"].as_str().unwrap().to_owned()
}

const LIVE: [&str; 2] = ["--env", "live"];

fn live_release(site: &Site) -> u64 {
    let status = site.run(&["status", "--json", LIVE[0], LIVE[1]]);
    let status: Value = serde_json::from_str(&status.out()).unwrap_or_default();
    status["release"]["number"].as_u64().unwrap_or(0)
}

#[test]
fn a_guarded_environment_waits_for_somebody_else_also_through_a_restart() {
    let site = site("{approval: required, tags_only: v*}");
    let boss = token(&site, "boss", "admin");
    let ci = token(&site, "ci", "operator");
    site.run(&["up", "--detach", LIVE[0], LIVE[1]]).with_code(2);
    site.run(&["deploy", LIVE[0], LIVE[1]])
        .with_code(3)
        .says("approve");
    let waiting = site.ok(&["status", LIVE[0], LIVE[1]]);
    assert!(
        waiting.contains("waits for approval") && waiting.contains("v1.0.0"),
        "{waiting}"
    );
    site.run(&["approve", LIVE[0], LIVE[1]])
        .with_code(1)
        .says("somebody else");
    site.run_as(&ci, &["approve", LIVE[0], LIVE[1]])
        .with_code(1)
        .says("needs admin");
    assert_eq!(live_release(&site), 0);

    site.kill_server();
    site.start_server();
    let deploy = site.command(&["deploy", "--wait", LIVE[0], LIVE[1]]);
    let followed = { deploy }
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    site.eventually("two of them wait", || {
        let status = site.json(&["status", LIVE[0], LIVE[1]]);
        status["requests"]
            .as_array()
            .is_some_and(|all| all.len() == 2)
    });
    let requests = site.json(&["status", LIVE[0], LIVE[1]])["requests"].clone();
    let id = |at: usize| requests[at]["id"].as_str().unwrap().to_owned();
    site.run_as(&boss, &["reject", &id(0), "--reason", "an older one"])
        .with_code(0);
    site.run_as(&boss, &["approve", &id(1), "--reason", "looked at it"])
        .with_code(0);
    let ended = crate::site::finish(followed, std::time::Duration::from_secs(60)).unwrap();
    assert!(ended.status.success(), "{}", site.story());
    assert_eq!(live_release(&site), 1);
    let detail = site.json(&["releases", "show", "1", LIVE[0], LIVE[1]]);
    assert_eq!(
        detail["record"]["approvals"][0]["by"], "token boss",
        "{detail}"
    );
    site.run_as(&boss, &["approve", &id(1)]).with_code(0);

    // A commit after the tag is none, and nobody loosens a policy by what it stands in the way of.
    site.git(&["commit", "-q", "--allow-empty", "-m", "fix: after it"]);
    site.run(&["deploy", LIVE[0], LIVE[1], "--force"])
        .with_code(1)
        .says("a commit after one");
    let loose = std::fs::read_to_string(site.path().join("mainstay.yaml")).unwrap();
    site.write(
        "mainstay.yaml",
        &loose.replace("{approval: required, tags_only: v*}", "{}"),
    );
    site.run(&["deploy", LIVE[0], LIVE[1], "--force"])
        .with_code(1)
        .says("a commit after one");
    let events = site.ok(&["events", LIVE[0], LIVE[1]]);
    for kind in [
        "policy.refused",
        "request.created",
        "request.rejected",
        "request.approved",
    ] {
        assert!(events.contains(kind), "no {kind}: {events}");
    }
}

#[test]
fn a_request_that_nobody_decides_on_expires_and_alone_one_agrees_to_oneself() {
    let site = site("{approval: {self_approval: true, expires: 1s}}");
    site.run(&["deploy", LIVE[0], LIVE[1]]).with_code(3);
    let requests = || site.json(&["status", LIVE[0], LIVE[1]])["requests"].clone();
    site.eventually("it expires", || requests() == Value::Array(Vec::new()));
    site.run(&["approve", LIVE[0], LIVE[1]])
        .with_code(2)
        .says("nothing in shop/live waits");
    let left = site.path().join(".mainstay/requests/shop/live");
    assert_eq!(
        std::fs::read_dir(left).unwrap().count(),
        0,
        "a sealed request is left"
    );

    let text = std::fs::read_to_string(site.path().join("mainstay.yaml")).unwrap();
    site.write("mainstay.yaml", &text.replace("expires: 1s", "expires: 1h"));
    site.run(&["deploy", LIVE[0], LIVE[1]]).with_code(3);
    site.run(&["env", "delete", "live", "--yes"])
        .with_code(1)
        .says("waiting for approval in shop/live: 1");
    site.ok(&["approve", LIVE[0], LIVE[1]]);
    site.eventually("it is there", || live_release(&site) == 1);
}

/// Terraform's part is played by a script that writes down what it is told: what is shown is who may apply which
/// plan.
#[test]
fn infrastructure_is_changed_only_by_a_plan_that_somebody_else_agreed_to() {
    let site = site("{approval: required}");
    let boss = token(&site, "boss", "admin");
    let script = "#!/bin/sh
echo \"$*\" >>told
folder=${1#-chdir=}
case $2 in
show) echo '{\"resource_changes\": [{\"change\": {\"actions\": [\"create\"]}}]}' ;;
plan) for word; do case $word in -out=*) date +%N >\"$folder/${word#-out=}\" ;; esac done ;;
esac
";
    let program = site.path().join("terraform");
    site.write("terraform", script);
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let program = program.to_str().unwrap();
    let infra = |verb, more: &[&'static str]| {
        site.run(&[&["infra", verb, "live", "--program", program], more].concat())
    };
    let told = || std::fs::read_to_string(site.path().join("told")).unwrap_or_default();
    let requests = || site.json(&["status", LIVE[0], LIVE[1]])["requests"].clone();
    let agree = |at: usize| {
        let id = requests()[at]["id"].as_str().unwrap().to_owned();
        site.run_as(&boss, &["approve", &id]).with_code(0);
    };
    infra("apply", &["--yes"])
        .with_code(2)
        .says("no plan to look at");
    infra("plan", &[]).with_code(0);
    infra("apply", &["--yes"]).with_code(3).says("1 to add");
    site.run(&["approve", LIVE[0], LIVE[1]])
        .with_code(1)
        .says("somebody else");
    agree(0);
    // Another plan is another change.
    infra("plan", &[]).with_code(0);
    infra("apply", &["--yes"]).with_code(3).says("approve");
    assert!(!told().contains(" apply"), "{}", told());
    agree(1);
    site.kill_server();
    site.start_server();
    let status = site.ok(&["status", LIVE[0], LIVE[1]]);
    assert!(status.contains("agreed to:"), "{status}");
    infra("apply", &["--yes"]).with_code(0);
    assert!(told().contains(" apply mainstay.tfplan"), "{}", told());
    infra("apply", &["--yes"]).with_code(2);

    // A destroy is planned by itself, and its name is typed besides.
    infra("destroy", &["--yes"]).with_code(3);
    let waits = requests().as_array().unwrap().len();
    agree(waits - 1);
    infra("destroy", &["--yes"]).with_code(2).says("terminal");
    assert!(!told().contains("apply mainstay.destroy"), "{}", told());

    infra("plan", &[]).with_code(0);
    let mut waiting = site.command(&["infra", "apply", "live", "--program", program]);
    let waiting = waiting
        .args(["--yes", "--wait"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    site.eventually("it waits", || requests().as_array().unwrap().len() > waits);
    agree(waits);
    let ended = crate::site::finish(waiting, std::time::Duration::from_secs(60)).unwrap();
    assert!(ended.status.success(), "{}", site.story());
    assert_eq!(told().matches(" apply mainstay.tfplan").count(), 2);
    let events = site.ok(&["events", LIVE[0], LIVE[1]]);
    assert!(events.contains("is made by"), "{events}");
}

#[test]
fn what_staging_verified_is_promoted_as_it_is() {
    let site = site("{}");
    site.run(&["promote", "staging", "canary"]).with_code(2);
    let automatic = ["deploy", "--env", "staging", "--automatic", "--branch"];
    let with = |branch: &'static str| [&automatic[..], &[branch]].concat();
    site.run(&with("topic"))
        .with_code(0)
        .says("does not deploy");
    site.run(&["status", "--env", "staging"]).with_code(2);
    site.ok(&with("release/1"));

    site.ok(&["promote", "staging", "canary", "-m", "as tried"]);
    let show = |environment| site.json(&["releases", "show", "1", "--env", environment]);
    let (staging, canary) = (show("staging"), show("canary"));
    assert_eq!(staging["artifacts"], canary["artifacts"]);
    assert_eq!(canary["record"]["promoted_from"]["scope"], staging_scope());
    let greeting = [
        "exec",
        "app",
        "--env",
        "canary",
        "--",
        "sh",
        "-c",
        "echo $GREETING",
    ];
    assert_eq!(site.ok(&greeting).trim(), "canary", "its own variables");

    site.git(&["commit", "-q", "--allow-empty", "-m", "feat: later"]);
    site.run(&["promote", "staging", "live"])
        .with_code(2)
        .says("the files here are at");
    site.run(&[
        "deploy",
        "--env",
        "staging",
        "--set",
        "app.environment.FAULT_HEALTH=fail",
    ])
    .with_code(1);
    site.git(&["checkout", "-q", "v1.0.0"]);
    // The failed one is not what runs; the one before still is, and still verified.
    site.ok(&["promote", "staging", "live"]);
}

fn staging_scope() -> Value {
    serde_json::json!({"stack": "shop", "environment": "staging"})
}

/// A client dies in the middle of the build, of the upload, and of the rollout.
#[test]
fn a_client_that_dies_leaves_no_lock_and_no_half_release() {
    let site = site("{}");
    let built = compose(1, "").replace(
        "      artifacts:",
        "      build: [sh, -c, 'echo $$$$ > building; exec sleep 600']\n      artifacts:",
    );
    let plain = std::fs::read_to_string(site.path().join("compose.yaml")).unwrap();
    site.write("compose.yaml", &built);
    let mut deploy = site
        .command(&["deploy"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut build = None;
    site.eventually("it builds", || {
        let pid = std::fs::read_to_string(site.path().join("building"));
        build = pid.ok().and_then(|pid| pid.trim().parse().ok());
        build.is_some()
    });
    deploy.kill().unwrap();
    deploy.wait().unwrap();
    // Nobody is left to end it.
    crate::site::kill(build.unwrap());
    site.write("compose.yaml", &plain);
    assert_eq!(site.json(&["releases"]).as_array().unwrap().len(), 1);

    half_an_upload(&site);
    let artifacts = site.path().join(".mainstay/artifacts");
    site.eventually("nothing is left of the upload", || {
        let entries = std::fs::read_dir(&artifacts).unwrap().flatten();
        let mut names = entries.map(|entry| entry.file_name().into_string().unwrap());
        names.all(|name| !name.starts_with('.'))
    });

    let mut deploy = site
        .command(&["deploy", "--set", "app.environment.GREETING=two"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    site.eventually("the rollout has begun", || {
        site.events()
            .iter()
            .any(|event| event.contains("rollout.began deploy from r1"))
    });
    deploy.kill().unwrap();
    deploy.wait().unwrap();
    site.eventually("it goes on without its client", || {
        site.json(&["status"])["state"] == "up" && site.release() == 2
    });
    site.deploy("rolling", &["GREETING=three"]).with_code(0);
    let releases = site.json(&["releases"]);
    let open = releases.as_array().unwrap().iter();
    let open = open
        .filter(|release| release["status"] == "rolling_out")
        .count();
    assert_eq!((site.release(), open), (3, 0), "{releases}");
}

/// The head of an upload and some of its bytes, over a connection that then breaks.
fn half_an_upload(site: &Site) {
    let data = mainstay_server::paths::DataDirectory::of_stack(site.path()).unwrap();
    let mut stream = UnixStream::connect(data.api_socket()).unwrap();
    let head = format!(
        "PUT /api/v1/artifacts/{} HTTP/1.1\r\nhost: mainstay\r\ncontent-length: 10000000\r\n\r\n",
        "0".repeat(64)
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![7; 100_000]).unwrap();
    stream.flush().unwrap();
    let artifacts = site.path().join(".mainstay/artifacts");
    site.eventually("the upload has begun", || {
        let entries = std::fs::read_dir(&artifacts).unwrap().flatten();
        let mut names = entries.map(|entry| entry.file_name().into_string().unwrap());
        names.any(|name| name.starts_with('.'))
    });
    drop(stream.shutdown(std::net::Shutdown::Both));
    let _ = stream.read(&mut [0; 1]);
}
