//! Where a server keeps its things.
//!
//! ```text
//! <data directory>            0700, with a .gitignore of its own
//! ├── lock                    held by the running server
//! ├── runtime                 where the runtime directory is
//! ├── host.key                0600, seals what is secret here
//! ├── journal.db
//! ├── server.json             what this server gave out: ports
//! ├── artifacts/<sha256>
//! ├── certificates/           of an authority, and our account there
//! ├── server.yaml             written by its operator
//! ├── bundles/<stack>/<environment>/r12.sealed
//! ├── requests/<stack>/<environment>/<id>.sealed
//! ├── instances/<full name>/
//! ├── containers/<engine>/    notes about containers, and where their engine is
//! └── proxy/                  config.json, access.log
//! <runtime directory>         0700
//! ├── api.sock
//! ├── proxy.sock
//! └── i/                      one socket per shim
//! <runtime directory>-files   0711, in memory; or so under /dev/shm
//! └── <stack>/<environment>/<instance>/   secret files, for the user of the instance
//! ```
//!
//! Sockets do not live in the data directory: an address holds 108 bytes (unix(7)), and a project
//! may lie deep.

use crate::tokens::hex;
use ring::digest;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The data directory of one server, and the runtime directory that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDirectory {
    root: PathBuf,
    runtime: PathBuf,
}

impl DataDirectory {
    /// Names only, nothing is created. A relative path is taken from the working directory; the
    /// part that exists is canonicalised, so that two spellings of one place are one server.
    pub fn new(root: &Path) -> io::Result<Self> {
        let root = canonical(root)?;
        let runtime = recorded(&root).unwrap_or_else(|| runtime_directory(&root));
        Ok(Self { root, runtime })
    }

    /// The data directory of a stack: `<dir>/.mainstay`.
    pub fn of_stack(directory: &Path) -> io::Result<Self> {
        Self::new(&directory.join(".mainstay"))
    }

    /// Makes both directories, private to this user.
    pub fn create(&self) -> io::Result<()> {
        for directory in [
            &self.root,
            &self.runtime,
            &self.instances(),
            &self.shim_sockets(),
            &self.proxy(),
            &self.backups().join("spool"),
        ] {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)?;
        }
        for private in [&self.root, &self.runtime] {
            std::fs::set_permissions(private, std::fs::Permissions::from_mode(0o700))?;
        }
        // Whoever may look into the data directory finds its sockets, whatever environment the
        // server was started with.
        std::fs::write(
            self.root.join("runtime"),
            self.runtime.as_os_str().as_bytes(),
        )?;
        let ignore = self.root.join(".gitignore");
        if !ignore.exists() {
            std::fs::write(ignore, "*\n")?;
        }
        Ok(())
    }

    /// Removes the runtime directory, unless a proxy or a shim still listens in it.
    pub fn leave_runtime(&self) {
        let _ = std::fs::remove_dir(self.shim_sockets());
        let _ = std::fs::remove_dir(&self.runtime);
    }

    /// Where secret files may be, in this order: only a place in memory is taken. Not below the
    /// runtime directory, which the users of services cannot go through.
    pub fn secret_files(&self) -> [PathBuf; 2] {
        let mut name = self.runtime.file_name().unwrap_or_default().to_owned();
        name.push("-files");
        [
            self.runtime.with_file_name(&name),
            Path::new("/dev/shm").join(&name),
        ]
    }

    pub fn runtime(&self) -> &Path {
        &self.runtime
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub fn host_key(&self) -> PathBuf {
        self.root.join("host.key")
    }

    pub fn journal(&self) -> PathBuf {
        self.root.join("journal.db")
    }

    /// The store of metrics.
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics")
    }

    /// Repositories that belong to no other place, their keys, and what is received of logs.
    pub fn backups(&self) -> PathBuf {
        self.root.join("backups")
    }

    pub fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    pub fn bundles(&self) -> PathBuf {
        self.root.join("bundles")
    }

    /// Deploys that wait for approval.
    pub fn requests(&self) -> PathBuf {
        self.root.join("requests")
    }

    pub fn instances(&self) -> PathBuf {
        self.root.join("instances")
    }

    pub fn containers(&self) -> PathBuf {
        self.root.join("containers")
    }

    pub fn proxy(&self) -> PathBuf {
        self.root.join("proxy")
    }

    /// What belongs to the server; written by whoever operates it.
    pub fn server_file(&self) -> PathBuf {
        self.root.join("server.yaml")
    }

    pub fn certificates(&self) -> PathBuf {
        self.root.join("certificates")
    }

    /// Where a server that was started in the background writes its own log.
    pub fn server_log(&self) -> PathBuf {
        self.root.join("server.log")
    }

    pub fn api_socket(&self) -> PathBuf {
        self.runtime.join("api.sock")
    }

    pub fn proxy_socket(&self) -> PathBuf {
        self.runtime.join("proxy.sock")
    }

    pub fn shim_sockets(&self) -> PathBuf {
        self.runtime.join("i")
    }
}

/// Canonicalises the longest part that exists and keeps the rest as written.
fn canonical(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    let mut existing = absolute.as_path();
    let mut rest = Vec::new();
    loop {
        match existing.canonicalize() {
            Ok(mut found) => {
                found.extend(rest.iter().rev());
                return Ok(found);
            }
            Err(error) => {
                let (Some(parent), Some(name)) = (existing.parent(), existing.file_name()) else {
                    return Err(error);
                };
                rest.push(name.to_owned());
                existing = parent;
            }
        }
    }
}

/// The runtime directory that was used last, as long as it is there. One that belongs to another
/// root was copied along with the data directory, and is not ours.
fn recorded(root: &Path) -> Option<PathBuf> {
    let path = std::fs::read(root.join("runtime")).ok()?;
    let path = PathBuf::from(std::ffi::OsString::from_vec(path));
    let name = path.file_name()?.to_str()?;
    (name.ends_with(&hash(root)) && path.is_dir()).then_some(path)
}

fn hash(root: &Path) -> String {
    let hash = digest::digest(&digest::SHA256, root.as_os_str().as_encoded_bytes());
    hex(&hash.as_ref()[..8])
}

fn runtime_directory(root: &Path) -> PathBuf {
    let name = hash(root);
    let user = rustix::process::geteuid();
    if let Some(base) = std::env::var_os("XDG_RUNTIME_DIR").filter(|base| !base.is_empty()) {
        PathBuf::from(base).join(format!("mainstay-{name}"))
    } else if user.is_root() {
        PathBuf::from(format!("/run/mainstay-{name}"))
    } else {
        PathBuf::from(format!("/tmp/mainstay-{}-{name}", user.as_raw()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_place_are_one_server() {
        let temporary = tempfile::tempdir().unwrap();
        let plain = DataDirectory::of_stack(temporary.path()).unwrap();
        std::fs::create_dir(temporary.path().join("x")).unwrap();
        let dotted = DataDirectory::of_stack(&temporary.path().join("x/..")).unwrap();
        assert_eq!(plain, dotted);
        assert_eq!(recorded(plain.root()), None);
        plain.create().unwrap();
        assert_eq!(recorded(plain.root()).as_deref(), Some(plain.runtime()));
        let copy = temporary.path().join("copy");
        std::fs::create_dir(&copy).unwrap();
        std::fs::copy(plain.root().join("runtime"), copy.join("runtime")).unwrap();
        assert_eq!(recorded(&copy), None, "it came along with a copy");
        plain.leave_runtime();
        assert_eq!(recorded(plain.root()), None, "it is gone");
        assert!(plain.api_socket().as_os_str().len() < 100);
    }
}
