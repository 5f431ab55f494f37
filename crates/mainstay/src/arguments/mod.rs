//! What can be typed: the tree of commands and their options.
//!
//! Parsing only. Nothing here looks at the disk or at a server, and no option has a default that
//! depends on either.

mod alertmanager;
mod alerts;
mod approving;
mod backups;
mod deploying;
mod environment;
mod examples;
mod health;
mod hosting;
mod images;
mod infra;
mod metrics;
mod operating;
mod rendering;
mod rules;
mod secrets;
mod stack;

pub use alertmanager::AlertmanagerArguments;
pub use alerts::{
    AlertsArguments, AlertsCommand, OnCallArguments, SilenceArguments, SilenceCommand, WhichAlerts,
};
pub use approving::{DecisionArguments, PromoteArguments};
pub use backups::{
    BackupArguments, BackupCommand, BackupKeyCommand, RecoverArguments, RestoreArguments,
    WhichPointArguments,
};
pub use deploying::{
    DeployArguments, ReleaseOptions, ReleasesArguments, ReleasesCommand, RollbackArguments,
    RolloutArguments, RolloutCommand, UpArguments,
};
pub use environment::{EnvArguments, EnvCommand, PurposeName};
pub use health::HealthArguments;
pub use hosting::{
    CertificatesArguments, CertificatesCommand, InstallArguments, InstallPlace, UninstallArguments,
};
pub use images::{
    BuildingOptions, FileArguments, FindingsFormat, ImageArguments, ImageBuildArguments,
    ImageCheckArguments, ImageCommand, ImageListArguments, ImagePullArguments,
};
#[cfg(test)]
pub use infra::InfraOptions;
pub use infra::{
    AgreedOptions, InfraArguments, InfraCommand, MeshArguments, MeshCommand, MeshOptions,
};
pub use metrics::{MetricsArguments, MetricsCommand, QueryArguments, TargetsArguments};
pub use operating::{
    CompletionsArguments, DebugArguments, EventsArguments, ExecArguments, ForwardArguments,
    JournalArguments, LogsArguments, ProxyArguments, RestartArguments, RoleName, ScaleArguments,
    ServeArguments, TokenArguments, TokenCommand,
};
pub use rendering::{RenderArguments, What};
pub use rules::{RulesArguments, RulesCommand};
pub use secrets::{KeysCommand, RotateArguments, SecretArguments, SecretCommand};
pub use stack::{InitArguments, StackArguments};

use clap::{Args, Parser, Subcommand};
use mainstay_model::{EnvironmentName, StackName};
use std::path::PathBuf;

