//! Certificates by the names they are for.

use mainstay_x509::Pair;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::sync::Arc;

/// What can be served, looked up once for each handshake.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// By name in lower case; a wildcard by what follows its `*`.
    exact: HashMap<String, Vec<Arc<CertifiedKey>>>,
    wildcard: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// For who asks for another name or for none.
    first: Option<Arc<CertifiedKey>>,
}

impl Keys {
    /// In the order of the configuration: of two for one name, the one before is preferred.
    pub(super) fn new<'a>(pairs: impl Iterator<Item = &'a Pair>) -> Self {
        let mut keys = Self::default();
        for pair in pairs {
            keys.first.get_or_insert_with(|| Arc::clone(&pair.key));
            for name in &pair.facts.names {
                let (map, name) = match name.strip_prefix('*') {
                    Some(suffix) => (&mut keys.wildcard, suffix),
                    None => (&mut keys.exact, name.as_str()),
                };
                let named = map.entry(name.to_owned()).or_default();
                named.push(Arc::clone(&pair.key));
            }
        }
        keys
    }

    /// Those for `host`, which is in lower case.
    pub(super) fn named(&self, host: &str) -> Option<&[Arc<CertifiedKey>]> {
        let exact = self.exact.get(host);
        let found = exact.or_else(|| self.wildcard.get(&host[host.find('.')?..]));
        found.map(Vec::as_slice)
    }

    /// The certificate for a client: by its name, and of several the first that it can verify.
    pub(super) fn choose(&self, hello: &ClientHello<'_>) -> Option<&Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let name = hello.server_name().map(str::to_ascii_lowercase);
        let named = name.and_then(|name| self.named(name.trim_end_matches('.')));
        let Some(named) = named else {
            return self.first.as_ref();
        };
        let verifiable = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        named.iter().find(verifiable).or(named.first())
    }
}

impl ResolvesServerCert for Keys {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(&hello).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(names: &[&str]) -> Pair {
        let key = rcgen::KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let certificate = rcgen::CertificateParams::new(names).unwrap();
        let certificate = certificate.self_signed(&key).unwrap();
        Pair::read(certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap()
    }

    #[test]
    fn the_same_name_comes_before_a_wildcard_and_the_order_decides_between_equals() {
        let pairs = [
            pair(&["*.example.org"]),
            pair(&["www.example.org", "example.org"]),
            pair(&["www.example.org"]),
        ];
        let keys = Keys::new(pairs.iter());
        for (host, index) in [
            ("www.example.org", Some(1)),
            ("api.example.org", Some(0)),
            ("example.org", Some(1)),
            ("a.b.example.org", None),
            ("example.net", None),
            ("localhost", None),
            ("", None),
        ] {
            let found = keys.named(host).map(|keys| Arc::as_ptr(&keys[0]));
            let expected = index.map(|index: usize| Arc::as_ptr(&pairs[index].key));
            assert_eq!(found, expected, "{host}");
        }
    }
}
