//! A certificate authority of the tests, encrypted listeners, and clients that trust it.

use crate::support::{DEADLINE, Proxy, Raw, config};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::SendRequest;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mainstay_proxy::config::{CertificateFile, Config, Endpoint, Secure};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Signs certificates into a directory.
pub(crate) struct Authority {
    directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = &mut parameters.distinguished_name;
        name.push(rcgen::DnType::CommonName, "Test Authority");
        let certificate = parameters.self_signed(&key).unwrap().pem();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), &certificate).unwrap();
        Self {
            directory,
            issuer: Issuer::new(parameters, key),
            certificate,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Chain and key.
    pub(crate) fn sign(&self, hosts: &[&str]) -> (String, String) {
        self.sign_with(hosts, |_| {})
    }

    pub(crate) fn sign_with(
        &self,
        hosts: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let mut parameters = CertificateParams::new(hosts).unwrap();
        change(&mut parameters);
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// Writes a certificate for `hosts`, as most tools do: in place, one file after the other.
    pub(crate) fn write(&self, name: &str, hosts: &[&str]) -> CertificateFile {
        self.write_with(name, hosts, |_| {})
    }

    pub(crate) fn write_with(
        &self,
        name: &str,
        hosts: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> CertificateFile {
        let file = self.file(name);
        let (certificate, key) = self.sign_with(hosts, change);
        std::fs::write(&file.certificate, certificate).unwrap();
        std::fs::write(&file.key, key).unwrap();
        file
    }

    pub(crate) fn file(&self, name: &str) -> CertificateFile {
        CertificateFile {
            name: name.to_owned(),
            certificate: self.path(&format!("{name}.crt")),
            key: self.path(&format!("{name}.key")),
        }
    }

    /// A client that trusts this authority alone and asks for `protocols`.
    pub(crate) fn client(&self, protocols: &[&str]) -> ClientConfig {
        self.client_of(protocols, rustls::ALL_VERSIONS)
    }

    pub(crate) fn client_of(
        &self,
        protocols: &[&str],
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes());
        roots.add(certificate.unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        client
    }

    /// One connection that speaks HTTP/1.1 and asks for `host`.
    pub(crate) async fn http1(&self, address: SocketAddr, host: &str) -> Raw<TlsStream<TcpStream>> {
        let client = Arc::new(self.client(&["http/1.1"]));
        Raw::of(connect(&client, address, host).await.unwrap())
    }

    /// One connection that speaks HTTP/2 and asks for `host`.
    pub(crate) async fn http2(&self, address: SocketAddr, host: &str) -> Http2 {
        let client = Arc::new(self.client(&["h2", "http/1.1"]));
        let stream = connect(&client, address, host).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        Http2 {
            host: host.to_owned(),
            sender,
            ended: tokio::spawn(async move { drop(connection.await) }),
        }
    }
}

/// A client that believes everybody: an authority looks at the certificate itself.
pub(crate) fn blind(protocols: &[&str]) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Believer(provider)))
        .with_no_client_auth();
    client.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    client
}

#[derive(Debug)]
struct Believer(Arc<CryptoProvider>);

impl ServerCertVerifier for Believer {
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

    // webpki does not read a certificate with an extension that it does not know, not even for the
    // signature of the handshake.
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.0.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// Shakes hands with `address` as `host`.
pub(crate) async fn connect(
    client: &Arc<ClientConfig>,
    address: SocketAddr,
    host: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let connecting = TlsConnector::from(Arc::clone(client)).connect(name, stream);
    tokio::time::timeout(DEADLINE, connecting)
        .await
        .expect("an end of the handshake within the deadline")
}

/// The common part of the names that the peer's certificate is for.
pub(crate) fn names_of(stream: &TlsStream<TcpStream>) -> Vec<String> {
    let certificates = stream.get_ref().1.peer_certificates().unwrap();
    mainstay_x509::Facts::read(&certificates[0]).unwrap().names
}

/// An HTTP/2 connection.
pub(crate) struct Http2 {
    host: String,
    pub(crate) sender: SendRequest<Full<Bytes>>,
    pub(crate) ended: tokio::task::JoinHandle<()>,
}

impl Http2 {
    pub(crate) fn request(&self, path: &str) -> Request<Full<Bytes>> {
        Request::builder()
            .uri(format!("https://{}{path}", self.host))
            .body(Full::default())
            .unwrap()
    }

    pub(crate) async fn get(&mut self, path: &str) -> Response<Bytes> {
        let request = self.request(path);
        self.send(request).await.unwrap()
    }

    /// The whole answer.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, hyper::Error> {
        self.sender.ready().await?;
        let sending = self.sender.send_request(request);
        let response = tokio::time::timeout(DEADLINE, sending).await;
        let (parts, body) = response
            .expect("an answer within the deadline")?
            .into_parts();
        let body = tokio::time::timeout(DEADLINE, body.collect()).await;
        let body = body.expect("the whole answer within the deadline")?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

/// The configuration of [`config`], encrypted, with `certificates`.
pub(crate) fn secured(
    endpoints: Vec<Endpoint>,
    certificates: Vec<CertificateFile>,
) -> (Config, SocketAddr) {
    let (mut config, address) = config(endpoints);
    config.listeners[0].tls = Some(Secure::default());
    config.tls.certificates = certificates;
    (config, address)
}

/// A proxy with one encrypted listener for `app.test`.
pub(crate) async fn serving(endpoints: Vec<Endpoint>) -> (Proxy, Authority, Config, SocketAddr) {
    let authority = Authority::new();
    let (config, address) = secured(endpoints, vec![authority.write("app", &["app.test"])]);
    let proxy = Proxy::start().await;
    proxy.client.apply(&config).await.unwrap();
    (proxy, authority, config, address)
}

/// How many handshakes of the first listener ended so.
pub(crate) async fn handshakes(proxy: &Proxy, result: &str) -> u64 {
    let sample =
        format!("mainstay_proxy_tls_handshakes_total{{listener=\"main\",result=\"{result}\"}} ");
    let metrics = proxy.client.metrics().await.unwrap();
    let mut values = metrics
        .lines()
        .filter_map(|line| line.strip_prefix(&sample));
    values.next().map_or(0, |value| value.parse().unwrap())
}

/// Whether a program is there to be our peer; where it is not, that is said past the harness.
pub(crate) fn is_installed(program: &str, test: &str) -> bool {
    const REQUIRE: &str = "MAINSTAY_REQUIRE_PEERS";
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        let required = std::env::var_os(REQUIRE).is_some_and(|value| value == "1");
        assert!(
            !required,
            "{program} is not on this machine, and {REQUIRE}=1"
        );
        let _ = writeln!(std::io::stderr(), "skipped for want of {program}: {test}");
    }
    found
}
