//! The same by commands of a place: `sqlite3`, or Python's module of that name.

use super::kept;
use super::spool::{Spooled, fill};
use crate::command::{IDLE, inflow, outflow, run};
use crate::database::{Failure, Load, Undo};
use crate::place::Place;
use std::path::Path;

/// Copies `$1` over `$2`, by whichever program is there. Names with a quote are refused before.
const COPY: &str = r#"copy() {
  if command -v sqlite3 >/dev/null 2>&1; then
    sqlite3 "$2" ".timeout 60000" ".restore '$1'"
  elif command -v python3 >/dev/null 2>&1; then
    python3 -c 'import sqlite3, sys
source, target = (sqlite3.connect(path, timeout=60) for path in sys.argv[1:])
source.backup(target)
target.close()' "$1" "$2"
  else
    echo "neither sqlite3 nor python3 is there" >&2; return 1
  fi
}
umask 077
"#;

fn script(body: &str, arguments: &[&str]) -> Result<Vec<String>, Failure> {
    if let Some(odd) = arguments
        .iter()
        .find(|path| path.contains(['\'', '\n', '"', '\\']))
    {
        return Err(Failure::new(format!(
            "`{odd}` has a character that sqlite3 does not take"
        )));
    }
    let script = format!("{COPY}{body}");
    let words = ["sh", "-c", &script, "sh"].into_iter();
    Ok(words
        .chain(arguments.iter().copied())
        .map(str::to_owned)
        .collect())
}

/// `$1` beside the service's own names: absolute, or `./` before it.
fn plain(path: &str) -> String {
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("./{path}")
    }
}

fn hinted(failure: Failure) -> Failure {
    if failure.message.contains("neither sqlite3 nor python3") {
        return failure.hint(
            "put sqlite3 into the image, or have the file in a directory or a volume that this machine can read",
        );
    }
    failure
}

async fn carry_out(place: &dyn Place, body: &str, arguments: &[&str]) -> Result<Vec<u8>, Failure> {
    let words = script(body, arguments)?;
    run(place, "sqlite3", &words, b"", IDLE)
        .await
        .map_err(hinted)
}

/// A copy of the place's file, into a file of ours.
pub(super) async fn fetch(place: &dyn Place, path: &str, to: &Path) -> Result<(), Failure> {
    let body = r#"[ -f "$1" ] || { echo "$1 is no file" >&2; exit 1; }
D=$(mktemp -d "${TMPDIR:-/tmp}/mainstay-XXXXXX") || exit 1
trap 'rm -rf "$D"' EXIT
copy "$1" "$D/copy" && cat "$D/copy""#;
    let words = script(body, &[&plain(path)])?;
    let mut flow = outflow(place, "sqlite3", &words, b"").await?;
    let filled = fill(to, &mut *flow.data).await;
    flow.end.await.map_err(hinted)?;
    filled.map(|_| ())
}

/// Brings `new`, which is whole, into the place's file.
pub(super) async fn load(
    place: &dyn Place,
    path: &str,
    new: &Spooled,
    load: Load,
    token: &str,
) -> Result<Undo, Failure> {
    let live = plain(path);
    let target = match &load {
        Load::Replace => live.clone(),
        Load::Beside { name }
            if !name.is_empty() && !name.contains('/') && !name.starts_with('.') =>
        {
            let folder = live.rsplit_once('/').map_or(".", |(folder, _)| folder);
            format!("{folder}/{name}")
        }
        Load::Beside { name } => {
            return Err(Failure::new(format!(
                "`{name}` is no name of a file beside another"
            )));
        }
        Load::Tables { .. } => {
            return Err(Failure::new(
                "tables of a file in a place cannot be brought back one by one",
            )
            .hint("restore the whole file, or one beside it and copy what is wanted"));
        }
    };
    let (there, old) = (
        format!("{target}.mainstay-load-{token}"),
        format!("{live}.mainstay-undo-{token}"),
    );
    // What loads left that were killed goes first: a file has one at a time.
    let words = script(
        r#"rm -f "$2".mainstay-load-*; cat >"$1""#,
        &[&there, &target],
    )?;
    let mut data = tokio::fs::File::open(new.path())
        .await
        .map_err(|error| Failure::new(format!("reading a copy: {error}")))?;
    let sent = inflow(place, "writing a copy", &words, b"", &mut data).await;
    let brought = match sent {
        Ok(_) => bring(place, &load, [&there, &target, &old]).await,
        Err(failure) => Err(failure),
    };
    carry_out(
        place,
        r#"rm -f "$1" "$1-wal" "$1-shm" "$1-journal""#,
        &[&there],
    )
    .await?;
    brought
}

