//! Who the host is, and what it has left of this and that.

use std::collections::BTreeMap;

use super::{Collected, Host, nth};
use crate::Page;

#[allow(clippy::unnecessary_wraps, reason = "the shape of a collector")]
pub(super) fn uname(_: &Host, page: &mut Page) -> Collected {
    let uname = rustix::system::uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let labels = [
        ("sysname", text(uname.sysname())),
        ("release", text(uname.release())),
        ("version", text(uname.version())),
        ("machine", text(uname.machine())),
        ("nodename", text(uname.nodename())),
        ("domainname", text(uname.domainname())),
    ];
    let labels: Vec<(&str, &str)> = labels
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let help = "Labeled system information as provided by the uname system call.";
    page.gauge("node_uname_info", help, &labels, 1.0);
    Ok(())
}

pub(super) fn os(host: &Host, page: &mut Page) -> Collected {
    let text = host
        .read("etc/os-release")
        .or_else(|_| host.read("usr/lib/os-release"))?;
    let pairs: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name, value.trim_matches(['"', '\''])))
        .collect();
    let of = |name: &str| pairs.get(name).copied().unwrap_or_default();
    let labels = [
        ("build_id", of("BUILD_ID")),
        ("id", of("ID")),
        ("id_like", of("ID_LIKE")),
        ("image_id", of("IMAGE_ID")),
        ("image_version", of("IMAGE_VERSION")),
        ("name", of("NAME")),
        ("pretty_name", of("PRETTY_NAME")),
        ("variant", of("VARIANT")),
        ("variant_id", of("VARIANT_ID")),
        ("version", of("VERSION")),
        ("version_codename", of("VERSION_CODENAME")),
        ("version_id", of("VERSION_ID")),
    ];
    let help = "A metric with a constant '1' value labeled by what os-release says.";
    page.gauge("node_os_info", help, &labels, 1.0);
    if let Ok(version) = of("VERSION_ID").parse() {
        let labels = [
            ("id", of("ID")),
            ("id_like", of("ID_LIKE")),
            ("name", of("NAME")),
        ];
        let help = "Metric containing the major.minor part of the OS version.";
        page.gauge("node_os_version", help, &labels, version);
    }
    Ok(())
}

pub(super) fn filefd(host: &Host, page: &mut Page) -> Collected {
    let text = host.read("proc/sys/fs/file-nr")?;
    let fields: Vec<&str> = text.split_whitespace().collect();
    for (at, name) in [(0, "allocated"), (2, "maximum")] {
        let help = format!("File descriptor statistics: {name}.");
        page.gauge(&format!("node_filefd_{name}"), &help, &[], nth(&fields, at));
    }
    Ok(())
}

pub(super) fn entropy(host: &Host, page: &mut Page) -> Collected {
    let folder = "proc/sys/kernel/random";
    let missing = || "the kernel does not tell its entropy".to_owned();
    let bits = host
        .number(&format!("{folder}/entropy_avail"))
        .ok_or_else(missing)?;
    page.gauge(
        "node_entropy_available_bits",
        "Bits of available entropy.",
        &[],
        bits,
    );
    if let Some(size) = host.number(&format!("{folder}/poolsize")) {
        page.gauge(
            "node_entropy_pool_size_bits",
            "Bits of entropy pool.",
            &[],
            size,
        );
    }
    Ok(())
}
