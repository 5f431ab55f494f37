//! Options of `image`.

use super::stack::StackArguments;
use clap::{Args, Subcommand, ValueEnum};
use mainstay_audit::Severity;
use mainstay_model::{Bytes, ServiceName};
use std::path::PathBuf;

/// `image`
#[derive(Debug, Clone, Args)]
pub struct ImageArguments {
    #[command(subcommand)]
    pub command: ImageCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub enum ImageCommand {
    /// Build the images of the stack's services on the server's engine
    Build(ImageBuildArguments),
    /// Check Dockerfiles, build contexts, container settings and images
    Check(ImageCheckArguments),
    /// The images that were built for the stack, and which releases name them
    List(ImageListArguments),
    /// Pull the images that the stack's services name
    Pull(ImagePullArguments),
    /// Remove images of the stack that no kept release names
    Prune(ImageListArguments),
}

/// `image build`
#[derive(Debug, Clone, Default, Args)]
pub struct ImageBuildArguments {
    /// Services to build (default: all that have `build`)
    #[arg(value_name = "SERVICE")]
    pub services: Vec<ServiceName>,
    #[command(flatten)]
    pub files: FileArguments,
    /// Version of the images (default: `git describe --tags --always --dirty`)
    #[arg(long, value_name = "VERSION")]
    pub tag: Option<String>,
    /// Platform to build for, as in linux/arm64; one at a time
    #[arg(long, value_name = "OS/ARCH", value_delimiter = ',')]
    pub platform: Vec<String>,
    /// Send the images to their registry
    #[arg(long, conflicts_with = "load")]
    pub push: bool,
    /// Leave them on the engine (what is done without --push)
    #[arg(long)]
    pub load: bool,
    #[command(flatten)]
    pub options: BuildingOptions,
}

/// How images are built, also by `up` and `deploy`.
#[derive(Debug, Clone, Default, Args)]
pub struct BuildingOptions {
    /// Build every step anew
    #[arg(long)]
    pub no_cache: bool,
    /// Ask the registry for newer base images
    #[arg(long)]
    pub pull: bool,
    /// Refuse a build context above this size (default: 1g)
    #[arg(long, value_name = "SIZE")]
    pub context_limit: Option<Bytes>,
}

/// `image check`
#[derive(Debug, Clone, Args)]
pub struct ImageCheckArguments {
    /// Services to check (default: all)
    #[arg(value_name = "SERVICE")]
    pub services: Vec<ServiceName>,
    #[command(flatten)]
    pub files: FileArguments,
    /// Check this Dockerfile alone, with its directory as the build context
    #[arg(long, value_name = "FILE", conflicts_with_all = ["services", "images"])]
    pub dockerfile: Option<PathBuf>,
    /// Look into the images on the server's engine too: configuration, history, files
    #[arg(long)]
    pub images: bool,
    /// How the findings are printed
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: FindingsFormat,
    /// End with 1 when a finding is at least this bad: low, medium, high or critical
    #[arg(long, value_name = "SEVERITY", default_value = "high")]
    pub fail_on: Severity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FindingsFormat {
    #[default]
    Table,
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    Markdown,
}

/// `image list`, `image prune`
#[derive(Debug, Clone, Default, Args)]
pub struct ImageListArguments {
    #[command(flatten)]
    pub files: FileArguments,
}

/// `image pull`
#[derive(Debug, Clone, Default, Args)]
pub struct ImagePullArguments {
    /// Services whose images are pulled (default: all that are not built)
    #[arg(value_name = "SERVICE")]
    pub services: Vec<ServiceName>,
    #[command(flatten)]
    pub files: FileArguments,
}

/// Which files are read. Their directory is that of `-C`: services stand where it would.
#[derive(Debug, Clone, Default, Args)]
pub struct FileArguments {
    /// A Compose file, relative to the directory; several are merged in this order
    #[arg(short, long = "file", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Take the services of this profile as well; can be given several times
    #[arg(long = "profile", value_name = "NAME")]
    pub profiles: Vec<String>,
    /// Override one field: services.app.build.target=debug
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub set: Vec<super::stack::SetValue>,
}

impl FileArguments {
    pub fn stack(&self) -> StackArguments {
        StackArguments {
            path: None,
            files: self.files.clone(),
            profiles: self.profiles.clone(),
            set: self.set.clone(),
        }
    }
}