async fn bring(
    place: &dyn Place,
    load: &Load,
    [there, target, old]: [&str; 3],
) -> Result<Undo, Failure> {
    let made = r#"if [ -s "$2" ]; then echo there; else mv "$1" "$2"; fi"#;
    let is_there = carry_out(place, made, &[there, target])
        .await?
        .starts_with(b"there");
    if !is_there {
        return Ok(kept::new(target, None, &[]));
    }
    if *load != Load::Replace {
        return Err(
            Failure::new(format!("`{target}` is there already")).hint("name one that is not there")
        );
    }
    // What a load had kept that was cut off before anybody knew is what an undo must bring back.
    let change = r#"for F in "$2".mainstay-undo-*; do
  case "$F" in *-wal|*-shm|*-journal) continue;; esac
  [ -f "$F" ] || continue
  if [ -n "$(find "$F" -mmin +1440 2>/dev/null)" ]; then rm -f "$F" "$F-wal" "$F-shm" "$F-journal"; else K=$F; fi
done
if [ -z "$K" ]; then
  OWN=1
  copy "$2" "$1.keep" && mv "$1.keep" "$3" || { rm -f "$1.keep" "$1.keep-wal" "$1.keep-shm" "$1.keep-journal"; exit 1; }
  K=$3
fi
copy "$1" "$2" || { [ -z "$OWN" ] || rm -f "$K" "$K-wal" "$K-shm" "$K-journal"; exit 1; }
printf '%s' "$K""#;
    let kept = carry_out(place, change, &[there, target, old]).await?;
    let kept = String::from_utf8_lossy(&kept).into_owned();
    Ok(kept::new(target, Some(&kept), &[]))
}

/// Brings back what was there.
pub(super) async fn undo(place: &dyn Place, undo: &Undo) -> Result<(), Failure> {
    let live = kept::file(undo)?;
    let Some(old) = kept::copy(undo) else {
        carry_out(
            place,
            r#"rm -f "$1" "$1-wal" "$1-shm" "$1-journal""#,
            &[live],
        )
        .await?;
        return Ok(());
    };
    let back = r#"[ -f "$2" ] || exit 0; copy "$2" "$1" && rm -f "$2" "$2-wal" "$2-shm""#;
    carry_out(place, back, &[live, old]).await.map(|_| ())
}

/// Gives up what was there.
pub(super) async fn settle(place: &dyn Place, undo: &Undo) -> Result<(), Failure> {
    kept::file(undo)?;
    if let Some(old) = kept::copy(undo) {
        carry_out(place, r#"rm -f "$1" "$1-wal" "$1-shm""#, &[old]).await?;
    }
    Ok(())
}

/// The first value of a question that changes nothing.
pub(super) async fn ask(place: &dyn Place, path: &str, query: &str) -> Result<String, Failure> {
    let body = r#"if command -v sqlite3 >/dev/null 2>&1; then sqlite3 -batch -readonly -separator '	' "$1"
elif command -v python3 >/dev/null 2>&1; then python3 -c 'import sqlite3, sys, pathlib
answer = sqlite3.connect(pathlib.Path(sys.argv[1]).absolute().as_uri() + "?mode=ro", uri=True).execute(sys.stdin.read()).fetchone()
print("" if not answer or answer[0] is None else answer[0])' "$1"
else echo "neither sqlite3 nor python3 is there" >&2; exit 1; fi"#;
    let words = script(body, &[&plain(path)])?;
    let query = format!(
        "{}\n",
        query.trim_end().trim_end_matches(';').to_owned() + ";"
    );
    let answer = run(place, "sqlite3", &words, query.as_bytes(), IDLE)
        .await
        .map_err(hinted)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let first = answer.lines().next().unwrap_or_default();
    Ok(first.split('\t').next().unwrap_or_default().to_owned())
}
