//! Replaces what a live server has: it follows a second one, which has loaded the copy, until it has
//! everything; then it is its own again.
//!
//! Until the second server has read the whole copy the live one is not touched. What it had is kept in a file
//! beside its own (an *undo*). Whatever breaks after that, the live server is made to follow its own undo; and where we
//! are gone ourselves, the second server's last act is to make the live one its own again.

use super::cli::{arguments, field, info, quoted, send, setting};
use super::{Redis, copy, either, file};
use crate::command::{IDLE, late, quote};
use crate::database::{Dump, Failure, Undo};
use crate::password::Password;
use crate::place::Place;
use crate::scratch::{Program, Scratch};
use crate::token::token;
use mainstay_model::Secret;
use std::ops::Range;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::time::{Instant, sleep};

/// Between two looks at how far a server is.
const LOOK: Duration = Duration::from_millis(100);
/// Below the ports that a kernel gives out by itself.
const PORTS: Range<u16> = 20_000..32_000;
/// Ports that are tried.
const TRIES: usize = 8;

/// Brings a copy into the live server.
pub(super) async fn replace(
    redis: &Redis,
    place: &dyn Place,
    data: &mut (dyn AsyncRead + Send + Unpin),
) -> Result<Undo, Failure> {
    let folder = followable(redis, place).await?;
    file::sweep(place, &folder).await?;
    let token = token()?;
    let new = format!("{folder}/mainstay-load-{token}.rdb");
    let left = file::left(place, &folder).await?;
    let kept = left.is_some();
    let old = left.unwrap_or_else(|| format!("{folder}/mainstay-undo-{token}.rdb"));
    file::write(place, &new, data).await?;
    let done = exchange(redis, place, &new, &old, kept).await;
    let removed = file::remove(place, &new).await;
    done?;
    removed?;
    Ok(file::undo(&old))
}

/// `kept`: what was there is in `old` already, and the server may have something else by now.
async fn exchange(
    redis: &Redis,
    place: &dyn Place,
    new: &str,
    old: &str,
    kept: bool,
) -> Result<(), Failure> {
    // First that the copy can be loaded at all.
    let leader = Leader::start(redis, place, new).await?;
    if !kept {
        keep(redis, place, old).await?;
    }
    let Err(failure) = follow(redis, place, &leader).await else {
        return Ok(());
    };
    drop(leader);
    match follow_file(redis, place, old).await {
        Ok(()) => {
            file::remove(place, old).await?;
            Err(failure)
        }
        Err(second) => Err(Failure::new(format!(
            "{}; and bringing back what was there: {}",
            failure.message, second.message
        ))
        .hint(format!("what was there is in `{old}`"))),
    }
}

/// Brings back what an undo kept; one that was brought back already is done.
pub(super) async fn undo(redis: &Redis, place: &dyn Place, undo: &Undo) -> Result<(), Failure> {
    let old = file::kept(undo)?;
    if file::is_there(place, old).await? {
        followable(redis, place).await?;
        follow_file(redis, place, old).await?;
        file::remove(place, old).await?;
    }
    Ok(())
}

/// The server's own folder, where it can be made to follow another.
async fn followable(redis: &Redis, place: &dyn Place) -> Result<String, Failure> {
    let role = info(redis, place, "replication").await?;
    if field(&role, "role") != "master" {
        return Err(Failure::new("this server follows another")
            .hint("restore into the server that it follows"));
    }
    let cluster = info(redis, place, "cluster").await?;
    if field(&cluster, "cluster_enabled") == "1" {
        return Err(
            Failure::new("a server of a cluster cannot take over a copy")
                .hint("restore into a server of its own, and move its keys"),
        );
    }
    if setting(redis, place, "tls-replication").await? == "yes" {
        return Err(Failure::new("this server replicates over TLS only")
            .hint("`CONFIG SET tls-replication no` for the time of the restore"));
    }
    let folder = setting(redis, place, "dir").await?;
    if !folder.starts_with('/') {
        return Err(Failure::new("the server does not say where its files are"));
    }
    Ok(folder.trim_end_matches('/').to_owned())
}

/// Writes what the live server has to a file of its place.
async fn keep(redis: &Redis, place: &dyn Place, path: &str) -> Result<(), Failure> {
    let Dump { mut data, end } = copy::dump(redis, place).await?;
    file::write(place, path, &mut *data).await?;
    if let Err(failure) = end.await {
        file::remove(place, path).await?;
        return Err(failure);
    }
    Ok(())
}

async fn follow_file(redis: &Redis, place: &dyn Place, path: &str) -> Result<(), Failure> {
    let leader = Leader::start(redis, place, path).await?;
    follow(redis, place, &leader).await
}

/// A second server that has loaded a copy, and is followed.
struct Leader {
    _scratch: Scratch,
    port: u16,
    password: Secret<String>,
}

impl Leader {
    async fn start(redis: &Redis, place: &dyn Place, path: &str) -> Result<Self, Failure> {
        let mut last = Failure::new("no port is free");
        for _ in 0..TRIES {
            let span = u64::from(PORTS.end - PORTS.start);
            let drawn = u64::from_str_radix(&token()?, 16).unwrap_or_default() % span;
            match Self::start_on(redis, place, path, PORTS.start + drawn as u16).await {
                Err(failure) if failure.message.contains("in use") => last = failure,
                other => return other,
            }
        }
        Err(last)
    }

