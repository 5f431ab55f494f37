//! Arguments of `infra` and `mesh`: other people's programs on what is rendered.

use clap::{Args, Subcommand};
use mainstay_model::EnvironmentName;
use std::path::PathBuf;

/// `infra`
#[derive(Debug, Clone, Args)]
pub struct InfraArguments {
    #[command(subcommand)]
    pub command: InfraCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub enum InfraCommand {
    /// Show what would change, and keep the plan for `apply`
    Plan(InfraOptions),
    /// Make the environment so; where its policy wants approval, as it was planned and agreed to
    Apply(AgreedOptions),
    /// What came of it: addresses, names, ARNs
    Output(InfraOptions),
    /// Take everything away; where the policy wants approval, once that is agreed to
    Destroy(AgreedOptions),
}

/// What every verb takes.
#[derive(Debug, Clone, Default, Args)]
pub struct InfraOptions {
    /// The environment (default: --env)
    #[arg(value_name = "ENV")]
    pub environment: Option<EnvironmentName>,
    /// Where the modules are written and the program works (default: .mainstay/terraform/ENV)
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The program (default: terraform, else tofu)
    #[arg(long, value_name = "PROGRAM")]
    pub program: Option<PathBuf>,
    /// What is released: the tag of images that are built from the stack
    #[arg(long, value_name = "VERSION")]
    pub release: Option<String>,
    /// Passed on to the program
    #[arg(last = true, value_name = "ARGUMENT")]
    pub rest: Vec<String>,
}

#[derive(Debug, Clone, Default, Args)]
pub struct AgreedOptions {
    #[command(flatten)]
    pub options: InfraOptions,
    /// Do not ask; where the environment's policy wants approval, a destroy asks all the same
    #[arg(short, long)]
    pub yes: bool,
    /// Where the policy wants approval: wait until enough people have agreed, and go on then
    #[arg(long)]
    pub wait: bool,
}

/// `mesh`
#[derive(Debug, Clone, Args)]
pub struct MeshArguments {
    #[command(subcommand)]
    pub command: MeshCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub enum MeshCommand {
    /// Install Istio into the cluster that kubectl knows
    Install(MeshOptions),
    /// Apply the gateway, traffic policies and rules that are rendered for an environment
    Configure(MeshOptions),
    /// Let istioctl look for mistakes in them
    Verify(MeshOptions),
}

#[derive(Debug, Clone, Default, Args)]
pub struct MeshOptions {
    /// The environment (default: --env)
    #[arg(value_name = "ENV")]
    pub environment: Option<EnvironmentName>,
    /// Where the files are written (default: .mainstay/istio/ENV)
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Passed on to the program
    #[arg(last = true, value_name = "ARGUMENT")]
    pub rest: Vec<String>,
}
