//! The control plane's end of a shim: starting one, and speaking to one that runs.

use super::shared::Shared;
use mainstay_wire::shim::{Launch, Record, Request, Response};
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::Command;

/// For a shim to be up: it waits at most 10 s for the program's directory itself.
const START: Duration = Duration::from_secs(20);

/// For a shim to answer.
pub(crate) const ANSWER: Duration = Duration::from_secs(2);

/// Names of the variables by which a process of ours is known.
pub(crate) const MARK_DIRECTORY: &str = "MAINSTAY_DIRECTORY";

/// Starts a shim and hears its first answer. The shim lives on whatever becomes of us.
pub(crate) async fn start(
    shim: &[OsString],
    mark: &Path,
    launch: &Launch,
    shared: &Shared,
) -> io::Result<Response> {
    let (program, arguments) = shim
        .split_first()
        .ok_or_else(|| io::Error::other("the shim command is empty"))?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env(MARK_DIRECTORY, mark)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| {
            io::Error::other(format!(
                "cannot start a shim ({}): {error}",
                program.display()
            ))
        })?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    // Reaped whenever it ends; when the target goes before, that is left to the runtime and to init.
    let cancel = shared.cancel.clone();
    shared.tasks.spawn(async move {
        tokio::select! {
            () = cancel.cancelled() => {}
            _ = child.wait() => {}
        }
    });
    let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
        return Err(io::Error::other("the shim has no standard input"));
    };
    let hear = async {
        // A shim that refuses early does not read on; its answer says why.
        let _ = stdin.write_all(&serde_json::to_vec(launch)?).await;
        drop(stdin);
        read_response(BufReader::new(stdout)).await
    };
    tokio::time::timeout(START, hear)
        .await
        .map_err(|_| io::Error::other("the shim did not come up in time"))?
}

/// One question, one answer, within `deadline`.
pub(crate) async fn ask(
    socket: &Path,
    request: &Request,
    deadline: Duration,
) -> io::Result<Response> {
    let ask = async {
        let mut stream = connect(socket, request).await?;
        read_response(BufReader::new(&mut stream)).await
    };
    tokio::time::timeout(deadline, ask)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the shim does not answer"))?
}

/// Comes back when the instance has ended, or with an error when the shim has gone.
pub(crate) async fn wait(socket: &Path) -> io::Result<Record> {
    let mut stream = connect(socket, &Request::Wait).await?;
    match read_response(BufReader::new(&mut stream)).await? {
        Response::Record(record) => Ok(record),
        Response::Refused { reason } => Err(io::Error::other(reason)),
    }
}

async fn connect(socket: &Path, request: &Request) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(socket).await?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    Ok(stream)
}

async fn read_response(mut reader: impl AsyncBufReadExt + Unpin) -> io::Result<Response> {
    let mut line = Vec::new();
    // A shim is ours; the bound is against what else may listen there.
    let mut bounded = tokio::io::AsyncReadExt::take(&mut reader, 1 << 20);
    bounded.read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the shim hung up",
        ));
    }
    Ok(serde_json::from_slice(&line)?)
}
