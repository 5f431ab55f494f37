//! What is promised, tried.

use crate::peers::{Peers, Scenario, archive, shell};
use bytes::Bytes;
use mainstay_audit::image::{self, Around};
use mainstay_model::Timestamp;
use mainstay_runtime::images::{
    BuildOptions, Context, ImageError, ImageRecord, Images, Progress, Pull, SERVICE_LABEL,
    STACK_LABEL,
};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

pub(crate) const ALL: &[(&str, Scenario)] = &[
    ("a_build_says_its_steps_and_what_came_out", steps),
    ("a_named_stage_with_arguments_is_built", stages),
    ("a_failed_step_is_named_with_its_last_lines", failed_step),
    (
        "what_was_pushed_is_pulled_elsewhere_as_the_same_image",
        push_and_pull,
    ),
    (
        "an_image_that_was_removed_is_restored_by_its_digest",
        restored,
    ),
    ("a_pull_policy_is_heeded", policies),
    (
        "a_registry_that_refuses_is_an_error_that_says_what_to_do",
        refused,
    ),
    ("an_upload_that_breaks_off_leaves_no_image", broken_upload),
    ("a_build_that_nobody_waits_for_ends", cancelled),
    ("only_images_that_nobody_keeps_are_removed", pruned),
    ("an_image_is_audited_with_its_files", audited),
];

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future);
}

fn context(bytes: &[u8]) -> Context {
    let pieces: Vec<_> = bytes
        .chunks(10_000)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    Box::pin(futures_util::stream::iter(pieces))
}

fn options(name: &str) -> BuildOptions {
    BuildOptions {
        names: vec![name.to_owned()],
        dockerfile: "Dockerfile".to_owned(),
        network: Some("none".to_owned()),
        ..BuildOptions::default()
    }
}

async fn build(images: &Images, name: &str, dockerfile: &str) -> Result<ImageRecord, ImageError> {
    let tar = archive(&[
        ("Dockerfile", 0o644, dockerfile.as_bytes()),
        ("app", 0o755, name.as_bytes()),
    ]);
    images.build(&options(name), context(&tar), |_| {}).await
}

/// A context whose image has a shell, for `RUN`.
fn with_shell(dockerfile: &str, more: &[(&str, u32, &[u8])]) -> Context {
    let dockerfile = format!("FROM scratch\nCOPY root/ /\n{dockerfile}");
    let files: Vec<(String, Vec<u8>)> = shell()
        .into_iter()
        .map(|(path, bytes)| (format!("root/{path}"), bytes))
        .collect();
    let mut all: Vec<(&str, u32, &[u8])> = vec![("Dockerfile", 0o644, dockerfile.as_bytes())];
    let files = files.iter();
    all.extend(files.map(|(path, bytes)| (path.as_str(), 0o755, bytes.as_slice())));
    all.extend(more);
    context(&archive(&all))
}

const SHELL: &str = "127.0.0.1:1/shell:v1";

fn steps(peers: &Peers) {
    block_on(async {
        let images = peers.images(&peers.engine).await;
        let mut seen = Vec::new();
        let mut options = options("127.0.0.1:1/steps:v1");
        options.names.push("127.0.0.1:1/steps:stable".to_owned());
        options.labels = BTreeMap::from([
            (
                "org.opencontainers.image.version".to_owned(),
                "v1".to_owned(),
            ),
            (
                "org.opencontainers.image.revision".to_owned(),
                "0a1b".to_owned(),
            ),
        ]);
        let dockerfile = b"FROM scratch\nCOPY app /app\nUSER 10001\n";
        let tar = archive(&[("Dockerfile", 0o644, dockerfile), ("app", 0o755, b"x")]);
        let record = images
            .build(&options, context(&tar), |progress| seen.push(progress))
            .await
            .unwrap();
        let steps: Vec<(u32, String)> = seen
            .into_iter()
            .filter_map(|progress| match progress {
                Progress::Step {
                    number,
                    instruction,
                    ..
                } => Some((number, instruction)),
                _ => None,
            })
            .collect();
        assert_eq!(steps[1], (2, "COPY app /app".to_owned()));
        assert!(
            record.id.starts_with("sha256:") && record.id.len() == 71,
            "{record:?}"
        );
        assert_eq!(record.reference, "127.0.0.1:1/steps:v1");
        assert_eq!(
            (record.version.as_deref(), record.revision.as_deref()),
            (Some("v1"), Some("0a1b"))
        );
        assert_eq!(record.digest, None);
        assert!(record.platform.starts_with("linux/"));
        let second = images
            .record("127.0.0.1:1/steps:stable", "x")
            .await
            .unwrap();
        assert_eq!(second.id, record.id);
    });
}

