//! What is lost of services, one line for each field with all the services that have it.

use crate::output::Rendering;
use mainstay_stack::Service;
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

    /// What neither a Compose file nor a stack of Swarm says: the engine below both cannot do it.
    pub(super) fn of_any_engine(&mut self, service: &Service) {
        let name = service.name.as_str();
        let health = service.health.as_ref();
        self.when(
            health.is_some_and(|health| health.passes > 1),
            name,
            "health.passes",
            "an engine counts a service as healthy after one pass",
            "nothing: one that fails again is unhealthy soon enough",
        );
        self.when(
            health.is_some_and(|health| health.start_interval != health.interval),
            name,
            "health.start_interval",
            "engines before 25 refuse a service that has one",
            "while starting it is asked at the usual interval",
        );
        self.add(
            name,
            "log.max_age",
            "an engine rotates by size alone",
            "nothing older than `max-size` times `max-file` is kept",
        );
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
