//! Which ports of the machine are free.

use mainstay_stack::Stack;
use std::collections::BTreeSet;

/// Those that the files have taken so far.
#[derive(Debug)]
pub(super) struct Ports(BTreeSet<u16>);

impl Ports {
    /// Ports that the stack publishes, and those that its services have within: two services on one number are
    /// told apart badly by people.
    pub(super) fn of(stack: &Stack) -> Self {
        let ports = stack.services.values().flat_map(|service| &service.ports);
        Self(
            ports
                .flat_map(|port| port.published.into_iter().chain([port.target]))
                .collect(),
        )
    }

    /// The wanted one, or the next above it that nobody has.
    pub(super) fn take(&mut self, wanted: u16) -> u16 {
        let mut found = (wanted..=u16::MAX).filter(|port| !self.0.contains(port));
        let port = found.next().unwrap_or(wanted);
        self.0.insert(port);
        port
    }
}
