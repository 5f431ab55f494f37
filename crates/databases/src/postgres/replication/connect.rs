//! How a stream to the server comes about: over TCP, or through a command beside the server, whom the
//! server sees as its own machine.

use crate::command::{START, Stderr, finish, start, words};
use crate::place::{Answer, Place};
use std::io;
use std::pin::Pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::timeout;

const DIAL: Duration = Duration::from_secs(20);

/// Said by the command once it is connected.
const READY: u8 = b'+';

/// Joins its own streams with a port of its machine, and ends with either. `bash` opens sockets by itself.
/// `dd` passes on what it reads at once; the `cat` of busybox leaves it to the kernel, which holds it back.
const TUNNEL: &str = r#"
if command -v bash >/dev/null 2>&1; then
  exec bash -c '
    exec 3<>"/dev/tcp/$1/$2" || exit 1
    printf +
    exec 4<&0
    ( dd bs=65536 <&4 >&3; exec 3>&- 4<&-
      if [ "$(tr -d "\0" </proc/$$/cmdline)" = ddbs=65536 ]; then kill $$; fi ) >/dev/null 2>&1 &
    exec dd bs=65536 <&3 4<&- 2>/dev/null' mainstay "$1" "$2"
elif command -v socat >/dev/null 2>&1; then
  printf +
  exec socat - "TCP:$1:$2"
elif command -v nc >/dev/null 2>&1; then
  printf +
  exec nc "$1" "$2"
fi
echo "no bash, socat or nc in the image, by which the server could be reached from within" >&2
exit 127
"#;

/// A stream in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Makes a stream to the server.
pub trait Connect: Send + Sync + 'static {
    fn connect(&self) -> Answer<'_, io::Result<Box<dyn Stream>>>;
}

/// To an address, such as `127.0.0.1:5432`.
#[derive(Debug, Clone)]
pub struct Tcp {
    pub address: String,
}

impl Connect for Tcp {
    fn connect(&self) -> Answer<'_, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let dial = tokio::net::TcpStream::connect(&self.address);
            let stream = timeout(DIAL, dial).await.map_err(|_| {
                let text = format!(
                    "no connection to {} within {} s",
                    self.address,
                    DIAL.as_secs()
                );
                io::Error::new(io::ErrorKind::TimedOut, text)
            })??;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

/// Through a command in a place, to a port there.
pub struct Through {
    pub place: Arc<dyn Place>,
    /// As seen in the place: `127.0.0.1`.
    pub host: String,
    pub port: u16,
}

impl std::fmt::Debug for Through {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("Through");
        text.field("host", &self.host).field("port", &self.port);
        text.finish_non_exhaustive()
    }
}

impl Connect for Through {
    fn connect(&self) -> Answer<'_, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let mut command = words(["sh", "-c", TUNNEL, "mainstay"]);
            command.extend([self.host.clone(), self.port.to_string()]);
            let what = "the way to the server from within";
            let failed = |failure: crate::Failure| io::Error::other(failure.message);
            let mut running = start(&*self.place, what, &command).await.map_err(failed)?;
            let stderr = Stderr::read(running.stderr);
            let mut ready = [0];
            let read = timeout(START, running.stdout.read_exact(&mut ready)).await;
            if !matches!(read, Ok(Ok(_))) || ready != [READY] {
                drop(running.stdin);
                let end = finish(what, running.end, stderr).await;
                return Err(end.map_err(failed).err().unwrap_or_else(|| {
                    io::Error::other(format!("{what} ended before it was there"))
                }));
            }
            let stdin = running.stdin;
            let stdin = stdin.ok_or_else(|| io::Error::other(format!("{what} has no input")))?;
            Ok(Box::new(Tunnel {
                stdin,
                stdout: running.stdout,
                _stderr: stderr,
                _end: Held(running.end),
            }) as Box<dyn Stream>)
        })
    }
}

struct Tunnel {
    stdin: Box<dyn AsyncWrite + Send + Unpin>,
    stdout: Box<dyn AsyncRead + Send + Unpin>,
    _stderr: Stderr,
    _end: Held,
}

/// A command that ends when this is dropped.
struct Held(#[allow(dead_code, reason = "only held")] Answer<'static, io::Result<ExitStatus>>);

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdout).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stdin).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_shutdown(cx)
    }
}
