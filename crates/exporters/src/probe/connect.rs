//! The way to a server: name, connection, handshake.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use mainstay_x509::{Client, Facts, Trust};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ProtocolVersion};
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
    let trust = if settings.insecure_skip_verify {
        Trust::Anybody
    } else if let Some(pem) = &settings.ca_pem {
        Trust::only(pem.as_bytes()).map_err(|error| error.to_string())?
    } else {
        Trust::system(rustls_native_certs::load_native_certs().certs)
    };
    let config = Client::new(trust).config();
    Ok(Arc::new(config.map_err(|error| error.to_string())?))
}
