//! What is lost of services, one line for each field with all the services that have it.

use crate::output::Rendering;
use std::collections::BTreeMap;

/// In the order of the fields' names.
#[derive(Debug, Default)]
pub(super) struct Losses {
    services: BTreeMap<(&'static str, &'static str, &'static str), Vec<String>>,
}

impl Losses {
    /// `field` of the service cannot be said: why, and what is done or to be done instead.
    pub(super) fn add(
        &mut self,
        service: &str,
        field: &'static str,
        why: &'static str,
        instead: &'static str,
    ) {
        let services = self.services.entry((field, why, instead)).or_default();
        services.push(service.to_owned());
    }

    /// As `add`, where the service has it.
    pub(super) fn when(
        &mut self,
        has: bool,
        service: &str,
        field: &'static str,
        why: &'static str,
        instead: &'static str,
    ) {
        if has {
            self.add(service, field, why, instead);
        }
    }

    pub(super) fn tell(self, out: &mut Rendering) {
        for ((field, why, instead), services) in self.services {
            let what = match services.as_slice() {
                [one] => format!("services.{one}.{field}"),
                many => format!("services.{{{}}}.{field}", many.join(",")),
            };
            out.lost(&what, why, instead);
        }
    }
}
