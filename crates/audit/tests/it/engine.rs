//! Rules about images and containers: each has a case that breaks it, and one clean value.

use mainstay_audit::container::{self, Settings};
use mainstay_audit::image::{self, Around, ImageFacts, ImageFiles};
use mainstay_audit::{Finding, rule};
use mainstay_model::{Secret, Timestamp};
use std::collections::BTreeSet;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

fn bad_image() -> ImageFacts {
    let mut files = ImageFiles::default();
    files.add("usr/bin/su", 0o4755);
    files.add("app/run.sh", 0o777);
    files.add("app/.env", 0o600);
    files.add("etc/ssl/certs/ca.pem", 0o644);
    ImageFacts {
        reference: "app:v1".to_owned(),
        environment: vec![("DB_PASSWORD".to_owned(), Secret::new("hunter2".to_owned()))],
        exposed_ports: words(&["22/tcp"]),
        health_check: words(&["CMD-SHELL", "/usr/bin/curl -f http://localhost/"]),
        command: words(&["/bin/sh", "-c", "app --serve"]),
        size: 600 << 20,
        created_at: Some(Timestamp::from_millis(1_780_000_000_000)),
        history: vec![
            Secret::new("|1 NPM_TOKEN=hunter2 /bin/sh -c npm ci".to_owned()),
            Secret::new("/bin/sh -c curl https://u:hunter2@x/".to_owned()),
        ],
        files: Some(files),
        ..ImageFacts::default()
    }
}

fn ids(findings: &[Finding]) -> BTreeSet<String> {
    findings
        .iter()
        .map(|finding| finding.rule.to_string())
        .collect()
}

fn of_subject(subject: &str) -> BTreeSet<String> {
    rule::rules()
        .filter(|rule| rule.subject() == subject)
        .map(|rule| rule.id.to_owned())
        .collect()
}

#[test]
fn each_rule_about_images_finds_its_case() {
    let around = Around {
        own: true,
        ..Around::default()
    };
    let mut findings = image::findings(&bad_image(), around, NOW, &[]);
    let unhealthy = ImageFacts {
        health_check: words(&["NONE"]),
        ..bad_image()
    };
    findings.extend(image::findings(&unhealthy, around, NOW, &[]));
    assert_eq!(ids(&findings), of_subject("image"));
    for finding in &findings {
        assert!(!finding.to_string().contains("hunter2"), "{finding}");
    }
    let secret = findings
        .iter()
        .find(|finding| finding.rule == "image/secret-file");
    assert_eq!(
        secret.expect("one").message,
        "files that look like files of secrets: /app/.env"
    );
}

#[test]
fn a_clean_image_has_no_finding() {
    let image = ImageFacts {
        reference: "app:v1".to_owned(),
        user: "10001:10001".to_owned(),
        environment: vec![("PATH".to_owned(), Secret::new("/bin".to_owned()))],
        labels: [(
            "org.opencontainers.image.revision".to_owned(),
            "ab".to_owned(),
        )]
        .into(),
        exposed_ports: words(&["8080/tcp"]),
        health_check: words(&["CMD", "/app", "health"]),
        entry_point: words(&["/app"]),
        size: 10 << 20,
        created_at: Some(NOW),
        history: vec![Secret::new("|1 VERSION=1 /bin/sh -c make".to_owned())],
        files: Some(ImageFiles::default()),
        ..ImageFacts::default()
    };
    let around = Around {
        own: true,
        ..Around::default()
    };
    assert_eq!(image::findings(&image, around, NOW, &[]), []);
}

#[test]
fn what_the_service_adds_and_what_is_waived_is_not_found() {
    let around = Around {
        has_health_check: true,
        has_user: true,
        own: false,
    };
    let found = ids(&image::findings(
        &bad_image(),
        around,
        NOW,
        &["image/setuid"],
    ));
    for id in [
        "image/root-user",
        "image/setuid",
        "image/healthcheck-missing",
        "image/no-revision",
    ] {
        assert!(!found.contains(id), "{id}");
    }
}

#[test]
fn each_rule_about_containers_finds_its_case() {
    let settings = Settings {
        service: "app".to_owned(),
        file: "compose.yaml".to_owned(),
        line: 3,
        image: Some("redis".to_owned()),
        user: Some("root".to_owned()),
        privileged: true,
        cap_add: words(&["CAP_SYS_ADMIN"]),
        security_opt: words(&["seccomp=unconfined"]),
        namespaces: vec![("network_mode".to_owned(), "host".to_owned())],
        bind_mounts: vec![
            ("/var/run/docker.sock".to_owned(), true),
            ("/etc/".to_owned(), false),
        ],
        ..Settings::default()
    };
    let mut findings = container::findings(&settings, &[]);
    let unprivileged = Settings {
        privileged: false,
        ..settings
    };
    findings.extend(container::findings(&unprivileged, &[]));
    assert_eq!(ids(&findings), of_subject("container"));
}

#[test]
fn a_hardened_container_has_no_finding() {
    let settings = Settings {
        service: "app".to_owned(),
        file: "compose.yaml".to_owned(),
        image: Some("redis:7.4".to_owned()),
        user: Some("10001".to_owned()),
        read_only: true,
        cap_drop: words(&["ALL"]),
        cap_add: words(&["NET_BIND_SERVICE"]),
        security_opt: words(&["no-new-privileges:true"]),
        bind_mounts: vec![
            ("/etc/localtime".to_owned(), true),
            ("/srv/data".to_owned(), false),
        ],
        memory_limited: true,
        processes_limited: true,
        has_health_check: true,
        ..Settings::default()
    };
    assert_eq!(container::findings(&settings, &[]), []);
}
