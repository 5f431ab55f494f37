//! Arguments of `rules`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `rules`
#[derive(Debug, Clone, Args)]
pub struct RulesArguments {
    #[command(subcommand)]
    pub command: RulesCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub enum RulesCommand {
    /// Read rule files and print every problem with its place; exit code 2 where one is an error
    Check {
        /// Rule files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// The rules that the server evaluates, and how the last time went
    List {
        /// Only those that could not be evaluated; exit code 1 where there are any
        #[arg(long)]
        failed: bool,
    },
    /// The rule packs that come with Mainstay; with a name, its files
    Packs {
        /// Print this pack's rules
        name: Option<String>,
    },
    /// Run promtool's unit tests of rules; exit code 1 where one fails
    Test {
        /// Files of tests, which name the rule files they are for
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}
