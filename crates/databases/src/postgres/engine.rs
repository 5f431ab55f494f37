//! A server of our own in a place: on a unix socket only, as a user that is not root, and ended with what
//! holds it.

use super::login::{Client, Login, wrapped};
use crate::command::{START, Stderr, start};
use crate::database::Failure;
use crate::place::{Answer, Place};
use std::io;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::time::{Instant, sleep, timeout};

/// For `initdb`.
const PREPARE: Duration = Duration::from_secs(5 * 60);

/// Between two looks at a server that starts.
const LOOK: Duration = Duration::from_millis(100);

/// What a line of a script may hold, in bytes.
const MAX_LINE: u64 = 64 << 10;

/// Defines `become`: runs a program as the owner of the server's files, which PostgreSQL wants not to be root.
/// PostgreSQL's images have one of these programs.
pub(crate) const BECOME: &str = r#"
if [ "$(id -u)" = 0 ]; then
  owner=postgres
  id "$owner" >/dev/null 2>&1 || owner=nobody
  if command -v setpriv >/dev/null 2>&1 && setpriv --reuid="$owner" --regid="$(id -g "$owner")" --init-groups true 2>/dev/null; then
    become() { setpriv --reuid="$owner" --regid="$(id -g "$owner")" --init-groups "$@"; }
    as="setpriv --reuid=$owner --regid=$(id -g "$owner") --init-groups"
  elif command -v gosu >/dev/null 2>&1; then
    become() { gosu "$owner" "$@"; }
    as="gosu $owner"
  elif command -v su-exec >/dev/null 2>&1; then
    become() { su-exec "$owner" "$@"; }
    as="su-exec $owner"
  elif command -v chroot >/dev/null 2>&1 && chroot --userspec="$owner" / true 2>/dev/null; then
    become() { chroot --userspec="$owner" / "$@"; }
    as="chroot --userspec=$owner /"
  else
    echo "no setpriv, gosu, su-exec or chroot in the image: PostgreSQL does not run as root" >&2
    exit 1
  fi
else
  owner=
  become() { "$@"; }
  as=
fi
own() { if [ -n "$owner" ]; then chown -R "$owner" "$@"; fi; }
"#;

/// Makes a directory that nobody else can enter, and ends (by its number, if that is still it) what runs there once nobody holds our input. `$dir`
/// is printed when the server is about to start.
const DIRECTORY: &str = r#"
set -e
umask 077
dir=$(mktemp -d "${TMPDIR:-/tmp}/mainstay.XXXXXX")
own "$dir"
exec 3<&0
( cat <&3 >/dev/null
  if [ -s "$dir/pid" ]; then
    pid=$(cat "$dir/pid")
    if tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "$dir/data"; then kill -QUIT "$pid"; fi
    count=0
    while [ -e "$dir/data/postmaster.pid" ] && [ "$count" -lt 100 ]; do sleep 0.1; count=$((count + 1)); done
  fi
  if [ -z "$keep" ]; then rm -rf "$dir"; fi
) >/dev/null 2>&1 &
"#;

/// Runs the server on the socket in `$dir`; arguments are its settings. It is a child, so that it is ended in
/// order also where this script is killed.
const SERVE: &str = r#"
printf '%s\n' "$dir"
$as postgres -D "$dir/data" -c listen_addresses= -c unix_socket_directories="$dir" -c unix_socket_permissions=0700 \
  -c port=5432 -c ssl=off -c logging_collector=off -c log_destination=stderr -c hba_file="$dir/hba" \
  -c external_pid_file= -c fsync=off -c full_page_writes=off -c max_connections=20 -c shared_buffers=64MB "$@" \
  </dev/null 3<&- >&2 &
printf '%s\n' "$!" >"$dir/pid"
wait "$!"
"#;

/// A server. Dropped, it ends.
pub(crate) struct Engine {
    /// The directory of its socket, in the place.
    pub(crate) directory: String,
    /// Its closing ends the server, also where a dropped command is not ended by its place.
    _stdin: Box<dyn AsyncWrite + Send + Unpin>,
    stderr: Option<Stderr>,
    end: Answer<'static, io::Result<ExitStatus>>,
}

impl Engine {
    /// `prepare` is a script that fills `$dir/data`; `arguments` are `$@` of it and are left for the server.
    pub(crate) async fn start(
        place: &dyn Place,
        prepare: &str,
        arguments: &[&str],
    ) -> Result<Self, Failure> {
        let script = format!(
            "{BECOME}{DIRECTORY}printf 'local all all trust\\n' >\"$dir/hba\"; own \"$dir/hba\"\n{prepare}\n{SERVE}"
        );
        let mut program = vec!["sh", "-c", script.as_str(), "mainstay"];
        program.extend_from_slice(arguments);
        let running = start(place, "a server of its own", &wrapped(&program)).await?;
        let Some(mut stdin) = running.stdin else {
            return Err(Failure::new("a server of its own has no standard input"));
        };
        let stderr = Stderr::read(running.stderr);
        let _ = timeout(START, stdin.write_all(b"\n")).await;
        let Some(directory) = line(running.stdout).await else {
            drop(running.end);
            let said = stderr.end().await;
            return Err(Failure::new(format!("no server of its own: {said}")));
        };
        Ok(Self {
            directory,
            _stdin: stdin,
            stderr: Some(stderr),
            end: running.end,
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
                _ = &mut self.end => return Err(self.ended().await),
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

    async fn ended(&mut self) -> Failure {
        self.end = Box::pin(std::future::pending());
        let said = match self.stderr.take() {
            Some(stderr) => stderr.end().await,
            None => String::new(),
        };
        Failure::new(format!("the server ended while it started: {said}"))
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

async fn line(stdout: Box<dyn AsyncRead + Send + Unpin>) -> Option<String> {
    let mut line = String::new();
    let mut stdout = BufReader::new(stdout.take(MAX_LINE));
    match timeout(PREPARE, stdout.read_line(&mut line)).await {
        Ok(Ok(_)) if line.ends_with('\n') => Some(line.trim_end().to_owned()),
        _ => None,
    }
}
