//! How a server is spoken to: Prometheus's `http_config`, as it stands in scrape configurations and
//! beside the receivers of Alertmanager alike.
//!
//! Only what was read. Each of the two files has a reader of its own, since they name other keys and other
//! mends; whoever makes requests reads the secrets when they are used.

use std::path::PathBuf;

use crate::Secret;

/// A secret in the configuration, or in a file of its own (which is read anew at every use).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    Inline(Secret<String>),
    File(PathBuf),
}

/// `basic_auth`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasicAuth {
    pub username: SecretSource,
    pub password: Option<SecretSource>,
}

/// `authorization`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// `Bearer`, unless another is named.
    pub kind: String,
    pub credentials: SecretSource,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    V12,
    V13,
}

/// `tls_config`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsConfig {
    /// PEM: who is trusted, instead of those the system trusts.
    pub ca: Option<SecretSource>,
    pub certificate: Option<SecretSource>,
    pub key: Option<SecretSource>,
    pub server_name: Option<String>,
    pub insecure_skip_verify: bool,
    pub min_version: Option<TlsVersion>,
    pub max_version: Option<TlsVersion>,
}

/// `http_config`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    pub basic_auth: Option<BasicAuth>,
    pub authorization: Option<Authorization>,
    pub tls: TlsConfig,
    pub follow_redirects: bool,
    /// Sent with every request.
    pub headers: Vec<(String, SecretSource)>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            basic_auth: None,
            authorization: None,
            tls: TlsConfig::default(),
            follow_redirects: true,
            headers: Vec::new(),
        }
    }
}
