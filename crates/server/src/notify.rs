//! Tells a service manager how the server is (sd_notify(3)): one datagram, no library.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The server answers.
pub(crate) const READY: &str = "READY=1";
pub(crate) const STOPPING: &str = "STOPPING=1";

/// Says it to whoever started us, if they asked to be told.
pub(crate) fn tell(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) else {
        return;
    };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(%error, "the service manager was not told that {state}");
    }
}

fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_socket_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("mainstay-test-{}", std::process::id());
        let plain = UnixDatagram::bind(&path).unwrap();
        let hidden = SocketAddr::from_abstract_name(&name).unwrap();
        let hidden = UnixDatagram::bind_addr(&hidden).unwrap();
        for (socket, address) in [
            (plain, path.into_os_string()),
            (hidden, format!("@{name}").into()),
        ] {
            send(&address, READY).unwrap();
            let mut said = [0; 64];
            let read = socket.recv(&mut said).unwrap();
            assert_eq!(&said[..read], b"READY=1");
        }
        assert!(send(OsStr::new("/nowhere/at/all"), READY).is_err());
    }
}
