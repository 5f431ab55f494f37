//! Hooks and steps of a rollout: the user's commands, run in the stack's directory.
//!
//! They are run at least once: where the control plane died in the middle they are run again, and
//! the documents say so. What they print last goes into the release's record.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// Output kept of a failed hook.
const TAIL: usize = 2000;
/// Where none is given.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// The commands of one hook, one after the other until one fails.
#[derive(Debug, Clone)]
pub(crate) struct HookRun {
    pub commands: Vec<Vec<String>>,
    pub directory: PathBuf,
    /// What a script needs to know: names and numbers, no secret.
    pub variables: BTreeMap<String, String>,
    pub timeout: Duration,
}

/// Why they did not all pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HookFailed {
    pub reason: String,
    /// The end of what the failed one printed.
    pub printed: String,
}

impl HookRun {
    /// The end of what they printed.
    pub(crate) async fn run(&self) -> Result<String, HookFailed> {
        let timeout = if self.timeout.is_zero() {
            DEFAULT_TIMEOUT
        } else {
            self.timeout
        };
        let all = async {
            let mut printed = String::new();
            for command in &self.commands {
                printed.push_str(&self.one(command).await?);
            }
            Ok(printed)
        };
        tokio::time::timeout(timeout, all)
            .await
            .unwrap_or_else(|_| Err(failed(format!("not done after {} s", timeout.as_secs()))))
    }

    async fn one(&self, command: &[String]) -> Result<String, HookFailed> {
        let Some((program, arguments)) = command.split_first() else {
            return Ok(String::new());
        };
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(&self.directory)
            .envs(&self.variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(format!("`{program}`: {error}")))?;
        let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
        let (out, err) = tokio::join!(tail(out.as_mut()), tail(err.as_mut()));
        let status = child
            .wait()
            .await
            .map_err(|error| failed(format!("`{program}`: {error}")))?;
        if status.success() {
            return Ok(out);
        }
        let words = if err.trim().is_empty() { &out } else { &err };
        let last = words.trim().lines().last();
        let last = last.map_or_else(String::new, |last| format!(": {last}"));
        Err(HookFailed {
            reason: format!("`{program}`: {status}{last}"),
            printed: format!("{out}{err}"),
        })
    }
}

fn failed(reason: String) -> HookFailed {
    HookFailed {
        reason,
        printed: String::new(),
    }
}

/// Reads all, keeps the end.
async fn tail(stream: Option<&mut (impl AsyncReadExt + Unpin)>) -> String {
    let Some(stream) = stream else {
        return String::new();
    };
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..count]);
        let surplus = kept.len().saturating_sub(TAIL);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(commands: &[&[&str]], timeout: Duration) -> HookRun {
        HookRun {
            commands: commands
                .iter()
                .map(|command| command.iter().map(ToString::to_string).collect())
                .collect(),
            directory: std::env::temp_dir(),
            variables: BTreeMap::from([("MAINSTAY_RELEASE".into(), "r7".into())]),
            timeout,
        }
    }

    #[tokio::test]
    async fn the_first_failure_ends_it_with_its_words() {
        let long = Duration::from_secs(60);
        let passes = run(
            &[&["true"], &["sh", "-c", "test $MAINSTAY_RELEASE = r7"]],
            long,
        );
        assert!(passes.run().await.is_ok());
        let fails = run(
            &[&["sh", "-c", "echo no room >&2; exit 3"], &["true"]],
            long,
        );
        let reason = fails.run().await.unwrap_err().reason;
        assert!(
            reason.contains("no room") && reason.contains('3'),
            "{reason}"
        );
        let unknown = run(&[&["no-such-program-here"]], long);
        assert!(
            unknown
                .run()
                .await
                .unwrap_err()
                .reason
                .contains("no-such-program-here")
        );
    }

    #[tokio::test]
    async fn a_hook_that_hangs_is_ended() {
        let hangs = run(&[&["sleep", "600"]], Duration::from_millis(50));
        assert!(hangs.run().await.unwrap_err().reason.contains("not done"));
    }
}
