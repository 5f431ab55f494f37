//! What the tests share: a client whose workers are this executable, places, data, and restic as the judge.

use libtest_mimic::Trial;
use mainstay_backup::{Client, Failure, Location, NewSnapshot, Progress, StoreAt};
use mainstay_model::{Secret, Timestamp};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// The argument that makes this executable a worker.
pub(crate) const WORKER: &str = "backup-worker";

pub(crate) const KEY: &str = "correct horse battery staple";

/// No job of a test takes as long.
const DEADLINE: Duration = Duration::from_secs(120);

/// An asynchronous test, with a directory of its own.
pub(crate) fn trial<F>(name: &'static str, test: fn(Place) -> F) -> Trial
where
    F: Future<Output = ()> + 'static,
{
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.worker_threads(1).enable_all().build().unwrap();
        let place = Place::new(name);
        let done = runtime.block_on(async { tokio::time::timeout(DEADLINE, test(place)).await });
        done.map_err(|_| format!("not done after {DEADLINE:?}").into())
    })
}

/// A directory with a repository in it, and a client.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) client: Client,
    pub(crate) at: Location,
}

impl Place {
    fn new(name: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let client = client(dir.path());
        let at = location(&dir.path().join("repository"));
        Self {
            name,
            dir,
            client,
            at,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn repository(&self) -> &Path {
        match &self.at.store {
            StoreAt::Directory(path) => path,
            StoreAt::S3(_) => panic!("not a directory"),
        }
    }

    pub(crate) async fn create(&self) {
        self.client.open(&self.at, true).await.unwrap();
    }

    /// Saves bytes as a stream, and answers the snapshot.
    pub(crate) async fn save(&self, path: &str, data: &[u8]) -> mainstay_backup::Saved {
        self.try_save(path, data).await.unwrap()
    }

    pub(crate) async fn try_save(
        &self,
        path: &str,
        data: &[u8],
    ) -> Result<mainstay_backup::Saved, Failure> {
        let whole = async { Ok(()) };
        let saved = self
            .client
            .save_stream(&self.at, &new(path), data, whole, &quiet)
            .await;
        saved.map(|(saved, ())| saved)
    }

    /// Runs restic on the repository; `None` where there is no restic.
    pub(crate) fn restic(&self, arguments: &[&str]) -> Option<Output> {
        let mut command = Command::new("restic");
        command
            .args(["--no-cache", "-q", "-r"])
            .arg(self.repository());
        command
            .args(arguments)
            .env("RESTIC_PASSWORD", KEY)
            .env("HOME", self.dir.path());
        let output = command.output().ok();
        if output.is_none() {
            skip("restic", self.name);
        }
        output
    }

    /// What restic answers; it must succeed.
    pub(crate) fn restic_ok(&self, arguments: &[&str]) -> Option<Vec<u8>> {
        let output = self.restic(arguments)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "restic {arguments:?}: {errors}");
        Some(output.stdout)
    }
}

pub(crate) fn client(dir: &Path) -> Client {
    let program = std::env::current_exe().unwrap();
    Client::new(vec![program.into(), WORKER.into()], dir.to_path_buf())
}

pub(crate) fn location(path: &Path) -> Location {
    Location {
        store: StoreAt::Directory(path.to_path_buf()),
        key: Secret::new(KEY.to_owned()),
        compression: None,
        bandwidth: None,
    }
}

pub(crate) fn new(path: &str) -> NewSnapshot {
    NewSnapshot {
        host: "web-1".to_owned(),
        tags: vec!["daily".to_owned(), "shop".to_owned()],
        path: path.to_owned(),
        time: Timestamp::from_millis(1_790_000_000_007),
    }
}

pub(crate) fn quiet(_: Progress) {}

/// Past the capture of what tests print.
pub(crate) fn skip(what: &str, test: &str) {
    let line = format!("skipped for want of {what}: {test}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The same bytes for the same seed; they do not compress.
pub(crate) fn random(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

pub(crate) fn sha256(data: &[u8]) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, data);
    let digits = hash.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from_digit(digit.into(), 16).unwrap())
        .collect()
}
