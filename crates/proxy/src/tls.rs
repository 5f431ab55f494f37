//! Encryption: which certificate answers for which name, and how a handshake goes.
//!
//! **Invariant:** what can be served is served: a certificate file that is missing or wrong costs
//! its own names only, and those only where nothing was read for them before. **Invariant:** no
//! connection is touched when certificates change; the tickets given out stay good.
//!
//! It asks clients for no certificates, and staples nothing.

mod files;
mod handshake;
mod keys;
mod outcome;

pub(crate) use handshake::accept;
pub(crate) use outcome::Handshakes;

use crate::config::{CertificateStatus, Challenges, Tls as Settings, TlsVersion};
use arc_swap::ArcSwap;
use files::Loaded;
use keys::Keys;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::ProducesTickets;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// In the order of preference.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// RFC 8737, section 3.
const CHALLENGE_PROTOCOL: &[u8] = b"acme-tls/1";

/// What all encrypted listeners share.
#[derive(Debug)]
pub(crate) struct Tls {
    present: ArcSwap<Present>,
    /// Kept for as long as the process lives, so that clients resume across every change.
    tickets: Option<Arc<dyn ProducesTickets>>,
    provider: Arc<CryptoProvider>,
    /// Handshakes that have not ended.
    running: AtomicU64,
}

/// One state of it; replaced as a whole.
#[derive(Debug)]
pub(crate) struct Present {
    settings: Settings,
    loaded: Vec<Loaded>,
    keys: Arc<Keys>,
    /// `None`: rustls could not be set up, or nothing was configured yet.
    server: Option<Arc<ServerConfig>>,
    challenged: Challenges,
    /// By host.
    challenges: HashMap<String, Arc<ServerConfig>>,
}

impl Tls {
    pub(crate) fn new() -> Self {
        let tickets = match ring::Ticketer::new() {
            Ok(tickets) => Some(tickets),
            Err(error) => {
                tracing::warn!(%error, "no session tickets: clients cannot resume");
                None
            }
        };
        Self {
            present: ArcSwap::from_pointee(Present {
                settings: Settings::default(),
                loaded: Vec::new(),
                keys: Arc::default(),
                server: None,
                challenged: Challenges::default(),
                challenges: HashMap::new(),
            }),
            tickets,
            provider: Arc::new(ring::default_provider()),
            running: AtomicU64::new(0),
        }
    }

    /// Reads every certificate that is new or has changed. Waits for the disk; never fails.
    pub(crate) fn load(&self, settings: &Settings, challenged: &Challenges) -> Present {
        let before = self.present.load();
        let loaded = files::load(&settings.certificates, &before.loaded);
        let pairs = loaded.iter().filter_map(|loaded| loaded.pair.as_ref());
        let keys = Arc::new(Keys::new(pairs));
        let server = self.server(settings.min_version, Arc::clone(&keys));
        let challenges = challenged.tls_alpn.iter().filter_map(|challenge| {
            let key = files::challenge(challenge)?;
            let config = self.challenge(key)?;
            Some((challenge.host.to_ascii_lowercase(), config))
        });
        Present {
            settings: settings.clone(),
            keys,
            server,
            challenged: challenged.clone(),
            challenges: challenges.collect(),
            loaded,
        }
    }

    /// The same configuration with the files as they are now; `None` where nothing changed.
    pub(crate) fn reload(&self) -> Option<Present> {
        let present = self.present.load_full();
        let is_current = present.loaded.iter().all(Loaded::is_current);
        (!is_current).then(|| self.load(&present.settings, &present.challenged))
    }

    pub(crate) fn put_in_force(&self, present: Present) {
        self.present.store(Arc::new(present));
    }

    /// Whether a certificate that can be served is for `host`, which is in lower case.
    pub(crate) fn covers(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        self.present.load().keys.named(host).is_some()
    }

    pub(crate) fn status(&self) -> Vec<CertificateStatus> {
        let present = self.present.load();
        present.loaded.iter().map(Loaded::status).collect()
    }

    fn server(&self, min: TlsVersion, keys: Arc<Keys>) -> Option<Arc<ServerConfig>> {
        let versions: &[_] = match min {
            TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
            TlsVersion::Tls13 => &[&rustls::version::TLS13],
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(versions)
            .inspect_err(|error| tracing::error!(%error, "cannot set up TLS"))
            .ok()?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(keys);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        if let Some(tickets) = &self.tickets {
            config.ticketer = Arc::clone(tickets);
        }
        Some(Arc::new(config))
    }

    fn challenge(&self, key: Arc<rustls::sign::CertifiedKey>) -> Option<Arc<ServerConfig>> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .ok()?;
        let resolver = Arc::new(rustls::sign::SingleCertAndKey::from(key));
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![CHALLENGE_PROTOCOL.to_vec()];
        Some(Arc::new(config))
    }
}
