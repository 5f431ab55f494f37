//! What each kind of receiver is told, field by field, with Alertmanager's names and defaults.
//!
//! Fields that hold templates are kept as they are written; who sends a notification expands them.

mod chat;
mod email;
mod opsgenie;
mod pagerduty;
mod slack;
mod webhook;

pub use chat::{Discord, MsTeams, MsTeamsV2, Telegram};
pub use email::Email;
pub use opsgenie::{Opsgenie, OpsgenieResponder};
pub use pagerduty::{Pagerduty, PagerdutyImage, PagerdutyLink};
pub use slack::{Slack, SlackAction, SlackConfirm, SlackField};
pub use webhook::Webhook;
