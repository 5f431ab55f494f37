//! `probes`: what is looked at from outside.

use super::metrics::interval;
use crate::check::shown;
use crate::decode::{duration, flag, text};
use crate::resolved::{OutsideProbe, Question, RecordType};
use crate::tree::{Entry, Node};
use mainstay_model::{Problem, Problems};
use std::time::Duration;

/// Of one probe, where nothing is said; as blackbox_exporter's examples have it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Beyond it one probe would still run when the next begins.
const LONGEST: Duration = Duration::from_mins(1);
/// What a probe is, and nothing else.
const KINDS: [&str; 4] = ["http", "tcp", "tls", "dns"];

/// The probes of the section, by name.
pub(crate) fn probes(tree: &Node, problems: &mut Problems) -> Vec<OutsideProbe> {
    let entries = tree.get("probes").map(Node::entries).unwrap_or_default();
    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    let found = entries
        .into_iter()
        .filter_map(|entry| probe(entry, problems));
    found.collect()
}

fn probe(entry: &Entry, problems: &mut Problems) -> Option<OutsideProbe> {
    let node = &entry.value;
    let interval = interval(entry, problems);
    let mut wrong = |key: &str, message: String, hint: &str| {
        let at = node.get(key).map_or(&entry.at, |value| &value.at);
        let problem = Problem::error("mainstay/value", message).at(at.place());
        problems.push(problem.hint(hint));
    };
    let said: Vec<&str> = KINDS
        .into_iter()
        .filter(|kind| node.get(kind).is_some())
        .collect();
    let [kind] = said[..] else {
        let message = format!(
            "probe `{}` must be one of `http`, `tcp`, `tls`, `dns`",
            shown(&entry.key)
        );
        wrong("", message, "such as `http: https://example.org/health`");
        return None;
    };
    for (keys, of) in [
        (&["status", "follow_redirects"][..], "http"),
        (&["name", "record"][..], "dns"),
    ] {
        for key in keys
            .iter()
            .filter(|key| kind != of && node.get(key).is_some())
        {
            let message = format!("`{key}` means nothing to a probe of `{kind}`");
            wrong(key, message, &format!("it is for `{of}`: take it out"));
        }
    }
    let timeout = duration(node, "timeout").unwrap_or(TIMEOUT);
    if timeout.is_zero() || timeout > LONGEST {
        let message = format!(
            "`timeout` of {} s is not between 1 ms and 1 m",
            timeout.as_secs_f64()
        );
        wrong("timeout", message, "such as `5s`");
    }
    let question = match kind {
        "http" => http(node, problems)?,
        "tcp" => Question::Tcp {
            address: address(node, "tcp", None, problems)?,
        },
        "tls" => Question::Tls {
            address: address(node, "tls", Some(443), problems)?,
        },
        _ => dns(entry, problems)?,
    };
    Some(OutsideProbe {
        name: entry.key.clone(),
        question,
        insecure: flag(node, "insecure").unwrap_or(false),
        interval_ms: interval.map(|interval| interval.as_millis() as u64),
        timeout,
    })
}

fn http(node: &Node, problems: &mut Problems) -> Option<Question> {
    let url = text(node, "http")?;
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let fits = host.is_some_and(|host| !host.is_empty() && !host.contains('@'))
        && !url.contains(char::is_whitespace);
    if !fits {
        let message =
            "`http` must be a URL with `http://` or `https://`, and without a user".to_owned();
        problems.push(at(node, "http", message).hint("such as `https://example.org/health`"));
        return None;
    }
    let mut statuses = Vec::new();
    for item in node.get("status").map(Node::items).unwrap_or_default() {
        let status = item.as_text().and_then(|text| text.parse().ok());
        match status.filter(|status| (100..=599).contains(status)) {
            Some(status) => statuses.push(status),
            None => problems.push(
                Problem::error("mainstay/value", "a status is a number from 100 to 599")
                    .at(item.at.place()),
            ),
        }
    }
    Some(Question::Http {
        url,
        statuses,
        follow: flag(node, "follow_redirects").unwrap_or(true),
    })
}

fn dns(entry: &Entry, problems: &mut Problems) -> Option<Question> {
    let node = &entry.value;
    let server = address(node, "dns", Some(53), problems);
    let Some(name) = text(node, "name").filter(|name| !name.is_empty() && name.len() < 254) else {
        let problem = Problem::error("mainstay/value", "a probe of `dns` needs a `name`");
        problems.push(
            problem
                .at(entry.at.place())
                .hint("the name that is asked for"),
        );
        return None;
    };
    let record = text(node, "record");
    Some(Question::Dns {
        server: server?,
        name,
        record: record
            .and_then(|word| RecordType::of_word(&word))
            .unwrap_or(RecordType::A),
    })
}

/// `host:port`, with a port that may go without saying.
fn address(node: &Node, key: &str, usual: Option<u16>, problems: &mut Problems) -> Option<String> {
    let given = text(node, key)?;
    // `::1` is an address and no port; `[::1]:53` has both.
    let (host, port) = match given.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (given.as_str(), None),
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|port: &u16| *port > 0),
        None => usual,
    };
    let is_host = !host.is_empty() && !host.contains(['/', '@', ' ']);
    let Some(port) = port.filter(|_| is_host) else {
        let message = format!("`{key}` must be `host:port`");
        problems.push(at(node, key, message).hint("such as `mail.example.org:25`"));
        return None;
    };
    let bare = host.contains(':') && !host.starts_with('[');
    Some(if bare {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    })
}

fn at(node: &Node, key: &str, message: String) -> Problem {
    let at = node.get(key).map_or(&node.at, |value| &value.at);
    Problem::error("mainstay/value", message).at(at.place())
}
