//! One authority: an account there, and orders for one host at a time.

use crate::http::Http;
use crate::store::{KeptAccount, Store, StoreError};
use instant_acme::{
    Account, AccountBuilder, AuthorizationStatus, ChallengeType, Error, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, Problem, RetryPolicy,
};
use mainstay_x509::Facts;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use std::path::PathBuf;
use std::time::Duration;

/// For the authority to look at a proof, and again to sign.
const PATIENCE: Duration = Duration::from_secs(120);
const POLICY: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(250))
    .timeout(PATIENCE);
/// After being told to slow down; how long exactly stands in words only.
const RATE_LIMITED: Duration = Duration::from_secs(3600);
/// Orders begun anew because a nonce was not taken: that says nothing of the request (RFC 8555,
/// section 6.5).
const NONCES: u32 = 5;
/// For a whole order: proof, signature, and every answer in between.
const DEADLINE: Duration = Duration::from_secs(10 * 60);

/// How it is found and asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// URL of its directory.
    pub directory: String,
    pub email: Option<String>,
    /// PEM file of who signed its own certificate; `None`: as the system trusts.
    pub ca: Option<PathBuf>,
    /// Prove hosts by TLS-ALPN-01, and not by HTTP-01.
    pub by_tls: bool,
}

/// What the authority has to find while it looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// At `/.well-known/acme-challenge/TOKEN` on port 80.
    Http {
        token: String,
        authorization: String,
    },
    /// For `host` under the protocol `acme-tls/1` on port 443; a file with certificate and key.
    Tls { host: String, file: PathBuf },
}

/// Who can show proofs to the world.
pub trait Prover: Sync {
    /// Shown once this answers; says why not.
    fn show(&self, proof: Proof) -> impl Future<Output = Result<(), String>> + Send;
    /// It is no longer needed.
    fn hide(&self) -> impl Future<Output = ()> + Send;
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("cannot speak to the authority {directory}: {reason}")]
    Unreachable { directory: String, reason: String },
    #[error(
        "the account at the authority is not accepted: {0}\nhint: move certificates/account.json in the data directory away, and a new account is made"
    )]
    Account(String),
    #[error("the authority asks for less: {0}")]
    Limited(String),
    #[error("the authority refuses: {0}")]
    Refused(String),
    #[error("the authority takes no nonce: {0}")]
    StaleNonce(String),
    #[error("the authority could not see that {host} is ours: {reason}\nhint: {hint}")]
    Unproven {
        host: String,
        reason: String,
        hint: String,
    },
    #[error("the authority does not offer {0}\nhint: set the other `challenge` in server.yaml")]
    NoChallenge(&'static str),
    #[error("the proof cannot be shown: {0}")]
    Prover(String),
    #[error("the order did not end within {} s", DEADLINE.as_secs())]
    Deadline,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot make a key: {0}")]
    Key(#[from] rcgen::Error),
}

impl AuthorityError {
    /// How long it is to be left alone.
    pub fn limited(&self) -> Option<Duration> {
        matches!(self, Self::Limited(_)).then_some(RATE_LIMITED)
    }
}

#[derive(Debug, Clone)]
pub struct Authority {
    settings: Settings,
    store: Store,
}

impl Authority {
    pub fn new(settings: Settings, store: Store) -> Self {
        Self { settings, store }
    }

    /// Has a certificate made for `host` and keeps it. Ends by its deadline.
    pub async fn obtain<P: Prover>(&self, host: &str, prover: &P) -> Result<Facts, AuthorityError> {
        let obtained = tokio::time::timeout(DEADLINE, self.orders(host, prover)).await;
        // Also where it was cut off.
        prover.hide().await;
        self.store.forget_proof(host);
        obtained.unwrap_or(Err(AuthorityError::Deadline))
    }

    async fn orders<P: Prover>(&self, host: &str, prover: &P) -> Result<Facts, AuthorityError> {
        for _ in 0..NONCES {
            match self.order(host, prover).await {
                Err(AuthorityError::StaleNonce(_)) => {}
                ended => return ended,
            }
        }
        self.order(host, prover).await
    }

    async fn order<P: Prover>(&self, host: &str, prover: &P) -> Result<Facts, AuthorityError> {
        let account = self.account().await?;
        let names = [Identifier::Dns(host.to_owned())];
        let order = account.new_order(&NewOrder::new(&names)).await;
        let mut order = order.map_err(|error| self.error(error))?;
        self.prove(host, &mut order, prover).await?;
        match order.poll_ready(&POLICY).await {
            Ok(OrderStatus::Ready) => {}
            Ok(_) => {
                let reason = seen_instead(&mut order).await;
                return Err(self.unproven(host, reason));
            }
            Err(Error::Api(problem)) if is_about_the_proof(&problem) => {
                return Err(self.unproven(host, words(&problem)));
            }
            Err(error) => return Err(self.error(error)),
        }
        let key = KeyPair::generate()?;
        let mut request = CertificateParams::new(vec![host.to_owned()])?;
        request.distinguished_name = DistinguishedName::new();
        let request = request.serialize_request(&key)?;
        let finalized = order.finalize_csr(request.der()).await;
        finalized.map_err(|error| self.error(error))?;
        let chain = order.poll_certificate(&POLICY).await;
        let chain = chain.map_err(|error| self.error(error))?;
        Ok(self.store.keep(host, &chain, &key.serialize_pem())?)
    }

    /// The account that was made before, or a new one; it is kept before it is used.
    async fn account(&self) -> Result<Account, AuthorityError> {
        let directory = &self.settings.directory;
        let kept = self.store.account()?;
        if let Some(kept) = kept.filter(|kept| kept.directory == *directory) {
            let account = self.builder()?.from_credentials(kept.credentials).await;
            return account.map_err(|error| self.error(error));
        }
        let contact = self.settings.email.as_ref();
        let contact: Vec<String> = contact
            .map(|email| format!("mailto:{email}"))
            .into_iter()
            .collect();
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let made = self.builder()?.create(&new, directory.clone(), None).await;
        let (account, credentials) = made.map_err(|error| self.error(error))?;
        self.store.keep_account(KeptAccount {
            directory: directory.clone(),
            credentials,
        })?;
        tracing::info!(directory, "account made at the certificate authority");
        Ok(account)
    }

    fn builder(&self) -> Result<AccountBuilder, AuthorityError> {
        let http = Http::new(self.settings.ca.as_deref());
        let http = http.map_err(|reason| self.unreachable(reason))?;
        Ok(Account::builder_with_http(Box::new(http)))
    }

    /// Shows what proves the host and asks the authority to look.
    async fn prove<P: Prover>(
        &self,
        host: &str,
        order: &mut Order,
        prover: &P,
    ) -> Result<(), AuthorityError> {
        let (kind, name) = if self.settings.by_tls {
            (ChallengeType::TlsAlpn01, "tls-alpn-01")
        } else {
            (ChallengeType::Http01, "http-01")
        };
        let mut authorizations = order.authorizations();
        // One host, one authorization.
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|error| self.error(error))?;
            // An authority may remember that it has seen a proof.
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let challenge = authorization.challenge(kind.clone());
            let mut challenge = challenge.ok_or(AuthorityError::NoChallenge(name))?;
            let authorization = challenge.key_authorization();
            let proof = if self.settings.by_tls {
                Proof::Tls {
                    host: host.to_owned(),
                    file: self.proof(host, authorization.digest().as_ref())?,
                }
            } else {
                Proof::Http {
                    token: challenge.token.clone(),
                    authorization: authorization.as_str().to_owned(),
                }
            };
            prover.show(proof).await.map_err(AuthorityError::Prover)?;
            match challenge.set_ready().await {
                Ok(()) => {}
                Err(Error::Api(problem)) if is_about_the_proof(&problem) => {
                    return Err(self.unproven(host, words(&problem)));
                }
                Err(error) => return Err(self.error(error)),
            }
        }
        Ok(())
    }

    /// A certificate for `host` that holds the digest (RFC 8737, section 3).
    fn proof(&self, host: &str, digest: &[u8]) -> Result<PathBuf, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::new(vec![host.to_owned()])?;
        parameters.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let certificate = parameters.self_signed(&key)?;
        let text = format!("{}{}", key.serialize_pem(), certificate.pem());
        Ok(self.store.keep_proof(host, &text)?)
    }

    fn unproven(&self, host: &str, reason: String) -> AuthorityError {
        let port = if self.settings.by_tls { 443 } else { 80 };
        AuthorityError::Unproven {
            host: host.to_owned(),
            reason,
            hint: format!(
                "the name has to lead to this machine, and port {port} of it to the proxy, from outside"
            ),
        }
    }

    fn unreachable(&self, reason: String) -> AuthorityError {
        AuthorityError::Unreachable {
            directory: self.settings.directory.clone(),
            reason,
        }
    }

    fn error(&self, error: Error) -> AuthorityError {
        match error {
            Error::Api(problem) => refusal(&problem),
            Error::Timeout(_) => AuthorityError::Deadline,
            other => self.unreachable(other.to_string()),
        }
    }
}

