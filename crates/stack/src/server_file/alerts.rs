//! `alerts`: which rules the server evaluates beside those of its stacks, and who is told.

use crate::check::found;
use crate::decode::{duration, flag, number, text, texts};
use crate::tree::Node;
use mainstay_model::{Problem, Problems, Secret};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// What Mainstay tells of itself.
const OWN_PACK: &str = "mainstay";
const BUILT_IN: &str = "built-in";
const INTERVAL: Duration = Duration::from_secs(15);
const INTERVALS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(10);
const HEARTBEATS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24);
const HEARTBEAT: Duration = Duration::from_mins(1);

/// Rules and receivers of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertsSettings {
    pub enabled: bool,
    /// Between two evaluations of a group that says nothing of it.
    pub interval: Duration,
    /// Rule packs that come with Mainstay, by name.
    pub packs: Vec<String>,
    /// Rule files of Prometheus, absolute; the last part may have `*`.
    pub rules: Vec<PathBuf>,
    /// A configuration file of Alertmanager, absolute. `None`: the built-in routing.
    pub alertmanager: Option<PathBuf>,
    /// Whom the built-in routing tells.
    pub receivers: ReceiverAddresses,
    /// How people reach this server: links in notifications start with it.
    pub url: Option<String>,
    pub rotas: Vec<RotaSettings>,
    pub escalations: Vec<EscalationSettings>,
    /// What is told at fixed times that alerts are on their way; its silence is the alarm.
    pub heartbeat: Option<Heartbeat>,
}

impl Default for AlertsSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: INTERVAL,
            packs: vec![OWN_PACK.to_owned()],
            rules: Vec::new(),
            alertmanager: None,
            receivers: ReceiverAddresses::default(),
            url: None,
            rotas: Vec::new(),
            escalations: Vec::new(),
            heartbeat: None,
        }
    }
}

/// Each is there where its address was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceiverAddresses {
    pub webhook: Option<Given>,
    pub slack: Option<SlackAddress>,
    /// The routing key of an integration (Events API v2).
    pub pagerduty: Option<Given>,
    pub email: Option<EmailAddress>,
}

