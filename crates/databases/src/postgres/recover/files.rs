//! The data directory of a place: set aside, filled, verified, brought back.
//!
//! What was there lies in a directory within. Its name tells how far the move is: while it is called
//! [`MOVING`], what is in it and what is beside it belong together; once it is called [`KEPT`], what is beside it
//! is new.

use crate::command::{inflow, quote, run, words};
use crate::database::Failure;
use crate::place::Place;
use crate::postgres::engine::BECOME;
use crate::postgres::login::{QUICK, wrapped};
use std::time::Duration;
use tokio::io::AsyncRead;

const MOVING: &str = "mainstay-moving";
pub(super) const KEPT: &str = "mainstay-kept";

/// For reading all of a data directory.
const VERIFY: Duration = Duration::from_secs(6 * 3600);

/// For deleting one.
const DELETE: Duration = Duration::from_secs(30 * 60);

/// Refuses a directory in which a server runs that is seen from here, or an earlier recovery is not settled.
const SET_ASIDE: &str = r#"
mkdir -p "$data"
if [ -s "$data/postmaster.pid" ]; then
  pid=$(head -n 1 "$data/postmaster.pid")
  if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q postgres; then
    echo "a server runs in $data: process $pid" >&2; exit 1
  fi
fi
if [ -e "$data/$kept" ]; then echo "an earlier recovery in $data is neither settled nor undone" >&2; exit 1; fi
mkdir -p "$data/$moving"
find "$data" -mindepth 1 -maxdepth 1 ! -name "$moving" -exec mv {} "$data/$moving/" \;
own "$data/$moving"
mv "$data/$moving" "$data/$kept"
become chmod 0700 "$data"
"#;

const BRING_BACK: &str = r#"
if [ -e "$data/$kept" ]; then
  find "$data" -mindepth 1 -maxdepth 1 ! -name "$kept" -exec rm -rf {} +
  mv "$data/$kept" "$data/$moving"
fi
if [ -e "$data/$moving" ]; then
  find "$data/$moving" -mindepth 1 -maxdepth 1 -exec mv {} "$data/" \;
  rmdir "$data/$moving"
fi
"#;

pub(super) struct Files<'a> {
    pub(super) place: &'a dyn Place,
    data: String,
}

/// An empty data directory in a temporary one; answers its path.
pub(super) async fn temporary(place: &dyn Place) -> Result<String, Failure> {
    let script = format!(
        "set -e; umask 077; data=\n{BECOME}\ndir=$(mktemp -d \"${{TMPDIR:-/tmp}}/mainstay.XXXXXX\")\n\
         mkdir \"$dir/data\"; own \"$dir\"; printf %s \"$dir/data\""
    );
    let answer = run(place, "mktemp", &words(["sh", "-c", &script]), b"", QUICK).await?;
    String::from_utf8(answer).map_err(|_| Failure::new("a temporary directory without a name"))
}

impl<'a> Files<'a> {
    pub(super) fn new(place: &'a dyn Place, data: &str) -> Self {
        Self {
            place,
            data: data.to_owned(),
        }
    }

    /// A script in which `$data` is the directory and `become` runs a program as its owner.
    fn script(&self, text: &str) -> Vec<String> {
        let data = quote(&self.data);
        let script = format!(
            "set -e; umask 077; data={data}; kept={KEPT}; moving={MOVING}\n{BECOME}\n{text}"
        );
        wrapped(&["sh", "-c", &script])
    }

    pub(super) async fn run(
        &self,
        what: &str,
        text: &str,
        limit: Duration,
    ) -> Result<String, Failure> {
        let answer = run(self.place, what, &self.script(text), b"\n", limit).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    pub(super) async fn set_aside(&self) -> Result<(), Failure> {
        let done = self.run("setting aside", SET_ASIDE, DELETE).await;
        done.map(drop)
    }

    pub(super) async fn bring_back(&self) -> Result<(), Failure> {
        let done = self.run("bringing back", BRING_BACK, DELETE).await;
        done.map(drop)
    }

    pub(super) async fn give_up(&self) -> Result<(), Failure> {
        let done = self.run("deleting", "rm -rf \"$data/$kept\"", DELETE).await;
        done.map(drop)
    }

    /// Deletes the directory of [`temporary`].
    pub(super) async fn remove_temporary(&self) -> Result<(), Failure> {
        let text = "case $data in */mainstay.*/data) rm -rf \"${data%/data}\" ;; esac";
        self.run("deleting", text, DELETE).await.map(drop)
    }

    /// A base backup into the directory.
    pub(super) async fn unpack(
        &self,
        base: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Result<(), Failure> {
        let words = self.script("exec $as tar -x -f - -C \"$data\"");
        let done = inflow(self.place, "unpacking the base backup", &words, b"\n", base).await;
        done.map(drop)
    }

    /// Files of the log into a directory of their own, which is made.
    pub(super) async fn unpack_log(
        &self,
        folder: &str,
        log: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Result<(), Failure> {
        let folder = quote(folder);
        let text = format!("mkdir -p {folder}; own {folder}; exec $as tar -x -f - -C {folder}");
        let words = self.script(&text);
        let done = inflow(self.place, "unpacking the log", &words, b"\n", log).await;
        done.map(drop)
    }

    /// Each file against the manifest, which the server wrote (from PostgreSQL 13).
    pub(super) async fn verify(&self) -> Result<(), Failure> {
        let text = "[ -s \"$data/PG_VERSION\" ] && [ -s \"$data/backup_label\" ] || \
             { echo 'no base backup: PG_VERSION or backup_label is missing' >&2; exit 1; }\n\
             [ \"$(cut -d. -f1 \"$data/PG_VERSION\")\" -ge 12 ] || \
             { echo 'points in time need PostgreSQL 12 or later' >&2; exit 1; }\n\
             if [ -f \"$data/backup_manifest\" ]; then \
             become pg_verifybackup -n -q -i \"$kept\" \"$data\"; fi";
        self.run("the base backup", text, VERIFY).await.map(drop)
    }

    /// Says that a recovery is due. Without our settings no server starts with it.
    pub(super) async fn signal(&self) -> Result<(), Failure> {
        let text = "rm -f \"$data/standby.signal\" \"$data/postmaster.pid\"\nbecome touch \"$data/recovery.signal\"";
        self.run("the recovery", text, QUICK).await.map(drop)
    }

    /// How an engine is told of the directory; `keep`: it stays, and is closed in order.
    pub(super) fn before(&self, keep: bool) -> String {
        let data = quote(&self.data);
        if keep {
            format!("data={data}; signal=INT; remove=")
        } else {
            format!("data={data}; signal=QUIT; remove=${{data%/data}}")
        }
    }
}