fn stages(peers: &Peers) {
    block_on(async {
        let images = peers.images(&peers.engine).await;
        let dockerfile = b"ARG WHO=nobody\nFROM scratch AS one\nARG WHO\nLABEL who=$WHO\nFROM scratch AS two\nLABEL two=2\nCOPY app /app\n";
        let mut options = options("127.0.0.1:1/stages:v1");
        options.target = Some("one".to_owned());
        options.args = BTreeMap::from([("WHO".to_owned(), "me".to_owned())]);
        options.extra_hosts = vec!["db:10.0.0.1".to_owned(), "cache:10.0.0.2".to_owned()];
        let tar = archive(&[("Dockerfile", 0o644, dockerfile), ("app", 0o755, b"x")]);
        let record = images.build(&options, context(&tar), |_| {}).await.unwrap();
        let facts = images.facts(&record.id).await.unwrap();
        assert_eq!(
            facts.labels,
            BTreeMap::from([("who".to_owned(), "me".to_owned())])
        );
    });
}

fn failed_step(peers: &Peers) {
    block_on(async {
        let images = peers.images(&peers.engine).await;
        let script = "RUN echo one; echo two >&2; exit 3\nUSER 1\n";
        let error = images
            .build(&options(SHELL), with_shell(script, &[]), |_| {})
            .await
            .unwrap_err();
        let step = error.step.clone().expect("a step");
        assert_eq!((step.number, step.of), (3, 4), "{error:?}");
        assert_eq!(step.instruction, "RUN echo one; echo two >&2; exit 3");
        let mut lines = step.last_lines;
        lines.sort();
        assert!(lines.iter().any(|line| line.contains("one")), "{lines:?}");
        assert!(lines.iter().any(|line| line.contains("two")), "{lines:?}");
        assert!(error.message.contains("non-zero code: 3"), "{error}");
        let error = build(
            &images,
            "127.0.0.1:1/bad:v1",
            "FROM scratch\nCOPY missing /x\n",
        )
        .await
        .unwrap_err();
        assert_eq!(error.step.expect("a step").number, 2);
        let error = build(&images, "127.0.0.1:1/bad:v1", "FROM scratch\nRUM x\n")
            .await
            .unwrap_err();
        assert!(error.message.contains("unknown instruction"), "{error}");
    });
}

fn push_and_pull(peers: &Peers) {
    block_on(async {
        let name = peers.name("moved");
        let here = peers.images(&peers.engine).await;
        let built = build(&here, &name, "FROM scratch\nCOPY app /app\n")
            .await
            .unwrap();
        assert_eq!(built.digest, None);
        let pushed = here.push(&name, |_| {}).await.unwrap();
        let digest = pushed.digest.clone().expect("a digest");
        assert!(digest.contains("/moved@sha256:"), "{digest}");
        assert_eq!(pushed.id, built.id);
        let there = peers.images(&peers.second).await;
        let mut layers = 0;
        let pulled = there
            .ensure(&digest, Pull::Missing, None, |progress| {
                layers += usize::from(matches!(progress, Progress::Layer { .. }));
            })
            .await
            .unwrap();
        assert!(layers > 0);
        assert_eq!((pulled.id, pulled.digest), (built.id, Some(digest)));
    });
}

