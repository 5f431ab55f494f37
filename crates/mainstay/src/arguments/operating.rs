//! Options of the commands that look at a running stack, touch it, or run the server.

use clap::{Args, Subcommand, ValueEnum};
use mainstay_model::ServiceName;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// `logs`
#[derive(Debug, Clone, Default, Args)]
pub struct LogsArguments {
    /// Services or instances (default: all)
    #[arg(value_name = "SERVICE")]
    pub subjects: Vec<String>,
    /// Keep printing what comes
    #[arg(short, long)]
    pub follow: bool,
    /// Only the last lines of each instance (default: 100, without --since)
    #[arg(short = 'n', long, value_name = "LINES")]
    pub tail: Option<u32>,
    /// Only what was printed since: 10m, 2h, or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Begin each line with its time
    #[arg(short, long)]
    pub timestamps: bool,
}

/// `scale`
#[derive(Debug, Clone, Args)]
pub struct ScaleArguments {
    /// As in `app=3`
    #[arg(value_name = "SERVICE=N", required = true)]
    pub replicas: Vec<Replicas>,
    /// Return when it has begun
    #[arg(short, long)]
    pub detach: bool,
}

/// One `app=3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replicas {
    pub service: ServiceName,
    pub count: u32,
}

impl FromStr for Replicas {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("`{text}` is not SERVICE=N, as in `app=3`");
        let (service, count) = text.split_once('=').ok_or_else(form)?;
        Ok(Self {
            service: ServiceName::new(service).map_err(|error| error.to_string())?,
            count: count.parse().map_err(|_| form())?,
        })
    }
}

/// `restart`
#[derive(Debug, Clone, Default, Args)]
pub struct RestartArguments {
    /// The services (default: all)
    #[arg(value_name = "SERVICE")]
    pub services: Vec<ServiceName>,
    /// Return when it has begun
    #[arg(short, long)]
    pub detach: bool,
}

/// `exec`
#[derive(Debug, Clone, Args)]
pub struct ExecArguments {
    /// A service (its first healthy instance) or an instance
    #[arg(value_name = "SERVICE")]
    pub subject: String,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", last = true, required = true)]
    pub command: Vec<String>,
}

/// `port-forward`
#[derive(Debug, Clone, Args)]
pub struct ForwardArguments {
    /// A service (its first healthy instance) or an instance
    #[arg(value_name = "SERVICE")]
    pub subject: String,
    /// Local port and the instance's own (default: where it is reached)
    #[arg(value_name = "[LOCAL:]PORT")]
    pub ports: Option<Ports>,
    /// Where to listen; anything but loopback opens it to others
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub address: IpAddr,
}

/// `15432:5432`, `15432:`, `5432`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    pub local: Option<u16>,
    pub remote: Option<u16>,
}

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("`{text}` is not [LOCAL:]PORT, as in `15432:5432`");
        let port = |text: &str| match text {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| form()),
        };
        let (local, remote) = text.split_once(':').unwrap_or(("", text));
        Ok(Self {
            local: port(local)?,
            remote: port(remote)?,
        })
    }
}

/// `debug`
#[derive(Debug, Clone, Args)]
pub struct DebugArguments {
    /// A service or an instance
    #[arg(value_name = "SERVICE")]
    pub subject: String,
    /// How many of the last events, and of each instance's last lines
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
    pub lines: u32,
}

/// `events`
#[derive(Debug, Clone, Default, Args)]
pub struct EventsArguments {
    /// Keep printing what comes
    #[arg(short, long)]
    pub follow: bool,
    /// How many of the newest
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 50)]
    pub limit: u32,
    /// Only those after this number, oldest first
    #[arg(long, value_name = "SEQ")]
    pub after: Option<u64>,
    /// Of every environment of the server
    #[arg(short, long)]
    pub all: bool,
}

/// `journal`
#[derive(Debug, Clone, Args)]
pub struct JournalArguments {
    #[command(subcommand)]
    pub command: JournalCommand,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum JournalCommand {
    /// Read the whole journal and check its hash chain
    Verify,
}

/// `token`
#[derive(Debug, Clone, Args)]
pub struct TokenArguments {
    #[command(subcommand)]
    pub command: TokenCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it: the only time it is seen
    Create {
        #[arg(value_name = "NAME")]
        name: String,
        /// What its bearer may do
        #[arg(long, value_enum, default_value = "viewer")]
        role: RoleName,
    },
    /// The tokens, without their secrets
    List,
    /// Take a token back
    Revoke {
        #[arg(value_name = "NAME")]
        name: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Looks
    Viewer,
    /// Deploys, rolls back, scales, runs commands beside instances
    Operator,
    /// Everything, tokens included
    Admin,
}

/// `serve`; the data directory may also be given as `--directory`
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArguments {
    /// The directory of a stack, for its .mainstay; --directory names a data directory itself
    #[arg(value_name = "DIR")]
    pub path: Option<PathBuf>,
    /// Where the API listens over TCP (default: 127.0.0.1:9900 or the next free port)
    #[arg(long, value_name = "ADDRESS", env = "MAINSTAY_API_ADDRESS")]
    pub api: Option<SocketAddr>,
    /// Where the proxy listens (default: the port it had, 127.0.0.1:8080, or the next free one)
    #[arg(long, value_name = "ADDRESS", env = "MAINSTAY_PROXY_ADDRESS")]
    pub proxy: Option<SocketAddr>,
    /// Read server.yaml, print every problem with its place, and end
    #[arg(long)]
    pub check: bool,
    /// Leave the terminal, and end with the last environment that is taken down
    #[arg(long, hide = true)]
    pub background: bool,
}

/// `proxy`; its data directory is `--directory`
#[derive(Debug, Clone, Default, Args)]
pub struct ProxyArguments {
    /// The control socket (default: that of the data directory)
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
}

/// `completions`
#[derive(Debug, Clone, Args)]
pub struct CompletionsArguments {
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}