/// What the authority says it saw instead of the proof.
async fn seen_instead(order: &mut Order) -> String {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else {
            continue;
        };
        let mut errors = state.challenges.iter().filter_map(|one| one.error.as_ref());
        if let Some(problem) = errors.next() {
            return words(problem);
        }
    }
    "it does not say why".to_owned()
}

fn refusal(problem: &Problem) -> AuthorityError {
    if is(problem, "rateLimited") {
        AuthorityError::Limited(words(problem))
    } else if is(problem, "accountDoesNotExist") || is(problem, "unauthorized") {
        AuthorityError::Account(words(problem))
    } else if is(problem, "badNonce") {
        AuthorityError::StaleNonce(words(problem))
    } else {
        AuthorityError::Refused(words(problem))
    }
}

/// An authority that looks while it is asked answers with what it saw.
fn is_about_the_proof(problem: &Problem) -> bool {
    let others = [
        "rateLimited",
        "accountDoesNotExist",
        "badNonce",
        "serverInternal",
    ];
    !others.iter().any(|kind| is(problem, kind))
}

/// Whether it is of this kind (RFC 8555, section 6.7).
fn is(problem: &Problem, kind: &str) -> bool {
    let kinds = problem.r#type.as_deref().unwrap_or_default();
    kinds.rsplit(':').next() == Some(kind)
}

/// The authority's own words: its detail, that of each part, and the kind.
fn words(problem: &Problem) -> String {
    let mut words = problem.detail.clone().unwrap_or_default();
    for part in &problem.subproblems {
        if let Some(detail) = &part.detail {
            words = format!("{words}; {detail}");
        }
    }
    match &problem.r#type {
        Some(kind) => format!("{} ({kind})", words.trim_start_matches("; ")),
        None => words,
    }
}