fn restored(peers: &Peers) {
    block_on(async {
        let name = peers.name("restored");
        let images = peers.images(&peers.engine).await;
        build(&images, &name, "FROM scratch\nCOPY app /app\n")
            .await
            .unwrap();
        let first = images.push(&name, |_| {}).await.unwrap();
        // The tag moves on, the image goes away: the record still names the first one.
        let second = build(&images, &name, "FROM scratch\nCOPY app /other\n")
            .await
            .unwrap();
        assert_ne!(first.id, second.id);
        images.push(&name, |_| {}).await.unwrap();
        let docker = peers.engine.client().await;
        let force = bollard::query_parameters::RemoveImageOptionsBuilder::default()
            .force(true)
            .build();
        docker
            .remove_image(&first.id, Some(force), None)
            .await
            .unwrap();
        assert!(images.record(&first.id, &name).await.unwrap_err().missing);
        images.restore(&first, |_| {}).await.unwrap();
        assert_eq!(images.record(&first.id, &name).await.unwrap().id, first.id);
        let lost = ImageRecord {
            digest: None,
            id: format!("sha256:{}", "0".repeat(64)),
            ..first
        };
        let error = images.restore(&lost, |_| {}).await.unwrap_err();
        assert!(error.to_string().contains("never pushed"), "{error}");
    });
}

fn policies(peers: &Peers) {
    block_on(async {
        let name = peers.name("policy");
        let images = peers.images(&peers.engine).await;
        let local = build(&images, &name, "FROM scratch\nCOPY app /app\n")
            .await
            .unwrap();
        let nothing = |_: Progress| panic!("the registry was asked");
        let found = images
            .ensure(&name, Pull::Missing, None, nothing)
            .await
            .unwrap();
        assert_eq!(found.id, local.id);
        let found = images
            .ensure(&name, Pull::Never, None, nothing)
            .await
            .unwrap();
        assert_eq!(found.id, local.id);
        // It was never pushed, so a question to the registry fails.
        let error = images
            .ensure(&name, Pull::Always, None, |_| {})
            .await
            .unwrap_err();
        assert!(error.hint.is_some() && !error.missing, "{error:?}");
        let other = peers.name("nowhere");
        let error = images
            .ensure(&other, Pull::Never, None, nothing)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("pull_policy: never"), "{error}");
        let error = images
            .ensure(&other, Pull::Missing, None, |_| {})
            .await
            .unwrap_err();
        assert!(error.to_string().contains("tag"), "{error}");
    });
}

fn refused(peers: &Peers) {
    block_on(async {
        let name = peers.name("secret");
        let images = peers.images(&peers.engine).await;
        build(&images, &name, "FROM scratch\nCOPY app /app\n")
            .await
            .unwrap();
        images.push(&name, |_| {}).await.unwrap();
        let stranger = peers.strangers_images(&peers.second).await;
        let error = stranger.pull(&name, None, |_| {}).await.unwrap_err();
        assert!(error.to_string().contains("docker login"), "{error}");
        let error = images
            .pull("127.0.0.1:1/nobody:v1", None, |_| {})
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("reaches the registry"),
            "{error}"
        );
    });
}

fn broken_upload(peers: &Peers) {
    block_on(async {
        let images = peers.images(&peers.engine).await;
        let name = "127.0.0.1:1/broken:v1";
        let tar = archive(&[
            ("Dockerfile", 0o644, b"FROM scratch\nCOPY app /app\n"),
            ("app", 0o755, &vec![7; 100_000]),
        ]);
        let half = Bytes::copy_from_slice(&tar[..60_000]);
        let pieces = vec![Ok(half), Err(std::io::Error::other("the client has gone"))];
        let context: Context = Box::pin(futures_util::stream::iter(pieces));
        images
            .build(&options(name), context, |_| {})
            .await
            .unwrap_err();
        assert!(images.record(name, name).await.unwrap_err().missing);
    });
}

