//! Options of the commands that make, list and undo releases.

use super::stack::StackArguments;
use clap::{Args, Subcommand, ValueEnum};
use mainstay_model::Step;

/// `up`
#[derive(Debug, Clone, Default, Args)]
pub struct UpArguments {
    #[command(flatten)]
    pub stack: StackArguments,
    #[command(flatten)]
    pub release: ReleaseOptions,
    /// Return when it is up and leave it running
    #[arg(short, long)]
    pub detach: bool,
}

/// `deploy`
#[derive(Debug, Clone, Default, Args)]
pub struct DeployArguments {
    #[command(flatten)]
    pub stack: StackArguments,
    #[command(flatten)]
    pub release: ReleaseOptions,
    /// Return when the rollout has begun, or waits for approval
    #[arg(short, long)]
    pub detach: bool,
    /// Wait until somebody has approved it, and follow it then
    #[arg(long, conflicts_with = "detach")]
    pub wait: bool,
    /// Only where the environment's policy says that this branch deploys by itself
    #[arg(long)]
    pub automatic: bool,
    /// The branch that --automatic judges (default: what CI or git says)
    #[arg(long, value_name = "NAME", requires = "automatic")]
    pub branch: Option<String>,
}

/// How the new release is made and brought in.
#[derive(Debug, Clone, Default, Args)]
pub struct ReleaseOptions {
    /// How this release replaces the one before, for every service but singletons
    #[arg(long, value_name = "STRATEGY")]
    pub strategy: Option<StrategyName>,
    /// Version of the release (default: `git describe --tags`, in a repository)
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,
    /// Commit of the release (default: `git rev-parse HEAD`, in a repository)
    #[arg(long, value_name = "SHA")]
    pub commit: Option<String>,
    /// What the release is about; stands in the journal
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Replace every instance, also those of unchanged services
    #[arg(long)]
    pub force: bool,
    /// Deploy what was built before
    #[arg(long)]
    pub no_build: bool,
    #[command(flatten)]
    pub building: super::images::BuildingOptions,
    /// Leave a step out; can be given several times
    #[arg(long, value_name = "STEP", requires = "reason")]
    pub waive: Vec<Step>,
    /// Why steps are left out; stands in the release's record
    #[arg(long, value_name = "TEXT", requires = "waive")]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StrategyName {
    /// Start-first, some instances at a time
    Rolling,
    /// All new instances beside all old ones, then the traffic
    BlueGreen,
    /// The old one ends before the new one starts
    StopFirst,
}

impl StrategyName {
    /// As `mainstay.yaml` writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rolling => "rolling",
            Self::BlueGreen => "blue-green",
            Self::StopFirst => "stop-first",
        }
    }
}

/// `rollback`
#[derive(Debug, Clone, Default, Args)]
pub struct RollbackArguments {
    /// A release number, a tag, or the beginning of a commit (default: the release before)
    #[arg(value_name = "RELEASE")]
    pub to: Option<String>,
    /// Why; stands in the journal
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Take the database's schema back first, by the newer release's downgrade command
    #[arg(long)]
    pub downgrade: bool,
    /// Go back although the schema is another than the release ran with
    #[arg(long)]
    pub force: bool,
    /// Return when the rollout has begun
    #[arg(short, long)]
    pub detach: bool,
}

/// `releases`
#[derive(Debug, Clone, Args)]
pub struct ReleasesArguments {
    #[command(subcommand)]
    pub command: Option<ReleasesCommand>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum ReleasesCommand {
    /// The newest first (what `releases` alone does)
    List,
    /// One release: its steps with their times, its notes, its resolved stack, secrets hidden
    Show {
        /// As in `12` or `r12`
        #[arg(value_name = "NUMBER", value_parser = release_number)]
        number: u32,
        /// As a Markdown document, without the stack
        #[arg(long)]
        markdown: bool,
    },
}

fn release_number(text: &str) -> Result<u32, String> {
    text.strip_prefix('r')
        .unwrap_or(text)
        .parse()
        .map_err(|_| "expected a release number, such as `12` or `r12`".to_owned())
}

/// `rollout`
#[derive(Debug, Clone, Args)]
pub struct RolloutArguments {
    #[command(subcommand)]
    pub command: RolloutCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub enum RolloutCommand {
    /// Where the running or the last rollout stands
    Status,
    /// Go no further until it is resumed
    Pause {
        /// Why; stands in the journal
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Go on
    Resume {
        /// Why; stands in the journal
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Go back to the release before
    Abort {
        /// Why; stands in the journal
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}
