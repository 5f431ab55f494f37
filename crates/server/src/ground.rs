//! What containers of an environment stand on: its networks, made before a rollout begins, since
//! the addresses under which services reach each other follow from them, and removed when all is
//! down. Volumes come with the containers that want them, and stay.

use crate::api::types::ApiError;
use crate::control::Control;
use crate::environment::Environment;
use crate::specs::container;
use crate::ways::{Gateway, Gateways};
use mainstay_model::Scope;
use mainstay_stack::Stack;

impl Control {
    /// Makes the networks that are missing, and takes down where the proxy is reached in each.
    pub(crate) async fn lay_ground(
        &self,
        environment: &Environment,
        stack: &Stack,
    ) -> Result<(), ApiError> {
        let Some(engine) = self.targets().engine_of(stack)? else {
            environment.inner().kept.gateways.clear();
            return Ok(());
        };
        let bridged = engine.is_bridged().await?;
        let mut gateways = Gateways::new();
        for (key, network) in container::networks(stack) {
            let seen = engine.network(&environment.scope, &network).await?;
            let subnet = seen.subnet.as_deref().and_then(|text| text.parse().ok());
            if let Some(address) = seen.gateway.filter(|_| bridged) {
                gateways.insert(key, Gateway { address, subnet });
            }
        }
        // Those of the release before hold as long as its instances may run.
        let mut inner = environment.inner();
        inner.kept.gateways.extend(gateways);
        Ok(())
    }

    /// Nothing of the environment runs any more. What cannot be removed now is found by the next
    /// `up`, which uses it again.
    pub(crate) async fn clear_ground(&self, scope: &Scope) {
        for engine in self.targets().engines() {
            match engine.remove_networks(scope).await {
                Ok(stay) if stay.is_empty() => {}
                Ok(stay) => {
                    let networks = stay.join(", ");
                    tracing::warn!(%scope, networks, "networks stay: somebody else is in them");
                }
                Err(error) => tracing::warn!(%scope, %error, "networks stay"),
            }
        }
    }

    /// At start-up: the engine of what runs, also where nothing about it was noted.
    pub(crate) fn open_engine(&self, environment: &Environment) {
        let current = environment.inner().current.clone();
        let Some(bundle) = current else {
            return;
        };
        if let Err(error) = self.targets().engine_of(&bundle.stack) {
            tracing::error!(scope = %environment.scope, %error, "the engine cannot be opened");
        }
    }
}
