//! Arguments of the verbs about backups.

use clap::{Args, Subcommand};
use mainstay_recovery::PointName;
use std::path::PathBuf;

/// `backup`
#[derive(Debug, Clone, Args)]
pub struct BackupArguments {
    #[command(subcommand)]
    pub command: Option<BackupCommand>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum BackupCommand {
    /// What is backed up, when, and every restore point with what proves it (the default)
    List {
        /// Exit code 1 where no restore point is proven, or the newest is older than the objective
        #[arg(long)]
        check: bool,
    },
    /// Make a restore point now
    Create {
        /// What to call it (default: the time)
        #[arg(long)]
        name: Option<PointName>,
        /// Only this source; may be given several times
        #[arg(long, value_name = "SOURCE")]
        only: Vec<String>,
        /// Do not wait for its end
        #[arg(short, long)]
        detach: bool,
    },
    /// One restore point: its parts, where they lie, what proves it
    Show {
        /// Which one (default: the newest)
        point: Option<PointName>,
    },
    /// Look through the repository and its copies: is everything there, and what it was?
    Verify {
        /// How much of all data is read as well
        #[arg(long, value_name = "PERCENT", default_value = "10", value_parser = clap::value_parser!(u8).range(0..=100))]
        percent: u8,
    },
    /// Restore into scratch instances, compare, ask, and write down what came of it
    Drill {
        /// Which one (default: the newest)
        point: Option<PointName>,
    },
    /// Give up restore points by the rules of `backups.keep`
    Prune {
        /// Say what would go, and why the others stay
        #[arg(long)]
        dry_run: bool,
    },
    /// Bring every restore point to the copies
    Copy,
    /// The keys of the repository
    Key {
        #[command(subcommand)]
        command: BackupKeyCommand,
    },
    /// What a job does, or how it ended
    Job {
        /// Which one (default: the newest)
        id: Option<uuid::Uuid>,
        /// Wait for its end
        #[arg(short, long)]
        follow: bool,
        /// End it: what it has begun is taken back
        #[arg(long, conflicts_with = "follow")]
        cancel: bool,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum BackupKeyCommand {
    /// Which keys open it
    List,
    /// Print the key that this server uses, to be kept apart from the repository
    Export,
    /// Let another key open it too; it is asked for, or read from standard input
    Add,
    /// Make a new key, use it from now on, and let the old one open nothing any more
    Rotate,
}

/// `restore`
#[derive(Debug, Clone, Args)]
pub struct RestoreArguments {
    #[command(flatten)]
    pub which: WhichPointArguments,
    /// Only this source; may be given several times
    #[arg(long, value_name = "SOURCE")]
    pub only: Vec<String>,
    /// Only this table of the database; may be given several times
    #[arg(long = "table", value_name = "TABLE", requires = "only")]
    pub tables: Vec<String>,
    /// Beside what is there: a database or a directory of this name; nothing is stopped
    #[arg(long, value_name = "NAME")]
    pub beside: Option<String>,
    /// Make no restore point of what is there now
    #[arg(long)]
    pub no_safety: bool,
    /// Do not ask whether to replace what is there
    #[arg(short, long)]
    pub yes: bool,
    /// Do not wait for its end
    #[arg(short, long)]
    pub detach: bool,
}

/// Which restore point, in one of four ways.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct WhichPointArguments {
    /// The newest
    #[arg(long)]
    pub latest: bool,
    /// By its name
    #[arg(long, value_name = "POINT")]
    pub name: Option<PointName>,
    /// The last one of a day, in UTC: 2026-11-20
    #[arg(long, visible_alias = "restore-date", value_name = "DATE")]
    pub date: Option<String>,
    /// The state of one moment: "2026-11-20 14:03:00 UTC", RFC 3339
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
}

/// `recover`
#[derive(Debug, Clone, Args)]
pub struct RecoverArguments {
    /// Where everything goes: an empty directory (default: this one)
    #[arg(value_name = "DIR")]
    pub path: Option<PathBuf>,
    /// The repository: a directory, or s3:https://ENDPOINT/BUCKET/PREFIX
    #[arg(long, value_name = "REPOSITORY")]
    pub from: String,
    /// File with its key (default: MAINSTAY_BACKUP_KEY, else it is asked for)
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Region of an S3 repository
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    pub region: String,
    /// Where restore points go from now on, in place of the one that the stack names: a directory, or s3:https://ENDPOINT/BUCKET/PREFIX
    #[arg(long, value_name = "REPOSITORY")]
    pub repository: Option<String>,
    /// The newest state, without asking
    #[arg(long, conflicts_with_all = ["point", "to"])]
    pub latest: bool,
    /// The state of one moment: "2026-11-20 14:03:00 UTC", RFC 3339
    #[arg(long, value_name = "TIME", conflicts_with = "point")]
    pub to: Option<String>,
    /// This restore point, without asking
    #[arg(long, value_name = "POINT")]
    pub point: Option<PointName>,
    /// As this environment: a stand-in for the one that was lost
    #[arg(long = "as", value_name = "ENVIRONMENT")]
    pub environment: Option<mainstay_model::EnvironmentName>,
    /// Leave the stack stopped: bring back files and data only
    #[arg(long)]
    pub data_only: bool,
}
