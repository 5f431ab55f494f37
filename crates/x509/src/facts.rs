//! What stands in a certificate.

use crate::pair::PairError;
use mainstay_model::Timestamp;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Name};

/// What a client is shown of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Names and addresses it is for, in lower case: `example.org`, `*.example.org`, `127.0.0.1`.
    /// From the alternative names alone, as clients read it (RFC 9110, section 4.3.4).
    pub names: Vec<String>,
    /// Who signed it, as one readable name.
    pub issuer: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// In hexadecimal.
    pub serial: String,
}

impl Facts {
    /// Reads one certificate in DER.
    pub fn read(der: &[u8]) -> Result<Self, PairError> {
        let (_, certificate) = X509Certificate::from_der(der)
            .map_err(|error| PairError::Certificate(error.to_string()))?;
        let validity = certificate.validity();
        Ok(Self {
            names: names(&certificate)?,
            issuer: readable(certificate.issuer()),
            not_before: Timestamp::from_millis(validity.not_before.timestamp() * 1000),
            not_after: Timestamp::from_millis(validity.not_after.timestamp() * 1000),
            serial: certificate.tbs_certificate.raw_serial_as_string(),
        })
    }

    /// Whether one of the names is `host`, or a wildcard for it.
    pub fn covers(&self, host: &str) -> bool {
        self.names.iter().any(|name| covers(name, host))
    }
}

/// Whether a certificate's `name` is for `host`: the same, or `*.` and exactly one label in front
/// (RFC 9525, section 6.3). `host` is in lower case.
pub fn covers(name: &str, host: &str) -> bool {
    if name == host {
        return true;
    }
    let (Some(suffix), Some((label, rest))) = (name.strip_prefix("*."), host.split_once('.'))
    else {
        return false;
    };
    !label.is_empty() && label != "*" && rest == suffix
}

fn names(certificate: &X509Certificate<'_>) -> Result<Vec<String>, PairError> {
    let extension = certificate
        .subject_alternative_name()
        .map_err(|error| PairError::Certificate(error.to_string()))?;
    let Some(extension) = extension else {
        return Ok(Vec::new());
    };
    let names = extension.value.general_names.iter();
    Ok(names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        })
        .collect())
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(bytes).to_string());
    }
    let bytes = <[u8; 16]>::try_from(bytes).ok()?;
    Some(std::net::Ipv6Addr::from(bytes).to_string())
}

/// `Let's Encrypt R3` of organisation and common name; the whole name where both are missing.
fn readable(name: &X509Name<'_>) -> String {
    let organization = name.iter_organization().next();
    let common = name.iter_common_name().next();
    let parts: Vec<&str> = [organization, common]
        .into_iter()
        .flatten()
        .filter_map(|part| part.as_str().ok())
        .collect();
    if parts.is_empty() {
        name.to_string()
    } else {
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_for_exactly_one_label() {
        for (name, host, is) in [
            ("example.org", "example.org", true),
            ("example.org", "www.example.org", false),
            ("*.example.org", "www.example.org", true),
            ("*.example.org", "a.b.example.org", false),
            ("*.example.org", "example.org", false),
            ("*.example.org", ".example.org", false),
            ("*.example.org", "*.example.org", true),
            ("*", "org", false),
        ] {
            assert_eq!(covers(name, host), is, "{name} for {host}");
        }
    }
}
