//! In which order services start: what a service depends on comes first.

use crate::resolved::Stack;
use mainstay_model::ServiceName;
use std::collections::BTreeSet;

/// Every service of the stack once, dependencies first, by name where nothing else decides.
///
/// A resolved stack has no cycle; in one that has, the services of the cycle come by name.
pub fn dependency_order(stack: &Stack) -> Vec<ServiceName> {
    let mut order = Vec::with_capacity(stack.services.len());
    let mut seen: BTreeSet<&ServiceName> = BTreeSet::new();
    for (start, service) in &stack.services {
        if !seen.insert(start) {
            continue;
        }
        // An own stack rather than recursion: a chain may be as long as there are services.
        let mut path = vec![(start, service.depends_on.keys())];
        while let Some((name, rest)) = path.last_mut() {
            let name = *name;
            match rest
                .next()
                .and_then(|name| stack.services.get_key_value(name))
            {
                Some((next, service)) => {
                    if seen.insert(next) {
                        path.push((next, service.depends_on.keys()));
                    }
                }
                None if rest.len() > 0 => {}
                None => {
                    order.push(name.clone());
                    path.pop();
                }
            }
        }
    }
    order
}
