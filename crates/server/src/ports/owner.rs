//! Whose port it is: from `/proc/net/tcp` and the descriptors of processes (proc(5)).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// A process that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub pid: u32,
    pub name: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pid)
    }
}

/// Who listens where `address` would; `None` where this user may not see it.
pub fn owner(address: SocketAddr) -> Option<Owner> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .find_map(|table| listening_inode(&table, address))?;
    let wanted = format!("socket:[{inode}]");
    std::fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find(|pid| holds(*pid, &wanted))
        .map(|pid| Owner {
            pid,
            name: std::fs::read_to_string(format!("/proc/{pid}/comm"))
                .map_or_else(|_| "a process".to_owned(), |name| name.trim().to_owned()),
        })
}

fn holds(pid: u32, socket: &str) -> bool {
    let Ok(descriptors) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .any(|link| link == Path::new(socket))
}

/// The inode of a socket in state LISTEN (`0A`) on the port, on this address or on all.
fn listening_inode(table: &str, address: SocketAddr) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        let (ip, port) = local.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let overlaps = ip.bytes().all(|byte| byte == b'0')
            || address.ip().is_unspecified()
            || matches!(address.ip(), IpAddr::V4(v4) if ip == hex_v4(v4));
        (*state == "0A" && port == address.port() && overlaps).then(|| inode.parse().ok())?
    })
}

/// As the kernel prints it: the bytes in host order.
fn hex_v4(ip: std::net::Ipv4Addr) -> String {
    format!("{:08X}", u32::from_ne_bytes(ip.octets()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_own_what_we_listen_on() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(owner(address).unwrap().pid, std::process::id());
        drop(listener);
        assert_eq!(owner(address), None);
    }
}