impl ReceiverAddresses {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A value that gives access: here, or in a file that is read when it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    Here(Secret<String>),
    File(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackAddress {
    /// Of an incoming webhook.
    pub url: Given,
    pub channel: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailAddress {
    pub to: Vec<String>,
    pub from: String,
    /// `host:port`
    pub smarthost: String,
    pub username: Option<String>,
    pub password: Option<Given>,
    /// Whether the connection must be encrypted.
    pub require_tls: bool,
}

/// People in turn. Whether days, times and zones are such is judged by whoever knows rotas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotaSettings {
    pub name: String,
    /// Names, and the receivers that reach them.
    pub people: Vec<(String, String)>,
    pub starts: String,
    pub days: u32,
    pub handover: String,
    pub zone: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationSettings {
    pub matchers: Vec<String>,
    pub steps: Vec<EscalationStepSettings>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationStepSettings {
    pub after: Duration,
    pub target: EscalationTarget,
}

/// Whom a step tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EscalationTarget {
    Rota(String),
    Receiver(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    pub url: Given,
    pub interval: Duration,
}

pub(super) fn alerts(tree: &Node, problems: &mut Problems) -> AlertsSettings {
    let mut settings = AlertsSettings::default();
    let Some(node) = tree.get("alerts") else {
        return settings;
    };
    let base = &node.at.source.base;
    settings.enabled = flag(node, "enabled").unwrap_or(true);
    if node.get("packs").is_some() {
        settings.packs = texts(node.get("packs"));
    }
    let rules = texts(node.get("rules")).into_iter();
    settings.rules = rules.map(|path| base.join(path)).collect();
    let routing = text(node, "routing").filter(|routing| routing != BUILT_IN);
    settings.alertmanager = routing.map(|path| base.join(path));
    settings.interval = duration(node, "interval").unwrap_or(INTERVAL);
    settings.url = text(node, "url");
    let mut reader = Reader { problems };
    reader.between(node, "interval", settings.interval, &INTERVALS);
    if let Some(url) = node.get("url") {
        reader.url(url);
    }
    if let Some(receivers) = node.get("receivers") {
        settings.receivers = reader.receivers(receivers);
        if settings.alertmanager.is_some() {
            let message = "`receivers` is for the built-in routing, and `routing` names a file";
            reader.wrong(
                receivers,
                message,
                "move them into that file, or take `routing` out",
            );
        }
    }
    for entry in node.get("rotas").map(Node::entries).unwrap_or_default() {
        settings.rotas.extend(reader.rota(&entry.key, &entry.value));
    }
    let escalations = node.get("escalations");
    for item in escalations.map(Node::items).unwrap_or_default() {
        settings.escalations.extend(reader.escalation(item));
    }
    settings.heartbeat = node.get("heartbeat").and_then(|node| {
        let interval = duration(node, "interval").unwrap_or(HEARTBEAT);
        reader.between(node, "interval", interval, &HEARTBEATS);
        let url = reader.given(node, "url", true)?;
        Some(Heartbeat { url, interval })
    });
    settings
}

struct Reader<'a> {
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn wrong(&mut self, node: &Node, message: impl Into<String>, hint: &str) {
        let problem = Problem::error("server/alerts", message).at(node.at.place());
        self.problems.push(problem.hint(hint));
    }

    fn between(
        &mut self,
        node: &Node,
        key: &str,
        value: Duration,
        range: &RangeInclusive<Duration>,
    ) {
        if range.contains(&value) {
            return;
        }
        let (least, most) = (range.start().as_secs(), range.end().as_secs());
        let message = format!("`{key}` is not between {least} s and {most} s");
        let at = node.get(key).unwrap_or(node);
        self.wrong(at, message, "such as `1m`");
    }

    fn url(&mut self, node: &Node) {
        let text = node.as_text().unwrap_or_default();
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        if rest.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
            // It may hold a secret: it is not shown.
            let hint = "write it whole: `https://host/path`";
            self.wrong(node, "this is no `http://` or `https://` URL", hint);
        }
    }

    /// Here, or in a file.
    fn given(&mut self, node: &Node, key: &str, is_url: bool) -> Option<Given> {
        let Some(value) = node.get(key) else {
            let hint = format!("`{key}: {{file: secrets/NAME}}` keeps it out of this file");
            self.wrong(node, format!("`{key}` is missing"), &hint);
            return None;
        };
        match (value.get("value"), text(value, "file")) {
            (Some(here), None) => {
                if is_url {
                    self.url(here);
                }
                let text = here.as_text().unwrap_or_default();
                Some(Given::Here(Secret::new(text.to_owned())))
            }
            (None, Some(file)) => Some(Given::File(node.at.source.base.join(file))),
            _ => {
                let message = format!("`{key}` has either a `value` or a `file`");
                self.wrong(value, message, "keep one of them");
                None
            }
        }
    }

    /// A text that must be there.
    fn needed(&mut self, node: &Node, key: &str) -> Option<String> {
        let found = text(node, key);
        if found.is_none() {
            self.wrong(node, format!("`{key}` is missing"), "see docs/alerting.md");
        }
        found
    }

    fn rota(&mut self, name: &str, node: &Node) -> Option<RotaSettings> {
        let people = node.get("people").map(Node::items).unwrap_or_default();
        let people = people
            .iter()
            .filter_map(|item| Some((self.needed(item, "name")?, self.needed(item, "receiver")?)))
            .collect();
        Some(RotaSettings {
            name: name.to_owned(),
            people,
            starts: self.needed(node, "starts")?,
            days: number(node, "days").unwrap_or(7),
            handover: text(node, "handover").unwrap_or_else(|| "09:00".to_owned()),
            zone: text(node, "zone").unwrap_or_else(|| "UTC".to_owned()),
        })
    }

    fn escalation(&mut self, node: &Node) -> Option<EscalationSettings> {
        let steps = node.get("steps").map(Node::items).unwrap_or_default();
        let steps: Vec<_> = steps.iter().filter_map(|item| self.step(item)).collect();
        if steps.is_empty() {
            self.wrong(
                node,
                "an escalation needs `steps`",
                "such as `{after: 5m, rota: ops}`",
            );
            return None;
        }
        Some(EscalationSettings {
            matchers: texts(node.get("matchers")),
            steps,
        })
    }

    fn step(&mut self, node: &Node) -> Option<EscalationStepSettings> {
        let target = match (text(node, "rota"), text(node, "receiver")) {
            (Some(rota), None) => EscalationTarget::Rota(rota),
            (None, Some(receiver)) => EscalationTarget::Receiver(receiver),
            _ => {
                let message = "a step tells either a `rota` or a `receiver`";
                self.wrong(node, message, "such as `{after: 5m, rota: ops}`");
                return None;
            }
        };
        let Some(after) = duration(node, "after") else {
            self.wrong(node, "`after` is missing", "such as `after: 5m`");
            return None;
        };
        Some(EscalationStepSettings { after, target })
    }

    fn receivers(&mut self, node: &Node) -> ReceiverAddresses {
        let webhook = node.get("webhook");
        let pagerduty = node.get("pagerduty");
        ReceiverAddresses {
            webhook: webhook.and_then(|node| self.given(node, "url", true)),
            slack: node.get("slack").and_then(|node| {
                Some(SlackAddress {
                    url: self.given(node, "url", true)?,
                    channel: text(node, "channel"),
                })
            }),
            pagerduty: pagerduty.and_then(|node| self.given(node, "routing_key", false)),
            email: node.get("email").and_then(|node| self.email(node)),
        }
    }

    fn email(&mut self, node: &Node) -> Option<EmailAddress> {
        let to = texts(node.get("to"));
        for (key, is_there) in [
            ("to", !to.is_empty()),
            ("from", node.get("from").is_some()),
            ("smarthost", node.get("smarthost").is_some()),
        ] {
            if !is_there {
                self.wrong(node, format!("e-mail needs `{key}`"), "see docs/alerts.md");
            }
        }
        let smarthost = text(node, "smarthost").unwrap_or_default();
        let port = smarthost.rsplit_once(':').map(|(_, port)| port);
        if let Some(at) = node.get("smarthost")
            && port.and_then(|port| port.parse::<u16>().ok()).is_none()
        {
            let shown = at.scalar().map(found).unwrap_or_default();
            let message = format!("{shown} is not a host and a port");
            self.wrong(at, message, "such as `smtp.example.org:587`");
        }
        let password = node.get("password");
        let password = password.and_then(|_| self.given(node, "password", false));
        Some(EmailAddress {
            to,
            from: text(node, "from")?,
            smarthost,
            username: text(node, "username"),
            password,
            require_tls: flag(node, "require_tls").unwrap_or(true),
        })
    }
}
