//! Files as `docker login` writes them, and a helper of our own.

use super::*;
use std::os::unix::fs::PermissionsExt;

async fn asked(config: &str, registry: &str) -> Option<serde_json::Value> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("config.json"), config).unwrap();
    let registries = Registries::in_directory(directory.path());
    let header = registries.of(registry).await?;
    let json = URL_SAFE.decode(header.expose()).unwrap();
    Some(serde_json::from_slice(&json).unwrap())
}

#[tokio::test]
async fn a_login_is_found_by_its_registry() {
    // `user:p?ss>~` encodes to characters that only one of the two alphabets has.
    let auth = STANDARD.encode("user:p?ss>~");
    let config = format!(
        r#"{{"auths": {{"https://reg.example:5000/v1/": {{"auth": "{auth}"}}, "{HUB}": {{"identitytoken": "t"}}}}}}"#
    );
    let found = asked(&config, "reg.example:5000").await.unwrap();
    assert_eq!(found["username"], "user");
    assert_eq!(found["password"], "p?ss>~");
    let hub = asked(&config, "docker.io").await.unwrap();
    assert_eq!(
        (hub["identitytoken"].as_str(), hub["serveraddress"].as_str()),
        (Some("t"), Some(HUB))
    );
    assert_eq!(asked(&config, "other.example").await, None);
    assert_eq!(asked("{ not json", "other.example").await, None);
}

#[tokio::test]
async fn a_helper_is_asked_on_its_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("helper");
    let script = "#!/bin/sh\nread -r server\n[ \"$1 $server\" = 'get reg.example' ] || exit 1\nprintf '{\"ServerURL\":\"x\",\"Username\":\"<token>\",\"Secret\":\"s3\"}'\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let answer = ask(program.to_str().unwrap(), "reg.example").await.unwrap();
    assert_eq!(answer.identitytoken.unwrap().expose(), "s3");
    assert!(
        ask(program.to_str().unwrap(), "other.example")
            .await
            .is_none()
    );
}

#[tokio::test]
async fn a_helper_with_a_path_in_its_name_is_not_called() {
    assert!(helped("../../bin/sh", "reg.example").await.is_none());
}

#[test]
fn a_registry_is_told_from_an_organisation() {
    for (reference, registry) in [
        ("redis:7", "docker.io"),
        ("org/app", "docker.io"),
        ("ghcr.io/org/app:v1", "ghcr.io"),
        ("localhost/app", "localhost"),
        ("127.0.0.1:5000/app@sha256:ab", "127.0.0.1:5000"),
    ] {
        assert_eq!(registry_of(reference), registry, "{reference}");
    }
}
