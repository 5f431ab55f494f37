//! What the server itself wants of the proxy: where the routes of all stacks are served, whether
//! encrypted, with which certificates. Pure.
//!
//! It comes from `server.yaml` and from the certificates that were had since; what the stacks want
//! is [`crate::traffic`]'s.

use mainstay_proxy::config::{
    Accept, CertificateFile, Challenges, Hsts, Listener, Redirect, Route, Secure, Tls, TlsAlpn,
    TlsVersion,
};
use mainstay_stack::server_file::ServerFile;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Names of its listeners, for metrics and log lines.
pub(crate) const MAIN: &str = "main";
const MAIN_HTTPS: &str = "main-https";

/// The addresses and what is said of them, for as long as the server lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Front {
    /// Where routes without a port of their own are served plainly.
    pub http: SocketAddr,
    pub https: Option<SocketAddr>,
    redirect: Option<Redirect>,
    hsts: Option<Hsts>,
    tls: Tls,
}

/// What was had from a certificate authority, and what it is to be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Issued {
    /// By host: the file with its chain and key.
    pub certificates: BTreeMap<String, PathBuf>,
    pub challenges: Challenges,
}

impl Front {
    pub fn new(http: SocketAddr, file: &ServerFile) -> Self {
        let certificates = file.tls.certificates.iter().map(|files| CertificateFile {
            name: files.certificate.display().to_string(),
            certificate: files.certificate.clone(),
            key: files.key.clone(),
        });
        let min_version = if file.tls.only_1_3 {
            TlsVersion::Tls13
        } else {
            TlsVersion::Tls12
        };
        let redirect = file.redirect.as_ref().map(|redirect| Redirect {
            port: redirect.port,
            except: redirect.except.clone(),
        });
        let hsts = file.hsts.as_ref().map(|hsts| Hsts {
            max_age: hsts.max_age,
            include_subdomains: hsts.include_subdomains,
            preload: hsts.preload,
        });
        Self {
            http,
            https: file.https,
            redirect,
            hsts,
            tls: Tls {
                certificates: certificates.collect(),
                min_version,
                ..Tls::default()
            },
        }
    }

    /// Its listeners, which serve `routes`.
    pub(crate) fn listeners(&self, routes: Vec<Route>) -> Vec<Listener> {
        let encrypted = self.https.map(|address| Listener {
            name: MAIN_HTTPS.to_owned(),
            address,
            from: None,
            tls: Some(Secure {
                hsts: self.hsts.clone(),
            }),
            redirect: None,
            accept: Accept::Http {
                routes: routes.clone(),
            },
        });
        let plain = Listener {
            name: MAIN.to_owned(),
            address: self.http,
            from: None,
            tls: None,
            redirect: self.redirect.clone(),
            accept: Accept::Http { routes },
        };
        std::iter::once(plain).chain(encrypted).collect()
    }

    /// Its certificates and those that were had, in the order in which they are preferred.
    pub(crate) fn tls(&self, issued: &Issued) -> Tls {
        let mut tls = self.tls.clone();
        let had = issued
            .certificates
            .iter()
            .map(|(host, file)| CertificateFile {
                name: host.clone(),
                certificate: file.clone(),
                key: file.clone(),
            });
        tls.certificates.extend(had);
        tls
    }

    /// Those from files.
    pub(crate) fn files(&self) -> &[CertificateFile] {
        &self.tls.certificates
    }

    /// Where browsers reach it under `https`; `None`: nowhere.
    pub(crate) fn https_port(&self) -> Option<u16> {
        let redirected = self.redirect.as_ref().map(|redirect| redirect.port);
        redirected.or(self.https.map(|address| address.port()))
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        std::iter::once(self.http).chain(self.https)
    }
}

impl Issued {
    pub(crate) fn show(&mut self, proof: mainstay_certificates::Proof) {
        match proof {
            mainstay_certificates::Proof::Http {
                token,
                authorization,
            } => {
                self.challenges.http.insert(token, authorization);
            }
            mainstay_certificates::Proof::Tls { host, file } => {
                self.challenges.tls_alpn.push(TlsAlpn {
                    host,
                    certificate: file.clone(),
                    key: file,
                });
            }
        }
    }
}

/// Before this much is left of a certificate that nobody renews, it is said.
pub(crate) const EXPIRES_SOON: Duration = Duration::from_secs(21 * 86_400);
