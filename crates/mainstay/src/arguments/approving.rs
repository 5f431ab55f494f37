//! Options of the commands that move a release on: promote, approve, reject.

use super::deploying::ReleaseOptions;
use clap::Args;
use mainstay_model::EnvironmentName;

/// `promote`
#[derive(Debug, Clone, Args)]
pub struct PromoteArguments {
    /// Whose release is taken: the one that runs there, watched through
    #[arg(value_name = "FROM")]
    pub from: EnvironmentName,
    /// Where it is deployed, with the files and variables of that environment
    #[arg(value_name = "TO")]
    pub to: EnvironmentName,
    #[command(flatten)]
    pub release: ReleaseOptions,
    /// Wait until somebody has approved it, and follow it then
    #[arg(long)]
    pub wait: bool,
    /// Return when the rollout has begun, or waits for approval
    #[arg(short, long)]
    pub detach: bool,
}

/// `approve`, `reject`
#[derive(Debug, Clone, Args)]
pub struct DecisionArguments {
    /// The operation, or the beginning of its id (default: the only one that waits)
    #[arg(value_name = "OPERATION")]
    pub operation: Option<String>,
    /// Why; stands in the journal
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}
