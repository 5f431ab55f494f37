//! `http_config`: how a receiver's server is spoken to.

use mainstay_model::{
    Authorization, BasicAuth, HttpConfig, Problem, Secret, SecretSource, TlsConfig, TlsVersion,
};
use mainstay_yaml::tree::Node;

use super::fields::Fields;

const KEYS: &[&str] = &[
    "basic_auth",
    "authorization",
    "bearer_token",
    "bearer_token_file",
    "tls_config",
    "follow_redirects",
    "http_headers",
    "enable_http2",
    "oauth2",
    "proxy_url",
    "no_proxy",
    "proxy_from_environment",
    "proxy_connect_header",
];

const TLS: &[&str] = &[
    "ca",
    "ca_file",
    "cert",
    "cert_file",
    "key",
    "key_file",
    "server_name",
    "insecure_skip_verify",
    "min_version",
    "max_version",
];

impl Fields<'_> {
    /// `http_config`, where it is given.
    pub(super) fn http(&mut self, node: &Node, default: &HttpConfig) -> HttpConfig {
        match node.get("http_config") {
            Some(http) => self.http_config(http),
            None => default.clone(),
        }
    }

    fn http_config(&mut self, node: &Node) -> HttpConfig {
        if !self.section(node, "http_config", KEYS) {
            return HttpConfig::default();
        }
        self.unsupported(
            node,
            "oauth2",
            "use `authorization` with `credentials_file`",
        );
        for key in [
            "proxy_url",
            "no_proxy",
            "proxy_from_environment",
            "proxy_connect_header",
        ] {
            self.unsupported(node, key, "requests go to their servers directly");
        }
        if self.flag(node, "enable_http2").is_some() {
            let message = "`enable_http2` in http_config does nothing here";
            let problem = Problem::warning("alertmanager/not-honoured", message)
                .hint("requests are made over HTTP/1.1, which every receiver speaks");
            self.problems.push(problem.at(node.at.place()));
        }
        let basic_auth = node.get("basic_auth").and_then(|node| self.basic(node));
        let bearer = self
            .secret(node, "bearer_token")
            .map(|credentials| Authorization {
                kind: "Bearer".to_owned(),
                credentials,
            });
        let named = node
            .get("authorization")
            .and_then(|node| self.authorization(node));
        let given = [basic_auth.is_some(), bearer.is_some(), named.is_some()];
        if given.into_iter().filter(|given| *given).count() > 1 {
            let message =
                "only one of `basic_auth`, `authorization` and `bearer_token` can be sent";
            self.error(node, "authorization", message);
        }
        HttpConfig {
            basic_auth,
            authorization: named.or(bearer),
            tls: self.tls(node, "tls_config").unwrap_or_default(),
            follow_redirects: self.flag(node, "follow_redirects").unwrap_or(true),
            headers: self.headers(node),
        }
    }

    fn basic(&mut self, node: &Node) -> Option<BasicAuth> {
        let keys = ["username", "username_file", "password", "password_file"];
        if !self.section(node, "basic_auth", &keys) {
            return None;
        }
        let empty = SecretSource::Inline(Secret::new(String::new()));
        Some(BasicAuth {
            username: self.secret(node, "username").unwrap_or(empty),
            password: self.secret(node, "password"),
        })
    }

    fn authorization(&mut self, node: &Node) -> Option<Authorization> {
        if !self.section(
            node,
            "authorization",
            &["type", "credentials", "credentials_file"],
        ) {
            return None;
        }
        let kind = self
            .text(node, "type")
            .unwrap_or_else(|| "Bearer".to_owned());
        if kind.eq_ignore_ascii_case("basic") {
            self.error(node, "authorization", "use `basic_auth` for type `Basic`");
        }
        let credentials = self.secret(node, "credentials")?;
        Some(Authorization { kind, credentials })
    }

    /// A TLS section, where it is given.
    pub(super) fn tls(&mut self, node: &Node, key: &str) -> Option<TlsConfig> {
        let node = node.get(key)?;
        if !self.section(node, key, TLS) {
            return None;
        }
        let tls = TlsConfig {
            ca: self.secret(node, "ca"),
            certificate: self.secret(node, "cert"),
            key: self.secret(node, "key"),
            server_name: self.text(node, "server_name"),
            insecure_skip_verify: self.flag(node, "insecure_skip_verify").unwrap_or(false),
            min_version: self.version(node, "min_version"),
            max_version: self.version(node, "max_version"),
        };
        if tls.certificate.is_some() != tls.key.is_some() {
            self.error(node, "tls", "`cert_file` and `key_file` belong together");
        }
        Some(tls)
    }

    fn version(&mut self, node: &Node, key: &str) -> Option<TlsVersion> {
        let expected = "`TLS12` or `TLS13` (older ones are not spoken)";
        self.parsed(node, key, expected, |text| match text {
            "TLS12" => Some(TlsVersion::V12),
            "TLS13" => Some(TlsVersion::V13),
            _ => None,
        })
    }

    fn headers(&mut self, node: &Node) -> Vec<(String, SecretSource)> {
        let mut headers = Vec::new();
        let entries = node
            .get("http_headers")
            .map(Node::entries)
            .unwrap_or_default();
        for entry in entries {
            if !self.section(&entry.value, &entry.key, &["values", "secrets", "files"]) {
                continue;
            }
            for key in ["values", "secrets"] {
                for (_, text) in self.texts(&entry.value, key) {
                    headers.push((entry.key.clone(), SecretSource::Inline(Secret::new(text))));
                }
            }
            for (item, path) in self.texts(&entry.value, "files") {
                headers.push((entry.key.clone(), SecretSource::File(item.at.path(&path))));
            }
        }
        headers
    }
}
