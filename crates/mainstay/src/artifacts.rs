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

async fn put(
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
fn hash(file: &Path) -> io::Result<String> {
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
