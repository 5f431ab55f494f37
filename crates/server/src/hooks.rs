//! Hooks of a rollout: the user's commands, run in the stack's directory.
//!
//! A hook is run at least once: where the control plane died in the middle it is run again, and
//! the documents say so. Its output goes into the rollout's events, the last lines only.

use mainstay_rollout::world::HookView;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
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

/// A hook that is run in the background and looked at from the driver.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hook {
    view: Arc<Mutex<HookView>>,
}

impl Hook {
    pub(crate) fn view(&self) -> HookView {
        self.view
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Starts it, unless it was started already.
    pub(crate) fn start(&self, run: HookRun) {
        let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        if *view != HookView::NotRun {
            return;
        }
        *view = HookView::Running;
        drop(view);
        let hook = self.clone();
        tokio::spawn(async move {
            let result = match run.run().await {
                Ok(()) => HookView::Passed,
                Err(reason) => HookView::Failed { reason },
            };
            *hook.view.lock().unwrap_or_else(PoisonError::into_inner) = result;
        });
    }
}

impl HookRun {
    async fn run(&self) -> Result<(), String> {
        let timeout = if self.timeout.is_zero() {
            DEFAULT_TIMEOUT
        } else {
            self.timeout
        };
        let all = async {
            for command in &self.commands {
                self.one(command).await?;
            }
            Ok(())
        };
        tokio::time::timeout(timeout, all)
            .await
            .unwrap_or_else(|_| Err(format!("not done after {} s", timeout.as_secs())))
    }

    async fn one(&self, command: &[String]) -> Result<(), String> {
        let Some((program, arguments)) = command.split_first() else {
            return Ok(());
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
            .map_err(|error| format!("`{program}`: {error}"))?;
        let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
        let (out, err) = tokio::join!(tail(out.as_mut()), tail(err.as_mut()));
        let status = child
            .wait()
            .await
            .map_err(|error| format!("`{program}`: {error}"))?;
        if status.success() {
            return Ok(());
        }
        let words = if err.trim().is_empty() { out } else { err };
        Err(format!("`{program}`: {status}: {}", words.trim()))
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
        assert_eq!(passes.run().await, Ok(()));
        let fails = run(
            &[&["sh", "-c", "echo no room >&2; exit 3"], &["true"]],
            long,
        );
        let reason = fails.run().await.unwrap_err();
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
                .contains("no-such-program-here")
        );
    }

    #[tokio::test]
    async fn a_hook_that_hangs_is_ended() {
        let hangs = run(&[&["sleep", "600"]], Duration::from_millis(50));
        assert!(hangs.run().await.unwrap_err().contains("not done"));
    }
}
