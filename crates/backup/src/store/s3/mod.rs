//! The files of a repository in a bucket of S3, or of what speaks like it.
//!
//! Signatures and the names of requests are rusty-s3's; the connection is ours. Each file is one object, written
//! by one request or, where it is large, in parts that become the object at once at the end. What is sent has
//! its MD5 with it, so that the storage refuses what was changed on the way. What passes by itself (5xx, a
//! connection that breaks, silence) is tried again, a refusal never is.
//!
//! It blocks, on a runtime of its own: may be called from any thread, also from several at once.

mod http;
mod large;
mod request;
mod sum;
mod upload;
mod verdict;

pub use http::Patience;

use super::{Range, Store};
use crate::{Failure, FailureKind, S3, StoreAt};
use bytes::Bytes;
use http::{Answer, Http};
use request::{Extra, Storage};
use rusty_s3::actions::{CreateBucket, ListObjectsV2};
use rusty_s3::{Bucket, UrlStyle};
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use sum::{hex, md5, send, stated_md5};
use tokio::runtime::Runtime;

/// More is not read of one object: files of a repository are far smaller.
const LARGEST: u64 = 2 << 30;
/// Of one page of a list.
const PAGE: u64 = 8 << 20;

/// A repository in a bucket.
pub struct Bucketed {
    inner: Arc<Inner>,
    /// None only while it is dropped.
    runtime: Option<Runtime>,
}

struct Inner {
    storage: Storage,
    /// Before every name, with its slash; or empty.
    prefix: String,
}

impl fmt::Debug for Bucketed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucketed")
            .field(&self.inner.storage.place)
            .finish()
    }
}

impl Drop for Bucketed {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Bucketed {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// An endpoint that is none.
    pub fn new(s3: &S3, patience: Patience) -> Result<Self, Failure> {
        let place = StoreAt::S3(s3.clone()).to_string();
        let wrong = |why: &dyn fmt::Display| {
            Failure::new(
                FailureKind::Other,
                format!("{place} cannot be opened: {why}"),
            )
            .hint("the endpoint is like `https://s3.eu-central-1.amazonaws.com`")
        };
        let endpoint = s3.endpoint.parse().map_err(|error| wrong(&error))?;
        let style = if s3.path_style {
            UrlStyle::Path
        } else {
            UrlStyle::VirtualHost
        };
        let bucket = Bucket::new(endpoint, style, s3.bucket.clone(), s3.region.clone());
        let bucket = bucket.map_err(|error| wrong(&error))?;
        let url = bucket.base_url();
        let host = url.host_str().unwrap_or_default();
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let encrypted = url.scheme() == "https";
        let port = url.port_or_known_default().unwrap_or(443);
        let http = Http::new(host, port, encrypted, patience);
        let prefix = match s3.prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("s3")
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| wrong(&error))?;
        let storage = Storage::new(bucket, s3, http, place);
        Ok(Self {
            inner: Arc::new(Inner { storage, prefix }),
            runtime: Some(runtime),
        })
    }

    /// Waits for work on the runtime. Not on this thread: who calls may be a task of another runtime.
    fn run<T, F>(&self, work: impl FnOnce(Arc<Inner>) -> F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let lost = || Failure::new(FailureKind::Ended, "work on the storage was given up");
        let runtime = self.runtime.as_ref().ok_or_else(lost)?;
        let (sender, receiver) = sync_channel(1);
        let work = work(Arc::clone(&self.inner));
        runtime.spawn(async move {
            let _ = sender.send(work.await);
        });
        receiver.recv().map_err(|_| lost())?
    }
}

impl Store for Bucketed {
    fn create(&self) -> Result<(), Failure> {
        self.run(async |inner| inner.create().await)
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, Failure> {
        let prefix = prefix.to_owned();
        self.run(async move |inner| inner.list(&prefix).await)
    }

    fn read(&self, name: &str, range: Option<Range>) -> Result<Bytes, Failure> {
        let name = name.to_owned();
        self.run(async move |inner| match range {
            Some(range) => inner.read_part(&name, range).await,
            None => inner.read_whole(&name).await,
        })
    }

    fn write(&self, name: &str, content: &[Bytes]) -> Result<(), Failure> {
        let (name, content) = (name.to_owned(), content.to_vec());
        self.run(async move |inner| inner.write(&name, content).await)
    }

    fn remove(&self, name: &str) -> Result<(), Failure> {
        let name = name.to_owned();
        self.run(async move |inner| inner.remove(&name).await)
    }
}

impl Inner {
    /// The object of a file. Names that would lead elsewhere are refused.
    fn key(&self, name: &str) -> Result<String, Failure> {
        let whole = |part: &str| !part.is_empty() && part != "." && part != "..";
        if name.split('/').all(whole) {
            return Ok(format!("{}{name}", self.prefix));
        }
        let message = format!("`{name}` is no name of a file in a repository");
        Err(Failure::new(FailureKind::Other, message))
    }

    fn doing(&self, verb: &str, name: &str) -> String {
        format!("cannot {verb} {}/{name}", self.storage.place)
    }

