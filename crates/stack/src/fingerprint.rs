//! Whether a service is the same in two releases.

use crate::resolved::{Service, Value};
use ring::hmac;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

impl Service {
    /// HMAC-SHA-256 in hex of everything that makes an instance what it is; `artifacts` are the
    /// SHA-256 of the files it runs. The number of instances is not part of it, nor are routes
    /// and deploy rules: changing those restarts nothing.
    ///
    /// Keyed, so that a fingerprint does not give away a secret that could be guessed.
    pub fn fingerprint(&self, artifacts: &BTreeMap<PathBuf, String>, key: &[u8]) -> String {
        let mut service = self.clone();
        service.replicas = 0;
        let own: Vec<_> = self
            .process
            .iter()
            .flat_map(|process| &process.artifacts)
            .filter_map(|path| artifacts.get(path))
            .collect();
        // Maps are sorted and numbers have one form, so that equal services have equal bytes.
        let bytes = serde_json::to_vec(&(service, own)).unwrap_or_default();
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let mut text = String::new();
        for byte in hmac::sign(&key, &bytes).as_ref() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl Value {
    /// What may be shown: the text itself, or dots.
    pub fn shown(&self) -> &str {
        if self.secret {
            crate::redact::HIDDEN
        } else {
            self.text.expose()
        }
    }
}
