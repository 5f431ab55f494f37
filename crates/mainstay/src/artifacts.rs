//! The files a build leaves: hashed, and uploaded where the server has them not.

use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::progress::Progress;
use mainstay_model::Bytes;
use mainstay_stack::Stack;
use ring::digest::{Context, SHA256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

const BLOCK: usize = 256 << 10;

/// Path as the stack has it → SHA-256 in hex, all of them known to the server.
pub async fn upload(
    client: &Client,
    stack: &Stack,
    progress: &Progress,
) -> Outcome<BTreeMap<PathBuf, String>> {
    let mut hashes = BTreeMap::new();
    let runs = stack
        .services
        .values()
        .filter_map(|service| service.process.as_ref());
    for artifact in runs.flat_map(|run| &run.artifacts) {
        if hashes.contains_key(artifact) {
            continue;
        }
        progress.now(format!("reading {}", artifact.display()));
        let file = stack.directory.join(artifact);
        let hash = hash(&file).map_err(|error| unreadable(artifact, &error))?;
        put(client, &file, artifact, &hash, progress).await?;
        hashes.insert(artifact.clone(), hash);
    }
    Ok(hashes)
}

/// Brings one artifact from a server to another that has it not.
pub async fn transfer(from: &Client, to: &Client, artifact: &Path, hash: &str) -> Outcome {
    let path = format!("/api/v1/artifacts/{hash}");
    if to.has(&path).await.map_err(|error| to.explain(error))? {
        return Ok(());
    }
    let mut answer = from
        .stream(&path)
        .await
        .map_err(|error| from.explain(error))?;
    let kept = |error: io::Error| {
        Failure::environment(format!("cannot keep `{}` on the way", artifact.display()))
            .because(&error)
            .hint("see that the temporary directory has room")
    };
    // Unnamed, so that it goes with this process however it ends.
    let file = unnamed().map_err(kept)?;
    let mut file = tokio::fs::File::from_std(file);
    let mut size = 0;
    while let Some(piece) = answer.piece().await {
        let piece = piece.map_err(|error| from.explain(error))?;
        size += piece.len() as u64;
        file.write_all(&piece).await.map_err(kept)?;
    }
    file.rewind().await.map_err(kept)?;
    // The server takes it only when it is what its name says.
    to.put_file(&path, file, size)
        .await
        .map_err(|error| to.explain(error))
}

/// A file of the temporary directory that has no name any more.
fn unnamed() -> io::Result<File> {
    let name = format!("mainstay-{}", uuid::Uuid::now_v7());
    let path = std::env::temp_dir().join(name);
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// Uploads one file, unless the server has it.
pub async fn put(
    client: &Client,
    file: &Path,
    artifact: &Path,
    hash: &str,
    progress: &Progress,
) -> Outcome {
    let path = format!("/api/v1/artifacts/{hash}");
    if client
        .has(&path)
        .await
        .map_err(|error| client.explain(error))?
    {
        return Ok(());
    }
    let open = tokio::fs::File::open(file).await;
    let open = open.map_err(|error| unreadable(artifact, &error))?;
    let size = open
        .metadata()
        .await
        .map_err(|error| unreadable(artifact, &error))?
        .len();
    progress.now(format!(
        "uploading {} ({})",
        artifact.display(),
        Bytes(size)
    ));
    client
        .put_file(&path, open, size)
        .await
        .map_err(|error| client.explain(error))
}

fn unreadable(artifact: &Path, error: &io::Error) -> Failure {
    Failure::input(format!("cannot read the artifact `{}`", artifact.display()))
        .because(error)
        .hint("build it first (without --no-build), or mend `x-mainstay: artifacts`")
}

/// SHA-256 of a file, in hex.
pub fn hash(file: &Path) -> io::Result<String> {
    let mut file = File::open(file)?;
    let mut context = Context::new(&SHA256);
    let mut block = vec![0; BLOCK];
    loop {
        let count = file.read(&mut block)?;
        if count == 0 {
            break;
        }
        context.update(&block[..count]);
    }
    let mut hex = String::new();
    for byte in context.finish().as_ref() {
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_sha256sum() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        // FIPS 180-4, example of SHA-256.
        assert_eq!(
            hash(file.path()).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
