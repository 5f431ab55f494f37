//! Arguments of the verbs about alerts.

use clap::{Args, Subcommand};
use mainstay_model::parse_duration;
use std::time::Duration;

/// `alerts`
#[derive(Debug, Clone, Args)]
pub struct AlertsArguments {
    #[command(subcommand)]
    pub command: Option<AlertsCommand>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum AlertsCommand {
    /// What is pending and what fires, with what keeps it quiet (the default)
    List {
        /// Exit code 1 where something fires that is not kept quiet
        #[arg(long)]
        check: bool,
    },
    /// Why an alert was told or not: rule, route, inhibition, silence, group, delivery
    Why {
        #[command(flatten)]
        which: WhichAlerts,
        /// What was decided up to this time: RFC 3339 or seconds since the epoch (default: now)
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// Say that you look after it: it is told no more until something changes
    Ack {
        #[command(flatten)]
        which: WhichAlerts,
        /// For the others
        #[arg(long, default_value = "")]
        comment: String,
    },
    /// Keep it quiet until it is over
    Mute {
        #[command(flatten)]
        which: WhichAlerts,
        /// For the others
        #[arg(long, default_value = "")]
        comment: String,
    },
    /// Take `ack` and `mute` back
    Unack {
        #[command(flatten)]
        which: WhichAlerts,
    },
    /// Tell a receiver of an alert that is none, to see whether it arrives
    Test {
        /// As the configuration calls it
        receiver: String,
    },
}

/// By name, and by labels that they have.
#[derive(Debug, Clone, Args)]
pub struct WhichAlerts {
    /// Name of the alert
    pub name: String,
    /// Only those with these labels
    #[arg(value_name = "LABEL=VALUE")]
    pub labels: Vec<String>,
}

/// `silence`
#[derive(Debug, Clone, Args)]
pub struct SilenceArguments {
    #[command(subcommand)]
    pub command: SilenceCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub enum SilenceCommand {
    /// Silences, and how long they hold
    List {
        /// Those that are over as well
        #[arg(long)]
        expired: bool,
    },
    /// Silence what matches, from now on
    Add {
        /// Alertmanager's matchers: `alertname=Down`, `service=~"web|api"`
        #[arg(required = true, value_name = "MATCHER")]
        matchers: Vec<String>,
        /// How long it holds
        #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration, default_value = "1h")]
        duration: Duration,
        /// Begin then: RFC 3339 (default: now)
        #[arg(long, value_name = "TIME")]
        start: Option<String>,
        /// Each week instead: days and hours, such as `sat,sun 22:00-06:00`, or hours of every day
        #[arg(long, value_name = "TIMES", conflicts_with_all = ["duration", "start"])]
        weekly: Option<String>,
        /// Zone of `--weekly`
        #[arg(long, value_name = "ZONE", default_value = "UTC", requires = "weekly")]
        zone: String,
        /// `--weekly` does not come again after this: RFC 3339
        #[arg(long, value_name = "TIME", requires = "weekly")]
        until: Option<String>,
        /// Why, for the others
        #[arg(long)]
        comment: String,
    },
    /// End silences now
    Expire {
        /// As `silence list` shows them; the beginning is enough
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

/// `oncall`
#[derive(Debug, Clone, Args)]
pub struct OnCallArguments {
    /// Then: RFC 3339 or seconds since the epoch (default: now)
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}
