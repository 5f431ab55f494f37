//! Actions and tools by digest.
//!
//! Each digest is that of the commit which the version's tag has in the action's own repository. Renew both together:
//! `git ls-remote --tags REPOSITORY VERSION` prints the digest.

/// Name, digest of the commit, version.
const ACTIONS: [(&str, &str, &str); 9] = [
    (
        "actions/checkout",
        "3d3c42e5aac5ba805825da76410c181273ba90b1",
        "v7.0.1",
    ),
    (
        "actions/setup-node",
        "48b55a011bda9f5d6aeb4c2d9c7362e8dae4041e",
        "v6.4.0",
    ),
    (
        "actions/setup-python",
        "a309ff8b426b58ec0e2a45f0f869d46889d02405",
        "v6.2.0",
    ),
    (
        "actions/upload-artifact",
        "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f",
        "v7.0.0",
    ),
    (
        "docker/build-push-action",
        "53b7df96c91f9c12dcc8a07bcb9ccacbed38856a",
        "v7.3.0",
    ),
    (
        "docker/login-action",
        "4907a6ddec9925e35a0a9e82d7399ccc52663121",
        "v4.1.0",
    ),
    (
        "docker/setup-buildx-action",
        "bb05f3f5519dd87d3ba754cc423b652a5edd6d2c",
        "v4.2.0",
    ),
    (
        "docker/setup-qemu-action",
        "96fe6ef7f33517b61c61be40b68a1882f3264fb8",
        "v4.2.0",
    ),
    (
        "github/codeql-action/upload-sarif",
        "8aad20d150bbac5944a9f9d289da16a4b0d87c1e",
        "v4.36.2",
    ),
];

/// Trivy looks for known weaknesses, secrets and wrong settings, and lists what is in an image.
pub(super) const TRIVY: &str = "ghcr.io/aquasecurity/trivy:0.69.3@sha256:bcc376de8d77cfe086a917230e818dc9f8528e3c852f7b1aff648949b6258d1c";

pub(super) const LOCUST: &str = "locust==2.47.0";

/// `NAME@DIGEST`.
pub(super) fn action(name: &str) -> String {
    let mut found = ACTIONS.iter().filter(|(known, ..)| *known == name);
    let digest = found.next().map_or("", |(_, digest, _)| digest);
    format!("{name}@{digest}")
}

/// Rights beyond reading, and what they are for.
const RIGHTS: [(&str, &str); 2] = [
    ("packages: write", "to push images"),
    ("security-events: write", "to report findings"),
];

/// The text with the version behind each digest, and behind each right what it is for.
pub(super) fn with_versions(text: &str) -> String {
    let mut text = text.to_owned();
    for (name, digest, version) in ACTIONS {
        let pinned = format!("{name}@{digest}\n");
        text = text.replace(&pinned, &format!("{name}@{digest} # {version}\n"));
    }
    for (right, purpose) in RIGHTS {
        text = text.replace(&format!("{right}\n"), &format!("{right} # {purpose}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digest_is_one() {
        for (name, digest, version) in ACTIONS {
            let hex = digest.bytes().all(|b| b.is_ascii_hexdigit());
            assert!(digest.len() == 40 && hex, "{name}");
            assert!(version.starts_with('v'), "{name}");
        }
        let digest = TRIVY.rsplit("@sha256:").next().unwrap_or_default();
        assert_eq!(digest.len(), 64);
    }
}
