//! `certificates`: one line each, and what is wrong below.

use crate::look::{Look, Tone};
use crate::render::quantity::{date, elapsed};
use crate::render::table::{Entry, table};
use mainstay_model::Timestamp;
use mainstay_server::api::types::{Certificate, CertificateSource};
use std::fmt::Write as _;
use std::time::Duration;

/// Less than this is worth a colour.
const SOON: Duration = Duration::from_secs(21 * 86_400);

pub fn list(certificates: &[Certificate], now: Timestamp, look: Look) -> String {
    if certificates.is_empty() {
        return "no certificate; name files or an authority under `tls` in server.yaml".to_owned();
    }
    let rows = certificates.iter().map(|one| row(one, now)).collect();
    let titles = ["NAMES", "SOURCE", "ISSUER", "EXPIRES", "RENEWED"];
    let mut text = table(look, &titles, rows);
    for one in certificates {
        if let Some(problem) = &one.problem {
            let label = look.paint(Tone::Warning, format!("{}:", subject(one)));
            let _ = write!(text, "\n{label} {}\n", problem.replace('\n', "\n  "));
        }
    }
    text
}

fn row(one: &Certificate, now: Timestamp) -> Vec<Entry> {
    let (tone, expires) = match one.not_after {
        None => (Tone::Bad, "missing".to_owned()),
        Some(end) if end <= now => (Tone::Bad, format!("expired {}", date(end))),
        Some(end) => {
            let left = end.since(now);
            let tone = if left < SOON && one.next_renewal.is_none() {
                Tone::Warning
            } else {
                Tone::Strong
            };
            (tone, format!("{} (in {})", date(end), elapsed(left)))
        }
    };
    let source = match one.source {
        CertificateSource::File => "file",
        CertificateSource::Acme => "acme",
    };
    vec![
        Entry::new(subject(one)),
        Entry::new(source),
        Entry::optional(one.issuer.as_ref()),
        Entry::new(expires).tone(tone),
        Entry::optional(one.next_renewal.map(date)),
    ]
}

fn subject(one: &Certificate) -> String {
    match &one.path {
        Some(path) if one.names.is_empty() => path.display().to_string(),
        _ => one.names.join(", "),
    }
}
