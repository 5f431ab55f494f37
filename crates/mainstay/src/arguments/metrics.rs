//! Arguments of the verbs that ask for metrics.

use clap::{Args, Subcommand};
use mainstay_model::parse_duration;
use std::time::Duration;

/// `query`
#[derive(Debug, Clone, Args)]
pub struct QueryArguments {
    /// The expression, in PromQL
    #[arg(value_name = "EXPRESSION")]
    pub expression: String,
    /// At this time: RFC 3339 or seconds since the epoch (default: now)
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Over this long up to then, drawn as a chart: `1h`, `30m`
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub range: Option<Duration>,
    /// Between two values of a range (default: what fills the chart)
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "range")]
    pub step: Option<Duration>,
    /// Of a range: a table of smallest, largest and last values, and no chart
    #[arg(long, requires = "range")]
    pub table: bool,
}

/// `targets`
#[derive(Debug, Clone, Args)]
pub struct TargetsArguments {
    /// Only those that do not answer; exit code 1 where there are any
    #[arg(long)]
    pub down: bool,
}

/// `metrics`
#[derive(Debug, Clone, Args)]
pub struct MetricsArguments {
    #[command(subcommand)]
    pub command: MetricsCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub enum MetricsCommand {
    /// What takes the most room: metrics, labels, pairs
    Top {
        /// So many of each
        #[arg(long, value_name = "N", default_value_t = 10)]
        limit: usize,
    },
    /// Write samples of the past, from a file in the OpenMetrics format
    Backfill {
        /// Each line with a time, the last one `# EOF`
        #[arg(value_name = "FILE")]
        file: std::path::PathBuf,
    },
}
