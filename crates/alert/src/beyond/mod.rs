//! What goes beyond Alertmanager: who is on call, escalations, signs of life, windows in which nothing is
//! told, priorities, and the configuration of those who have none.

mod defaults;
mod escalation;
mod oncall;
mod priority;
mod window;

pub use defaults::{Addresses, MailAddress, default_configuration};
pub use escalation::{EscalationPolicy, EscalationStep, Heartbeat, Target};
pub use oncall::{OnCall, Override, Person, Rota, RotaError};
pub use priority::Priority;
pub use window::{Recurring, RecurringError, Window, maintenance_windows};

/// All of it, as the engine is given it.
#[derive(Debug, Clone, Default)]
pub struct Extras {
    /// The first whose matchers hold is an alert's.
    pub policies: Vec<EscalationPolicy>,
    pub rotas: Vec<Rota>,
    pub heartbeats: Vec<Heartbeat>,
    pub windows: Vec<Window>,
}
