//! The name of an image as people write it: `registry/name:tag@digest`.
//!
//! Source: distribution/reference. Only its parts are told apart; what a registry would refuse is
//! not checked here.

use std::fmt;

/// The parts of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName {
    /// With its registry where one is written: `ghcr.io/org/app`, `debian`.
    pub name: String,
    pub tag: Option<String>,
    /// `sha256:…`
    pub digest: Option<String>,
}

impl ImageName {
    pub fn parse(text: &str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (text, None),
        };
        // A colon before the last slash is the port of a registry.
        let colon = rest
            .rfind(':')
            .filter(|colon| rest.rfind('/').is_none_or(|slash| slash < *colon));
        let (name, tag) = match colon {
            Some(colon) => (&rest[..colon], Some(rest[colon + 1..].to_owned())),
            None => (rest, None),
        };
        Self {
            name: name.to_owned(),
            tag,
            digest,
        }
    }

    /// `docker.io` where none is written.
    pub fn registry(&self) -> &str {
        match self.name.split_once('/') {
            Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
            _ => "docker.io",
        }
    }

    /// The last part of the name: `debian` of `docker.io/library/debian`.
    pub fn short(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    /// Neither a digest nor a tag that says more than `latest`.
    pub fn is_floating(&self) -> bool {
        self.digest.is_none() && self.tag.as_deref().is_none_or(|tag| tag == "latest")
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::ImageName;

    #[test]
    fn a_port_is_no_tag() {
        let name = ImageName::parse("127.0.0.1:5000/app");
        assert_eq!(
            (name.tag.as_deref(), name.registry()),
            (None, "127.0.0.1:5000")
        );
        let name = ImageName::parse("ghcr.io/org/app:v1@sha256:ab");
        assert_eq!(name.short(), "app");
        assert_eq!(name.tag.as_deref(), Some("v1"));
        assert_eq!(name.digest.as_deref(), Some("sha256:ab"));
        assert_eq!(name.to_string(), "ghcr.io/org/app:v1@sha256:ab");
        assert_eq!(ImageName::parse("library/debian").registry(), "docker.io");
    }
}
