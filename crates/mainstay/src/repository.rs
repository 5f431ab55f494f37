//! What version control says of the stack's directory. Its absence is no problem.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// A repository on a sleeping network disk must not hold up a deploy.
const DEADLINE: Duration = Duration::from_secs(2);

/// Commit and nearest tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version {
    pub commit: Option<String>,
    pub tag: Option<String>,
}

/// Asks `git`; empty where there is no repository, no tag, or no git.
pub async fn version(directory: &Path) -> Version {
    let (commit, tag) = tokio::join!(
        git(directory, &["rev-parse", "HEAD"]),
        git(directory, &["describe", "--tags"])
    );
    Version { commit, tag }
}

async fn git(directory: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(DEADLINE, output).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
