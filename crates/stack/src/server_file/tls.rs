//! `tls`: which certificates.

use super::{CertificateFiles, Tls, acme};
use crate::decode::text;
use crate::tree::Node;
use mainstay_model::{Problem, Problems};

pub(super) fn tls(tree: &Node, problems: &mut Problems) -> Tls {
    let Some(section) = tree.get("tls") else {
        return Tls::default();
    };
    let nodes = section
        .get("certificates")
        .map(Node::items)
        .unwrap_or_default();
    let mut certificates: Vec<CertificateFiles> = Vec::new();
    for node in nodes {
        let Some(files) = files(node, problems) else {
            continue;
        };
        if certificates.contains(&files) {
            let problem = Problem::error("server/certificate", "this certificate stands twice");
            problems.push(problem.at(node.at.place()));
        }
        certificates.push(files);
    }
    Tls {
        only_1_3: text(section, "min_version").as_deref() == Some("1.3"),
        certificates,
        acme: section.get("acme").map(|node| acme::acme(node, problems)),
    }
}

fn files(node: &Node, problems: &mut Problems) -> Option<CertificateFiles> {
    let mut path = |key: &str| {
        let Some(value) = node.get(key) else {
            let message = format!("a certificate needs a `{key}`");
            problems.push(Problem::error("server/certificate", message).at(node.at.place()));
            return None;
        };
        Some(value.at.path(value.as_text()?))
    };
    let (certificate, key) = (path("certificate"), path("key"));
    Some(CertificateFiles {
        certificate: certificate?,
        key: key?,
    })
}
