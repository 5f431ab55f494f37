//! Arguments of the verbs that are about the server itself: its certificates, its service.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `certificates`
#[derive(Debug, Clone, Args)]
pub struct CertificatesArguments {
    #[command(subcommand)]
    pub command: Option<CertificatesCommand>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum CertificatesCommand {
    /// Those that are served or wanted (also without a word)
    List,
    /// Ask the authority for a new one now
    Renew {
        #[arg(value_name = "HOST")]
        host: String,
    },
}

/// `install`; the data directory is `--directory`
#[derive(Debug, Clone, Args)]
pub struct InstallArguments {
    /// The user that the server runs as; made where it is missing
    #[arg(long, value_name = "NAME", default_value = "mainstay")]
    pub user: String,
    /// Start it, and not only with the machine
    #[arg(long)]
    pub now: bool,
    #[command(flatten)]
    pub place: InstallPlace,
}

/// `uninstall`; the data directory is `--directory`
#[derive(Debug, Clone, Args)]
pub struct UninstallArguments {
    /// Leave instances and proxy running where an environment is up
    #[arg(long)]
    pub leave_running: bool,
    #[command(flatten)]
    pub place: InstallPlace,
}

#[derive(Debug, Clone, Args)]
pub struct InstallPlace {
    /// Print what would be written and run, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Write below this directory and run nothing: for those who make packages
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}
