//! A server of our own in a place: on a unix socket only, as a user that is not root, and ended with what
//! holds it.

use super::log::Log;
use super::login::{Client, Login, wrapped};
use crate::command::{START, Stderr, late, start};
use crate::database::Failure;
use crate::place::{Answer, Place};
use std::io;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
    BufReader,
};
use tokio::time::{Instant, sleep, timeout};

/// For `initdb`.
const PREPARE: Duration = Duration::from_secs(5 * 60);

/// For the checkpoint at its end.
const STOP: Duration = Duration::from_secs(10 * 60);

/// Between two looks at a server that starts.
const LOOK: Duration = Duration::from_millis(100);

/// What a line of a script may hold, in bytes.
const MAX_LINE: u64 = 64 << 10;

/// Defines `become`: runs a program as the owner of the server's files, which PostgreSQL wants not to be root.
/// PostgreSQL's images have one of these programs. `$data` may name a directory whose owner it is to be.
pub(crate) const BECOME: &str = r#"
as=
owner=
if [ "$(id -u)" = 0 ]; then
  owner=postgres
  id "$owner" >/dev/null 2>&1 || owner=nobody
  if [ -n "$data" ] && [ -d "$data" ] && [ "$(stat -c %u "$data")" != 0 ]; then owner=$(stat -c %U "$data"); fi
  if command -v setpriv >/dev/null 2>&1 && setpriv --reuid="$owner" --regid="$(id -g "$owner")" --init-groups true 2>/dev/null; then
    as="setpriv --reuid=$owner --regid=$(id -g "$owner") --init-groups"
  elif command -v gosu >/dev/null 2>&1; then
    as="gosu $owner"
  elif command -v su-exec >/dev/null 2>&1; then
    as="su-exec $owner"
  elif command -v chroot >/dev/null 2>&1 && chroot --userspec="$owner" / true 2>/dev/null; then
    as="chroot --userspec=$owner /"
  else
    echo "no setpriv, gosu, su-exec or chroot in the image: PostgreSQL does not run as root" >&2
    exit 1
  fi
fi
become() { $as "$@"; }
own() { if [ -n "$owner" ]; then chown -R "$owner" "$@"; fi; }
"#;

/// Makes a directory that nobody else can enter, and ends what runs there (by its number, if that is still
/// it) once nobody holds our input. What came over it before decides whether `$remove` goes too.
const DIRECTORY: &str = r#"
set -e
umask 077
dir=$(mktemp -d "${TMPDIR:-/tmp}/mainstay.XXXXXX")
: "${data:=$dir/data}"
printf 'local all all trust\n' >"$dir/hba"
: >"$dir/ident"
: >"$dir/conf"
own "$dir"
exec 3<&0
( word=$(cat <&3)
  if [ -s "$dir/pid" ]; then
    pid=$(cat "$dir/pid")
    if tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "$data"; then kill "-${signal:-QUIT}" "$pid"; fi
    count=0
    while [ -e "$data/postmaster.pid" ] && [ "$count" -lt 100 ]; do sleep 0.1; count=$((count + 1)); done
  fi
  rm -rf "$dir"
  if [ "$word" = remove ]; then rm -rf "$remove"; fi
) >/dev/null 2>&1 &
"#;

/// Runs the server on the socket in `$dir`, whose path is printed first, then its log; arguments are its settings.
/// It is a child, so that it is ended in order also where this script is killed.
const SERVE: &str = r#"
printf '%s\n' "$dir"
conf=$data/postgresql.conf
[ -f "$conf" ] || conf=$dir/conf
$as postgres -D "$data" -c config_file="$conf" -c data_directory="$data" -c hba_file="$dir/hba" -c ident_file="$dir/ident" \
  -c listen_addresses= -c unix_socket_directories="$dir" -c unix_socket_permissions=0700 -c port=5432 -c ssl=off \
  -c external_pid_file= -c logging_collector=off -c log_destination=stderr -c log_line_prefix= -c lc_messages=C \
  -c log_min_messages=warning -c timezone=GMT -c log_timezone=GMT -c max_connections=20 -c shared_buffers=64MB "$@" \
  </dev/null 3<&- 2>&1 &
printf '%s\n' "$!" >"$dir/pid"
wait "$!"
"#;

