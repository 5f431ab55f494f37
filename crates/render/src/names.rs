//! Names as other engines allow them.

use mainstay_stack::{Service, Stack};

/// A name of RFC 1123: lower-case letters, digits and `-`, 63 characters at most.
pub(crate) fn dns(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let cleaned: String = lower
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(63)
        .collect();
    cleaned.trim_matches('-').to_owned()
}

/// The image of a service, with the registry in front where it is built here and has none.
pub(crate) fn image(stack: &Stack, service: &Service) -> Option<String> {
    let image = service.image.clone()?;
    let built = service.container.build.is_some();
    let first = image.split('/').next().unwrap_or_default();
    let has_registry = image.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    match &stack.render.registry {
        Some(registry) if built && !has_registry => Some(format!("{registry}/{image}")),
        _ => Some(image),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_fit_for_dns() {
        for (name, fit) in [
            ("app", "app"),
            ("My_App", "my-app"),
            ("-x-", "x"),
            ("a.b/c", "a-b-c"),
        ] {
            assert_eq!(dns(name), fit);
        }
        assert_eq!(dns(&"a".repeat(80)).len(), 63);
    }
}
