//! What an answer of S3 means: done, worth another try, or a reason for whoever has to decide.
//!
//! Source: "Error responses" in the API reference of Amazon S3.

use super::http::Answer;
use crate::{Failure, FailureKind};

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// `NoSuchKey`, `AccessDenied`; empty where there was none (an answer to HEAD has no body).
    pub(super) code: String,
    message: String,
}

impl Refusal {
    /// None for an answer that is none.
    pub(super) fn of(answer: &Answer) -> Option<Self> {
        if (200..300).contains(&answer.status) {
            return None;
        }
        Some(Self::read(answer))
    }

    /// What stands in the body, whatever the status: some errors come with 200.
    pub(super) fn read(answer: &Answer) -> Self {
        let text = String::from_utf8_lossy(&answer.body);
        Self {
            status: answer.status,
            code: element(&text, "Code"),
            message: element(&text, "Message"),
        }
    }

    /// Whether the same request may go well a moment later.
    pub(super) fn passes(&self) -> bool {
        let code = self.code.as_str();
        let codes = [
            "BadDigest",
            "IncompleteBody",
            "InternalError",
            "OperationAborted",
            "RequestTimeout",
            "ServiceUnavailable",
            "SlowDown",
        ];
        let full = matches!(self.kind(), FailureKind::Full);
        codes.contains(&code)
            || matches!(self.status, 408 | 429)
            || (self.status >= 500 && self.status != 501 && !full)
    }

    fn kind(&self) -> FailureKind {
        match (self.status, self.code.as_str()) {
            (_, "NoSuchBucket") => FailureKind::Missing,
            (507, _) | (_, "QuotaExceeded" | "XMinioStorageFull" | "StorageFull") => {
                FailureKind::Full
            }
            (404, _) => FailureKind::NotFound,
            (416, _) => FailureKind::Damaged,
            (301 | 302 | 307 | 308 | 400 | 401 | 403 | 405 | 409 | 412, _) => FailureKind::Refused,
            (408 | 429 | 500.., _) => FailureKind::Unreachable,
            _ => FailureKind::Other,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match (self.status, self.code.as_str()) {
            (_, "NoSuchBucket") => "make the bucket, or let the first backup make it",
            (_, "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken") => {
                "check the access key and the secret key of the repository"
            }
            (_, "ExpiredToken") => "renew the session token",
            (_, "RequestTimeTooSkewed") => "set the clock of this machine",
            (301 | 302 | 307 | 308, _)
            | (
                _,
                "PermanentRedirect"
                | "AuthorizationHeaderMalformed"
                | "IllegalLocationConstraintException",
            ) => "name the region that the bucket is in, and its endpoint",
            (401 | 403, _) => {
                "its user needs s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject on what \
                 is in it"
            }
            _ => return None,
        })
    }

    /// For whoever has to decide.
    pub(super) fn failure(&self, doing: &str) -> Failure {
        let said = match (self.code.as_str(), self.message.as_str()) {
            ("", _) => format!("status {}", self.status),
            (code, "") => format!("{code} (status {})", self.status),
            (code, message) => format!("{code}: {message} (status {})", self.status),
        };
        let failure = Failure::new(self.kind(), format!("{doing}: the storage says {said}"));
        match self.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// The text of the first element with that name, no longer than a line.
fn element(text: &str, name: &str) -> String {
    const LONGEST: usize = 300;
    let begin = text.split_once(&format!("<{name}>"));
    let inner = begin.and_then(|(_, rest)| rest.split_once(&format!("</{name}>")));
    let inner = inner.map_or("", |(inner, _)| inner).trim();
    let plain = inner
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    let plain = plain
        .replace("&#39;", "'")
        .replace("&apos;", "'")
        .replace("&amp;", "&");
    plain
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Refusal;
    use crate::FailureKind;
    use crate::store::s3::http::Answer;

    fn refusal(status: u16, body: &'static str) -> Refusal {
        Refusal::of(&Answer {
            status,
            headers: hyper::HeaderMap::new(),
            body: body.into(),
        })
        .unwrap()
    }

    #[test]
    fn what_answers_mean() {
        let error = |code: &str| -> &'static str {
            format!("<Error><Code>{code}</Code><Message>a &amp; b</Message></Error>").leak()
        };
        for (status, code, kind, again) in [
            (403, "AccessDenied", FailureKind::Refused, false),
            (404, "NoSuchKey", FailureKind::NotFound, false),
            (404, "NoSuchBucket", FailureKind::Missing, false),
            (416, "InvalidRange", FailureKind::Damaged, false),
            (301, "PermanentRedirect", FailureKind::Refused, false),
            (400, "BadDigest", FailureKind::Refused, true),
            (503, "SlowDown", FailureKind::Unreachable, true),
            (500, "InternalError", FailureKind::Unreachable, true),
            (501, "NotImplemented", FailureKind::Unreachable, false),
            (507, "XMinioStorageFull", FailureKind::Full, false),
            (429, "", FailureKind::Unreachable, true),
        ] {
            let refusal = refusal(status, error(code));
            assert_eq!(
                (refusal.kind(), refusal.passes()),
                (kind, again),
                "{status} {code}"
            );
        }
        let failure = refusal(403, error("AccessDenied")).failure("reading `config`");
        assert_eq!(
            failure.message,
            "reading `config`: the storage says AccessDenied: a & b (status 403)"
        );
        assert!(failure.hint.is_some());
    }

    #[test]
    fn what_is_no_answer_of_s3_is_told_by_its_status() {
        let failure = refusal(502, "<html>Bad Gateway").failure("listing");
        assert_eq!(failure.message, "listing: the storage says status 502");
    }
}
