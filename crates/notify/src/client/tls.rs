//! TLS towards a receiver: whom to trust, and what to show.

use std::sync::Arc;

use mainstay_model::{SecretSource, TlsConfig, TlsVersion};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};
use tokio_rustls::TlsConnector;

use super::secret;
use crate::Failure;

fn wrong(error: &dyn std::fmt::Display) -> Failure {
    Failure::configuration(format!("TLS: {error}"))
}

/// Reads the files and makes a connector; and the name that the server's certificate must have.
pub(crate) async fn connector(
    tls: &TlsConfig,
    host: &str,
) -> Result<(TlsConnector, ServerName<'static>), Failure> {
    let name = tls.server_name.clone().unwrap_or_else(|| host.to_owned());
    let name = ServerName::try_from(name).map_err(|error| wrong(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(tls))
        .map_err(|error| wrong(&error))?;
    let builder = if tls.insecure_skip_verify {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
    } else {
        builder.with_root_certificates(roots(tls).await?)
    };
    let config = match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate).await?;
            let key = secret::read(key).await?;
            let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes());
            let key = key.map_err(|error| wrong(&error))?;
            let config = builder.with_client_auth_cert(chain, key);
            config.map_err(|error| wrong(&error))?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok((TlsConnector::from(Arc::new(config)), name))
}

fn versions(tls: &TlsConfig) -> Vec<&'static SupportedProtocolVersion> {
    let mut versions = Vec::new();
    if tls.max_version.is_none_or(|max| max >= TlsVersion::V13) {
        versions.push(&rustls::version::TLS13);
    }
    if tls.min_version.is_none_or(|min| min <= TlsVersion::V12) {
        versions.push(&rustls::version::TLS12);
    }
    versions
}

/// Those of the configuration, or else the system's.
async fn roots(tls: &TlsConfig) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    let Some(ca) = &tls.ca else {
        let system = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs);
        let system = system.await.map_err(|error| wrong(&error))?;
        for certificate in system.certs {
            // One that cannot be used is no reason to trust none.
            let _ = roots.add(certificate);
        }
        return Ok(roots);
    };
    for certificate in certificates(ca).await? {
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    Ok(roots)
}

async fn certificates(source: &SecretSource) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let text = secret::read(source).await?;
    CertificateDer::pem_slice_iter(text.expose().as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(&error))
}

/// `insecure_skip_verify`: anybody may be the server. Signatures are verified all the same.
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
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
