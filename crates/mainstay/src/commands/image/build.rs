//! `image build` and `image pull`.

use super::{Context, chosen, resolve};
use crate::arguments::{BuildingOptions, ImageBuildArguments, ImagePullArguments};
use crate::commands::deploy::warn;
use crate::failure::{Failure, Outcome};
use crate::look::Look;
use crate::making::{Making, Wanted};
use crate::progress::Progress;
use crate::render::table::{Entry, table};
use mainstay_model::{Bytes, ServiceName};
use mainstay_server::api::types::ImageRecord;
use serde::Serialize;
use std::collections::BTreeMap;

/// `image build --json`, `image pull --json`
#[derive(Debug, Serialize)]
struct Document<'a> {
    images: &'a BTreeMap<ServiceName, ImageRecord>,
}

pub async fn build(context: &Context, arguments: &ImageBuildArguments) -> Outcome {
    let (place, resolved) = resolve(context, &arguments.files)?;
    warn(&context.output, &resolved);
    let stack = &resolved.stack;
    let services: Vec<_> = chosen(stack, &arguments.services)?
        .into_iter()
        .filter(|service| service.container.build.is_some())
        .collect();
    if services.is_empty() {
        return Err(Failure::input("no service of these has a `build` section")
            .hint("name what to build from: `services: {app: {build: .}}`"));
    }
    let client = place.client()?;
    client.ask::<serde_json::Value>("/health").await?;
    let progress = Progress::new(context.output);
    let making = Making::new(
        &client,
        stack,
        &progress,
        &arguments.options,
        arguments.tag.as_deref(),
    )
    .await;
    let wanted = Wanted {
        platforms: &arguments.platform,
        push: arguments.push,
    };
    let mut images = BTreeMap::new();
    for service in services {
        let record = making.build(service, wanted).await?;
        images.insert(service.name.clone(), record);
    }
    drop(progress);
    show(context, &images)
}

pub async fn pull(context: &Context, arguments: &ImagePullArguments) -> Outcome {
    let (place, resolved) = resolve(context, &arguments.files)?;
    let stack = &resolved.stack;
    let services: Vec<_> = chosen(stack, &arguments.services)?
        .into_iter()
        .filter(|service| service.container.build.is_none() && service.image.is_some())
        .collect();
    if services.is_empty() {
        return Err(Failure::input("no service of these has an `image` to pull")
            .hint("services with a `build` section are built: mainstay image build"));
    }
    let client = place.client()?;
    client.ask::<serde_json::Value>("/health").await?;
    let progress = Progress::new(context.output);
    let options = BuildingOptions::default();
    let making = Making::new(&client, stack, &progress, &options, None).await;
    let mut images = BTreeMap::new();
    for service in services {
        let record = making.pull(service, true).await?;
        images.insert(service.name.clone(), record);
    }
    drop(progress);
    show(context, &images)
}

fn show(context: &Context, images: &BTreeMap<ServiceName, ImageRecord>) -> Outcome {
    context
        .output
        .either(&Document { images }, |look| text(images, look))
}

fn text(images: &BTreeMap<ServiceName, ImageRecord>, look: Look) -> String {
    let rows = images.iter().map(|(service, image)| {
        vec![
            Entry::new(service),
            Entry::new(&image.reference),
            Entry::new(image.short_id()),
            Entry::new(Bytes(image.size)).right(),
            Entry::optional(image.digest.as_deref().and_then(short_digest)),
        ]
    });
    table(
        look,
        &["SERVICE", "IMAGE", "ID", "SIZE", "DIGEST"],
        rows.collect(),
    )
}

/// `sha256:` and twelve digits of it.
fn short_digest(digest: &str) -> Option<String> {
    let (_, digest) = digest.split_once('@')?;
    Some(digest.chars().take(19).collect())
}
