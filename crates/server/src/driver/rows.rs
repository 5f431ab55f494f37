//! The rows that the driver needs, as a trait of its own: one transaction per call.

use mainstay_journal::{
    FinishRollout, Journal, JournalError, NewEvent, NewRollout, RolloutRow, Writer,
};
use mainstay_model::Scope;
use uuid::Uuid;

/// Where rollouts are kept. Each call is durable as a whole when it returns `Ok`; within a
/// [`Writer`] it is durable with its transaction.
pub trait RolloutRows {
    /// Takes the lease of the scope; an error while another rollout has it.
    fn begin(
        &mut self,
        new: &NewRollout,
        state: &str,
        events: &[NewEvent],
    ) -> Result<(), JournalError>;

    fn save(&mut self, id: Uuid, state: &str, events: &[NewEvent]) -> Result<(), JournalError>;

    /// Gives the lease back.
    fn finish(
        &mut self,
        id: Uuid,
        state: &str,
        finish: &FinishRollout,
        events: &[NewEvent],
    ) -> Result<(), JournalError>;

    /// The rollout that has the lease of the scope.
    fn running(&self, scope: &Scope) -> Result<Option<RolloutRow>, JournalError>;
}

impl RolloutRows for Writer<'_> {
    fn begin(
        &mut self,
        new: &NewRollout,
        state: &str,
        events: &[NewEvent],
    ) -> Result<(), JournalError> {
        self.begin_rollout(new, state)?;
        append(self, events)
    }

    fn save(&mut self, id: Uuid, state: &str, events: &[NewEvent]) -> Result<(), JournalError> {
        self.save_rollout(id, state)?;
        append(self, events)
    }

    fn finish(
        &mut self,
        id: Uuid,
        state: &str,
        finish: &FinishRollout,
        events: &[NewEvent],
    ) -> Result<(), JournalError> {
        self.finish_rollout(id, state, finish)?;
        append(self, events)
    }

    fn running(&self, scope: &Scope) -> Result<Option<RolloutRow>, JournalError> {
        self.rows().running_rollout(scope)
    }
}

impl RolloutRows for Journal {
    fn begin(
        &mut self,
        new: &NewRollout,
        state: &str,
        events: &[NewEvent],
    ) -> Result<(), JournalError> {
        self.write(|writer| writer.begin(new, state, events))
    }

    fn save(&mut self, id: Uuid, state: &str, events: &[NewEvent]) -> Result<(), JournalError> {
        self.write(|writer| writer.save(id, state, events))
    }

    fn finish(
        &mut self,
        id: Uuid,
        state: &str,
        finish: &FinishRollout,
        events: &[NewEvent],
    ) -> Result<(), JournalError> {
        self.write(|writer| writer.finish(id, state, finish, events))
    }

    fn running(&self, scope: &Scope) -> Result<Option<RolloutRow>, JournalError> {
        self.rows().running_rollout(scope)
    }
}

fn append(writer: &mut Writer<'_>, events: &[NewEvent]) -> Result<(), JournalError> {
    for event in events {
        writer.append(event)?;
    }
    Ok(())
}
