//! Base images made of this machine's own files, under the names that the Dockerfiles ask for: the real ones
//! cannot be fetched. What differs from them is the version of what is in them, never a rendered line.

use crate::engine::Engine;
use crate::peers::quiet;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What each of them has: a shell, the small programs, and who makes users.
const DEBIAN: [&str; 7] = [
    "base-files",
    "bash",
    "coreutils",
    "dash",
    "libc-bin",
    "login",
    "passwd",
];

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The root of an image, as it grows.
pub(super) struct Base {
    folder: tempfile::TempDir,
}

impl Base {
    /// Debian packages as they are installed here, with all that they depend on.
    pub(super) fn of(packages: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let base = Self { folder };
        for directory in ["etc", "opt/packages", "root", "tmp", "usr/local"] {
            std::fs::create_dir_all(base.root().join(directory)).expect("a folder");
        }
        let files = files(packages);
        base.copy(Path::new("/"), files.iter().map(PathBuf::as_path), "");
        // What installing the packages would have made.
        for name in ["bin", "sbin", "lib", "lib64"] {
            base.link(&format!("usr/{name}"), name);
        }
        base.file("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
        base.file("etc/group", "root:x:0:\n");
        base.file("etc/shadow", "root:*:20000:0:99999:7:::\n");
        base.file("etc/gshadow", "root:*::\n");
        let everybody = std::fs::Permissions::from_mode(0o1777);
        std::fs::set_permissions(base.root().join("tmp"), everybody).expect("a mode");
        base
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Where a project's packages come from, as no registry is asked.
    fn packages(&self) -> PathBuf {
        self.root().join("opt/packages")
    }

    fn file(&self, inside: &str, text: &str) {
        std::fs::write(self.root().join(inside), text).expect("a file");
    }

    fn link(&self, target: &str, inside: &str) {
        let place = self.root().join(inside);
        let _ = std::fs::remove_file(&place);
        std::os::unix::fs::symlink(target, place).expect("a link");
    }

    /// Files and folders by their paths below `from`, to the same paths below `inside`.
    fn copy<'a>(&self, from: &Path, paths: impl Iterator<Item = &'a Path>, inside: &str) {
        let mut copy = Command::new("cp");
        copy.args(["--archive", "--parents", "--target-directory"]);
        copy.arg(self.root().join(inside)).current_dir(from);
        quiet(copy.args(paths));
    }

    /// Under the name that a Dockerfile asks for.
    fn import(self, engine: &Engine, name: &str, variables: &str) {
        let mut tar = Command::new("tar");
        tar.args(["--create", "--owner=0", "--group=0", "--directory"]);
        let tar = tar.arg(self.root()).arg(".").stdout(Stdio::piped());
        let mut tar = tar.spawn().expect("tar starts");
        let variables = format!("ENV {PATH} {variables}");
        let mut import = engine.docker();
        import.args(["import", "--change", variables.trim_end(), "-", name]);
        quiet(import.stdin(tar.stdout.take().expect("its end of the pipe")));
        assert!(tar.wait().expect("tar").success(), "{name}");
    }
}

/// Of packages and all that they depend on, each below the folder that it is really in (`/usr/lib` for
/// `/lib`). Left out is what nobody runs.
fn files(packages: &[&str]) -> BTreeSet<PathBuf> {
    let mut depended = Command::new("apt-cache");
    depended.args(["depends", "--recurse", "--installed", "--no-recommends"]);
    depended.args(["--no-suggests", "--no-conflicts", "--no-breaks"]);
    depended.args(["--no-replaces", "--no-enhances"]);
    let said = quiet(depended.args(DEBIAN).args(packages));
    let plain = |line: &&str| line.starts_with(|c: char| c.is_ascii_alphanumeric());
    let names: Vec<&str> = said.lines().filter(plain).collect();
    // It fails for those that are not installed (one of several that would do), and tells of the others.
    let listed = Command::new("dpkg").arg("--listfiles").args(names).output();
    let listed = String::from_utf8(listed.expect("dpkg").stdout).expect("names");
    let mut real = BTreeSet::new();
    for path in listed.lines().map(Path::new) {
        let read = [
            "/usr/share/doc",
            "/usr/share/man",
            "/usr/share/locale",
            "/usr/include",
        ];
        let is_file = path.is_file() || path.is_symlink();
        if !is_file || read.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        if let Some((folder, name)) = folder.zip(path.file_name()) {
            let path = folder.join(name);
            real.extend(path.strip_prefix("/").map(Path::to_owned));
        }
    }
    real
}

/// Python as in `python:…-slim`, with one package for pip to find.
pub(super) fn python(engine: &Engine, name: &str) {
    let base = Base::of(&["python3", "python3-venv"]);
    base.link("python3", "usr/bin/python");
    let wheel = base.packages().join("greeting-1.0-py3-none-any.whl");
    quiet(Command::new("python3").args(["-c", WHEEL]).arg(wheel));
    base.import(engine, name, "PIP_NO_INDEX=1 PIP_FIND_LINKS=/opt/packages");
}

const WHEEL: &str = "
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as wheel:
    wheel.writestr('greeting.py', 'WORD = b\"ok\"\\n')
    about = 'greeting-1.0.dist-info/'
    wheel.writestr(about + 'METADATA', 'Metadata-Version: 2.1\\nName: greeting\\nVersion: 1.0\\n')
    wheel.writestr(about + 'WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(about + 'RECORD', '')
";

/// Rust as in `rust:…-slim`: the tools that this test was built with, and what links.
pub(super) fn rust(engine: &Engine, name: &str) {
    let base = Base::of(&["gcc", "libc6-dev"]);
    base.link("gcc", "usr/bin/cc");
    let asked = |what: &[&str]| quiet(Command::new("rustc").args(what)).trim().to_owned();
    let root = PathBuf::from(asked(&["--print", "sysroot"]));
    let libraries = PathBuf::from(asked(&["--print", "target-libdir"]));
    let of_target = libraries.parent().expect("the target's folder");
    let of_target = of_target.strip_prefix(&root).expect("below the root");
    let entries = std::fs::read_dir(root.join("lib")).expect("libraries");
    let names = entries.flatten().map(|entry| entry.file_name());
    let names = names.map(|name| format!("lib/{}", name.to_string_lossy()));
    let shared = names.filter(|name| name.contains(".so"));
    let mut wanted: Vec<PathBuf> = shared.map(PathBuf::from).collect();
    wanted.extend(["bin/cargo", "bin/rustc"].map(PathBuf::from));
    wanted.push(of_target.to_owned());
    base.copy(&root, wanted.iter().map(PathBuf::as_path), "usr/local");
    base.import(engine, name, "CARGO_HOME=/usr/local/cargo");
}

/// What a program of Rust runs on: nothing but Debian.
pub(super) fn debian(engine: &Engine, name: &str) {
    Base::of(&[]).import(engine, name, "");
}

/// Node as in `node:…-slim`, with two packages for npm to find.
pub(super) fn node(engine: &Engine, name: &str, npm: &Path) {
    let base = Base::of(&["nodejs"]);
    // npm brings itself up to date past dpkg, so it is taken as it is.
    let program = npm.canonicalize().expect("npm");
    let folder = program.ancestors().nth(2).expect("npm's folder");
    let inside = folder.strip_prefix("/").expect("a whole path");
    base.copy(Path::new("/"), std::iter::once(inside), "");
    base.link(&program.display().to_string(), "usr/bin/npm");
    for package in ["greeting", "tool"] {
        let folder = base.folder.path().join(package).join("package");
        std::fs::create_dir_all(&folder).expect("a folder");
        let about = format!("{{\"name\": \"{package}\", \"version\": \"1.0.0\"}}");
        std::fs::write(folder.join("package.json"), about).expect("a file");
        std::fs::write(folder.join("index.js"), "module.exports = 'ok'\n").expect("a file");
        let mut tar = Command::new("tar");
        tar.arg("--create").arg("--gzip").arg("--file");
        tar.arg(base.packages().join(format!("{package}.tgz")));
        tar.arg("--directory")
            .arg(folder.parent().expect("a folder"));
        quiet(tar.arg("package"));
    }
    base.import(engine, name, "");
}
