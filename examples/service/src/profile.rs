//! What differs from guide to guide: the names under which the same service is met.
//!
//! A profile is a table. Nothing else in this package knows a path of the API, the name of a
//! metric that a guide queries, or the name of a variable that a guide sets; a further guide adds
//! a table here and is listed in [`ALL`].

/// One guide's names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) endpoints: Endpoints,
    pub(crate) metrics: Metrics,
    pub(crate) variables: Variables,
}

/// Paths, as the router writes them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    pub(crate) jobs: &'static str,
    pub(crate) job: &'static str,
    pub(crate) progress: &'static str,
    pub(crate) token: &'static str,
    pub(crate) admin_stats: &'static str,
    pub(crate) admin_faults: &'static str,
    pub(crate) health: &'static str,
    pub(crate) status: &'static str,
    pub(crate) metrics: &'static str,
}

/// Metrics whose names the guide's dashboards and alerts ask for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Metrics {
    pub(crate) requests: &'static str,
    pub(crate) request_seconds: &'static str,
    pub(crate) jobs: &'static str,
    pub(crate) queue: &'static str,
    pub(crate) job_seconds: &'static str,
}

/// Variables whose names the guide fixes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Variables {
    pub(crate) database_url: &'static str,
    pub(crate) database_path: &'static str,
    pub(crate) redis_url: &'static str,
    pub(crate) environment: &'static str,
}

pub(crate) const ALL: [&Profile; 1] = [&WHISPER_TRANSCRIBER];

pub(crate) const WHISPER_TRANSCRIBER: Profile = Profile {
    name: "whisper-transcriber",
    title: "Whisper Transcriber",
    endpoints: Endpoints {
        jobs: "/jobs",
        job: "/jobs/{id}",
        progress: "/ws/progress/{id}",
        token: "/token",
        admin_stats: "/admin/stats",
        admin_faults: "/admin/faults",
        health: "/health",
        status: "/status",
        metrics: "/metrics",
    },
    metrics: Metrics {
        requests: "http_requests_total",
        request_seconds: "http_request_duration_seconds",
        jobs: "transcription_jobs",
        queue: "transcription_queue_size",
        job_seconds: "transcription_duration_seconds",
    },
    variables: Variables {
        database_url: "DATABASE_URL",
        database_path: "DATABASE_PATH",
        redis_url: "REDIS_URL",
        environment: "ENVIRONMENT",
    },
};

impl Profile {
    /// # Errors
    /// Lists the profiles there are.
    pub(crate) fn named(name: &str) -> Result<&'static Self, String> {
        ALL.into_iter()
            .find(|profile| profile.name == name)
            .ok_or_else(|| {
                let names: Vec<_> = ALL.iter().map(|profile| profile.name).collect();
                format!("no such profile\n  hint: there is {}", names.join(", "))
            })
    }
}
