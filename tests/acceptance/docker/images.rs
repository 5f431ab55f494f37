//! Images from the user's files to what runs: built, named by digest, and brought back.

use super::registry::{self, Registry};
use super::{IMAGE, ask, encoded, engine, make_image};
use crate::site::{QUICK, Site};
use mainstay_runtime::docker::EngineAddress;
use std::path::PathBuf;

/// A stack whose one service is built on the image that the other scenarios run.
struct Bench {
    site: Site,
    socket: PathBuf,
    stack: String,
}

impl Bench {
    fn new(test: &str, stack: &str) -> Option<Self> {
        let address = engine::shared(test)?;
        let EngineAddress::Unix(socket) = &address else {
            return None;
        };
        make_image(socket, test)?;
        let mut site = Site::empty();
        site.set("DOCKER_HOST", &address.to_string());
        Some(Self {
            stack: format!("{stack}x{}", std::process::id()),
            socket: socket.clone(),
            site,
        })
    }

    /// `image` is the line that names what is built, or nothing.
    fn files(&self, image: &str) {
        let compose = format!(
            "\
name: {}
services:
  app:
    {image}
    build: app
    environment: {{HOST: 0.0.0.0}}
    expose: [\"8000\"]
",
            self.stack
        );
        self.site.write("compose.yaml", &compose);
        self.site.write("mainstay.yaml", QUICK);
        self.site.write("app/.dockerignore", "*.log\n");
        self.site.write("app/big.log", "not sent");
    }

    fn dockerfile(&self, version: &str) {
        let text = format!(
            "FROM {IMAGE}\nENV GREETING={version}\n\nCOPY . /files/\nENTRYPOINT [\"sample-service\"]\n"
        );
        self.site.write("app/Dockerfile", &text);
    }

    /// Id of the image that a release recorded.
    fn recorded(&self, release: u64) -> String {
        let shown = self.site.json(&["releases", "show", &release.to_string()]);
        shown["images"]["app"]["id"].as_str().unwrap().to_owned()
    }

    /// Id of the image that the running container was made from.
    fn running(&self) -> String {
        let filter = format!("{{\"label\":[\"io.mainstay.stack={}\"]}}", self.stack);
        let path = format!("/containers/json?filters={}", encoded(&filter));
        let (_, body) = ask(&self.socket, "GET", &path, b"");
        let found: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(found.as_array().unwrap().len(), 1, "{body}");
        found[0]["ImageID"].as_str().unwrap().to_owned()
    }

    /// Down, and no image of the stack is left.
    fn end(&self) {
        self.site.ok(&["down"]);
        let filter = format!("{{\"label\":[\"io.mainstay.stack={}\"]}}", self.stack);
        let path = format!("/images/json?filters={}", encoded(&filter));
        let (_, body) = ask(&self.socket, "GET", &path, b"");
        let found: serde_json::Value = serde_json::from_str(&body).unwrap();
        for image in found.as_array().unwrap() {
            let id = image["Id"].as_str().unwrap();
            ask(
                &self.socket,
                "DELETE",
                &format!("/images/{id}?force=true"),
                b"",
            );
        }
    }
}

#[test]
fn a_release_is_built_and_a_rollback_brings_back_the_very_image() {
    let Some(bench) = Bench::new(
        "a_release_is_built_and_a_rollback_brings_back_the_very_image",
        "built",
    ) else {
        return;
    };
    bench.files("stop_grace_period: 5s");
    bench.dockerfile("one");
    let site = &bench.site;
    site.up();
    let one = bench.recorded(1);
    assert_eq!(bench.running(), one);
    site.run(&["deploy"])
        .with_code(0)
        .says("nothing had changed");
    // Built under the same name: the tag moves, the first release does not.
    bench.dockerfile("two");
    site.run(&["deploy"]).with_code(0);
    let two = bench.recorded(2);
    assert_ne!(one, two);
    assert_eq!(bench.running(), two);
    let listed = site.json(&["image", "list"]);
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    // A build that fails is said with its place, and changes nothing.
    site.write(
        "app/Dockerfile",
        &format!("FROM {IMAGE}\n\nCOPY missing /x\n"),
    );
    site.run(&["deploy"])
        .with_code(1)
        .says("app/Dockerfile:3: the build of app failed in step 2")
        .says("missing");
    assert_eq!((site.release(), bench.running()), (2, two));
    site.run(&["rollback"]).with_code(0);
    assert_eq!(bench.running(), one);
    assert_eq!(site.get("/health").status, 200);
    bench.end();
}

#[test]
fn an_image_that_is_gone_comes_back_from_its_registry_by_its_digest() {
    let test = "an_image_that_is_gone_comes_back_from_its_registry_by_its_digest";
    if !registry::is_here() {
        super::skip("a registry", test);
        return;
    }
    let Some(mut bench) = Bench::new(test, "pushed") else {
        return;
    };
    let registry = Registry::start();
    let name = format!("127.0.0.1:{}/{}:stable", registry.port, bench.stack);
    bench
        .site
        .set("DOCKER_CONFIG", &registry.logins().display().to_string());
    bench.files(&format!("image: {name}"));
    bench.dockerfile("one");
    let site = &bench.site;
    site.up();
    site.ok(&["image", "build", "--push"]);
    // The release is made of what was pushed, so that it knows the digest.
    site.run(&["deploy", "--no-build", "--force"]).with_code(0);
    let one = bench.recorded(2);
    let shown = site.json(&["releases", "show", "2"]);
    let digest = shown["images"]["app"]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(digest.contains("@sha256:"), "{shown}");
    bench.dockerfile("two");
    site.run(&["deploy"]).with_code(0);
    assert_ne!(bench.running(), one);
    // Instances of the first image are gone; now the image goes too.
    let (status, body) = ask(
        &bench.socket,
        "DELETE",
        &format!("/images/{one}?force=true"),
        b"",
    );
    assert_eq!(status, 200, "{body}");
    site.run(&["rollback", "2"]).with_code(0);
    assert_eq!(bench.running(), one);
    bench.end();
}

#[test]
fn a_check_finds_what_is_in_the_files_and_in_the_image() {
    let Some(bench) = Bench::new(
        "a_check_finds_what_is_in_the_files_and_in_the_image",
        "checked",
    ) else {
        return;
    };
    bench.files("security_opt: [seccomp=unconfined]");
    let text = format!("FROM {IMAGE}\nENV DB_PASSWORD=hunter2\nENTRYPOINT [\"sample-service\"]\n");
    bench.site.write("app/Dockerfile", &text);
    bench.site.write("app/id_rsa", "x");
    let site = &bench.site;
    let up = site.run(&["up", "--detach"]).with_code(0);
    assert!(!up.out().contains("hunter2") && !up.err().contains("hunter2"));
    let found = site
        .run(&["image", "check", "--images", "--format", "json"])
        .with_code(1)
        .out();
    assert!(!found.contains("hunter2"), "{found}");
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let findings = found["findings"].as_array().unwrap();
    for (rule, file) in [
        ("dockerfile/root-user", "app/Dockerfile"),
        ("dockerfile/secret-in-env", "app/Dockerfile"),
        ("context/secret", "app"),
        ("container/unconfined", "compose.yaml"),
        ("image/secret-in-env", ""),
    ] {
        let is = |finding: &&serde_json::Value| {
            finding["rule"] == rule && (file.is_empty() || finding["place"]["file"] == file)
        };
        assert!(
            findings.iter().any(|finding| is(&finding)),
            "{rule}: {found}"
        );
    }
    site.run(&[
        "image",
        "check",
        "--dockerfile",
        "app/Dockerfile",
        "--format",
        "sarif",
    ])
    .with_code(1)
    .says("\"version\": \"2.1.0\"");
    bench.end();
}
