//! Images made of this machine's own files: programs, what they are linked with, whole trees. No
//! registry, no downloads.

#![allow(dead_code, reason = "each of those who include it needs a part")]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A shell, and the small programs that scripts want.
pub(crate) const BASE: [&str; 22] = [
    "sh", "sleep", "cat", "wc", "test", "true", "false", "rmdir", "mkdir", "seq", "head", "tr",
    "ls", "id", "touch", "rm", "stat", "env", "chown", "echo", "mv", "chmod",
];

/// A root file system that grows.
pub(crate) struct Root {
    directory: tempfile::TempDir,
    libraries: BTreeSet<PathBuf>,
}

impl Root {
    /// Directories, users and groups; no program yet.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for folder in [
            "usr/bin",
            "usr/lib",
            "usr/lib64",
            "etc",
            "tmp",
            "run/secrets",
        ] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        for name in ["bin", "lib", "lib64"] {
            let target = format!("usr/{name}");
            std::os::unix::fs::symlink(target, root.join(name)).unwrap();
        }
        let users = "root:x:0:0::/:/bin/sh\npostgres:x:999:999::/tmp:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n";
        std::fs::write(root.join("etc/passwd"), users).unwrap();
        std::fs::write(
            root.join("etc/group"),
            "root:x:0:\npostgres:x:999:\nnogroup:x:65534:\n",
        )
        .unwrap();
        let everybody = std::fs::Permissions::from_mode(0o1777);
        std::fs::set_permissions(root.join("tmp"), everybody).unwrap();
        // The directory itself becomes `/`.
        std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            directory,
            libraries: BTreeSet::new(),
        }
    }

    /// Programs by name, as far as this machine has them.
    pub(crate) fn programs(mut self, names: &[&str]) -> Self {
        for name in names {
            let found =
                ["/usr/bin", "/bin", "/usr/sbin"].map(|folder| Path::new(folder).join(name));
            if let Some(path) = found.iter().find(|path| path.exists()) {
                self = self.program(path, &format!("usr/bin/{name}"));
            }
        }
        self
    }

    /// One program, at a place of its own.
    pub(crate) fn program(mut self, path: &Path, inside: &str) -> Self {
        let place = self.directory.path().join(inside);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::copy(path, place).unwrap();
        self.libraries.extend(linked(path));
        self
    }

    /// Only what a program is linked with: it is mounted.
    pub(crate) fn linked(mut self, path: &Path) -> Self {
        self.libraries.extend(linked(path));
        self
    }

    /// A directory with all below it, at the same place, and what its libraries are linked with.
    pub(crate) fn tree(mut self, path: &str) -> Self {
        let place = self.directory.path().join(path.trim_start_matches('/'));
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        // Links are followed: what they point to may be left out.
        let copied = Command::new("cp").args(["-rL", path]).arg(&place).status();
        assert!(copied.unwrap().success(), "{path}");
        let entries = std::fs::read_dir(path).unwrap().flatten();
        for entry in entries.map(|entry| entry.path()) {
            let name = entry.to_string_lossy();
            if name.ends_with(".so") || name.contains("/bin/") {
                self.libraries.extend(linked(&entry));
            }
        }
        self
    }

    pub(crate) fn file(self, inside: &str, text: &str) -> Self {
        let place = self.directory.path().join(inside);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, text).unwrap();
        self
    }

    /// Imports it under `name:tag`; `change` is a line of a Dockerfile.
    pub(crate) fn import(self, socket: &Path, name: &str, change: &str) {
        for library in &self.libraries {
            // `/lib` is `/usr/lib` in the image, whatever it is here.
            let inside = library.strip_prefix("/usr").or(library.strip_prefix("/"));
            let place = self.directory.path().join("usr").join(inside.unwrap());
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::copy(library, place).unwrap();
        }
        let archive = Command::new("tar")
            .args(["--numeric-owner", "--owner=0", "--group=0", "-c", "-C"])
            .arg(self.directory.path())
            .arg(".")
            .output()
            .unwrap();
        assert!(archive.status.success(), "{archive:?}");
        let (repository, tag) = name.rsplit_once(':').unwrap();
        let change = change.replace(' ', "%20").replace('=', "%3D");
        let path = format!("/images/create?fromSrc=-&repo={repository}&tag={tag}&changes={change}");
        let (status, said) = ask(socket, "POST", &path, &archive.stdout);
        assert!(
            status == 200 && !said.contains("\"error\""),
            "{status} {said}"
        );
    }
}

/// One question to an engine, past any client.
pub(crate) fn ask(socket: &Path, method: &str, path: &str, body: &[u8]) -> (u16, String) {
    let mut stream = UnixStream::connect(socket).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Type: application/x-tar\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split_whitespace().nth(1);
    let status = status.and_then(|code| code.parse().ok()).unwrap_or(0);
    (status, body.to_owned())
}

/// Absolute paths of what a program is linked with (ldd(1)).
fn linked(program: &Path) -> Vec<PathBuf> {
    let said = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let words = text.split_whitespace().filter(|word| word.starts_with('/'));
    words
        .map(PathBuf::from)
        .filter(|path| path.exists())
        .collect()
}
