//! Arguments of `alertmanager`: under Alertmanager's own names, so that it can stand in its place.

use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

/// `alertmanager`
#[derive(Debug, Clone, Args)]
pub struct AlertmanagerArguments {
    /// Alertmanager's configuration file
    #[arg(
        long = "config.file",
        value_name = "FILE",
        default_value = "alertmanager.yml"
    )]
    pub configuration: PathBuf,
    /// Where it keeps what it has to remember
    #[arg(long = "storage.path", value_name = "DIR", default_value = "data/")]
    pub storage: PathBuf,
    /// Address and port; whoever reaches it may silence
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "127.0.0.1:9093", value_parser = listen)]
    pub listen: SocketAddr,
    /// How people reach it: links in notifications start with it
    #[arg(long = "web.external-url", value_name = "URL")]
    pub external_url: Option<String>,
    /// Where the API is (default: the path of the external URL)
    #[arg(long = "web.route-prefix", value_name = "PATH")]
    pub prefix: Option<String>,
    /// `debug`, `info`, `warn` or `error`
    #[arg(long = "log.level", value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
    /// Read the configuration, print every problem with its place, and end
    #[arg(long)]
    pub check: bool,
    /// Taken and ignored: there is no cluster
    #[arg(long = "cluster.listen-address", value_name = "ADDRESS", hide = true)]
    pub cluster: Option<String>,
}

/// `:9093` is every address of the machine, as Go reads it.
fn listen(text: &str) -> Result<SocketAddr, String> {
    let whole = match text.strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}"),
        None => text.replace("localhost:", "127.0.0.1:"),
    };
    whole
        .parse()
        .map_err(|_| format!("`{text}` is not an address and a port, such as 127.0.0.1:9093"))
}
