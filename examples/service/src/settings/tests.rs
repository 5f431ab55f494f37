//! What may be written in the variables.

use super::*;

fn read(pairs: &[(&str, &str)]) -> anyhow::Result<Settings> {
    Settings::read(|name| {
        pairs
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn the_defaults_listen_on_loopback_only() {
    let settings = read(&[]).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(settings.release, "dev");
    assert!(!settings.faults_enabled);
    assert_eq!(
        settings.database,
        Location::Sqlite("./data/whisper-transcriber.db".into())
    );
}

#[test]
fn an_empty_variable_is_one_not_given() {
    assert_eq!(read(&[("PORT", "")]).unwrap().listen.port(), 8000);
}

#[test]
fn a_bad_value_names_its_variable() {
    for (name, value) in [
        ("PORT", "eighty"),
        ("FAULTS_ENABLED", "maybe"),
        ("LAME_DUCK", "5"),
        ("FAULT_ERROR_RATE", "2"),
        ("FAULT_START", "explode"),
        ("FAULT_HEALTH", "ill"),
        ("ENVIRONMENT", "moon"),
        ("SAMPLE_PROFILE", "none"),
    ] {
        let error = read(&[(name, value)]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name}={value}")), "{error}");
    }
}

#[test]
fn what_is_secret_is_not_printed() {
    let settings = read(&[
        ("DATABASE_URL", "postgresql://me:hunter2@db/x"),
        ("REDIS_URL", "redis://:hunter2@cache"),
        ("ADMIN_USER", "me"),
        ("ADMIN_PASSWORD", "hunter2"),
    ])
    .unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
    let error = read(&[("DATABASE_URL", "mysql://me:hunter2@db/x")]).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn what_a_laptop_may_production_may_not() {
    for pairs in [
        [("ADMIN_USER", "admin"), ("ADMIN_PASSWORD", "admin")].as_slice(),
        &[("FAULTS_ENABLED", "true")],
    ] {
        assert!(read(pairs).is_ok());
        let production = [pairs, &[("ENVIRONMENT", "production")]].concat();
        assert!(read(&production).is_err(), "{production:?}");
    }
}

#[test]
fn each_guide_has_its_own_defaults() {
    for (profile, port, database) in [
        ("whisper-transcriber", 8000, "./data/whisper-transcriber.db"),
        ("whisperengine", 9090, "./data/whisperengine.db"),
        ("whispercache", 4000, "/app/data/whispercache.db"),
        ("deep-echo", 8000, "./data/deep-echo.db"),
        ("rag-admin", 8000, "./data/rag-admin.db"),
    ] {
        let settings = read(&[("SAMPLE_PROFILE", profile)]).unwrap();
        assert_eq!(settings.listen.port(), port, "{profile}");
        assert_eq!(settings.database, Location::Sqlite(database.into()));
    }
}

#[test]
fn the_guides_own_names_are_understood() {
    let engine = read(&[
        ("SAMPLE_PROFILE", "whisperengine"),
        ("ENV_MODE", "staging"),
        ("DEBUG_MODE", "false"),
        ("USE_POSTGRESQL", "true"),
        ("POSTGRES_HOST", "staging-postgres"),
        ("POSTGRES_PASSWORD", "it's \\ hard"),
        ("REDIS_HOST", "redis"),
        ("ENABLE_MEMORY_OPTIMIZATION", "true"),
    ])
    .unwrap();
    assert_eq!(engine.environment, Environment::Other);
    assert_eq!(engine.database.kind(), "postgresql");
    assert_eq!(engine.redis.unwrap().0, "redis://redis:6379");
    assert_eq!(engine.memory_depth, 200);
    let cache = read(&[("SAMPLE_PROFILE", "whispercache")]).unwrap();
    // The guide's default.
    assert_eq!(cache.environment, Environment::Other);
    assert_eq!(cache.metrics_listen.unwrap().port(), 9090);
    assert_eq!(cache.cors_origins, ["localhost"]);
    let wrong = [
        ("SAMPLE_PROFILE", "whispercache"),
        ("BLOCKCHAIN_MODE", "mainnet"),
    ];
    let error = read(&wrong).unwrap_err().to_string();
    assert!(error.starts_with("BLOCKCHAIN_MODE=mainnet"), "{error}");
}

#[test]
fn a_secret_may_stand_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "0123456789abcdef0123456789abcdef\n").unwrap();
    let path = path.to_str().unwrap();
    let settings = read(&[("ENCRYPTION_KEY_FILE", path)]).unwrap();
    assert_eq!(settings.encryption_key.unwrap().0[..4], *b"0123");
    let error = read(&[("ENCRYPTION_KEY_FILE", "/no/such/file")]).unwrap_err();
    assert!(
        error.to_string().starts_with("ENCRYPTION_KEY_FILE="),
        "{error}"
    );
}

#[test]
fn what_a_guide_sets_and_nobody_reads_is_known() {
    let settings = read(&[("REDIS_CLUSTER_ENABLED", "true")]).unwrap();
    assert_eq!(settings.idle.len(), 1);
    assert_eq!(settings.idle[0].0, "REDIS_CLUSTER_ENABLED");
}
