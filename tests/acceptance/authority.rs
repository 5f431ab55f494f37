//! Certificates of the scenarios: an authority of our own that signs files, and clients that trust
//! one authority and nobody else.

use crate::load::{Load, Seen};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mainstay_x509::Facts;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const CONNECTIONS: usize = 8;
const STREAMS: usize = 8;
/// Longer than any answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) certificate: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = &mut parameters.distinguished_name;
        name.push(rcgen::DnType::CommonName, "Scenario Authority");
        let certificate = parameters.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(parameters, key),
            certificate,
        }
    }

    /// Writes a new certificate for `host` over the one before, one file after the other.
    pub(crate) fn write(&self, host: &str, certificate: &Path, key: &Path) {
        let own = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let signed = parameters.signed_by(&own, &self.issuer).unwrap();
        std::fs::write(certificate, signed.pem()).unwrap();
        std::fs::write(key, own.serialize_pem()).unwrap();
    }
}

/// Trusts those who stand in `roots` (PEM) alone.
pub(crate) fn client(roots: &str, protocol: &str) -> Arc<ClientConfig> {
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(roots.as_bytes()) {
        store.add(root.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth();
    client.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    Arc::new(client)
}

pub(crate) async fn connect(
    client: &Arc<ClientConfig>,
    address: SocketAddr,
    host: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let _ = stream.set_nodelay(true);
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let connecting = TlsConnector::from(Arc::clone(client)).connect(name, stream);
    tokio::time::timeout(PATIENCE, connecting).await?
}

/// What is shown to who asks for `host`; `None`: no handshake comes about.
pub(crate) fn shown(client: &Arc<ClientConfig>, address: SocketAddr, host: &str) -> Option<Facts> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stream = runtime.block_on(connect(client, address, host)).ok()?;
    let chain = stream.get_ref().1.peer_certificates()?;
    Facts::read(&chain[0]).ok()
}

/// 64 requests at a time over HTTP/2, on eight connections that nobody may close.
pub(crate) fn load(client: Arc<ClientConfig>, address: SocketAddr, host: &str) -> Load {
    let host = host.to_owned();
    Load::of(async move |stop| {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..CONNECTIONS {
            tasks.spawn(connection(
                Arc::clone(&client),
                address,
                host.clone(),
                Arc::clone(&stop),
            ));
        }
        Seen::together(tasks).await
    })
}

async fn connection(
    client: Arc<ClientConfig>,
    address: SocketAddr,
    host: String,
    stop: Arc<AtomicBool>,
) -> Seen {
    let stream = connect(&client, address, &host).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let driver = tokio::spawn(connection);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..STREAMS {
        let (mut sender, host, stop) = (sender.clone(), host.clone(), Arc::clone(&stop));
        tasks.spawn(async move {
            let mut seen = Seen::default();
            while !stop.load(Ordering::SeqCst) {
                if let Err(failure) = request(&mut sender, &host, &mut seen).await {
                    seen.failures.push(failure);
                    break;
                }
            }
            seen
        });
    }
    let seen = Seen::together(tasks).await;
    driver.abort();
    seen
}

async fn request(
    sender: &mut hyper::client::conn::http2::SendRequest<Empty<Bytes>>,
    host: &str,
    seen: &mut Seen,
) -> Result<(), String> {
    let words = |error: hyper::Error| format!("{error}: {:?}", std::error::Error::source(&error));
    sender.ready().await.map_err(words)?;
    let request = Request::get(format!("https://{host}/health"));
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let answer = tokio::time::timeout(PATIENCE, sender.send_request(request)).await;
    let answer = answer.map_err(|_| "no answer".to_owned())?.map_err(words)?;
    let status = answer.status();
    let release = answer.headers().get("x-release");
    let release = release
        .map_or("none", |value| value.to_str().unwrap())
        .to_owned();
    let body = answer
        .into_body()
        .collect()
        .await
        .map_err(words)?
        .to_bytes();
    if !status.is_success() {
        return Err(format!("{status} from {release}: {body:?}"));
    }
    seen.answers += 1;
    *seen.releases.entry(release).or_default() += 1;
    Ok(())
}