/// A server. Dropped, it ends.
pub(crate) struct Engine {
    /// The directory of its socket, in the place.
    pub(crate) directory: String,
    /// What it says of itself.
    pub(crate) log: Log,
    /// Its closing ends the server, also where a dropped command is not ended by its place.
    stdin: Box<dyn AsyncWrite + Send + Unpin>,
    end: Answer<'static, io::Result<ExitStatus>>,
    /// Whether `end` has answered.
    exited: bool,
}

impl Engine {
    /// `before` is a script that may set `data`, `signal` and `remove`; `prepare` fills `$data`. `arguments` are
    /// `$@` of both, and what they leave of it are settings of the server.
    pub(crate) async fn start(
        place: &dyn Place,
        before: &str,
        prepare: &str,
        arguments: &[&str],
    ) -> Result<Self, Failure> {
        let script = format!("{before}\n{BECOME}{DIRECTORY}{prepare}{SERVE}");
        let mut program = vec!["sh", "-c", script.as_str(), "mainstay"];
        program.extend_from_slice(arguments);
        let running = start(place, "a server of its own", &wrapped(&program)).await?;
        let Some(mut stdin) = running.stdin else {
            return Err(Failure::new("a server of its own has no standard input"));
        };
        let stderr = Stderr::read(running.stderr);
        let _ = timeout(START, stdin.write_all(b"\n")).await;
        let mut stdout = BufReader::new(running.stdout);
        let Some(directory) = line(&mut stdout).await else {
            drop(running.end);
            let said = stderr.end().await;
            return Err(Failure::new(format!("no server of its own: {said}")));
        };
        Ok(Self {
            directory,
            log: Log::read(stdout, stderr),
            stdin,
            end: running.end,
            exited: false,
        })
    }

    /// Waits until it lets somebody in.
    ///
    /// # Errors
    /// It ended, or does not come up within `limit`.
    pub(crate) async fn ready(
        &mut self,
        place: &dyn Place,
        login: &Login,
        database: &str,
        limit: Duration,
    ) -> Result<Client, Failure> {
        let until = Instant::now() + limit;
        loop {
            let failure = tokio::select! {
                biased;
                failure = self.ended() => return Err(failure),
                client = Client::open(place, login, database) => match client {
                    Ok(client) => return Ok(client),
                    Err(failure) => failure,
                },
            };
            if Instant::now() >= until {
                return Err(failure);
            }
            sleep(LOOK).await;
        }
    }

    /// Waits until it ends by itself, and answers what it said last. Cancellation safe.
    pub(crate) async fn ended(&mut self) -> Failure {
        if !self.exited {
            let _ = (&mut self.end).await;
            self.exited = true;
        }
        let said = self.log.end().await;
        Failure::new(format!("the server ended: {said}"))
    }

    /// From now on the directory that `remove` names goes with it.
    pub(crate) async fn own(&mut self) -> Result<(), Failure> {
        let told = async {
            self.stdin.write_all(b"remove\n").await?;
            self.stdin.flush().await
        };
        let told = timeout(START, told)
            .await
            .map_err(|_| late("the server", START))?;
        told.map_err(|error| Failure::new(format!("the server takes no input: {error}")))
    }

    /// Ends it in order, so that its files are whole without a recovery; its script says `signal=INT`.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        if self.exited {
            return Err(self.ended().await);
        }
        drop(self.stdin);
        match timeout(STOP, self.end).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(Failure::new(format!(
                "the server did not stop in order: {status}"
            ))),
            Ok(Err(error)) => Err(Failure::new(format!(
                "how the server stopped is lost: {error}"
            ))),
            Err(_) => Err(late("the server", STOP)),
        }
    }

    /// How to log in to it.
    pub(crate) fn login(&self, user: &str, database: &str) -> Login {
        Login {
            user: user.to_owned(),
            database: database.to_owned(),
            password: None,
            host: Some(self.directory.clone()),
            port: 5432,
        }
    }
}

async fn line(stdout: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
    let mut line = String::new();
    let mut stdout = stdout.take(MAX_LINE);
    match timeout(PREPARE, stdout.read_line(&mut line)).await {
        Ok(Ok(_)) if line.ends_with('\n') => Some(line.trim_end().to_owned()),
        _ => None,
    }
}
