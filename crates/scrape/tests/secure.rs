//! Scraping under TLS: whom a scraper trusts, and what it shows.

#![allow(clippy::unwrap_used, reason = "tests, also outside of their functions")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mainstay_exposition::Batch;
use mainstay_scrape::{ActiveTarget, Appended, Health, Scraper, Settings, Sink, SinkError};
use mainstay_targets::Configuration;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Takes everything and keeps nothing.
#[derive(Debug)]
struct Nothing;

impl Sink for Nothing {
    fn append(&self, _: &mut Batch) -> Result<Appended, SinkError> {
        Ok(Appended::default())
    }
}

/// An authority, a server on loopback that asks for a client's certificate, and a client's.
struct Ground {
    folder: tempfile::TempDir,
    port: u16,
}

async fn ground() -> Ground {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    write("ca.pem", authority.pem());
    for name in ["server.test", "client.test"] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        write(&format!("{name}.pem"), certificate.pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = acceptor(folder.path());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut head = [0; 2048];
                while stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                    let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\na 1\n";
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ground { folder, port }
}

fn acceptor(folder: &Path) -> TlsAcceptor {
    let certificate = |name: &str| CertificateDer::from_pem_file(folder.join(name)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let key = PrivateKeyDer::from_pem_file(folder.join("server.test.key")).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![certificate("server.test.pem")], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// What becomes of a target under this `tls_config`.
async fn scraped(ground: &Ground, tls: &str) -> ActiveTarget {
    let text = format!(
        "global: {{scrape_interval: 5s, scrape_timeout: 5s}}\n\
         scrape_configs: [{{job_name: j, scheme: https, tls_config: {{{tls}}}, \
         static_configs: [{{targets: ['127.0.0.1:{}']}}], \
         relabel_configs: [{{target_label: __scrape_interval__, replacement: 1s}}, \
         {{target_label: __scrape_timeout__, replacement: 1s}}]}}]",
        ground.port
    );
    // Relative paths start in the folder of the file.
    let file = ground.folder.path().join("p.yml");
    let (config, problems) = Configuration::read(&text, &file, "p.yml");
    assert!(problems.is_empty(), "{problems}");
    let scraper = Scraper::new(Arc::new(Nothing), Settings::default());
    scraper.apply(&config.jobs);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let known = scraper
            .snapshot()
            .active
            .into_iter()
            .find(|target| target.health != Health::Unknown);
        if let Some(target) = known {
            return target;
        }
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_show_who_they_are() {
    let ground = ground().await;
    let client = "cert_file: client.test.pem, key_file: client.test.key";
    let good = scraped(
        &ground,
        &format!("ca_file: ca.pem, server_name: server.test, {client}"),
    )
    .await;
    assert_eq!((good.health, good.last_error.as_str()), (Health::Up, ""));
    let skipped = scraped(&ground, &format!("insecure_skip_verify: true, {client}")).await;
    assert_eq!(skipped.health, Health::Up);
    for (tls, wanted) in [
        (
            format!("ca_file: ca.pem, {client}"),
            "certificate not valid for name",
        ),
        (
            format!("server_name: server.test, {client}"),
            "UnknownIssuer",
        ),
        (
            "ca_file: ca.pem, server_name: server.test".to_owned(),
            "certificate",
        ),
        (
            "ca_file: none.pem, server_name: server.test".to_owned(),
            "none.pem",
        ),
    ] {
        let bad = scraped(&ground, &tls).await;
        assert_eq!(bad.health, Health::Down, "{tls}");
        assert!(
            bad.last_error
                .to_lowercase()
                .contains(&wanted.to_lowercase()),
            "{tls}: {}",
            bad.last_error
        );
    }
}
