//! The fake proxy: whole configurations in order, late at times, and requests that take a while.

use mainstay_model::{InstanceId, ServiceName};
use mainstay_rollout::world::EndpointView;
use std::collections::BTreeMap;

pub(crate) type Weights = BTreeMap<InstanceId, u32>;
pub(crate) type Config = BTreeMap<ServiceName, Weights>;

#[derive(Debug, Default)]
pub(crate) struct Proxy {
    /// What is in force.
    pub config: Config,
    /// What the control plane sends, of all services.
    wanted: Config,
    /// A configuration that was taken and whose answer was lost; comes into force at that time.
    late: Option<(i64, Config)>,
    /// The control plane knows that its last configuration is in force.
    pub known: bool,
    pub down_until: i64,
    /// Slowest requests last this long, in milliseconds.
    pub slowest: i64,
    /// When an endpoint got its last request.
    released: BTreeMap<InstanceId, i64>,
}

/// What becomes of one attempt to set the routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Never arrives.
    Lost,
    /// Comes into force after so many milliseconds, and nobody is told.
    Late(i64),
}

impl Proxy {
    pub(crate) fn new(config: Config, slowest: i64) -> Self {
        Self {
            wanted: config.clone(),
            config,
            slowest,
            known: true,
            ..Self::default()
        }
    }

    pub(crate) fn weight(&self, id: &InstanceId) -> u32 {
        let weights = self.config.get(&id.service);
        weights
            .and_then(|weights| weights.get(id))
            .copied()
            .unwrap_or(0)
    }

    /// When its last request went to an endpoint that gets none any more.
    pub(crate) fn released(&self, id: &InstanceId) -> Option<i64> {
        self.released.get(id).copied()
    }

    pub(crate) fn in_flight(&self, id: &InstanceId, now: i64) -> u64 {
        let busy = self
            .released
            .get(id)
            .is_some_and(|at| now < at + self.slowest);
        u64::from(busy || self.weight(id) > 0)
    }

    pub(crate) fn due(&self) -> Option<i64> {
        self.late.as_ref().map(|(at, _)| *at)
    }

    pub(crate) fn apply_late(&mut self, now: i64) {
        if let Some((_, config)) = self.late.take() {
            self.apply(config, now);
        }
    }

    fn apply(&mut self, config: Config, now: i64) {
        for id in self.config.values().flat_map(BTreeMap::keys) {
            let next = config.get(&id.service).and_then(|weights| weights.get(id));
            if self.weight(id) > 0 && next.copied().unwrap_or(0) == 0 {
                self.released.insert(id.clone(), now);
            }
        }
        self.config = config;
    }

    /// One `Route`: the weights of one service, sent with those of all others.
    pub(crate) fn route(
        &mut self,
        service: &ServiceName,
        weights: &Weights,
        fault: Fault,
        now: i64,
    ) -> Result<(), String> {
        self.wanted.insert(service.clone(), weights.clone());
        self.known = false;
        if now < self.down_until || fault == Fault::Lost {
            return Err("no answer".to_owned());
        }
        if let Fault::Late(after) = fault {
            self.late = Some((now + after, self.wanted.clone()));
            return Err("the answer was lost".to_owned());
        }
        // A newer one overtakes what was late; that is refused as old when it comes.
        self.late = None;
        self.apply(self.wanted.clone(), now);
        self.known = true;
        Ok(())
    }

    /// A new control plane begins with what the proxy has.
    pub(crate) fn control_plane_is_back(&mut self) {
        self.wanted = self.config.clone();
    }

    /// What the control plane is shown. `None` unless its last configuration is in force for sure.
    pub(crate) fn view(&self, now: i64) -> Option<BTreeMap<InstanceId, EndpointView>> {
        if now < self.down_until || !self.known {
            return None;
        }
        let named = self
            .config
            .values()
            .flatten()
            .map(|(id, weight)| (id, Some(*weight)));
        let draining = self.released.keys().map(|id| (id, None));
        let all = draining.chain(named);
        let view = |(id, weight): (&InstanceId, Option<u32>)| {
            let in_flight = self.in_flight(id, now);
            (id.clone(), EndpointView { weight, in_flight })
        };
        Some(all.map(view).collect())
    }
}
