//! What a request needs: the server asks before it lets it through.

use axum::http::Method;

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    Read,
    /// Brings in alerts.
    Alert,
    /// Sets or ends a silence.
    Silence,
    /// Reads the configuration again.
    Admin,
}

/// What a request to a path below the router needs (`/api/v2/alerts`, without where it is nested).
pub fn access(method: &Method, path: &str) -> Access {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    match path {
        "/-/reload" => Access::Admin,
        _ if reads => Access::Read,
        "/api/v2/alerts" => Access::Alert,
        _ if path.starts_with("/api/v2/silence") => Access::Silence,
        _ => Access::Admin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_something_needs_more_than_reading() {
        for (method, path, needs) in [
            (Method::GET, "/api/v2/alerts", Access::Read),
            (Method::POST, "/api/v2/alerts", Access::Alert),
            (Method::POST, "/api/v2/silences", Access::Silence),
            (Method::DELETE, "/api/v2/silence/x", Access::Silence),
            (Method::GET, "/-/reload", Access::Admin),
            (Method::POST, "/else", Access::Admin),
        ] {
            assert_eq!(access(&method, path), needs, "{method} {path}");
        }
    }
}
