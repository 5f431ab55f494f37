//! `receivers`: names, and the ways each is reached.

use mainstay_yaml::tree::Node;
use serde::{Deserialize, Serialize};

use super::fields::Fields;
use super::global::Global;
use super::integrations::{
    Discord, Email, MsTeams, MsTeamsV2, Opsgenie, Pagerduty, Slack, Telegram, Webhook,
};

/// Who is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Receiver {
    pub name: String,
    pub integrations: Vec<Integration>,
}

/// One way to reach a receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct Integration {
    /// Its number among those of its kind in the receiver.
    pub index: usize,
    /// Whether it is told that alerts are over.
    pub send_resolved: bool,
    pub settings: Settings,
}

/// The kinds there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntegrationKind {
    Webhook,
    Slack,
    Pagerduty,
    Email,
    Opsgenie,
    Discord,
    Telegram,
    MsTeams,
    MsTeamsV2,
}

impl IntegrationKind {
    /// As Alertmanager names it in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Pagerduty => "pagerduty",
            Self::Email => "email",
            Self::Opsgenie => "opsgenie",
            Self::Discord => "discord",
            Self::Telegram => "telegram",
            Self::MsTeams => "msteams",
            Self::MsTeamsV2 => "msteamsv2",
        }
    }
}

/// What a kind needs to know.
#[derive(Debug, Clone, PartialEq)]
pub enum Settings {
    Webhook(Box<Webhook>),
    Slack(Box<Slack>),
    Pagerduty(Box<Pagerduty>),
    Email(Box<Email>),
    Opsgenie(Box<Opsgenie>),
    Discord(Box<Discord>),
    Telegram(Box<Telegram>),
    MsTeams(Box<MsTeams>),
    MsTeamsV2(Box<MsTeamsV2>),
}

impl Integration {
    pub fn kind(&self) -> IntegrationKind {
        match &self.settings {
            Settings::Webhook(_) => IntegrationKind::Webhook,
            Settings::Slack(_) => IntegrationKind::Slack,
            Settings::Pagerduty(_) => IntegrationKind::Pagerduty,
            Settings::Email(_) => IntegrationKind::Email,
            Settings::Opsgenie(_) => IntegrationKind::Opsgenie,
            Settings::Discord(_) => IntegrationKind::Discord,
            Settings::Telegram(_) => IntegrationKind::Telegram,
            Settings::MsTeams(_) => IntegrationKind::MsTeams,
            Settings::MsTeamsV2(_) => IntegrationKind::MsTeamsV2,
        }
    }
}

/// The lists that are read, in the order in which Alertmanager asks them.
const READ: &[&str] = &[
    "webhook_configs",
    "email_configs",
    "pagerduty_configs",
    "opsgenie_configs",
    "slack_configs",
    "telegram_configs",
    "discord_configs",
    "msteams_configs",
    "msteamsv2_configs",
];

/// The lists that Alertmanager knows and we do not have.
const REFUSED: &[&str] = &[
    "wechat_configs",
    "pushover_configs",
    "victorops_configs",
    "sns_configs",
    "webex_configs",
    "jira_configs",
    "rocketchat_configs",
    "incidentio_configs",
    "mattermost_configs",
];

impl Fields<'_> {
    pub(super) fn receivers(&mut self, tree: &Node, global: &Global) -> Vec<Receiver> {
        let mut receivers: Vec<Receiver> = Vec::new();
        for node in self.list(tree, "receivers") {
            let Some(receiver) = self.receiver(node, global) else {
                continue;
            };
            if receivers.iter().any(|other| other.name == receiver.name) {
                let message = format!("receiver `{}` stands here twice", receiver.name);
                self.error(node, "receiver", message);
            }
            receivers.push(receiver);
        }
        receivers
    }

    fn receiver(&mut self, node: &Node, global: &Global) -> Option<Receiver> {
        let keys = [&["name"], READ, REFUSED].concat();
        if !self.section(node, "receivers", &keys) {
            return None;
        }
        for key in REFUSED {
            let hint = "use `webhook_configs` for it, or run Alertmanager for this receiver";
            self.unsupported(node, key, hint);
        }
        let mut integrations = Vec::new();
        for key in READ {
            for (index, item) in self.list(node, key).iter().enumerate() {
                let default = !matches!(*key, "email_configs" | "slack_configs");
                let send_resolved = self.flag(item, "send_resolved").unwrap_or(default);
                let settings = self.settings(item, key, global);
                integrations.extend(settings.map(|settings| Integration {
                    index,
                    send_resolved,
                    settings,
                }));
            }
        }
        let Some(name) = self.text(node, "name") else {
            self.error(node, "receiver", "a receiver has no `name`");
            return None;
        };
        Some(Receiver { name, integrations })
    }

    fn settings(&mut self, node: &Node, key: &str, global: &Global) -> Option<Settings> {
        match key {
            "webhook_configs" => self
                .webhook(node, global)
                .map(Box::new)
                .map(Settings::Webhook),
            "email_configs" => self.email(node, global).map(Box::new).map(Settings::Email),
            "pagerduty_configs" => {
                let settings = self.pagerduty(node, global).map(Box::new);
                settings.map(Settings::Pagerduty)
            }
            "opsgenie_configs" => {
                let settings = self.opsgenie(node, global).map(Box::new);
                settings.map(Settings::Opsgenie)
            }
            "slack_configs" => self.slack(node, global).map(Box::new).map(Settings::Slack),
            "telegram_configs" => {
                let settings = self.telegram(node, global).map(Box::new);
                settings.map(Settings::Telegram)
            }
            "discord_configs" => self
                .discord(node, global)
                .map(Box::new)
                .map(Settings::Discord),
            "msteams_configs" => self
                .msteams(node, global)
                .map(Box::new)
                .map(Settings::MsTeams),
            _ => {
                let settings = self.msteamsv2(node, global).map(Box::new);
                settings.map(Settings::MsTeamsV2)
            }
        }
    }
}
