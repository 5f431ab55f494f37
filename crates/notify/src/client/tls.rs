//! TLS towards a receiver: whom to trust, and what to show.

use std::sync::Arc;

use mainstay_model::TlsConfig;
use mainstay_x509::Trust;
use rustls::pki_types::ServerName;
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
    let trust = trust(tls).await?;
    let identity = match (&tls.certificate, &tls.key) {
        (Some(chain), Some(key)) => Some((secret::read(chain).await?, secret::read(key).await?)),
        _ => None,
    };
    let client = mainstay_x509::Client {
        trust,
        identity: identity
            .as_ref()
            .map(|(chain, key)| (chain.expose().as_bytes(), key.expose().as_bytes())),
        min_version: tls.min_version,
        max_version: tls.max_version,
    };
    let config = client.config().map_err(|error| wrong(&error))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

/// Those of the configuration, or else the system's.
async fn trust(tls: &TlsConfig) -> Result<Trust, Failure> {
    if tls.insecure_skip_verify {
        return Ok(Trust::Anybody);
    }
    let Some(ca) = &tls.ca else {
        let system = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs);
        let system = system.await.map_err(|error| wrong(&error))?;
        return Ok(Trust::system(system.certs));
    };
    let ca = secret::read(ca).await?;
    Trust::only(ca.expose().as_bytes()).map_err(|error| wrong(&error))
}
