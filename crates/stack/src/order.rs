//! In which order services start: what a service depends on comes first.

use crate::resolved::Stack;
use mainstay_model::ServiceName;
use std::collections::BTreeSet;

/// Every service of the stack once, dependencies first, by name where nothing else decides.
///
/// A resolved stack has no cycle; in one that has, the services of the cycle come by name.
pub fn dependency_order(stack: &Stack) -> Vec<ServiceName> {
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for name in stack.services.keys() {
        visit(stack, name, &mut seen, &mut order);
    }
    order
}

fn visit(
    stack: &Stack,
    name: &ServiceName,
    seen: &mut BTreeSet<ServiceName>,
    order: &mut Vec<ServiceName>,
) {
    let Some(service) = stack.services.get(name) else {
        return;
    };
    if !seen.insert(name.clone()) {
        return;
    }
    for dependency in service.depends_on.keys() {
        visit(stack, dependency, seen, order);
    }
    order.push(name.clone());
}
