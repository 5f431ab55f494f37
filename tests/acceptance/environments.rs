//! Environments: made, compared and deleted with one command each, in a file that stays the user's.

use crate::site::{QUICK, Site};

/// What a person wrote; every word of it has to be there afterwards.
const WRITTEN: &str = "\
# Ours. Do not reorder.
environments:
  dev: {variables: {HOST: localhost}}   # the laptop

# Behind the environments.
";

fn site() -> Site {
    let site = Site::sample();
    site.write("mainstay.yaml", &format!("{WRITTEN}{QUICK}"));
    site
}

#[test]
fn an_environment_is_made_compared_and_deleted() {
    let site = site();
    site.ok(&["env", "create", "staging"]);
    site.ok(&["env", "create", "production", "--from", "staging"]);
    let text = std::fs::read_to_string(site.path().join("mainstay.yaml")).unwrap();
    let rest: Vec<&str> = WRITTEN.lines().chain(QUICK.lines()).collect();
    for line in rest {
        assert!(
            text.lines().any(|one| one == line),
            "lost `{line}`:\n{text}"
        );
    }
    site.ok(&["check", "--env", "production"]);

    site.write(
        "compose.production.yaml",
        "services:\n  app:\n    deploy: {replicas: 3}\n    environment: {DB_PASSWORD: correcthorse}\n",
    );
    let diff = site.ok(&["env", "diff", "staging", "production"]);
    assert!(diff.contains("services.app.replicas"), "{diff}");
    assert!(
        diff.contains("services.app.environment.DB_PASSWORD"),
        "{diff}"
    );
    assert!(!diff.contains("correcthorse"), "{diff}");

    let all = site.json(&["env", "list"]);
    let names: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["dev", "staging", "production"]);
    let shown = site.ok(&["env", "show", "production"]);
    assert!(shown.contains("sun 04:00–06:00 UTC; next"), "{shown}");
    assert!(shown.contains("tags v*"), "{shown}");

    site.ok(&["env", "delete", "production"]);
    assert!(
        site.ok(&["env", "list"]).contains("production"),
        "only shown"
    );
    site.ok(&["env", "delete", "production", "--yes"]);
    site.ok(&["env", "delete", "staging", "--yes"]);
    let after = std::fs::read_to_string(site.path().join("mainstay.yaml")).unwrap();
    assert_eq!(after, format!("{WRITTEN}{QUICK}"));
}

#[test]
fn an_environment_with_something_running_is_not_deleted() {
    let site = site();
    // Two environments on one server answer for different hosts.
    let quick = QUICK.replace("- path: /", "- host: ${HOST}\n    path: /");
    site.write("mainstay.yaml", &format!("{WRITTEN}{quick}"));
    site.ok(&["env", "create", "staging"]);
    site.write("staging.env", "HOST=staging.localhost\n");
    site.ok(&["up", "--detach", "--env", "staging"]);
    site.run(&["env", "delete", "staging", "--yes"])
        .with_code(1)
        .says("is up");
    let listed = site.json(&["env", "list"]);
    assert_eq!(listed[1]["state"], "up", "{listed}");
    site.up();
    site.ok(&["down", "--env", "staging"]);
    site.ok(&["env", "delete", "staging", "--yes"]);
    let known = site.json(&["status", "--env", "dev"]);
    assert_eq!(known["state"], "up");
    site.run(&["releases", "--stack", "shop", "--env", "staging"])
        .with_code(2);
    assert!(!site.path().join(".mainstay/bundles/shop/staging").exists());
}
