//! What can be known to fail before anything is touched.

use crate::api::types::ApiError;
use crate::control::Control;
use crate::ports;
use crate::traffic::{self, Share};
use crate::ways::Ways;
use mainstay_model::{Scope, ServiceName};
use mainstay_runtime::images::ImageRecord;
use mainstay_stack::Stack;
use std::collections::{BTreeMap, BTreeSet};

/// Refuses a stack whose routes or addresses somebody else has.
pub(crate) async fn check(control: &Control, scope: &Scope, stack: &Stack) -> Result<(), ApiError> {
    clashes(control, scope, stack)?;
    proxy(control).await?;
    taken(control, stack).await
}

/// A rollout without a proxy would wait for it until its deadline; better said before.
pub(super) async fn proxy(control: &Control) -> Result<(), ApiError> {
    let Err(problem) = control.apply_traffic().await else {
        return Ok(());
    };
    let error = ApiError::unavailable(format!("the proxy cannot serve: {problem}"));
    // Its own process may have one of them already.
    let own = control.proxy().status().await.map(|status| status.pid);
    let front = control.proxy().front();
    let mut addresses = std::iter::once((front.http, "--proxy"))
        .chain(front.https.map(|address| (address, "proxy.https")));
    let taken = addresses.find_map(|(address, setting)| {
        let owner = ports::owner(address).filter(|owner| Some(owner.pid) != own)?;
        Some((address, setting, owner))
    });
    Err(match taken {
        Some((address, setting, owner)) => error.hint(format!(
            "{address} is taken by {owner}: end it, or start the server with another `{setting}` address"
        )),
        None => error.hint("`proxy/proxy.log` in the data directory says more"),
    })
}

/// Settles what each service runs on a container target: the engine answers, and has every image.
/// An image that was settled before stays the very same; where the engine has it not any more, its
/// registry is asked for it by its digest.
pub(super) async fn engine(
    control: &Control,
    stack: &Stack,
    mut images: BTreeMap<ServiceName, ImageRecord>,
) -> Result<BTreeMap<ServiceName, ImageRecord>, ApiError> {
    let Some(engine) = control.targets().engine_of(stack)? else {
        return Ok(BTreeMap::new());
    };
    engine.check().await?;
    let on_engine = control.images(stack.engine.as_ref()).await?;
    images.retain(|name, _| stack.services.contains_key(name));
    let mut missing = Vec::new();
    for service in stack.services.values() {
        if let Some(settled) = images.get(&service.name) {
            if let Err(error) = on_engine.restore(settled, |_| {}).await {
                missing.push(format!("`{}`: {error}", service.name));
            }
            continue;
        }
        let Some(name) = &service.image else {
            missing.push(format!("`{}` has no image", service.name));
            continue;
        };
        match on_engine.record(name, name).await {
            Ok(record) => {
                images.insert(service.name.clone(), record);
            }
            Err(error) if error.missing => {
                missing.push(format!("image `{name}` of `{}`", service.name));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if missing.is_empty() {
        return Ok(images);
    }
    let address = engine.address();
    Err(ApiError::conflict(format!(
        "not on the engine at {address}: {}",
        missing.join(", ")
    ))
    .hint("`mainstay deploy` builds and pulls by itself; without it: `mainstay image build`, `mainstay image pull`"))
}

fn clashes(control: &Control, scope: &Scope, stack: &Stack) -> Result<(), ApiError> {
    let mut shares = control.shares();
    shares.retain(|share| share.scope != *scope);
    shares.push(Share {
        scope: scope.clone(),
        stack: stack.clone(),
        before: None,
        ways: Ways::default(),
        weights: BTreeMap::new(),
        addresses: BTreeMap::new(),
    });
    let clashes = traffic::clashes(control.proxy().front(), &shares);
    if clashes.is_empty() {
        return Ok(());
    }
    let words: Vec<String> = clashes.iter().map(ToString::to_string).collect();
    Err(ApiError::conflict(words.join("; "))
        .hint("give one of them another host or path in `routes`, or another published port"))
}

async fn taken(control: &Control, stack: &Stack) -> Result<(), ApiError> {
    let status = control.proxy().status().await;
    let ours: BTreeSet<_> = status
        .iter()
        .flat_map(|status| &status.listeners)
        .map(|listener| listener.address)
        .collect();
    for (service, address, _) in traffic::published(stack) {
        if ours.contains(&address) || ports::is_free(address) {
            continue;
        }
        let owner = ports::owner(address)
            .map_or_else(|| "another process".to_owned(), |owner| owner.to_string());
        return Err(ApiError::conflict(format!(
            "port {} of `{service}` is taken by {owner}",
            address.port()
        ))
        .hint(format!(
            "end it, or publish another port: `ports: [\"{}:…\"]`",
            address.port().wrapping_add(1)
        )));
    }
    Ok(())
}
