//! A certificate chain and the key that belongs to it.

use crate::facts::Facts;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// Why a certificate and a key cannot be served. Nothing of the key is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    #[error("the certificate file holds no PEM certificate")]
    NoCertificate,
    #[error("the certificate file is damaged: {0}")]
    Certificate(String),
    #[error(
        "the key file holds no PEM private key\nhint: it begins with `-----BEGIN PRIVATE KEY-----`; one with a passphrase has to be written without it"
    )]
    NoKey,
    #[error("the key file is damaged: {0}")]
    Key(String),
    #[error(
        "the key does not belong to the certificate\nhint: both files change together; give the key that the certificate was asked for with"
    )]
    Mismatch,
    #[error(
        "the certificate names no host\nhint: clients read only its alternative names (SAN); ask for it again with them"
    )]
    NoNames,
}

/// What a server needs to answer for its names.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Of the first certificate, the server's own.
    pub facts: Facts,
    /// Chain and key, ready to be served.
    pub key: Arc<CertifiedKey>,
}

impl Pair {
    /// Reads a chain (the server's own certificate first) and its key, both PEM.
    pub fn read(certificate: &[u8], key: &[u8]) -> Result<Self, PairError> {
        let chain = chain(certificate)?;
        let facts = Facts::read(chain.first().ok_or(PairError::NoCertificate)?)?;
        if facts.names.is_empty() {
            return Err(PairError::NoNames);
        }
        let key = private_key(key)?;
        let provider = ring::default_provider();
        let certified =
            CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => PairError::Mismatch,
                rustls::Error::InvalidCertificate(_) => PairError::Certificate(error.to_string()),
                other => PairError::Key(other.to_string()),
            })?;
        Ok(Self {
            facts,
            key: Arc::new(certified),
        })
    }
}

/// The certificate of a TLS-ALPN-01 challenge and its key. It holds a critical extension that only
/// an authority knows (RFC 8737, section 3), so that it can be shown and not be looked into.
pub fn challenge(certificate: &[u8], key: &[u8]) -> Result<Arc<CertifiedKey>, PairError> {
    let chain = chain(certificate)?;
    if chain.is_empty() {
        return Err(PairError::NoCertificate);
    }
    let key = ring::sign::any_supported_type(&private_key(key)?)
        .map_err(|error| PairError::Key(error.to_string()))?;
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}

fn chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PairError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    chain.map_err(|error| PairError::Certificate(error.to_string()))
}

fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, PairError> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => PairError::NoKey,
        other => PairError::Key(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(names: &[&str]) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let parameters = rcgen::CertificateParams::new(names).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn facts_are_read_from_the_first_certificate() {
        let (certificate, key) = made(&["Example.org", "*.example.org", "127.0.0.1"]);
        let (other, _) = made(&["other.org"]);
        let pair = Pair::read(format!("{certificate}{other}").as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(
            pair.facts.names,
            ["example.org", "*.example.org", "127.0.0.1"]
        );
        assert_eq!(pair.facts.issuer, "rcgen self signed cert");
        assert!(pair.facts.not_before < pair.facts.not_after);
        assert!(pair.facts.covers("www.example.org"));
        assert_eq!(pair.key.cert.len(), 2);
    }

    #[test]
    fn what_cannot_be_served_is_told_apart() {
        let (certificate, key) = made(&["example.org"]);
        let (_, foreign) = made(&["example.org"]);
        let (nameless, its_key) = made(&[]);
        let cut = &certificate[..certificate.len() / 2];
        let garbled = certificate.replacen("MII", "AAA", 1);
        let read = |certificate: &str, key: &str| {
            Pair::read(certificate.as_bytes(), key.as_bytes()).unwrap_err()
        };
        assert_eq!(read(&certificate, &foreign), PairError::Mismatch);
        assert_eq!(read("", &key), PairError::NoCertificate);
        assert_eq!(read(&certificate, ""), PairError::NoKey);
        assert_eq!(read(&certificate, &certificate), PairError::NoKey);
        assert_eq!(read(&nameless, &its_key), PairError::NoNames);
        assert!(matches!(read(cut, &key), PairError::Certificate(_)));
        assert!(matches!(read(&garbled, &key), PairError::Certificate(_)));
    }
}