/// Takes a containerised service from a laptop to production and keeps it there.
///
/// What you run stands in compose.yaml, how it stays up in mainstay.yaml.
#[derive(Debug, Parser)]
#[command(name = "mainstay", version, after_help = examples::MAINSTAY)]
#[command(disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    // Not global: `logs -f` and `events -f` follow.
    /// A Compose file, before any verb; several are merged in this order
    #[arg(short, long = "file", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Print JSON: one document, or one object a line where it streams
    #[arg(long, global = true)]
    pub json: bool,
    /// The server: a socket, a data directory, or http://HOST:PORT with a token in MAINSTAY_TOKEN
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        env = "MAINSTAY_SERVER",
        hide_env_values = true
    )]
    pub server: Option<String>,
    /// The environment: dev, staging, production … (default: dev)
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "MAINSTAY_ENV",
        hide_env_values = true
    )]
    pub env: Option<EnvironmentName>,
    /// The stack, where no compose file is at hand to tell
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "MAINSTAY_STACK",
        hide_env_values = true
    )]
    pub stack: Option<StackName>,
    /// The directory of the stack (default: this one)
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a stack: a server if none runs, build, deploy, follow the logs
    #[command(after_help = examples::UP)]
    Up(UpArguments),
    /// Stop a stack; volumes and releases are kept
    #[command(after_help = examples::DOWN)]
    Down(DirectoryArgument),
    /// Build, make a release and move the environment to it
    #[command(after_help = examples::DEPLOY)]
    Deploy(DeployArguments),
    /// Deploy in one environment what runs in another and was watched through
    #[command(after_help = examples::PROMOTE)]
    Promote(PromoteArguments),
    /// Agree to a deploy that waits for it
    #[command(after_help = examples::APPROVE)]
    Approve(DecisionArguments),
    /// Decide against a deploy that waits
    #[command(after_help = examples::REJECT)]
    Reject(DecisionArguments),
    /// Go back to an earlier release
    #[command(after_help = examples::ROLLBACK)]
    Rollback(RollbackArguments),
    /// List the releases, or show one
    #[command(after_help = examples::RELEASES)]
    Releases(ReleasesArguments),
    /// Look at the running rollout, pause it, resume it, or go back
    #[command(after_help = examples::ROLLOUT)]
    Rollout(RolloutArguments),
    /// The environments: list, show, compare, create, delete
    #[command(after_help = examples::ENV)]
    Env(EnvArguments),
    /// How the stack is, and what to do when something is wrong
    #[command(after_help = examples::STATUS)]
    Status(DirectoryArgument),
    /// The instances, one a line
    #[command(after_help = examples::PS)]
    Ps(DirectoryArgument),
    /// What the services print
    #[command(after_help = examples::LOGS)]
    Logs(LogsArguments),
    /// Run more or fewer instances of a service
    #[command(after_help = examples::SCALE)]
    Scale(ScaleArguments),
    /// Replace the instances of a service by fresh ones of the same release
    #[command(after_help = examples::RESTART)]
    Restart(RestartArguments),
    /// Run a command in the environment and directory of an instance
    #[command(after_help = examples::EXEC)]
    Exec(ExecArguments),
    /// Reach one instance through a local port, past the proxy
    #[command(after_help = examples::PORT_FORWARD)]
    PortForward(ForwardArguments),
    /// Ask for metrics in PromQL: a table, or a chart of a range
    #[command(after_help = examples::QUERY)]
    Query(QueryArguments),
    /// What is scraped, and whether it answers
    #[command(after_help = examples::TARGETS)]
    Targets(TargetsArguments),
    /// What the store of metrics holds
    #[command(after_help = examples::METRICS)]
    Metrics(MetricsArguments),
    /// Judge a stack by thresholds: API, database, cache, system, jobs
    #[command(after_help = examples::HEALTH)]
    Health(HealthArguments),
    /// Rule files of Prometheus: check them, and run their unit tests
    #[command(after_help = examples::RULES)]
    Rules(RulesArguments),
    /// What fires, why somebody was told of it or not, and looking after it
    #[command(after_help = examples::ALERTS)]
    Alerts(AlertsArguments),
    /// Keep alerts quiet for a while
    #[command(after_help = examples::SILENCE)]
    Silence(SilenceArguments),
    /// Who is on call
    #[command(name = "oncall", after_help = examples::ON_CALL)]
    OnCall(OnCallArguments),
    /// Restore points: make them, prove them, keep them
    #[command(after_help = examples::BACKUP)]
    Backup(BackupArguments),
    /// Bring back what a restore point has, in place or beside what is there
    #[command(after_help = examples::RESTORE)]
    Restore(RestoreArguments),
    /// Bring a whole stack back on an empty machine, from its repository alone
    #[command(after_help = examples::RECOVER)]
    Recover(RecoverArguments),
    /// What happened, from the journal
    #[command(after_help = examples::EVENTS)]
    Events(EventsArguments),
    /// Verify the journal
    #[command(after_help = examples::JOURNAL)]
    Journal(JournalArguments),
    /// What is wrong with a stack that does not come up, and what to do
    #[command(after_help = examples::DOCTOR)]
    Doctor(DirectoryArgument),
    /// Everything that is known of one service or instance, on one page
    #[command(after_help = examples::DEBUG)]
    Debug(DebugArguments),
    /// Check the files and print every problem with its place
    #[command(after_help = examples::CHECK)]
    Check(StackArguments),
    /// Print the resolved stack, with secrets hidden
    #[command(after_help = examples::CONFIG)]
    Config(StackArguments),
    /// Write a commented mainstay.yaml for an existing compose file
    #[command(after_help = examples::INIT)]
    Init(InitArguments),
    /// Print the JSON Schema of mainstay.yaml, for editors
    #[command(after_help = examples::SCHEMA)]
    Schema,
    /// Write the stack's files for other engines: Kubernetes, Terraform, nginx, Prometheus …
    #[command(after_help = examples::RENDER)]
    Render(RenderArguments),
    /// Terraform or OpenTofu on what is rendered for an environment
    #[command(after_help = examples::INFRA)]
    Infra(InfraArguments),
    /// Istio in a cluster, with what is rendered for an environment
    #[command(after_help = examples::MESH)]
    Mesh(MeshArguments),
    /// Where secrets come from, and the encrypted file that they are kept in
    #[command(after_help = examples::SECRET)]
    Secret(SecretArguments),
    /// Build, check, list and pull the images of a stack
    #[command(after_help = examples::IMAGE)]
    Image(ImageArguments),
    /// Who may speak to the server over TCP
    #[command(after_help = examples::TOKEN)]
    Token(TokenArguments),
    /// The certificates that are served under https, and asking for new ones
    #[command(after_help = examples::CERTIFICATES)]
    Certificates(CertificatesArguments),
    /// Run the control plane in the foreground
    #[command(after_help = examples::SERVE)]
    Serve(ServeArguments),
    /// Run the data plane in the foreground; the control plane starts it by itself
    #[command(after_help = examples::PROXY)]
    Proxy(ProxyArguments),
    /// Run in Alertmanager's place, under its flags, for a Prometheus of yours
    #[command(after_help = examples::ALERTMANAGER)]
    Alertmanager(AlertmanagerArguments),
    /// Make the server a service of this machine: a systemd unit and its user
    #[command(after_help = examples::INSTALL)]
    Install(InstallArguments),
    /// Take the service away again; its data stays
    #[command(after_help = examples::UNINSTALL)]
    Uninstall(UninstallArguments),
    /// Print completions for a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions(CompletionsArguments),
    /// Work on a repository of backups; started by the control plane
    #[command(hide = true)]
    BackupWorker,
    /// Parent of one instance; started by the control plane
    #[command(hide = true)]
    Shim {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
}

/// The stack's directory as an argument.
#[derive(Debug, Clone, Default, Args)]
pub struct DirectoryArgument {
    /// The directory of the stack (default: this one)
    #[arg(value_name = "DIR")]
    pub path: Option<PathBuf>,
}

#[cfg(test)]
mod documents;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod scripts;
#[cfg(test)]
mod tests;