    async fn create(&self) -> Result<(), Failure> {
        let storage = &self.storage;
        let doing = format!("cannot find {}", storage.place);
        let head = storage.bucket.head_bucket(Some(&storage.credentials));
        match storage.ask(&doing, &head, &Extra::default(), None).await? {
            Ok(_) => return Ok(()),
            Err(refusal) if refusal.status != 404 => return Err(storage.refused(&doing, &refusal)),
            Err(_) => {}
        }
        let doing = format!("cannot create {}", storage.place);
        let create = CreateBucket::new(&storage.bucket, &storage.credentials);
        let body = create.clone().body();
        let extra = Extra {
            body: vec![Bytes::from(body)],
            ..Extra::default()
        };
        match storage.ask(&doing, &create, &extra, None).await? {
            Err(refusal) if refusal.code != "BucketAlreadyOwnedByYou" => {
                Err(storage.refused(&doing, &refusal))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, Failure> {
        let storage = &self.storage;
        let doing = self.doing("list", prefix);
        let wrong = || {
            Failure::new(
                FailureKind::Damaged,
                format!("{doing}: the list is not understood"),
            )
        };
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut action = ListObjectsV2::new(&storage.bucket, Some(&storage.credentials));
            action.with_prefix(format!("{}{prefix}", self.prefix));
            if let Some(token) = &token {
                action.with_continuation_token(token.clone());
            }
            let extra = Extra {
                most: PAGE,
                ..Extra::default()
            };
            let answer = match storage.ask(&doing, &action, &extra, None).await? {
                Ok(answer) => answer,
                // Where there is no bucket there is no file.
                Err(refusal) if refusal.code == "NoSuchBucket" => return Ok(all),
                Err(refusal) => return Err(storage.refused(&doing, &refusal)),
            };
            let text = std::str::from_utf8(&answer.body).map_err(|_| wrong())?;
            let page = ListObjectsV2::parse_response(text).map_err(|_| wrong())?;
            for object in page.contents {
                let name = object.key.strip_prefix(&self.prefix).ok_or_else(wrong)?;
                // Some tools make empty objects to have folders.
                if !name.is_empty() && !name.ends_with('/') {
                    all.push((name.to_owned(), object.size.ok_or_else(wrong)?));
                }
            }
            match page.next_continuation_token {
                None => return Ok(all),
                next if next == token => return Err(wrong()),
                next => token = next,
            }
        }
    }

    async fn read_whole(&self, name: &str) -> Result<Bytes, Failure> {
        let (storage, key) = (&self.storage, self.key(name)?);
        let action = storage.bucket.get_object(Some(&storage.credentials), &key);
        let extra = Extra {
            most: LARGEST,
            ..Extra::default()
        };
        let right = |answer: &Answer| match stated_md5(answer) {
            Some(stated) if stated != hex(&md5(std::slice::from_ref(&answer.body))) => {
                Err("what came is not what was stored")
            }
            _ => Ok(()),
        };
        let doing = self.doing("read", name);
        let answer = storage.done(&doing, &action, &extra, Some(&right)).await;
        answer.map(|answer| answer.body).map_err(missing_bucket)
    }

    async fn read_part(&self, name: &str, range: Range) -> Result<Bytes, Failure> {
        let (storage, key) = (&self.storage, self.key(name)?);
        let doing = self.doing("read", name);
        let Range { offset, length } = range;
        let short = || {
            let message = format!("{doing}: it is shorter than what was written");
            Failure::new(FailureKind::Damaged, message)
        };
        let end = offset.checked_add(length).ok_or_else(short)?;
        let last = end.saturating_sub(1);
        // No range of HTTP is empty; whether the file is there is asked all the same.
        let headers = match length {
            0 => vec![("range", format!("bytes={offset}-{offset}"))],
            _ => vec![("range", format!("bytes={offset}-{last}"))],
        };
        let action = storage.bucket.get_object(Some(&storage.credentials), &key);
        let extra = Extra {
            headers,
            most: length,
            ..Extra::default()
        };
        let answer = storage.ask(&doing, &action, &extra, None).await?;
        let answer = match answer {
            Ok(answer) => answer,
            Err(refusal) if refusal.status == 416 && length == 0 => return Ok(Bytes::new()),
            Err(refusal) => return Err(missing_bucket(storage.refused(&doing, &refusal))),
        };
        let mut body = answer.body;
        if length == 0 {
            return Ok(Bytes::new());
        }
        if answer.status != 206 && body.len() as u64 > last {
            body = body.slice(offset as usize..=last as usize);
        }
        if body.len() as u64 != length {
            return Err(short());
        }
        Ok(body)
    }

    async fn write(&self, name: &str, content: Vec<Bytes>) -> Result<(), Failure> {
        let key = self.key(name)?;
        let doing = self.doing("write", name);
        let length: usize = content.iter().map(Bytes::len).sum();
        if length > large::FROM {
            return large::write(&self.storage, &doing, &key, &content, length).await;
        }
        let storage = &self.storage;
        let action = storage.bucket.put_object(Some(&storage.credentials), &key);
        send(storage, &doing, &action, content).await.map(|_| ())
    }

    async fn remove(&self, name: &str) -> Result<(), Failure> {
        let (storage, key) = (&self.storage, self.key(name)?);
        let doing = self.doing("remove", name);
        let action = storage
            .bucket
            .delete_object(Some(&storage.credentials), &key);
        match storage
            .ask(&doing, &action, &Extra::default(), None)
            .await?
        {
            Err(refusal) if refusal.status != 404 => Err(storage.refused(&doing, &refusal)),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// In a store without a bucket a file is missing like in an empty directory.
fn missing_bucket(mut failure: Failure) -> Failure {
    if failure.kind == FailureKind::Missing {
        failure.kind = FailureKind::NotFound;
    }
    failure
}

/// The store in a bucket, with the patience of everyday.
pub(super) fn open(s3: &S3) -> Result<Arc<dyn Store>, Failure> {
    Ok(Arc::new(Bucketed::new(s3, Patience::default())?))
}

#[cfg(test)]
mod tests;
