//! What a path needs: the server asks before it lets a request through.

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// Reads, whatever its method: Prometheus takes queries by POST too.
    Read,
    /// Adds samples.
    Write,
    /// Deletes, snapshots, reloads.
    Admin,
}

/// What a path below the router needs (`/api/v1/query`, without where it is nested).
pub fn access(path: &str) -> Access {
    match path {
        "/api/v1/write" => Access::Write,
        _ if path.starts_with("/api/v1/admin/") => Access::Admin,
        "/-/reload" | "/-/quit" => Access::Admin,
        _ => Access::Read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_read_and_deletions_do_not() {
        assert_eq!(access("/api/v1/query"), Access::Read);
        assert_eq!(access("/api/v1/write"), Access::Write);
        assert_eq!(access("/api/v1/admin/tsdb/delete_series"), Access::Admin);
        assert_eq!(access("/-/reload"), Access::Admin);
    }
}
