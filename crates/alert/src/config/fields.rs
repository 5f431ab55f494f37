//! Reading one mapping: its keys against a table, its values by type. What is wrong is collected.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use mainstay_model::{Problem, Problems, Secret, SecretSource};
use mainstay_yaml::fields as yaml;
use mainstay_yaml::tree::{Kind, Node};

/// Where the file shows a secret that was taken out of it.
pub const REDACTED: &str = "<secret>";

/// Collects problems: what all readers say, and what Alertmanager's file has beside it.
pub(super) struct Fields<'a>(yaml::Fields<'a>);

impl<'a> Fields<'a> {
    /// What was found is never shown: it may be a secret.
    pub(super) fn new(problems: &'a mut Problems) -> Self {
        Self(yaml::Fields {
            section: "alertmanager",
            shows: false,
            problems,
        })
    }
}

impl<'a> Deref for Fields<'a> {
    type Target = yaml::Fields<'a>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Fields<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Fields<'_> {
    /// As [`error`](Self::error), with what mends it.
    pub(super) fn mend(&mut self, node: &Node, code: &str, message: impl Into<String>, hint: &str) {
        let problem = Problem::error(format!("alertmanager/{code}"), message).hint(hint);
        self.problems.push(problem.at(node.at.place()));
    }

    /// A key that Alertmanager knows and we do not have yet.
    pub(super) fn unsupported(&mut self, node: &Node, key: &str, hint: &str) {
        if let Some(entry) = node.entry(key) {
            let message = format!("`{key}` is not supported yet");
            let problem = Problem::error("alertmanager/not-supported", message).hint(hint);
            self.problems.push(problem.at(entry.at.place()));
        }
    }

    /// Whether it is a mapping; judges its keys.
    pub(super) fn section(&mut self, node: &Node, name: &str, keys: &[&str]) -> bool {
        if !self.mapping(node, name) {
            return false;
        }
        for entry in node.entries() {
            if !keys.contains(&entry.key.as_str()) {
                self.unknown(entry, name, keys.iter().copied());
            }
        }
        true
    }

    /// A text; an empty one is none.
    pub(super) fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        self.given(node, key).filter(|text| !text.is_empty())
    }

    /// A text, maybe empty.
    pub(super) fn given(&mut self, node: &Node, key: &str) -> Option<String> {
        self.0.text(node, key)
    }

    /// A text, or what it is when it is not given.
    pub(super) fn text_or(&mut self, node: &Node, key: &str, default: &str) -> String {
        self.given(node, key).unwrap_or_else(|| default.to_owned())
    }

    /// YAML 1.1's words, as Alertmanager reads them; a word in quotes is no boolean.
    pub(super) fn flag(&mut self, node: &Node, key: &str) -> Option<bool> {
        let value = node.get(key)?;
        let plain = value.scalar().filter(|scalar| scalar.plain);
        let flag = plain.and_then(|scalar| match scalar.text.as_str() {
            "true" | "True" | "TRUE" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
                Some(true)
            }
            "false" | "False" | "FALSE" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off"
            | "OFF" => Some(false),
            _ => None,
        });
        if flag.is_none() {
            self.expected(value, key, "`true` or `false`");
        }
        flag
    }

    pub(super) fn number<T: std::str::FromStr>(&mut self, node: &Node, key: &str) -> Option<T> {
        self.parsed(node, key, "a whole number", |text| text.parse().ok())
    }

    pub(super) fn duration(&mut self, node: &Node, key: &str) -> Option<Duration> {
        self.parsed(node, key, "a duration such as `5m`", parse_duration)
    }

    /// A list of texts, each with its node.
    pub(super) fn texts<'n>(&mut self, node: &'n Node, key: &str) -> Vec<(&'n Node, String)> {
        let mut texts = Vec::new();
        for item in self.list(node, key) {
            match &item.kind {
                Kind::Scalar(scalar) => texts.push((item, scalar.text.clone())),
                Kind::Null => texts.push((item, String::new())),
                _ => self.expected(item, key, "a list of single values"),
            }
        }
        texts
    }

    /// An address that starts with `http://` or `https://` and names a host.
    pub(super) fn url(&mut self, node: &Node, key: &str) -> Option<String> {
        let expected = "an address such as `https://host/path`";
        self.parsed(node, key, expected, |text| {
            is_http_url(text).then(|| text.to_owned())
        })
    }

    /// A text under `key`, or in the file that `key_file` names.
    pub(super) fn secret(&mut self, node: &Node, key: &str) -> Option<SecretSource> {
        let inline = self.text(node, key);
        self.one_of(node, key, inline)
    }

    /// An address that is a secret by itself, under `key` or in the file that `key_file` names.
    pub(super) fn secret_url(&mut self, node: &Node, key: &str) -> Option<SecretSource> {
        let expected = "an address such as `https://host/path`";
        let inline = self.parsed(node, key, expected, |text| {
            (text == REDACTED || is_http_url(text)).then(|| text.to_owned())
        });
        self.one_of(node, key, inline)
    }

    fn one_of(&mut self, node: &Node, key: &str, inline: Option<String>) -> Option<SecretSource> {
        let file = format!("{key}_file");
        let path = self.text(node, &file);
        if inline.is_some() && path.is_some() {
            let message = format!("at most one of `{key}` and `{file}` can be given");
            self.error(node, "secret", message);
        }
        let path = path.map(|path| SecretSource::File(node.at.path(&path)));
        path.or(inline.map(|text| SecretSource::Inline(Secret::new(text))))
    }
}

/// As Go's `url.Parse` with Alertmanager's two conditions, a scheme of HTTP and a host.
pub(super) fn is_http_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) => (name, port.strip_prefix(':').unwrap_or(port)),
            None => return false,
        },
        None => host.split_once(':').unwrap_or((host, "")),
    };
    let scheme = scheme.to_ascii_lowercase();
    (scheme == "http" || scheme == "https")
        && !host.is_empty()
        && port.bytes().all(|b| b.is_ascii_digit())
        && !name.contains([' ', '<', '>', '"'])
        && !text.bytes().any(|b| b.is_ascii_control())
}

/// Prometheus's durations: `1h30m`, `1d`; whole numbers, each unit once, the larger first.
fn parse_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 7] = [
        ("y", 365 * 86_400_000),
        ("w", 7 * 86_400_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut rest, mut units, mut sum) = (text, &UNITS[..], 0u64);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
        let at = units
            .iter()
            .position(|(unit, _)| *unit == &rest[..letters])?;
        sum = sum.checked_add(number.checked_mul(units[at].1)?)?;
        units = &units[at + 1..];
        rest = &rest[letters..];
    }
    Some(Duration::from_millis(sum))
}
