//! `tls.acme`: how certificates are had from an authority.

use super::{Acme, ChallengeKind, ServerFile};
use crate::check::found;
use crate::decode::{flag, text};
use crate::tree::Node;
use mainstay_model::{Problem, Problems};

/// Authorities by name.
const KNOWN: [(&str, &str); 2] = [
    (
        "letsencrypt",
        "https://acme-v02.api.letsencrypt.org/directory",
    ),
    (
        "letsencrypt-staging",
        "https://acme-staging-v02.api.letsencrypt.org/directory",
    ),
];

pub(super) fn acme(node: &Node, problems: &mut Problems) -> Acme {
    if flag(node, "terms_agreed") != Some(true) {
        let at = node.get("terms_agreed").unwrap_or(node).at.place();
        problems.push(
            Problem::error(
                "server/acme-terms",
                "the authority's terms are not agreed to",
            )
            .at(at)
            .hint("read them (the directory links to them) and write `terms_agreed: true`"),
        );
    }
    if let Some(email) = node.get("email")
        && !email.as_text().is_some_and(is_email)
    {
        let shown = email.scalar().map(found).unwrap_or_default();
        let message = format!("{shown} is not an e-mail address");
        problems.push(Problem::error("server/acme-email", message).at(email.at.place()));
    }
    Acme {
        directory: directory(node, problems),
        email: text(node, "email"),
        ca: node
            .get("ca")
            .and_then(|ca| Some(ca.at.path(ca.as_text()?))),
        challenge: match text(node, "challenge").as_deref() {
            Some("tls-alpn-01") => ChallengeKind::TlsAlpn01,
            _ => ChallengeKind::Http01,
        },
    }
}

fn directory(node: &Node, problems: &mut Problems) -> String {
    let Some(directory) = node.get("directory") else {
        return KNOWN[0].1.to_owned();
    };
    let text = directory.as_text().unwrap_or_default();
    if let Some((_, url)) = KNOWN.iter().find(|(name, _)| *name == text) {
        return (*url).to_owned();
    }
    let host = text.strip_prefix("https://");
    if !host.is_some_and(|host| !host.is_empty() && !host.starts_with('/')) {
        let shown = directory.scalar().map(found).unwrap_or_default();
        let message = format!("{shown} is no authority's directory");
        let names = KNOWN.map(|(name, _)| name);
        let guess = mainstay_model::did_you_mean(text, names);
        let hint = match guess {
            Some(name) => format!("did you mean `{name}`?"),
            None => "write `letsencrypt`, `letsencrypt-staging`, or an `https://` URL".to_owned(),
        };
        let problem = Problem::error("server/acme-directory", message);
        problems.push(problem.at(directory.at.place()).hint(hint));
    }
    text.to_owned()
}

fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !text.contains(char::is_whitespace)
    })
}

/// An authority asks on two ports only, whatever we listen on.
pub(super) fn ports(tree: &Node, file: &ServerFile, problems: &mut Problems) {
    let Some(acme) = &file.tls.acme else {
        return;
    };
    let (key, address, port) = match acme.challenge {
        ChallengeKind::Http01 => ("http", file.http, 80),
        ChallengeKind::TlsAlpn01 => ("https", file.https, 443),
    };
    let at = tree.get("proxy").and_then(|proxy| proxy.get(key));
    let at = at.or_else(|| tree.get("tls")).unwrap_or(tree).at.place();
    let is_there = address.is_some_and(|address| address.port() == port);
    if !is_there {
        let message = format!("an authority asks on port {port}, and `proxy.{key}` is another");
        problems.push(
            Problem::warning("server/acme-port", message)
                .at(at)
                .hint(format!("listen there: `{key}: 0.0.0.0:{port}`; or see that something passes port {port} on to it")),
        );
    }
}
