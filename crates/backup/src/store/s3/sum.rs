//! The MD5 that goes with what is sent, and is compared with what the storage says it has.

use super::http::Answer;
use super::request::{Extra, Storage};
use crate::Failure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use md5::{Digest as _, Md5};
use std::fmt::Write as _;

/// Sends content with its MD5, and looks whether the storage has the same.
pub(super) async fn send<'a, A: rusty_s3::actions::S3Action<'a>>(
    storage: &Storage,
    doing: &str,
    action: &A,
    content: Vec<Bytes>,
) -> Result<Answer, Failure> {
    let sum = md5(&content);
    let wanted = hex(&sum);
    let extra = Extra {
        headers: vec![
            ("content-md5", STANDARD.encode(sum)),
            ("content-type", "application/octet-stream".to_owned()),
        ],
        body: content,
        most: 0,
    };
    let right = |answer: &Answer| match stated_md5(answer) {
        Some(stated) if stated != wanted => Err("what was stored is not what was sent"),
        _ => Ok(()),
    };
    storage.done(doing, action, &extra, Some(&right)).await
}

pub(super) fn md5(content: &[Bytes]) -> [u8; 16] {
    let mut sum = Md5::new();
    for piece in content {
        sum.update(piece);
    }
    sum.finalize().into()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// The MD5 of an object, where the storage says it: a tag is one only without parts and without a key of the
/// storage's own.
pub(super) fn stated_md5(answer: &Answer) -> Option<&str> {
    let tag = answer.header("etag").trim_matches('"');
    let encryption = answer.header("x-amz-server-side-encryption");
    let customer = answer.header("x-amz-server-side-encryption-customer-algorithm");
    let plain = matches!(encryption, "" | "AES256") && customer.is_empty();
    let is_sum = tag.len() == 32 && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
    (plain && is_sum).then_some(tag)
}
