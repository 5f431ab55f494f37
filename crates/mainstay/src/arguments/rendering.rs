//! Arguments of `render`.

use clap::Args;
use mainstay_render::Target;
use std::path::PathBuf;
use std::str::FromStr;

/// `render`
#[derive(Debug, Clone, Args)]
pub struct RenderArguments {
    /// What to write for: `mainstay render --list` names them, `all` is each of them (default: what
    /// `render.layout` of mainstay.yaml says, where it says it)
    #[arg(value_name = "TARGET")]
    pub target: Option<What>,
    /// Write the files below this directory instead of printing them
    #[arg(short, long, value_name = "DIR", requires = "target")]
    pub out: Option<PathBuf>,
    /// Show what writing would change, and write nothing
    #[arg(long)]
    pub diff: bool,
    /// Exit code 1 where the files on disk are not what would be written; for CI
    #[arg(long)]
    pub check: bool,
    /// Overwrite also files that were not rendered
    #[arg(long, conflicts_with_all = ["diff", "check"])]
    pub force: bool,
    /// What is released: goes into the tags of images that are built here, and into the files' headers
    #[arg(long, value_name = "VERSION")]
    pub release: Option<String>,
    /// The targets there are
    #[arg(long, conflicts_with_all = ["target", "diff", "check", "force", "release"])]
    pub list: bool,
}

/// One target, or each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    All,
    One(Target),
}

impl FromStr for What {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        if word == "all" {
            return Ok(Self::All);
        }
        word.parse().map(Self::One)
    }
}
