//! `image list` and `image prune`.

use super::{Context, resolve};
use crate::arguments::ImageListArguments;
use crate::failure::Outcome;
use crate::locate::path;
use crate::operation::mutate;
use crate::render::quantity::count;
use crate::render::table::{Entry, table};
use mainstay_model::Bytes;
use mainstay_server::api::types::{ImageQuery, ListedImage, Pruned};

pub async fn list(context: &Context, arguments: &ImageListArguments) -> Outcome {
    let (place, resolved) = resolve(context, &arguments.files)?;
    let query = ImageQuery {
        engine: resolved.stack.engine.clone(),
    };
    let path = path(&resolved.stack.scope(), "/images/list");
    let images: Vec<ListedImage> = mutate(&place.client()?, &path, &query).await?;
    context.output.either(&images, |look| {
        if images.is_empty() {
            return format!("no image was built for {} yet", resolved.stack.name);
        }
        let rows = images.iter().map(|listed| {
            let image = &listed.image;
            vec![
                Entry::new(&image.service),
                Entry::optional(image.version.as_deref()),
                Entry::new(image.id.get(..19).unwrap_or(&image.id)),
                Entry::new(Bytes(image.size)).right(),
                Entry::new(image.created_at),
                Entry::optional(Some(listed.releases.join(", ")).filter(|text| !text.is_empty())),
                Entry::optional(image.names.first()),
            ]
        });
        let heading = [
            "SERVICE", "VERSION", "ID", "SIZE", "CREATED", "RELEASES", "NAME",
        ];
        table(look, &heading, rows.collect())
    })
}

pub async fn prune(context: &Context, arguments: &ImageListArguments) -> Outcome {
    let (place, resolved) = resolve(context, &arguments.files)?;
    let query = ImageQuery {
        engine: resolved.stack.engine.clone(),
    };
    let path = path(&resolved.stack.scope(), "/images/prune");
    let pruned: Pruned = mutate(&place.client()?, &path, &query).await?;
    context.output.either(&pruned, |_| {
        let removed = count(pruned.removed.len(), "image");
        format!("removed {removed}, up to {}", Bytes(pruned.bytes))
    })
}
