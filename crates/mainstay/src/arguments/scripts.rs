//! Every verb and flag that a handbook shows of its scripts leads to a command that can be typed, or to a clear
//! *not yet*. The scripts are run for real; what they would start is a stand-in that says what it was given.

use super::Cli;
use clap::Parser;
use mainstay_render::{Project, Target, render};
use mainstay_stack::{MemoryLoader, Request, resolve};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// A command line of a handbook, and what comes of it: the command's words after the directory, or `69` and a
/// part of what is said.
const LINES: &[(&str, &str)] = &[
    ("devops.sh env create dev", "env create dev"),
    ("devops.sh cluster deploy dev", "up --detach --env dev"),
    ("devops.sh cluster status", "status --env dev"),
    (
        "devops.sh cluster exec dev main-app",
        "exec --env dev main-app -- sh",
    ),
    (
        "devops.sh cluster exec dev main-app ls -l",
        "exec --env dev main-app -- ls -l",
    ),
    ("devops.sh health", "health"),
    ("devops.sh infra plan dev", "infra plan dev"),
    ("devops.sh infra apply production", "infra apply production"),
    ("devops.sh infra output dev", "infra output dev"),
    (
        "devops.sh infra destroy production",
        "infra destroy production",
    ),
    ("devops.sh mesh install", "mesh install"),
    ("devops.sh mesh configure", "mesh configure"),
    ("devops.sh mesh verify", "mesh verify"),
    ("devops.sh backup list", "backup list"),
    ("devops.sh backup restore nightly", "restore --name nightly"),
    ("devops.sh security audit", "69 not yet"),
    ("devops.sh security policies", "69 not yet"),
    (
        "devops.sh performance http://staging.example.org",
        "69 not yet",
    ),
    ("bot.sh reset-data prod", "69 not yet"),
    ("bot.sh clear-cache prod", "69 not yet"),
    (
        "deploy-enhanced.sh --environment production --strategy blue-green",
        "deploy --env production --strategy blue-green",
    ),
    (
        "backup_system.sh --type full --upload-s3 --notify-slack",
        "backup create",
    ),
    (
        "backup_system.sh --type database",
        "backup create --only database",
    ),
    ("backup_system.sh create", "backup create"),
    ("backup_system.sh list", "backup list"),
    (
        "backup_system.sh restore --restore-date 2024-01-15",
        "restore --restore-date 2024-01-15",
    ),
    (
        "health_monitor.sh --mode continuous --interval 30",
        "health --continuous --interval 30",
    ),
    (
        "health_monitor.sh --mode scheduled",
        "health --report health.md",
    ),
    ("health_monitor.sh --mode once", "health"),
    ("backup.sh", "backup create"),
    ("backup-databases.sh", "backup create"),
    ("full-backup.sh", "backup create"),
    ("disaster-recovery.sh interactive", "recover --from /mnt/b"),
    (
        "disaster-recovery.sh latest",
        "recover --from /mnt/b --latest",
    ),
    (
        "disaster-recovery.sh auto nightly",
        "recover --from /mnt/b --point nightly",
    ),
    ("manage-registry.sh scan", "69 not yet"),
    ("manage-registry.sh sign", "69 not yet"),
    (
        "chaos-engineering.sh container-failure cognitive-service-1 60",
        "69 mainstay restart",
    ),
    (
        "chaos-engineering.sh network-partition main-app 30",
        "69 not yet",
    ),
    (
        "chaos-engineering.sh cpu-stress main-app 80 120",
        "69 not yet",
    ),
    ("chaos-engineering.sh redis-failure 60", "69 not yet"),
    ("chaos-engineering.sh suite", "69 not yet"),
    (
        "run_load_test.sh --type heavy --headless",
        "69 for level heavy",
    ),
    ("run-performance-tests.sh", "69 not yet"),
    ("build-and-deploy.sh", "deploy"),
    ("zero-downtime-deploy.sh", "deploy --strategy blue-green"),
    ("devops.sh cluster", "2 usage: devops.sh cluster deploy"),
    (
        "chaos-engineering.sh",
        "2 usage: chaos-engineering.sh suite",
    ),
];

/// A stack's directory with the scripts some folders below, and the stand-in.
fn site(directory: &Path) -> usize {
    let compose = "services: {app: {image: app}}";
    let files = MemoryLoader::default().with("/shop/compose.yaml", compose);
    let request = Request {
        directory: "/shop".into(),
        ..Request::default()
    };
    let stack = resolve(&files, &request).stack.unwrap();
    let project = Project::new(vec![stack], None).unwrap();
    let rendering = render(Target::Scripts, &project);
    let folder = directory.join("ops/scripts");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(directory.join("compose.yaml"), compose).unwrap();
    let stand_in = "#!/bin/sh\nfor word in \"$@\"; do printf '%s\\n' \"$word\"; done\n";
    let scripts = rendering
        .files
        .iter()
        .map(|(name, file)| (name.as_str(), file.text.as_str()));
    for (name, text) in scripts.chain([("stand-in", stand_in)]) {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    rendering.files.len()
}

fn run(directory: &Path, line: &str) -> Output {
    let folder = directory.join("ops/scripts");
    let mut words = line.split(' ');
    let script = words.next().unwrap();
    // From elsewhere, as cron does.
    Command::new("sh")
        .arg(folder.join(script))
        .args(words)
        .current_dir("/")
        .env("MAINSTAY", folder.join("stand-in"))
        .env("MAINSTAY_BACKUP_REPOSITORY", "/mnt/b")
        .env_remove("ENVIRONMENT")
        .output()
        .unwrap()
}

#[test]
fn every_verb_and_flag_of_the_handbooks_leads_somewhere() {
    let directory = tempfile::tempdir().unwrap();
    let written = site(directory.path());
    let mut tried = std::collections::BTreeSet::new();
    for (line, expected) in LINES {
        tried.insert(line.split(' ').next());
        let output = run(directory.path(), line);
        let said = String::from_utf8_lossy(&output.stderr);
        if let Some((code, part)) = expected
            .split_once(' ')
            .filter(|(code, _)| code.parse::<i32>().is_ok())
        {
            assert_eq!(output.status.code(), code.parse().ok(), "{line}: {said}");
            assert!(said.contains(part), "{line}: {said}");
            continue;
        }
        assert!(output.status.success(), "{line}: {said}");
        let words = String::from_utf8_lossy(&output.stdout).into_owned();
        let words: Vec<&str> = words.lines().collect();
        let typed = match words[..] {
            ["-C", found, ref rest @ ..] => {
                let there = directory.path().canonicalize().unwrap();
                assert_eq!(Path::new(found).canonicalize().unwrap(), there, "{line}");
                rest
            }
            // Where nothing is yet, no directory is named.
            ref rest => rest,
        };
        assert_eq!(typed.join(" "), *expected, "{line}");
        let parsed = Cli::try_parse_from(["mainstay"].iter().chain(typed));
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
    }
    assert_eq!(tried.len(), written, "every script is tried");
}