    async fn start_on(
        redis: &Redis,
        place: &dyn Place,
        path: &str,
        port: u16,
    ) -> Result<Self, Failure> {
        let password = Secret::new(format!("{}{}", token()?, token()?));
        let settings = format!(
            "bind 127.0.0.1\nport {port}\nrequirepass {}\ndir .\ndbfilename copy.rdb\nsave \"\"\nappendonly \
             no\nrepl-diskless-sync yes\nrepl-diskless-sync-delay 0\ndaemonize no",
            password.expose()
        );
        let serve = format!("{}\ncd \"$D\" && exec \"$C\" ./settings", either("server"));
        let program = Program {
            what: "a second redis-server",
            prepare: r#"ln -s "$1" "$D/copy.rdb""#,
            serve: &serve,
            arguments: &[path],
            settings: &settings,
            farewell: &farewell(redis, port),
            password: &redis.password,
        };
        let scratch = program.start(place).await?;
        let own = Redis::on_port(port).with_password(Password::Given(password.clone()));
        loaded(&own, place, &scratch).await?;
        Ok(Self {
            _scratch: scratch,
            port,
            password,
        })
    }
}

/// Should we be gone in the middle, the live server must not go on following: it would take no writes.
fn farewell(redis: &Redis, port: u16) -> String {
    let arguments: Vec<String> = arguments(redis).iter().map(|word| quote(word)).collect();
    format!(
        r#"{}
[ -z "$P" ] || export REDISCLI_AUTH="$P"
ask() {{ "$C" --no-auth-warning {} "$@" </dev/null 2>/dev/null; }}
case "$(ask INFO replication)" in *"master_port:{port}"*) ask REPLICAOF NO ONE;; esac"#,
        either("cli"),
        arguments.join(" ")
    )
}

/// Waits until a server of ours has loaded its file.
pub(super) async fn loaded(
    redis: &Redis,
    place: &dyn Place,
    scratch: &Scratch,
) -> Result<(), Failure> {
    let mut patience = scratch.patience(IDLE);
    loop {
        let state = info(redis, place, "persistence").await;
        if state.is_ok_and(|state| field(&state, "loading") == "0") {
            return Ok(());
        }
        patience.wait().await?;
    }
}

/// Lets the live server take over everything that `leader` has.
async fn follow(redis: &Redis, place: &dyn Place, leader: &Leader) -> Result<(), Failure> {
    let password = Secret::new(setting(redis, place, "masterauth").await?);
    let user = setting(redis, place, "masteruser").await?;
    let taken = take_over(redis, place, leader, &user).await;
    // Whatever came of it, it is its own again, and as it was.
    let mut after = vec!["REPLICAOF NO ONE".to_owned()];
    after.push(format!(
        "CONFIG SET masterauth {}",
        quoted(password.expose())
    ));
    if !user.is_empty() {
        after.push(format!("CONFIG SET masteruser {}", quoted(&user)));
    }
    for line in after {
        let sent = send(redis, place, &line).await;
        if taken.is_ok() {
            sent?;
        }
    }
    taken?;
    on_disk(redis, place).await
}

async fn take_over(
    redis: &Redis,
    place: &dyn Place,
    leader: &Leader,
    user: &str,
) -> Result<(), Failure> {
    let password = quoted(leader.password.expose());
    send(redis, place, &format!("CONFIG SET masterauth {password}")).await?;
    if !user.is_empty() {
        send(redis, place, "CONFIG SET masteruser \"\"").await?;
    }
    send(
        redis,
        place,
        &format!("REPLICAOF 127.0.0.1 {}", leader.port),
    )
    .await?;
    let mut seen = String::new();
    let mut moved = Instant::now();
    loop {
        // A server that is loading answers nothing else.
        let state = info(redis, place, "replication").await?;
        if field(&state, "role") != "slave" {
            return Err(Failure::new("the server does not follow any more"));
        }
        if field(&state, "master_link_status") == "up" {
            return Ok(());
        }
        let now = [
            "master_sync_read_bytes",
            "master_sync_left_bytes",
            "master_sync_in_progress",
        ];
        let now = now.map(|name| field(&state, name)).join(" ");
        if now != seen {
            (seen, moved) = (now, Instant::now());
        }
        if moved.elapsed() > IDLE {
            return Err(late("taking over a copy", IDLE));
        }
        sleep(LOOK).await;
    }
}

/// Waits until what the server has now is also what it would start with.
async fn on_disk(redis: &Redis, place: &dyn Place) -> Result<(), Failure> {
    let state = info(redis, place, "persistence").await?;
    let appends = field(&state, "aof_enabled") == "1";
    if !appends {
        if setting(redis, place, "save").await?.is_empty() {
            return Ok(());
        }
        send(redis, place, "BGSAVE").await?;
    }
    let (busy, good) = if appends {
        (
            ["aof_rewrite_in_progress", "aof_rewrite_scheduled"],
            "aof_last_bgrewrite_status",
        )
    } else {
        (["rdb_bgsave_in_progress", ""], "rdb_last_bgsave_status")
    };
    let deadline = Instant::now() + IDLE;
    loop {
        let state = info(redis, place, "persistence").await?;
        if busy.iter().all(|name| field(&state, name) != "1") {
            return match field(&state, good) {
                "ok" => Ok(()),
                other => Err(Failure::new(format!(
                    "the server could not write its file: {other}"
                ))),
            };
        }
        if Instant::now() > deadline {
            return Err(late("writing the server's own file", IDLE));
        }
        sleep(LOOK).await;
    }
}
