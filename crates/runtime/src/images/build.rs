//! Builds an image from a tar archive that streams in.

use super::Images;
use super::error::ImageError;
use super::progress::{BuildReader, Progress};
use super::record::ImageRecord;
use bollard::Docker;
use bollard::query_parameters::{BuildImageOptions, BuilderVersion, TagImageOptionsBuilder};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use hyper::header::{HeaderName, HeaderValue};
use mainstay_model::Secret;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Of one build. Long, because a first build of everything is.
const DEADLINE: Duration = Duration::from_hours(2);

/// How an image is built. Arguments are no place for secrets: the image's history shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct BuildOptions {
    /// Names that the image gets; the first one stands in its record.
    pub names: Vec<String>,
    /// Path of the Dockerfile within the archive.
    pub dockerfile: String,
    /// The stage; `None`: the last.
    pub target: Option<String>,
    pub args: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    pub cache_from: Vec<String>,
    /// `None`: the engine's own.
    pub platform: Option<String>,
    pub network: Option<String>,
    /// Ask for newer base images.
    pub pull: bool,
    pub no_cache: bool,
    pub shm_size: Option<u64>,
    /// `host:address`
    pub extra_hosts: Vec<String>,
    /// Registries of base images, whose credentials the engine may need.
    pub registries: Vec<String>,
}

/// The build context: an uncompressed tar archive in pieces. An error in it ends the build.
pub type Context = std::pin::Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

impl Images {
    /// Builds, names the result, and says what it is. Dropping the future ends the build.
    pub async fn build(
        &self,
        options: &BuildOptions,
        context: Context,
        mut each: impl FnMut(Progress),
    ) -> Result<ImageRecord, ImageError> {
        let name = options.names.first().cloned().unwrap_or_default();
        let what = format!("cannot build `{name}`");
        // The engine answers when the whole context is there.
        let docker = self.docker.clone().with_timeout(DEADLINE);
        let config = self.registries.of_all(&options.registries).await;
        let config = config.map(|value| ("x-registry-config", value));
        let docker = modified(docker, config, &query_of_hosts(&options.extra_hosts));
        let body = bollard::body_try_stream(context);
        let mut stream = std::pin::pin!(docker.build_image(query(options)?, None, Some(body)));
        let mut reader = BuildReader::default();
        let work = async {
            while let Some(info) = stream.next().await {
                reader.read(info?, &mut each);
            }
            Ok::<(), bollard::errors::Error>(())
        };
        match tokio::time::timeout(DEADLINE, work).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.build_failed(&what, error, reader)),
            Err(_) => {
                let mut error = ImageError::new(format!(
                    "{what}: it takes longer than {}",
                    mainstay_model::format_duration(DEADLINE)
                ));
                error.step = reader.failed_step();
                return Err(error);
            }
        }
        let id = reader.id.ok_or_else(|| {
            ImageError::new(format!(
                "{what}: the engine does not say which image came out"
            ))
        })?;
        self.name(&id, &options.names[1.min(options.names.len())..])
            .await?;
        self.record(&id, &name).await
    }

    fn build_failed(
        &self,
        what: &str,
        error: bollard::errors::Error,
        reader: BuildReader,
    ) -> ImageError {
        let mut failure = ImageError::of_engine(what, &self.address, error);
        failure.step = reader.failed_step();
        failure
    }

    /// Gives further names to an image.
    async fn name(&self, id: &str, names: &[String]) -> Result<(), ImageError> {
        for name in names {
            let (repository, tag) = split(name);
            let options = TagImageOptionsBuilder::default()
                .repo(repository)
                .tag(tag)
                .build();
            self.docker
                .tag_image(id, Some(options))
                .await
                .map_err(self.failed(format!("cannot name the image `{name}`")))?;
        }
        Ok(())
    }
}

/// Repository and tag; a name without a tag means `latest`.
pub(super) fn split(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "latest"),
    }
}

fn query(options: &BuildOptions) -> Result<BuildImageOptions, ImageError> {
    let map = |map: &BTreeMap<String, String>| -> Option<HashMap<String, String>> {
        (!map.is_empty()).then(|| map.clone().into_iter().collect())
    };
    let shmsize = options
        .shm_size
        .map(i32::try_from)
        .transpose()
        .map_err(|_| {
            ImageError::new("`shm_size` of the build is larger than 2 GiB").hint("make it smaller")
        })?;
    Ok(BuildImageOptions {
        dockerfile: options.dockerfile.clone(),
        t: options.names.first().cloned(),
        target: options.target.clone().unwrap_or_default(),
        buildargs: map(&options.args),
        labels: map(&options.labels),
        cachefrom: (!options.cache_from.is_empty()).then(|| options.cache_from.clone()),
        platform: options.platform.clone().unwrap_or_default(),
        networkmode: options.network.clone(),
        pull: options.pull.then(|| "1".to_owned()),
        nocache: options.no_cache,
        shmsize,
        rm: true,
        forcerm: true,
        version: BuilderVersion::BuilderV1,
        ..BuildImageOptions::default()
    })
}

/// The client library knows one extra host; the engine takes as many as stand in the address.
fn query_of_hosts(hosts: &[String]) -> String {
    hosts.iter().fold(String::new(), |query, host| {
        query + "&extrahosts=" + &escaped(host)
    })
}

/// A client that adds this header and this query to its requests.
pub(super) fn modified(
    docker: Docker,
    header: Option<(&'static str, Secret<String>)>,
    query: &str,
) -> Docker {
    let header = header.and_then(|(name, value)| {
        let mut value = HeaderValue::from_str(value.expose()).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::from_static(name), value))
    });
    if header.is_none() && query.is_empty() {
        return docker;
    }
    let query = query.to_owned();
    docker.with_request_modifier(move |mut request| {
        if let Some((name, value)) = &header {
            request.headers_mut().insert(name, value.clone());
        }
        if !query.is_empty()
            && let Ok(address) = format!("{}{query}", request.uri()).parse()
        {
            *request.uri_mut() = address;
        }
        request
    })
}

fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_port_is_no_tag() {
        assert_eq!(
            split("127.0.0.1:5000/app"),
            ("127.0.0.1:5000/app", "latest")
        );
        assert_eq!(split("127.0.0.1:5000/app:v1"), ("127.0.0.1:5000/app", "v1"));
    }
}
