//! Images: built for two platforms, looked through, listed, and pushed by those who deploy.

use super::steps::{checkout, expression, job, kept, rights, sarif, trivy, used};
use crate::names;
use crate::project::Project;
use mainstay_stack::{Build, Dockerfile, Stack};
use mainstay_yaml::write::{Doc, Map};
use std::collections::BTreeMap;
use std::path::Path;

const PLATFORMS: &str = "linux/amd64,linux/arm64";

/// Each image that is built here, once, by its name without a tag.
fn built(stack: &Stack) -> BTreeMap<String, &Build> {
    let services = stack.services.values();
    services
        .filter_map(|service| {
            let build = service.container.build.as_ref()?;
            let image = names::image(stack, service)?;
            Some((untagged(&image).to_owned(), build))
        })
        .collect()
}

fn untagged(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    match image.rfind(':') {
        Some(colon) if !image[colon..].contains('/') => &image[..colon],
        _ => image,
    }
}

/// From the stack's directory on, as a runner sees it.
fn relative(directory: &Path, path: &Path) -> String {
    for (up, base) in directory.ancestors().enumerate() {
        if let Ok(rest) = path.strip_prefix(base) {
            let mut parts = vec!["..".to_owned(); up];
            parts.extend(rest.iter().map(|part| part.to_string_lossy().into_owned()));
            let joined = parts.join("/");
            return if joined.is_empty() {
                ".".to_owned()
            } else {
                joined
            };
        }
    }
    ".".to_owned()
}

/// One job for each image: what differs stands in the matrix.
fn matrix(stack: &Stack) -> Option<Map> {
    let images = built(stack);
    if images.is_empty() {
        return None;
    }
    let rows = images.iter().map(|(image, build)| {
        let file = match &build.dockerfile {
            Dockerfile::File(path) => relative(&stack.directory, path),
            Dockerfile::Inline(_) => relative(&stack.directory, &build.context.join("Dockerfile")),
        };
        let args = build.args.iter().filter(|(_, value)| !value.secret);
        let args: Vec<String> = args
            .map(|(name, value)| format!("{name}={}", value.text.expose()))
            .collect();
        let name = image.rsplit('/').next().unwrap_or(image);
        let row = Map::new()
            .set("name", names::dns(name))
            .set("image", image.as_str())
            .set("context", relative(&stack.directory, &build.context))
            .set("file", file)
            .set("target", build.target.as_deref().unwrap_or(""))
            .set("args", args.join("\n"));
        Doc::from(row)
    });
    let include = Map::new().set("include", rows.collect::<Vec<_>>());
    Some(Map::new().set("fail-fast", false).set("matrix", include))
}

fn inputs() -> Map {
    let of = |name: &str| expression(&format!("matrix.{name}"));
    Map::new()
        .set("context", of("context"))
        .set("file", of("file"))
        .set("target", of("target"))
        .set("build-args", of("args"))
}

fn builders(steps: &mut Vec<Doc>) {
    steps.push(used(
        "Emulate the other platform",
        "docker/setup-qemu-action",
        Map::new().set("platforms", "arm64"),
    ));
    steps.push(used(
        "Set Buildx up",
        "docker/setup-buildx-action",
        Map::new(),
    ));
}

/// Built for both platforms; the runner's own is looked through. Nothing is pushed.
pub(super) fn checked(project: &Project) -> Option<Map> {
    let strategy = matrix(project.main())?;
    let rights = rights(&[("contents", "read"), ("security-events", "write")]);
    let mut steps = vec![checkout()];
    builders(&mut steps);
    let own = inputs()
        .set("platforms", "linux/amd64")
        .set("outputs", "type=docker,dest=image.tar")
        // This form of an image has no room for it.
        .set("provenance", false);
    steps.push(used("Build the image", "docker/build-push-action", own));
    steps.push(trivy(
        "List what is in it",
        "image --input image.tar --format cyclonedx --output sbom.cdx.json",
    ));
    steps.push(kept(
        &format!("sbom-{}", expression("matrix.name")),
        "sbom.cdx.json",
    ));
    steps.push(trivy(
        "Look through it",
        "image --input image.tar --severity HIGH,CRITICAL --ignore-unfixed --exit-code 1 --format sarif --output trivy.sarif",
    ));
    steps.push(sarif(
        "trivy.sarif",
        &format!("image-{}", expression("matrix.name")),
    ));
    let both = inputs().set("platforms", PLATFORMS).set("push", false);
    steps.push(used(
        "Build it for every platform",
        "docker/build-push-action",
        both,
    ));
    let name = format!("Image {}", expression("matrix.name"));
    Some(
        job(&name, 60, rights)
            .set("strategy", strategy)
            .set("steps", steps),
    )
}

/// Built anew for both platforms and pushed under `tag`, with what it was made of. No cache: what somebody else may
/// have put into one does not go to production.
pub(super) fn pushed(stack: &Stack, needs: &str, tag: &str) -> Option<Map> {
    let strategy = matrix(stack)?;
    let images = built(stack);
    let first = images.keys().next()?;
    let registry = first
        .split('/')
        .next()
        .filter(|host| host.contains(['.', ':']));
    let of_github = registry == Some("ghcr.io");
    let rights = if of_github {
        rights(&[("contents", "read"), ("packages", "write")])
    } else {
        rights(&[("contents", "read")])
    };
    let (user, password) = if of_github {
        ("github.actor", "secrets.GITHUB_TOKEN")
    } else {
        ("vars.REGISTRY_USER", "secrets.REGISTRY_TOKEN")
    };
    let login = Map::new()
        .maybe("registry", registry)
        .set("username", expression(user))
        .set("password", expression(password));
    let mut steps = vec![checkout()];
    builders(&mut steps);
    steps.push(used("Log in to the registry", "docker/login-action", login));
    let with = inputs()
        .set("platforms", PLATFORMS)
        .set("push", true)
        .set("no-cache", true)
        .set("sbom", true)
        .set("provenance", "mode=max")
        .set(
            "tags",
            format!("{}:{}", expression("matrix.image"), expression(tag)),
        );
    steps.push(used("Build and push it", "docker/build-push-action", with));
    let name = format!("Image {}", expression("matrix.name"));
    let map = job(&name, 60, rights).set("needs", [needs]);
    Some(map.set("strategy", strategy).set("steps", steps))
}

#[cfg(test)]
mod tests {
    use super::relative;
    use std::path::Path;

    #[test]
    fn paths_are_told_from_the_stack_on() {
        let base = Path::new("/a/b");
        for (path, told) in [
            ("/a/b", "."),
            ("/a/b/c", "c"),
            ("/a", ".."),
            ("/a/x/y", "../x/y"),
        ] {
            assert_eq!(relative(base, Path::new(path)), told);
        }
    }
}
