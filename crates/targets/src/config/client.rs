//! How a server is spoken to: `basic_auth`, `authorization`, `tls_config` and what stands beside them
//! wherever Prometheus makes requests.

use mainstay_model::{
    Authorization, BasicAuth, HttpConfig, Secret, SecretSource, TlsConfig, TlsVersion,
};
use mainstay_yaml::tree::Node;

use super::fields::Fate::{Read, Refused, Warned};
use super::fields::{Fate, Fields};

const PROXIES: Fate = Refused("requests go to their targets directly");

/// The keys that every section with a client has.
pub(super) const CLIENT_KEYS: [(&str, Fate); 14] = [
    ("basic_auth", Read),
    ("authorization", Read),
    ("bearer_token", Read),
    ("bearer_token_file", Read),
    ("tls_config", Read),
    ("follow_redirects", Read),
    ("http_headers", Read),
    (
        "enable_http2",
        Warned("requests are made over HTTP/1.1, which every target speaks"),
    ),
    (
        "oauth2",
        Refused("use `authorization` with `credentials_file`"),
    ),
    ("proxy_url", PROXIES),
    ("no_proxy", PROXIES),
    ("proxy_from_environment", PROXIES),
    ("proxy_connect_header", PROXIES),
    ("sigv4", Refused("use `basic_auth` or `authorization`")),
];

const BASIC: [(&str, Fate); 6] = [
    ("username", Read),
    ("username_file", Read),
    ("password", Read),
    ("password_file", Read),
    ("username_ref", Refused("use `username_file`")),
    ("password_ref", Refused("use `password_file`")),
];

const AUTHORIZATION: [(&str, Fate); 4] = [
    ("type", Read),
    ("credentials", Read),
    ("credentials_file", Read),
    ("credentials_ref", Refused("use `credentials_file`")),
];

const TLS: [(&str, Fate); 13] = [
    ("ca", Read),
    ("ca_file", Read),
    ("cert", Read),
    ("cert_file", Read),
    ("key", Read),
    ("key_file", Read),
    ("server_name", Read),
    ("insecure_skip_verify", Read),
    ("min_version", Read),
    ("max_version", Read),
    ("ca_ref", Refused("use `ca_file`")),
    ("cert_ref", Refused("use `cert_file`")),
    ("key_ref", Refused("use `key_file`")),
];

impl Fields<'_> {
    /// What stands in a section that has [`CLIENT_KEYS`].
    pub(super) fn client(&mut self, node: &Node) -> HttpConfig {
        let basic_auth = node.get("basic_auth").and_then(|basic| self.basic(basic));
        let bearer = self.secret(node, "bearer_token", "bearer_token_file");
        let bearer = bearer.map(|credentials| Authorization {
            kind: "Bearer".to_owned(),
            credentials,
        });
        let named = node
            .get("authorization")
            .and_then(|node| self.authorization(node));
        let both = usize::from(bearer.is_some()) + usize::from(named.is_some());
        if both + usize::from(basic_auth.is_some()) > 1 {
            let message =
                "only one of `basic_auth`, `authorization` and `bearer_token` can be sent";
            self.error(node, "authorization", message);
        }
        HttpConfig {
            basic_auth,
            authorization: named.or(bearer),
            tls: node
                .get("tls_config")
                .map(|node| self.tls(node))
                .unwrap_or_default(),
            follow_redirects: self.flag(node, "follow_redirects").unwrap_or(true),
            headers: self.headers(node),
        }
    }

    fn basic(&mut self, node: &Node) -> Option<BasicAuth> {
        if !self.section(node, "basic_auth", &BASIC) {
            return None;
        }
        let empty = SecretSource::Inline(Secret::new(String::new()));
        Some(BasicAuth {
            username: self
                .secret(node, "username", "username_file")
                .unwrap_or(empty),
            password: self.secret(node, "password", "password_file"),
        })
    }

    fn authorization(&mut self, node: &Node) -> Option<Authorization> {
        if !self.section(node, "authorization", &AUTHORIZATION) {
            return None;
        }
        let kind = self
            .text(node, "type")
            .unwrap_or_else(|| "Bearer".to_owned());
        if kind.eq_ignore_ascii_case("basic") {
            self.error(node, "authorization", "use `basic_auth` for type `Basic`");
        }
        let credentials = self.secret(node, "credentials", "credentials_file")?;
        Some(Authorization { kind, credentials })
    }

    fn tls(&mut self, node: &Node) -> TlsConfig {
        if !self.section(node, "tls_config", &TLS) {
            return TlsConfig::default();
        }
        let tls = TlsConfig {
            ca: self.secret(node, "ca", "ca_file"),
            certificate: self.secret(node, "cert", "cert_file"),
            key: self.secret(node, "key", "key_file"),
            server_name: self.text(node, "server_name"),
            insecure_skip_verify: self.flag(node, "insecure_skip_verify").unwrap_or(false),
            min_version: self.version(node, "min_version"),
            max_version: self.version(node, "max_version"),
        };
        if tls.certificate.is_some() != tls.key.is_some() {
            self.error(node, "tls", "`cert_file` and `key_file` belong together");
        }
        tls
    }

    fn version(&mut self, node: &Node, key: &str) -> Option<TlsVersion> {
        self.parsed(
            node,
            key,
            "`TLS12` or `TLS13` (older ones are not spoken)",
            |text| match text {
                "TLS12" => Some(TlsVersion::V12),
                "TLS13" => Some(TlsVersion::V13),
                _ => None,
            },
        )
    }

    /// A secret under either of two keys.
    pub(super) fn secret(&mut self, node: &Node, key: &str, file: &str) -> Option<SecretSource> {
        let inline = self.text(node, key);
        let path = self.text(node, file).filter(|path| !path.is_empty());
        if inline.is_some() && path.is_some() {
            self.error(
                node,
                "secret",
                format!("only one of `{key}` and `{file}` can be given"),
            );
        }
        let path = path.map(|path| SecretSource::File(node.at.path(&path)));
        path.or(inline.map(|text| SecretSource::Inline(Secret::new(text))))
    }

    fn headers(&mut self, node: &Node) -> Vec<(String, SecretSource)> {
        const KEYS: [(&str, Fate); 3] = [("values", Read), ("secrets", Read), ("files", Read)];
        let mut headers = Vec::new();
        let Some(map) = node.get("http_headers") else {
            return headers;
        };
        for entry in map.entries() {
            if !self.section(&entry.value, &entry.key, &KEYS) {
                continue;
            }
            for key in ["values", "secrets"] {
                for text in self.texts(&entry.value, key) {
                    headers.push((entry.key.clone(), SecretSource::Inline(Secret::new(text))));
                }
            }
            for path in self.texts(&entry.value, "files") {
                headers.push((entry.key.clone(), SecretSource::File(map.at.path(&path))));
            }
        }
        headers
    }
}
