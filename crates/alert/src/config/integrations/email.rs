//! `email_configs`

use std::collections::BTreeMap;

use mainstay_model::{SecretSource, TlsConfig};
use mainstay_yaml::tree::Node;

use crate::config::fields::Fields;
use crate::config::global::{Global, HostPort};

/// A mail. Addresses, headers and bodies are templates.
#[derive(Debug, Clone, PartialEq)]
pub struct Email {
    pub to: String,
    pub from: String,
    /// What the mail server is greeted with.
    pub hello: String,
    pub smarthost: HostPort,
    pub auth_username: Option<String>,
    pub auth_password: Option<SecretSource>,
    /// For CRAM-MD5.
    pub auth_secret: Option<SecretSource>,
    pub auth_identity: Option<String>,
    /// By their canonical names (`Reply-To`); `Subject` is among them where it is given.
    pub headers: BTreeMap<String, String>,
    pub html: String,
    pub text: String,
    pub require_tls: bool,
    pub tls: TlsConfig,
}

impl Email {
    /// The subject where no header says one.
    pub const DEFAULT_SUBJECT: &str = "{{ template \"email.default.subject\" . }}";
}

const KEYS: &[&str] = &[
    "send_resolved",
    "to",
    "from",
    "hello",
    "smarthost",
    "auth_username",
    "auth_password",
    "auth_password_file",
    "auth_secret",
    "auth_secret_file",
    "auth_identity",
    "headers",
    "html",
    "text",
    "require_tls",
    "tls_config",
    "threading",
    "force_implicit_tls",
];

impl Fields<'_> {
    pub(in crate::config) fn email(&mut self, node: &Node, global: &Global) -> Option<Email> {
        if !self.section(node, "email_configs", KEYS) {
            return None;
        }
        self.unsupported(node, "threading", "every mail is a thread of its own");
        let hint = "port 465 speaks TLS from the first byte, every other port by STARTTLS";
        self.unsupported(node, "force_implicit_tls", hint);
        let to = self.text(node, "to");
        if to.is_none() {
            self.error(node, "receiver", "a mail needs `to`");
        }
        let smarthost = self
            .host_port(node, "smarthost")
            .or_else(|| global.smtp_smarthost.clone());
        if smarthost.is_none() && node.get("smarthost").is_none() {
            let hint = "give `smarthost` here, or `smtp_smarthost` in `global`";
            self.mend(node, "receiver", "no mail server is named", hint);
        }
        let from = self.text(node, "from").or_else(|| global.smtp_from.clone());
        if from.is_none() {
            let hint = "give `from` here, or `smtp_from` in `global`";
            self.mend(node, "receiver", "a mail has no sender", hint);
        }
        let headers = self.mail_headers(node);
        let password = self.secret(node, "auth_password");
        let secret = self.secret(node, "auth_secret");
        let tls = self
            .tls(node, "tls_config")
            .or_else(|| global.smtp_tls.clone());
        let html = "{{ template \"email.default.html\" . }}";
        let username = self.text(node, "auth_username");
        let identity = self.text(node, "auth_identity");
        Some(Email {
            hello: self
                .text(node, "hello")
                .unwrap_or_else(|| global.smtp_hello.clone()),
            auth_username: username.or_else(|| global.smtp_auth_username.clone()),
            auth_password: password.or_else(|| global.smtp_auth_password.clone()),
            auth_secret: secret.or_else(|| global.smtp_auth_secret.clone()),
            auth_identity: identity.or_else(|| global.smtp_auth_identity.clone()),
            headers,
            html: self.text_or(node, "html", html),
            text: self.text_or(node, "text", ""),
            require_tls: self
                .flag(node, "require_tls")
                .unwrap_or(global.smtp_require_tls),
            tls: tls.unwrap_or_default(),
            to: to?,
            from: from?,
            smarthost: smarthost?,
        })
    }

    fn mail_headers(&mut self, node: &Node) -> BTreeMap<String, String> {
        let mut headers = BTreeMap::new();
        for (name, value) in self.pairs(node, "headers") {
            let name = canonical(&name);
            if headers.insert(name.clone(), value).is_some() {
                self.error(node, "receiver", format!("header `{name}` is given twice"));
            }
        }
        headers
    }
}

/// `reply-to` as `Reply-To`; a name that is none of a header's stays.
fn canonical(name: &str) -> String {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if !name.chars().all(token) {
        return name.to_owned();
    }
    let mut upper = true;
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        out.push(if upper {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        });
        upper = c == '-';
    }
    out
}
