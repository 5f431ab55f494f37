//! One request, signed anew for each try, until it is carried out, refused, or given up.

use super::http::{Answer, Call, Http};
use super::verdict::Refusal;
use crate::{Failure, FailureKind, S3};
use bytes::Bytes;
use hyper::Method;
use mainstay_model::Secret;
use ring::rand::{SecureRandom as _, SystemRandom};
use rusty_s3::Method as Signed;
use rusty_s3::actions::S3Action;
use rusty_s3::{Bucket, Credentials};
use std::time::Duration;

/// How long a signature holds; it is looked at when a request begins.
const SIGNED_FOR: Duration = Duration::from_secs(15 * 60);
/// Between two tries, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// A bucket, and who asks it.
pub(super) struct Storage {
    pub(super) bucket: Bucket,
    pub(super) credentials: Credentials,
    pub(super) http: Http,
    /// As people say where it is.
    pub(super) place: String,
    secrets: Vec<Secret<String>>,
}

/// Looks whether an answer is what was asked for; none: whatever it is.
pub(super) type Right<'a> = Option<&'a (dyn Fn(&Answer) -> Result<(), &'static str> + Send + Sync)>;

/// What goes along with a request.
#[derive(Debug, Default)]
pub(super) struct Extra {
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<Bytes>,
    /// Of an answer, in bytes.
    pub(super) most: u64,
}

impl Storage {
    pub(super) fn new(bucket: Bucket, s3: &S3, http: Http, place: String) -> Self {
        let (key, secret) = (
            s3.access_key.expose().clone(),
            s3.secret_key.expose().clone(),
        );
        let credentials = match &s3.session_token {
            Some(token) => Credentials::new_with_token(key, secret, token.expose().clone()),
            None => Credentials::new(key, secret),
        };
        let secrets = [&s3.access_key, &s3.secret_key].into_iter();
        let secrets = secrets.chain(&s3.session_token).cloned();
        Self {
            bucket,
            credentials,
            http,
            place,
            secrets: secrets
                .filter(|secret| !secret.expose().is_empty())
                .collect(),
        }
    }

    /// Carries out `action`; an answer that is not `right` is asked for again.
    ///
    /// # Errors
    /// Outside: it could not be carried out, also after every try. Inside: the storage said no.
    pub(super) async fn ask<'a, A: S3Action<'a>>(
        &self,
        doing: &str,
        action: &A,
        extra: &Extra,
        right: Right<'_>,
    ) -> Result<Result<Answer, Refusal>, Failure> {
        let mut last = Failure::new(FailureKind::Unreachable, format!("{doing}: not tried"));
        let patience = self.http.patience;
        for number in 0..patience.tries.max(1) {
            if number > 0 {
                tokio::time::sleep(pause(patience.pause, number)).await;
            }
            let call = Self::call(action, extra);
            last = match self.http.exchange(&call).await {
                Ok(answer) => match Refusal::of(&answer) {
                    Some(refusal) if refusal.passes() => refusal.failure(doing),
                    Some(refusal) => return Ok(Err(refusal)),
                    None => match right.map_or(Ok(()), |right| right(&answer)) {
                        Ok(()) => return Ok(Ok(answer)),
                        Err(wrong) => {
                            Failure::new(FailureKind::Damaged, format!("{doing}: {wrong}"))
                        }
                    },
                },
                Err(problem) => self.unreachable(doing, &problem),
            };
        }
        Err(self.scrubbed(last))
    }

    /// As [`Self::ask`], where every refusal is a failure.
    pub(super) async fn done<'a, A: S3Action<'a>>(
        &self,
        doing: &str,
        action: &A,
        extra: &Extra,
        right: Right<'_>,
    ) -> Result<Answer, Failure> {
        let answer = self.ask(doing, action, extra, right).await?;
        answer.map_err(|refusal| self.refused(doing, &refusal))
    }

    pub(super) fn refused(&self, doing: &str, refusal: &Refusal) -> Failure {
        self.scrubbed(refusal.failure(doing))
    }

    fn unreachable(&self, doing: &str, problem: &str) -> Failure {
        let (host, port) = (&self.http.host, self.http.port);
        let message = format!("{doing}: {host}:{port}: {problem}");
        Failure::new(FailureKind::Unreachable, message)
            .hint("look at the endpoint and the network; the next run goes on where this one ended")
    }

    /// Some storages repeat a key in what they say.
    fn scrubbed(&self, mut failure: Failure) -> Failure {
        for secret in &self.secrets {
            failure.message = failure.message.replace(secret.expose(), "…");
        }
        failure
    }

    fn call<'a, A: S3Action<'a>>(action: &A, extra: &Extra) -> Call {
        let url = action.sign(SIGNED_FOR);
        let host = url.host_str().unwrap_or_default();
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let query = url.query().map(|query| format!("?{query}"));
        Call {
            method: method(A::METHOD),
            target: format!("{}{}", url.path(), query.unwrap_or_default()),
            authority,
            headers: extra.headers.clone(),
            body: extra.body.clone(),
            most: extra.most,
        }
    }
}

fn method(method: Signed) -> Method {
    match method {
        Signed::Head => Method::HEAD,
        Signed::Get => Method::GET,
        Signed::Post => Method::POST,
        Signed::Put => Method::PUT,
        Signed::Delete => Method::DELETE,
    }
}

/// Doubled each time, and between a half and the whole of that, so that many do not come at once.
fn pause(first: Duration, number: u32) -> Duration {
    let whole = first
        .saturating_mul(1 << number.saturating_sub(1).min(16))
        .min(LONGEST_PAUSE);
    let mut byte = [0];
    // Without a random number the pause is the shortest.
    let _ = SystemRandom::new().fill(&mut byte);
    whole / 2 + whole.mul_f64(f64::from(byte[0]) / 512.0)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_PAUSE, pause};
    use std::time::Duration;

    #[test]
    fn pauses_grow_to_a_bound() {
        let first = Duration::from_millis(100);
        for number in 1..40 {
            let whole = first
                .saturating_mul(1 << (number - 1).min(16))
                .min(LONGEST_PAUSE);
            let pause = pause(first, number);
            assert!((whole / 2..=whole).contains(&pause), "{number}: {pause:?}");
        }
    }
}
