//! What version control says of the stack's directory. Its absence is no problem.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// A repository on a sleeping network disk must not hold up a deploy.
const DEADLINE: Duration = Duration::from_secs(2);

/// What is checked out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version {
    pub commit: Option<String>,
    pub tag: Option<String>,
    /// Tracked files have changes that are in no commit.
    pub dirty: bool,
    pub branch: Option<String>,
}

/// Asks `git`; empty where there is no repository, no tag, or no git.
pub async fn version(directory: &Path) -> Version {
    let (commit, tag, changes, branch) = tokio::join!(
        git(directory, &["rev-parse", "HEAD"]),
        git(directory, &["describe", "--tags"]),
        git(
            directory,
            &["status", "--porcelain", "--untracked-files=no"]
        ),
        git(directory, &["symbolic-ref", "--short", "HEAD"]),
    );
    Version {
        commit,
        tag,
        dirty: changes.is_some(),
        branch: branch.or_else(branch_of_ci),
    }
}

/// Where the bytes of an image come from, for its labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// `v1.2.0`, `v1.2.0-3-g0a1b2c3`, `0a1b2c3`, each with `-dirty` where files were changed.
    pub version: Option<String>,
    pub revision: Option<String>,
    /// Of the commit, RFC 3339.
    pub created: Option<String>,
    /// The address of the repository, without credentials.
    pub source: Option<String>,
}

/// Asks `git`; empty where there is no repository, or no git.
pub async fn provenance(directory: &Path) -> Provenance {
    let (version, revision, created, source) = tokio::join!(
        git(directory, &["describe", "--tags", "--always", "--dirty"]),
        git(directory, &["rev-parse", "HEAD"]),
        git(directory, &["show", "--no-patch", "--format=%cI", "HEAD"]),
        git(directory, &["remote", "get-url", "origin"])
    );
    Provenance {
        version,
        revision,
        created,
        source: source.map(|address| without_credentials(&address)),
    }
}

/// `https://user:token@host/x` → `https://host/x`
fn without_credentials(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = authority.rsplit('@').next().unwrap_or(authority);
            format!("{scheme}://{host}/{path}")
        }
        None => address.to_owned(),
    }
}

/// CI checks commits out, and says in variables which branch was pushed.
fn branch_of_ci() -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match variable("GITHUB_REF_TYPE").as_deref() {
        Some("branch") => variable("GITHUB_REF_NAME"),
        _ => variable("CI_COMMIT_BRANCH"),
    }
}

/// What `git` says; `None` where it says nothing or fails.
pub async fn git(directory: &Path, arguments: &[&str]) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_login_stands_in_a_label() {
        for (address, shown) in [
            ("https://ci:token@host/a/b.git", "https://host/a/b.git"),
            ("ssh://git@host:22/a", "ssh://host:22/a"),
            ("git@host:a/b.git", "git@host:a/b.git"),
        ] {
            assert_eq!(without_credentials(address), shown);
        }
    }

    #[tokio::test]
    async fn a_commit_gives_the_same_answer_twice() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(provenance(directory.path()).await, Provenance::default());
        for arguments in [
            &["init", "-q"][..],
            &[
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b",
                "commit",
                "-q",
                "--allow-empty",
                "-m",
                "x",
            ],
            &[
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b",
                "tag",
                "-a",
                "v1",
                "-m",
                "v1",
            ],
        ] {
            git(directory.path(), arguments).await;
        }
        let found = provenance(directory.path()).await;
        assert_eq!(found.version.as_deref(), Some("v1"));
        assert_eq!(found, provenance(directory.path()).await);
        std::fs::write(directory.path().join("x"), "").unwrap();
        git(directory.path(), &["add", "x"]).await;
        let found = provenance(directory.path()).await;
        assert_eq!(found.version.as_deref(), Some("v1-dirty"));
    }
}
