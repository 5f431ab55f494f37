//! Large files, in parts. Nobody sees any of them before the last request, which makes all of them one object.

use super::request::{Extra, Storage};
use super::sum::send;
use super::upload::slice;
use super::verdict::Refusal;
use crate::{Failure, FailureKind};
use bytes::Bytes;
use rusty_s3::actions::{CreateMultipartUpload, UploadPart};

/// Files above this are sent in parts, in bytes. One request that breaks off costs no more than a part.
pub(super) const FROM: usize = 64 << 20;
/// Of one part, in bytes; S3 takes ten thousand.
const PART: usize = 32 << 20;

pub(super) async fn write(
    storage: &Storage,
    doing: &str,
    key: &str,
    content: &[Bytes],
    length: usize,
) -> Result<(), Failure> {
    let begin = storage
        .bucket
        .create_multipart_upload(Some(&storage.credentials), key);
    let answer = storage.done(doing, &begin, &Extra::default(), None).await?;
    let text = String::from_utf8_lossy(&answer.body);
    let upload = CreateMultipartUpload::parse_response(&text).map_err(|_| {
        Failure::new(
            FailureKind::Damaged,
            format!("{doing}: the answer is not understood"),
        )
    })?;
    let upload = upload.upload_id().to_owned();
    let sent = parts(storage, doing, (key, &upload), content, length).await;
    let sent = match sent {
        Ok(tags) => complete(storage, doing, (key, &upload), &tags, length).await,
        Err(failure) => Err(failure),
    };
    if sent.is_err() {
        // What lies there costs money until it is given up; a rule of the bucket can do that as well.
        let abort = storage
            .bucket
            .abort_multipart_upload(Some(&storage.credentials), key, &upload);
        let _ = storage.ask(doing, &abort, &Extra::default(), None).await;
    }
    sent
}

async fn parts(
    storage: &Storage,
    doing: &str,
    (key, upload): (&str, &str),
    content: &[Bytes],
    length: usize,
) -> Result<Vec<String>, Failure> {
    let mut tags = Vec::new();
    for (at, offset) in (0..length).step_by(PART).enumerate() {
        let part = slice(content, offset, PART.min(length - offset));
        let number = u16::try_from(at + 1).map_err(|_| {
            Failure::new(
                FailureKind::Other,
                format!("{doing}: it has too many parts"),
            )
        })?;
        let credentials = Some(&storage.credentials);
        let action = UploadPart::new(&storage.bucket, credentials, key, number, upload);
        let answer = send(storage, doing, &action, part).await?;
        tags.push(answer.header("etag").to_owned());
    }
    Ok(tags)
}

/// Makes one object of them. The answer may have been lost where it was done: then the upload is gone and the
/// object is there.
async fn complete(
    storage: &Storage,
    doing: &str,
    (key, upload): (&str, &str),
    tags: &[String],
    length: usize,
) -> Result<(), Failure> {
    let credentials = Some(&storage.credentials);
    let tags = tags.iter().map(String::as_str);
    let action = storage
        .bucket
        .complete_multipart_upload(credentials, key, upload, tags);
    let body = action.clone().body();
    let extra = Extra {
        body: vec![Bytes::from(body)],
        ..Extra::default()
    };
    let refusal = match storage.ask(doing, &action, &extra, None).await? {
        // It may say 200 first and find an error then.
        Ok(answer) => Refusal::read(&answer),
        Err(refusal) if refusal.code == "NoSuchUpload" => refusal,
        Err(refusal) => return Err(storage.refused(doing, &refusal)),
    };
    if !matches!(refusal.code.as_str(), "" | "NoSuchUpload") {
        return Err(storage.refused(doing, &refusal));
    }
    // What is there now says more than the answer.
    let head = storage.bucket.head_object(credentials, key);
    let head = storage.done(doing, &head, &Extra::default(), None).await?;
    match head.header("content-length").parse::<usize>() {
        Ok(there) if there == length => Ok(()),
        _ => Err(storage.refused(doing, &refusal)),
    }
}
