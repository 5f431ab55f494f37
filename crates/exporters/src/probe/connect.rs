//! The way to a server: name, connection, handshake.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use mainstay_x509::Facts;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, ProtocolVersion, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Handshake, Seen, Settings};

/// Connects, and shakes hands where that is wanted.
pub(super) async fn tcp(
    address: &str,
    tls: bool,
    settings: &Settings,
    seen: &mut Seen,
) -> Result<(), String> {
    let (host, port) = split(address)?;
    let stream = connect(host, port, seen).await?;
    if tls {
        encrypt(stream, host, settings, seen).await?;
    }
    Ok(())
}

pub(super) fn split(address: &str) -> Result<(&str, u16), String> {
    let (host, port) = address
        .rsplit_once(':')
        .ok_or("an address is `host:port`")?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = port.parse().map_err(|_| format!("`{port}` is no port"))?;
    Ok((host, port))
}

pub(super) async fn connect(host: &str, port: u16, seen: &mut Seen) -> Result<TcpStream, String> {
    let address = resolve(host, port, seen).await?;
    connect_to(address, seen).await
}

/// IPv4 first, as a probe that says nothing else does here.
pub(super) async fn resolve(host: &str, port: u16, seen: &mut Seen) -> Result<SocketAddr, String> {
    let began = Instant::now();
    let found = tokio::net::lookup_host((host, port)).await;
    seen.lookup += began.elapsed();
    let found: Vec<SocketAddr> = found.map_err(|error| error.to_string())?.collect();
    let first = found
        .iter()
        .find(|address| address.is_ipv4())
        .or(found.first());
    first
        .copied()
        .ok_or_else(|| "the name has no address".to_owned())
}

pub(super) async fn connect_to(address: SocketAddr, seen: &mut Seen) -> Result<TcpStream, String> {
    seen.address = Some(address.ip());
    let began = Instant::now();
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| error.to_string())?;
    seen.connect += began.elapsed();
    Ok(stream)
}

pub(super) async fn encrypt(
    stream: TcpStream,
    host: &str,
    settings: &Settings,
    seen: &mut Seen,
) -> Result<TlsStream<TcpStream>, String> {
    let config = config(settings)?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let began = Instant::now();
    let stream = TlsConnector::from(config).connect(name, stream).await;
    let stream = stream.map_err(|error| error.to_string())?;
    seen.tls += began.elapsed();
    let (_, session) = stream.get_ref();
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "unknown",
    };
    let chain = session.peer_certificates().unwrap_or_default();
    let expiries = chain
        .iter()
        .filter_map(|certificate| Facts::read(certificate).ok());
    let expires = expiries
        .map(|facts| facts.not_after.as_millis() as f64 / 1000.0)
        .fold(f64::INFINITY, f64::min);
    seen.handshake = Some(Handshake { version, expires });
    Ok(stream)
}

fn config(settings: &Settings) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    if settings.insecure_skip_verify {
        let verifier = Arc::new(Unverified(provider));
        let builder = builder
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        return Ok(Arc::new(builder.with_no_client_auth()));
    }
    let mut roots = RootCertStore::empty();
    if let Some(pem) = &settings.ca_pem {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| error.to_string())?;
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
    } else {
        for certificate in rustls_native_certs::load_native_certs().certs {
            // One that cannot be used is no reason to trust none.
            let _ = roots.add(certificate);
        }
    }
    Ok(Arc::new(
        builder.with_root_certificates(roots).with_no_client_auth(),
    ))
}

/// Anybody may be the server. Signatures are verified all the same.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
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
