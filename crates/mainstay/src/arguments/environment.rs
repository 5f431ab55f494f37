//! Options of `env`.

use clap::{Args, Subcommand, ValueEnum};
use mainstay_model::EnvironmentName;

/// `env`
#[derive(Debug, Clone, Args)]
pub struct EnvArguments {
    #[command(subcommand)]
    pub command: EnvCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub enum EnvCommand {
    /// All environments, what they are for and how they are
    List,
    /// One environment: its files, its policy, its next window
    Show {
        /// (default: --env, or dev)
        #[arg(value_name = "NAME")]
        name: Option<EnvironmentName>,
    },
    /// What differs between two environments, field by field; secrets only whether they do
    Diff {
        #[arg(value_name = "A")]
        first: EnvironmentName,
        #[arg(value_name = "B")]
        second: EnvironmentName,
    },
    /// Write its entry in mainstay.yaml, its overlay and its file of variables
    Create {
        #[arg(value_name = "NAME")]
        name: EnvironmentName,
        /// Begin with copies of another environment's files, without its secrets
        #[arg(long, value_name = "NAME")]
        from: Option<EnvironmentName>,
        /// What it is for (default: by its name)
        #[arg(long, value_enum)]
        purpose: Option<PurposeName>,
    },
    /// Take its entry out of mainstay.yaml and let the server forget it
    Delete {
        #[arg(value_name = "NAME")]
        name: EnvironmentName,
        /// Do it, instead of showing what would be done
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PurposeName {
    /// Waits shortly, asks for nothing
    Development,
    /// Where a release is tried
    Staging,
    /// Ten steps, approval, version tags
    Production,
    /// Stands by to take over
    Recovery,
}
