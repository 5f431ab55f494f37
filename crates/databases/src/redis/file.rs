//! Files of a place that hold copies for a while.

use super::SOON;
use crate::command::{inflow, run};
use crate::database::{Failure, Undo};
use crate::place::Place;
use std::collections::BTreeMap;
use tokio::io::AsyncRead;

/// Under which an undo says where its file is.
const FILE: &str = "file";

fn shell(script: &str, path: &str) -> Vec<String> {
    ["sh", "-c", script, "sh", path].map(str::to_owned).to_vec()
}

/// Writes all of `data` to `path`, for the place's user only. Where that fails no file is left under that name.
pub(super) async fn write(
    place: &dyn Place,
    path: &str,
    data: &mut (dyn AsyncRead + Send + Unpin),
) -> Result<(), Failure> {
    let script =
        r#"umask 077; cat >"$1.part" && { sync "$1.part" 2>/dev/null || :; } && mv "$1.part" "$1""#;
    let written = inflow(place, "writing a copy", &shell(script, path), b"", data).await;
    if written.is_err() {
        // Why it could not be written is what counts.
        let _ = remove(place, path).await;
    }
    written.map(|_| ())
}

/// Removes it, finished or not; what is not there is no failure.
pub(super) async fn remove(place: &dyn Place, path: &str) -> Result<(), Failure> {
    let script = r#"rm -f "$1" "$1.part""#;
    run(place, "removing a copy", &shell(script, path), b"", SOON).await?;
    Ok(())
}

/// Removes what loads left that were killed, and what one that ended well could not give up more than a day ago.
/// One server has one load at a time.
pub(super) async fn sweep(place: &dyn Place, folder: &str) -> Result<(), Failure> {
    let script = r#"rm -f "$1"/mainstay-load-*.rdb "$1"/mainstay-load-*.rdb.part "$1"/mainstay-undo-*.rdb.part
for F in "$1"/mainstay-undo-*.rdb; do
  [ -n "$(find "$F" -mmin +1440 2>/dev/null)" ] && rm -f "$F"
done
:"#;
    run(
        place,
        "removing old copies",
        &shell(script, folder),
        b"",
        SOON,
    )
    .await?;
    Ok(())
}

/// What a load had kept that was cut off before anybody knew: the state that an undo must bring back.
pub(super) async fn left(place: &dyn Place, folder: &str) -> Result<Option<String>, Failure> {
    let script = r#"for F in "$1"/mainstay-undo-*.rdb; do [ -f "$F" ] && { printf '%s' "$F"; exit 0; }; done; :"#;
    let answer = run(
        place,
        "looking for old copies",
        &shell(script, folder),
        b"",
        SOON,
    )
    .await?;
    let path = String::from_utf8_lossy(&answer).into_owned();
    Ok(Some(path).filter(|path| !path.is_empty()))
}

pub(super) async fn is_there(place: &dyn Place, path: &str) -> Result<bool, Failure> {
    let script = r#"[ -f "$1" ] && echo yes || echo no"#;
    let answer = run(place, "looking for a copy", &shell(script, path), b"", SOON).await?;
    Ok(answer.starts_with(b"yes"))
}

pub(super) fn undo(path: &str) -> Undo {
    Undo {
        kept: BTreeMap::from([(FILE.to_owned(), path.to_owned())]),
    }
}

/// Where an undo's file is.
pub(super) fn kept(undo: &Undo) -> Result<&str, Failure> {
    let file = undo.kept.get(FILE).map(String::as_str);
    file.ok_or_else(|| Failure::new("this undo is none of Redis"))
}
