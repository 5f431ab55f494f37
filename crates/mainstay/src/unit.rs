//! The systemd unit of a server and the user it runs as. Pure: text for what was chosen.
//!
//! One unit, for the control plane. Proxy and shims are started by it and stay in its control
//! group, and `KillMode=process` leaves them alone when it stops: they are what must live on
//! (decision 0015).

use std::path::{Path, PathBuf};

/// Name of the unit, of its runtime directory, and of what belongs to it.
pub const NAME: &str = "mainstay";
/// Where the data of an installed server lies if nobody says otherwise.
pub const DIRECTORY: &str = "/var/lib/mainstay";

/// What is installed.
#[derive(Debug, Clone)]
pub struct Service {
    pub program: PathBuf,
    pub directory: PathBuf,
    pub user: String,
}

/// Where the unit and the user's definition go.
pub fn files(root: &Path) -> [PathBuf; 2] {
    [
        root.join("etc/systemd/system")
            .join(format!("{NAME}.service")),
        root.join("etc/sysusers.d").join(format!("{NAME}.conf")),
    ]
}

impl Service {
    /// `mainstay.service`
    pub fn unit(&self) -> String {
        let program = quoted(&self.program.display().to_string());
        let directory = quoted(&self.directory.display().to_string());
        let user = &self.user;
        let state = if self.directory == Path::new(DIRECTORY) {
            format!("StateDirectory={NAME}\nStateDirectoryMode=0700\n")
        } else {
            String::new()
        };
        let rights = if self.is_root() { "" } else { ROOTLESS };
        format!(
            "\
# Written by `mainstay install`. Your own changes go into `systemctl edit {NAME}`.

[Unit]
Description=Mainstay control plane
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
NotifyAccess=main
ExecStart={program} serve --directory {directory}
User={user}
Restart=always
RestartSec=2s
TimeoutStartSec=2min
TimeoutStopSec=1min

# Proxy and shims live on when the control plane stops, restarts or is replaced.
KillMode=process
# A service that runs out of memory is no reason to end the others.
OOMPolicy=continue
# Shims set the limits of instances below here.
Delegate=yes
TasksMax=infinity
LimitNOFILE=65536

{state}RuntimeDirectory={NAME}
RuntimeDirectoryMode=0755
# The sockets of proxy and shims.
RuntimeDirectoryPreserve=yes
Environment=XDG_RUNTIME_DIR=/run/{NAME}

{rights}ProtectSystem=full
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectClock=yes
LockPersonality=yes
RestrictRealtime=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"
        )
    }

    /// The user, for systemd-sysusers; nothing for root, who is there.
    pub fn sysusers(&self) -> Option<String> {
        (!self.is_root()).then(|| {
            let (user, home) = (&self.user, self.directory.display());
            format!("# Written by `mainstay install`.\nu {user} - \"Mainstay\" {home}\n")
        })
    }

    fn is_root(&self) -> bool {
        self.user == "root"
    }
}

const ROOTLESS: &str = "\
# Ports below 1024 for the proxy, and nothing else that only root may.
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
RestrictSUIDSGID=yes
";

/// As systemd reads a word of a command line (systemd.service(5), systemd.unit(5)).
fn quoted(word: &str) -> String {
    let word = word.replace('%', "%%").replace('$', "$$");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.+%$:@".contains(c);
    if word.chars().all(plain) {
        word
    } else {
        format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use snapbox::{Data, assert_data_eq};

    fn service() -> Service {
        Service {
            program: "/usr/local/bin/mainstay".into(),
            directory: DIRECTORY.into(),
            user: NAME.to_owned(),
        }
    }

    fn golden(name: &str) -> Data {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/units")
            .join(name);
        Data::read_from(&path, None).raw()
    }

    #[test]
    fn the_units_are_those_that_were_read() {
        assert_data_eq!(service().unit(), golden("mainstay.service"));
        assert_data_eq!(service().sysusers().unwrap(), golden("mainstay.conf"));
        let elsewhere = Service {
            directory: "/srv/my data/100%".into(),
            user: "root".to_owned(),
            ..service()
        };
        assert_data_eq!(elsewhere.unit(), golden("root.service"));
        assert_eq!(elsewhere.sysusers(), None);
    }

    #[test]
    fn words_are_quoted_as_systemd_reads_them() {
        for (word, quoted) in [
            ("/usr/bin/x", "/usr/bin/x"),
            ("/a b", "\"/a b\""),
            ("/100%", "/100%%"),
            ("/$HOME", "/$$HOME"),
            ("/a\"b\\", "\"/a\\\"b\\\\\""),
        ] {
            assert_eq!(super::quoted(word), quoted);
        }
    }
}