fn cancelled(peers: &Peers) {
    block_on(async {
        let images = peers.images(&peers.engine).await;
        let docker = peers.engine.client().await;
        let (running, mut runs) = tokio::sync::mpsc::channel(1);
        let script = "RUN echo begun; while :; do :; done\n";
        let options = options(SHELL);
        let build = images.build(&options, with_shell(script, &[]), |progress| {
            if matches!(&progress, Progress::Output { line } if line.contains("begun")) {
                let _ = running.try_send(());
            }
        });
        tokio::select! {
            ended = build => panic!("it ended: {ended:?}"),
            begun = runs.recv() => begun.unwrap(),
        }
        // The future is dropped here; the engine ends the container of the step.
        let patience = tokio::time::Instant::now() + Duration::from_secs(30);
        while !docker.list_containers(None).await.unwrap().is_empty() {
            assert!(
                tokio::time::Instant::now() < patience,
                "the step still runs"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

fn pruned(peers: &Peers) {
    block_on(async {
        let images = peers.images(&peers.engine).await;
        let mut ids = Vec::new();
        for version in ["one", "two", "three"] {
            let mut options = options(&format!("127.0.0.1:1/pruned:{version}"));
            options.labels = BTreeMap::from([
                (STACK_LABEL.to_owned(), "pruned".to_owned()),
                (SERVICE_LABEL.to_owned(), "app".to_owned()),
            ]);
            let tar = archive(&[
                ("Dockerfile", 0o644, b"FROM scratch\nCOPY app /app\n"),
                ("app", 0o755, version.as_bytes()),
            ]);
            ids.push(
                images
                    .build(&options, context(&tar), |_| {})
                    .await
                    .unwrap()
                    .id,
            );
        }
        assert_eq!(images.own("pruned").await.unwrap().len(), 3);
        let keep = BTreeSet::from([ids[1].clone()]);
        let pruned = images.prune("pruned", &keep).await.unwrap();
        assert_eq!(pruned.removed.len(), 2);
        assert!(pruned.removed.iter().all(|image| image.service == "app"));
        let left = images.own("pruned").await.unwrap();
        assert_eq!(
            left.iter().map(|image| &image.id).collect::<Vec<_>>(),
            [&ids[1]]
        );
        // Another stack's images are no business of ours.
        assert!(
            images
                .prune("other", &BTreeSet::new())
                .await
                .unwrap()
                .removed
                .is_empty()
        );
    });
}

fn audited(peers: &Peers) {
    block_on(async {
        let images = peers.images(&peers.engine).await;
        let dockerfile = "ARG API_TOKEN\nENV DB_PASSWORD=hunter2\nADD su.tar /\nCOPY open /etc/open\nRUN :\nEXPOSE 22\nCMD app --serve\n";
        let mut options = options("127.0.0.1:1/audited:v1");
        options.args = BTreeMap::from([("API_TOKEN".to_owned(), "hunter2".to_owned())]);
        // Unpacked: a copied file would lose the bit.
        let su = archive(&[("bin/su", 0o4755, b"x")]);
        let context = with_shell(dockerfile, &[("su.tar", 0o644, &su), ("open", 0o666, b"x")]);
        let record = images.build(&options, context, |_| {}).await.unwrap();
        let mut facts = images.facts(&record.reference).await.unwrap();
        facts.files = Some(images.files(&record.id).await.unwrap());
        let now = record.created_at.unwrap() + Duration::from_secs(1);
        let findings = image::findings(&facts, Around::default(), now, &[]);
        let found: BTreeSet<&str> = findings.iter().map(|finding| &*finding.rule).collect();
        for rule in [
            "image/root-user",
            "image/secret-in-env",
            "image/secret-in-history",
            "image/ssh-server",
            "image/setuid",
            "image/world-writable",
            "image/shell-form",
            "image/healthcheck-missing",
        ] {
            assert!(found.contains(rule), "{rule}: {findings:?}");
        }
        assert!(!found.contains("image/old") && now > Timestamp::default());
        let all = bollard::query_parameters::ListContainersOptionsBuilder::default().all(true);
        let docker = peers.engine.client().await;
        assert!(
            docker
                .list_containers(Some(all.build()))
                .await
                .unwrap()
                .is_empty()
        );
    });
}
