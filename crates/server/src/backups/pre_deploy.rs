//! The backup step of a deploy: what runs is saved before anything of it is replaced.

use super::create::Wanted;
use super::job::By;
use crate::api::types::{BackupJobState, ErrorCode};
use crate::control::Control;
use crate::environment::Environment;
use mainstay_model::ReleaseNumber;
use mainstay_recovery::Reason;
use mainstay_stack::{BackupWhat, BeforeDeploy, PipelineMode, Stack};
use std::sync::Arc;

/// Jobs of others that are waited for, one after the other, and pauses.
const MOST_WAITED: usize = 120;
/// Between two of them where there is nothing to wait for.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

/// Whether a deploy of this stack makes a restore point first. Where nothing is known that could be in it, somebody
/// has to say that this is right: the step is waived by name.
pub(crate) fn is_wanted(stack: &Stack, migrates: bool) -> bool {
    let backups = &stack.backups;
    let asked = match backups.before_deploy {
        BeforeDeploy::Always => true,
        BeforeDeploy::Migrations => migrates,
        BeforeDeploy::Never => false,
    };
    let is_something = backups.active().next().is_some();
    backups.enabled && is_something && (asked || stack.deploy.pipeline == PipelineMode::Full)
}

impl Control {
    /// Makes it and waits for its end; what it came to, in words.
    pub(crate) async fn back_up_before(
        self: &Arc<Self>,
        environment: &Arc<Environment>,
        from: Option<ReleaseNumber>,
        to: ReleaseNumber,
        by: &str,
    ) -> Result<Vec<String>, String> {
        if from.is_none() {
            return Ok(vec![
                "the first release: there is nothing to back up yet".to_owned(),
            ]);
        }
        let current = Self::bundle_of(environment).map_err(|error| error.to_string())?;
        if current.stack.backups.active().next().is_none() {
            return Ok(vec![
                "the release that runs has nothing to back up".to_owned(),
            ]);
        }
        for _ in 0..MOST_WAITED {
            let name = self.free_name(&environment.scope).await;
            let wanted = Wanted {
                name: name.map_err(|error| error.to_string())?,
                what: BackupWhat::Full,
                reason: Reason::Deploy { release: to },
            };
            let job = match self.begin_create(environment, wanted, &By::new(by)).await {
                Ok(job) => job,
                Err(error) if error.code == ErrorCode::Conflict => {
                    // Held by one that is just beginning or just over, it is not there to be waited for.
                    match self.backups.under_way(&environment.scope) {
                        Some(other) => drop(other.ended().await),
                        None => tokio::time::sleep(PAUSE).await,
                    }
                    continue;
                }
                Err(error) => return Err(error.to_string()),
            };
            let ended = job.ended().await;
            let message = ended.message.unwrap_or_default();
            return match ended.state {
                BackupJobState::Failed => Err(message),
                _ => Ok(vec![message]),
            };
        }
        Err("other jobs of the backups are under way again and again".to_owned())
    }
}
