//! Peers installed: Debian packages, without starting the services in them, and packages of Python and Node.
//!
//! Debian starts a service when its package is installed, unless `/usr/sbin/policy-rc.d` forbids
//! it. Where there is no such file we write one for the time of the installation, and take it
//! away whatever happens; one that is there is somebody's will and stays as it is.

use super::peers::{Kind, Peer, python_root};
use anyhow::{Context, Result, bail};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Exit code 101: "action forbidden by policy" (invoke-rc.d's interface).
const FORBID: &str = "#!/bin/sh\nexit 101\n";

/// Installs the peers' packages.
pub(crate) fn install(peers: &[&Peer]) -> Result<()> {
    let (debian, others): (Vec<&Peer>, Vec<&Peer>) =
        peers.iter().partition(|peer| peer.kind == Kind::Debian);
    for peer in others {
        println!("installing: {}", peer.package);
        match peer.kind {
            Kind::Node => install_node(peer)?,
            _ => install_python(peer)?,
        }
    }
    if debian.is_empty() {
        return Ok(());
    }
    install_debian(&debian)
}

const LAYER: &str = "
import glob, io, os, sys, tarfile, zipfile
[package] = glob.glob(sys.prefix + '/lib/*/site-packages/aws_cdk/*/_jsii/*.tgz')
layer = tarfile.open(package).extractfile('package/lib/layer.zip').read()
for member in ('helm/helm', 'kubectl/kubectl'):
    program = os.path.join(sys.prefix, 'bin', os.path.basename(member))
    with open(program, 'wb') as file:
        file.write(zipfile.ZipFile(io.BytesIO(layer)).read(member))
    os.chmod(program, 0o755)
";

/// Into an environment of its own, so that nothing of the machine's Python changes.
fn install_python(peer: &Peer) -> Result<()> {
    let environment = python_root().join(peer.name);
    let made = Command::new("python3")
        .args(["-m", "venv"])
        .arg(&environment)
        .status()
        .context("cannot start python3\n  hint: apt-get install python3-venv")?;
    if !made.success() {
        bail!("`python3 -m venv` ended with {made}\n  hint: apt-get install python3-venv");
    }
    let installed = Command::new(environment.join("bin/pip"))
        .args(["install", "--quiet"])
        // The layer's own package needs nothing that it is told to need: only what lies in it is wanted.
        .args((peer.kind == Kind::PythonLayer).then_some("--no-deps"))
        .arg(peer.package)
        .status()
        .context("cannot start pip")?;
    if !installed.success() {
        bail!("`pip install {}` ended with {installed}", peer.package);
    }
    if peer.kind == Kind::PythonLayer {
        unpack(&environment)?;
    }
    Ok(())
}

/// Likewise. No script of a package runs: none of them is needed, and some fetch programs from elsewhere.
fn install_node(peer: &Peer) -> Result<()> {
    let installed = Command::new("npm")
        .args(["install", "--global", "--ignore-scripts", "--prefix"])
        .arg(python_root().join(peer.name))
        .args(["--no-audit", "--no-fund", "--loglevel=error"])
        .arg(peer.package)
        .status()
        .context("cannot start npm\n  hint: apt-get install npm")?;
    if !installed.success() {
        bail!("`npm install {}` ended with {installed}", peer.package);
    }
    Ok(())
}

/// Programs out of the archive within the package, into the environment's `bin`.
fn unpack(environment: &Path) -> Result<()> {
    let unpacked = Command::new(environment.join("bin/python3"))
        .args(["-c", LAYER])
        .status()
        .context("cannot start the environment's python3")?;
    if !unpacked.success() {
        bail!("what is in the package is not laid out as it was");
    }
    Ok(())
}

fn install_debian(peers: &[&Peer]) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!(
            "installing packages needs root\n  hint: sudo apt-get install --no-install-recommends {}",
            names(peers).join(" ")
        );
    }
    println!("installing: {}", names(peers).join(" "));
    let _starts_suppressed = Policy::forbid_starts()?;
    if install_once(peers).is_err() {
        // Package lists that are missing or old are the usual reason.
        apt(&["update"])?;
        install_once(peers)?;
    }
    Ok(())
}

fn names(peers: &[&Peer]) -> Vec<&'static str> {
    peers.iter().map(|peer| peer.package).collect()
}

fn install_once(peers: &[&Peer]) -> Result<()> {
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(names(peers));
    apt(&arguments)
}

fn apt(arguments: &[&str]) -> Result<()> {
    let status = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .context("cannot start apt-get\n  hint: --install knows Debian and Ubuntu only")?;
    if !status.success() {
        bail!("`apt-get {}` ended with {status}", arguments.join(" "));
    }
    Ok(())
}

/// Our own policy file, for as long as this lives.
struct Policy {
    ours: bool,
}

impl Policy {
    fn forbid_starts() -> Result<Self> {
        if Path::new(POLICY).exists() {
            return Ok(Self { ours: false });
        }
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(POLICY)
            .with_context(|| format!("cannot write {POLICY}"))?;
        file.write_all(FORBID.as_bytes())
            .with_context(|| format!("cannot write {POLICY}"))?;
        Ok(Self { ours: true })
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if self.ours {
            let _ = std::fs::remove_file(POLICY);
        }
    }
}
