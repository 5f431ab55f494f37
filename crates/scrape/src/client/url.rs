//! Where a request goes: scheme, host, port, path.

use hyper::Uri;

use super::ClientError;

/// An address of HTTP, without user and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    uri: Uri,
}

impl Url {
    /// `http[s]://host[:port][/path][?query]`
    pub(crate) fn parse(text: &str) -> Result<Self, ClientError> {
        let wrong = || ClientError::Url(text.to_owned());
        let text = text.split('#').next().unwrap_or_default();
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().ok_or_else(wrong)?;
        let portless = authority.as_str() == authority.host();
        let port = portless || authority.port_u16().is_some();
        if !scheme || !port || authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(wrong());
        }
        Ok(Self { uri })
    }

    /// Where a `location` leads from here.
    pub(crate) fn join(&self, location: &str) -> Result<Self, ClientError> {
        if location.contains("://") {
            return Self::parse(location);
        }
        let scheme = self.uri.scheme_str().unwrap_or("http");
        if location.starts_with("//") {
            return Self::parse(&format!("{scheme}:{location}"));
        }
        let path = if location.starts_with('/') {
            location.to_owned()
        } else {
            let here = self.uri.path();
            let folder = here.rfind('/').map_or("/", |slash| &here[..=slash]);
            format!("{folder}{location}")
        };
        Self::parse(&format!("{scheme}://{}{path}", self.authority()))
    }

    pub(crate) fn encrypted(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// Without the brackets of IPv6.
    pub(crate) fn host(&self) -> &str {
        let host = self.uri.host().unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    pub(crate) fn port(&self) -> u16 {
        let usual = if self.encrypted() { 443 } else { 80 };
        self.uri.port_u16().unwrap_or(usual)
    }

    /// As the `host` header has it.
    pub(crate) fn authority(&self) -> String {
        self.uri
            .authority()
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    /// What credentials belong to.
    pub(crate) fn origin(&self) -> (bool, &str, u16) {
        (self.encrypted(), self.host(), self.port())
    }

    /// Path and query, as a request line has them.
    pub(crate) fn path_uri(&self) -> Result<Uri, ClientError> {
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        path.parse()
            .map_err(|_| ClientError::Url(self.uri.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_joined() {
        let url = Url::parse("https://h/a/b?q#f").unwrap();
        assert_eq!(
            (url.host(), url.port(), url.authority()),
            ("h", 443, "h".to_owned())
        );
        assert_eq!(url.path_uri().unwrap().to_string(), "/a/b?q");
        for (location, wanted) in [
            ("/x", "https://h/x"),
            ("x?y", "https://h/a/x?y"),
            ("http://o:1/z", "http://o:1/z"),
            ("//o/z", "https://o/z"),
        ] {
            assert_eq!(
                url.join(location).unwrap(),
                Url::parse(wanted).unwrap(),
                "{location}"
            );
        }
        let six = Url::parse("http://[::1]:9100/metrics").unwrap();
        assert_eq!((six.host(), six.port()), ("::1", 9100));
        for text in [
            "",
            "h:1/x",
            "ftp://h/",
            "http://u:p@h/",
            "http:///x",
            "http://h:99999/",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}
