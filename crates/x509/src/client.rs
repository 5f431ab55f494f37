//! The client's side of TLS: whom it trusts, what it shows, which versions it speaks.
//!
//! Everything that makes an encrypted connection here asks here for its configuration, on ring as
//! everything does. Whoever asks has read the files, and looked up whom the system trusts.

use mainstay_model::TlsVersion;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion,
};
use std::sync::Arc;

/// Why a client cannot be made. The words are those of rustls, which shows nothing of a key; who passes
/// them on says of which file they speak.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(transparent)]
    Pem(#[from] pem::Error),
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// Whom a client takes for the server.
#[derive(Debug)]
pub enum Trust {
    /// Who has a certificate for the name, signed by one of these.
    Roots(RootCertStore),
    /// Anybody (`insecure_skip_verify`). Signatures are verified all the same.
    Anybody,
}

impl Trust {
    /// What the system trusts. One certificate that cannot be used is no reason to trust none.
    pub fn system(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates);
        Self::Roots(roots)
    }

    /// Nobody but these (PEM), each of which must be usable.
    pub fn only(pem: &[u8]) -> Result<Self, ClientError> {
        Self::Roots(RootCertStore::empty()).and(pem)
    }

    /// These (PEM), too.
    pub fn and(self, pem: &[u8]) -> Result<Self, ClientError> {
        let Self::Roots(mut roots) = self else {
            return Ok(self);
        };
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate?)?;
        }
        Ok(Self::Roots(roots))
    }

    /// Whether nobody can be the server.
    pub fn is_nobody(&self) -> bool {
        matches!(self, Self::Roots(roots) if roots.is_empty())
    }
}

/// A client of TLS.
#[derive(Debug)]
pub struct Client<'a> {
    pub trust: Trust,
    /// A certificate chain and its key (PEM), shown to servers that ask.
    pub identity: Option<(&'a [u8], &'a [u8])>,
    /// None older is spoken; at least TLS 1.2.
    pub min_version: Option<TlsVersion>,
    /// None newer is spoken.
    pub max_version: Option<TlsVersion>,
}

impl Client<'_> {
    /// One that shows nothing, and speaks TLS 1.2 and 1.3.
    pub fn new(trust: Trust) -> Self {
        Self {
            trust,
            identity: None,
            min_version: None,
            max_version: None,
        }
    }

    pub fn config(self) -> Result<ClientConfig, ClientError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&self.versions())?;
        let builder = match self.trust {
            Trust::Roots(roots) => builder.with_root_certificates(roots),
            Trust::Anybody => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody(provider))),
        };
        let Some((chain, key)) = self.identity else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(key)?;
        Ok(builder.with_client_auth_cert(chain, key)?)
    }

    fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let mut versions = Vec::new();
        if self.max_version.is_none_or(|max| max >= TlsVersion::V13) {
            versions.push(&rustls::version::TLS13);
        }
        if self.min_version.is_none_or(|min| min <= TlsVersion::V12) {
            versions.push(&rustls::version::TLS12);
        }
        versions
    }
}

/// [`Trust::Anybody`]
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};
    use rustls::server::WebPkiClientVerifier;
    use rustls::{ClientConnection, ProtocolVersion, ServerConfig, ServerConnection};

    /// A certificate that signed itself, and its key.
    fn made() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec!["example.org".to_owned()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// Shakes hands within memory; the version that both speak. The server asks for a certificate where
    /// `asks` says by whom.
    fn meet(
        client: Client<'_>,
        server: &(String, String),
        asks: Option<&str>,
    ) -> Result<ProtocolVersion, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match asks {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let Trust::Roots(roots) = Trust::only(pem.as_bytes()).unwrap() else {
                    unreachable!("these are roots")
                };
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let chain = vec![CertificateDer::from_pem_slice(server.0.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(server.1.as_bytes()).unwrap();
        let server = builder.with_single_cert(chain, key).unwrap();
        let name = ServerName::try_from("example.org").unwrap();
        let mut near = ClientConnection::new(Arc::new(client.config().unwrap()), name).unwrap();
        let mut far = ServerConnection::new(Arc::new(server)).unwrap();
        let mut wire = Vec::new();
        while near.wants_write() || far.wants_write() {
            wire.clear();
            near.write_tls(&mut wire).unwrap();
            let mut sent = wire.as_slice();
            while far.read_tls(&mut sent).unwrap() > 0 {}
            far.process_new_packets()?;
            wire.clear();
            far.write_tls(&mut wire).unwrap();
            let mut sent = wire.as_slice();
            while near.read_tls(&mut sent).unwrap() > 0 {}
            near.process_new_packets()?;
        }
        assert!(!near.is_handshaking() && !far.is_handshaking());
        Ok(near.protocol_version().unwrap())
    }

    #[test]
    fn only_who_is_trusted_is_the_server() {
        let (own, other) = (made(), made());
        let only = |pem: &str| Client::new(Trust::only(pem.as_bytes()).unwrap());
        assert_eq!(meet(only(&own.0), &own, None), Ok(ProtocolVersion::TLSv1_3));
        assert!(meet(only(&other.0), &own, None).is_err());
        let both = Trust::only(other.0.as_bytes()).unwrap();
        let both = both.and(own.0.as_bytes()).unwrap();
        assert!(meet(Client::new(both), &own, None).is_ok());
        assert!(meet(Client::new(Trust::Anybody), &own, None).is_ok());
        let anybody = Trust::Anybody.and(other.0.as_bytes()).unwrap();
        assert!(meet(Client::new(anybody), &own, None).is_ok());
    }

    #[test]
    fn a_certificate_is_shown_to_who_asks() {
        let (server, own, other) = (made(), made(), made());
        let showing = |shown: Option<&(String, String)>| {
            let client = Client {
                identity: shown.map(|(chain, key)| (chain.as_bytes(), key.as_bytes())),
                ..Client::new(Trust::Anybody)
            };
            meet(client, &server, Some(&own.0))
        };
        assert!(showing(Some(&own)).is_ok());
        assert!(showing(Some(&other)).is_err());
        assert!(showing(None).is_err());
    }

    #[test]
    fn no_version_but_those_between_is_spoken() {
        let server = made();
        for (min, max, spoken) in [
            (None, None, ProtocolVersion::TLSv1_3),
            (None, Some(TlsVersion::V12), ProtocolVersion::TLSv1_2),
            (Some(TlsVersion::V13), None, ProtocolVersion::TLSv1_3),
        ] {
            let client = Client {
                min_version: min,
                max_version: max,
                ..Client::new(Trust::Anybody)
            };
            assert_eq!(meet(client, &server, None), Ok(spoken));
        }
        let none = Client {
            min_version: Some(TlsVersion::V13),
            max_version: Some(TlsVersion::V12),
            ..Client::new(Trust::Anybody)
        };
        assert!(none.config().is_err());
    }

    #[test]
    fn what_the_system_has_that_cannot_be_used_is_passed_over() {
        let own = made();
        let good = CertificateDer::from_pem_slice(own.0.as_bytes()).unwrap();
        let system = Trust::system([CertificateDer::from(vec![1, 2, 3]), good]);
        assert!(meet(Client::new(system), &own, None).is_ok());
        assert!(Trust::system([]).is_nobody());
        assert!(!Trust::Anybody.is_nobody());
        assert!(Trust::only(b"-----BEGIN CERTIFICATE-----\n").is_err());
    }
}
