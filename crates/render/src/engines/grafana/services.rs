//! What the stack's own services tell, what the proxy tells of them, and what is asked from outside.

use super::panel::{Dashboard, figure, lines};

pub(super) const OVERVIEW: Dashboard = Dashboard {
    name: "application-overview",
    title: "Application overview",
    about: "Whether it works: instances, requests, errors, response times, what it depends on.",
    panels: &[
        figure(
            "Instances that answer",
            "none",
            &[("sum by (service) (up{SCOPE, service!=\"\"})", "{{service}}")],
        ),
        figure(
            "Requests",
            "reqps",
            &[("sum(rate(mainstay_proxy_requests_total{SCOPE}[$__rate_interval]))", "requests")],
        ),
        figure(
            "Failed",
            "percentunit",
            &[(
                r#"(sum(rate(mainstay_proxy_requests_total{SCOPE, code=~"5.."}[$__rate_interval])) or vector(0)) / sum(rate(mainstay_proxy_requests_total{SCOPE}[$__rate_interval]))"#,
                "failed",
            )],
        )
        .limits(0.01, 0.05),
        figure(
            "95 % answered within",
            "s",
            &[(
                "histogram_quantile(0.95, sum by (le) (rate(mainstay_proxy_request_duration_seconds_bucket{SCOPE}[$__rate_interval])))",
                "p95",
            )],
        )
        .limits(1.0, 2.0),
        figure(
            "Active users",
            "none",
            &[("max by (service) (active_users_total{SCOPE})", "{{service}}")],
        )
        .needs("http_requests_total"),
        figure(
            "Waiting jobs",
            "none",
            &[("max by (service) (transcription_queue_size{SCOPE})", "{{service}}")],
        )
        .limits(500.0, 1000.0)
        .needs("transcription_queue_size"),
        lines(
            "Requests by service, at the proxy",
            "reqps",
            &[("sum by (service) (rate(mainstay_proxy_requests_total{SCOPE}[$__rate_interval]))", "{{service}}")],
        ),
        lines(
            "Failed by service, at the proxy",
            "percentunit",
            &[(
                r#"sum by (service) (rate(mainstay_proxy_requests_total{SCOPE, code=~"5.."}[$__rate_interval])) / sum by (service) (rate(mainstay_proxy_requests_total{SCOPE}[$__rate_interval]))"#,
                "{{service}}",
            )],
        )
        .limits(0.01, 0.05),
        lines(
            "Response times, at the proxy",
            "s",
            &[
                ("histogram_quantile(0.5, sum by (le) (rate(mainstay_proxy_request_duration_seconds_bucket{SCOPE}[$__rate_interval])))", "p50"),
                ("histogram_quantile(0.95, sum by (le) (rate(mainstay_proxy_request_duration_seconds_bucket{SCOPE}[$__rate_interval])))", "p95"),
                ("histogram_quantile(0.99, sum by (le) (rate(mainstay_proxy_request_duration_seconds_bucket{SCOPE}[$__rate_interval])))", "p99"),
            ],
        )
        .limits(2.0, 5.0),
        lines(
            "Instances by phase",
            "none",
            &[("sum by (service, phase) (mainstay_instances{SCOPE})", "{{service}} {{phase}}")],
        ),
        lines(
            "What it depends on",
            "bool_yes_no",
            &[("min by (service, dependency) (dependency_up{SCOPE})", "{{service}} {{dependency}}")],
        )
        .needs("dependency_"),
        lines(
            "Jobs by state",
            "none",
            &[("max by (state) (transcription_jobs{SCOPE})", "{{state}}")],
        )
        .needs("transcription_"),
        lines(
            "Processors by service",
            "none",
            &[("sum by (service) (rate(container_cpu_usage_seconds_total{SCOPE}[$__rate_interval]))", "{{service}}")],
        ),
        lines(
            "Memory by service",
            "bytes",
            &[("sum by (service) (container_memory_working_set_bytes{SCOPE})", "{{service}}")],
        ),
    ],
};

pub(super) const THIRD_PARTY: Dashboard = Dashboard {
    name: "third-party-api",
    title: "Third-party services",
    about: "What is asked of others, and what is asked from outside.",
    panels: &[
        figure(
            "Probes that succeed",
            "percentunit",
            &[("avg by (probe) (probe_success{SCOPE})", "{{probe}}")],
        )
        .limits(1.0, 0.99),
        figure(
            "Certificates hold for",
            "s",
            &[("min by (probe) (probe_ssl_earliest_cert_expiry{SCOPE}) - time()", "{{probe}}")],
        )
        .limits(1_209_600.0, 259_200.0),
        figure(
            "Connected to Discord",
            "bool_yes_no",
            &[("max by (service) (discord_connected{SCOPE})", "{{service}}")],
        )
        .limits(1.0, 0.5)
        .needs("discord_"),
        figure(
            "Requests that Discord still allows",
            "none",
            &[("min by (service) (discord_rate_limit_remaining{SCOPE})", "{{service}}")],
        )
        .needs("discord_"),
        lines(
            "Time of a probe",
            "s",
            &[("max by (probe) (probe_duration_seconds{SCOPE})", "{{probe}}")],
        ),
        lines(
            "Phases of a probe over HTTP",
            "s",
            &[("avg by (probe, phase) (probe_http_duration_seconds{SCOPE})", "{{probe}} {{phase}}")],
        ),
        lines(
            "Others answer",
            "bool_yes_no",
            &[(
                r#"min by (service, dependency) (dependency_up{SCOPE, dependency!~"database|redis"})"#,
                "{{service}} {{dependency}}",
            )],
        )
        .needs("dependency_"),
        lines(
            "Time until others answer",
            "s",
            &[(
                r#"max by (service, dependency) (dependency_check_seconds{SCOPE, dependency!~"database|redis"})"#,
                "{{service}} {{dependency}}",
            )],
        )
        .needs("dependency_"),
        lines(
            "Discord: commands",
            "ops",
            &[("sum by (command, outcome) (rate(discord_commands_total{SCOPE}[$__rate_interval]))", "{{command}} {{outcome}}")],
        )
        .needs("discord_"),
        lines(
            "Discord: time of a command",
            "s",
            &[(
                "histogram_quantile(0.95, sum by (le, command) (rate(discord_command_duration_seconds_bucket{SCOPE}[$__rate_interval])))",
                "{{command}} p95",
            )],
        )
        .limits(1.0, 2.0)
        .needs("discord_"),
        lines(
            "Discord: way to the gateway",
            "s",
            &[("max by (service) (discord_gateway_latency_seconds{SCOPE})", "{{service}}")],
        )
        .needs("discord_"),
    ],
};

/// Of a service's figures its rules name some; where one of them is there, the others are taken to be there too: of
/// WhisperEngine `discord_…`, of Deep Echo `flask_http_…`.
pub(super) const AI: Dashboard = Dashboard {
    name: "ai-ml",
    title: "AI and ML",
    about: "Models, transcriptions, proofs, memories and retrieval.",
    panels: &[
        lines(
            "Model: time of an answer",
            "s",
            &[
                ("histogram_quantile(0.5, sum by (le) (rate(llm_request_duration_seconds_bucket{SCOPE}[$__rate_interval])))", "p50"),
                ("histogram_quantile(0.95, sum by (le) (rate(llm_request_duration_seconds_bucket{SCOPE}[$__rate_interval])))", "p95"),
            ],
        )
        .needs("discord_"),
        lines(
            "Model: failures",
            "ops",
            &[("sum by (error_type) (rate(llm_request_failures_total{SCOPE}[$__rate_interval]))", "{{error_type}}")],
        )
        .needs("discord_"),
        lines("Memories", "none", &[("max by (service) (user_memories{SCOPE})", "{{service}}")]).needs("discord_"),
        lines(
            "Answers from the cache",
            "percentunit",
            &[("avg by (service) (cache_hit_rate{SCOPE})", "{{service}}")],
        )
        .limits(0.9, 0.7)
        .needs("discord_"),
        lines(
            "Transcriptions: time",
            "s",
            &[
                ("histogram_quantile(0.5, sum by (le) (rate(transcription_duration_seconds_bucket{SCOPE}[$__rate_interval])))", "p50"),
                ("histogram_quantile(0.95, sum by (le) (rate(transcription_duration_seconds_bucket{SCOPE}[$__rate_interval])))", "p95"),
            ],
        )
        .needs("transcription_"),
        lines(
            "Transcriptions: outcome",
            "ops",
            &[("sum by (outcome) (rate(jobs_processed_total{SCOPE}[$__rate_interval]))", "{{outcome}}")],
        )
        .needs("transcription_"),
        lines(
            "Proofs",
            "ops",
            &[
                ("sum(rate(whispercache_proofs_generated{SCOPE}[$__rate_interval]))", "generated"),
                ("sum(rate(whispercache_proofs_verified{SCOPE}[$__rate_interval]))", "verified"),
                ("sum(rate(whispercache_proofs_failed{SCOPE}[$__rate_interval]))", "failed"),
            ],
        )
        .needs("whispercache_proof"),
        lines(
            "Proofs: time",
            "s",
            &[("histogram_quantile(0.95, sum by (le) (rate(whispercache_proof_seconds_bucket{SCOPE}[$__rate_interval])))", "p95")],
        )
        .needs("whispercache_proof"),
        lines(
            "Memories: time of an operation",
            "s",
            &[("histogram_quantile(0.95, sum by (le) (rate(whispercache_memory_operation_seconds_bucket{SCOPE}[$__rate_interval])))", "p95")],
        )
        .needs("whispercache_memory_operation"),
        lines("Echoes", "none", &[("max by (service) (deep_echo_echoes{SCOPE})", "{{service}}")]).needs("flask_http"),
        lines(
            "Echoes from the cache",
            "percentunit",
            &[("avg by (service) (deep_echo_cache_hit_rate{SCOPE})", "{{service}}")],
        )
        .limits(0.5, 0.25)
        .needs("flask_http"),
    ],
};

pub(super) const PERFORMANCE: Dashboard = Dashboard {
    name: "performance-analytics",
    title: "Performance analytics",
    about: "Where the time goes: by route, service, release and instance.",
    panels: &[
        lines(
            "Requests by route",
            "reqps",
            &[("sum by (route) (rate(mainstay_proxy_requests_total{SCOPE}[$__rate_interval]))", "{{route}}")],
        ),
        lines(
            "95 % answered within, by route",
            "s",
            &[("histogram_quantile(0.95, sum by (le, route) (rate(mainstay_proxy_request_duration_seconds_bucket{SCOPE}[$__rate_interval])))", "{{route}}")],
        ),
        lines(
            "95 % answered within, by release",
            "s",
            &[("histogram_quantile(0.95, sum by (le, service, release) (rate(mainstay_proxy_request_duration_seconds_bucket{SCOPE}[$__rate_interval])))", "{{service}} {{release}}")],
        ),
        lines(
            "Requests by instance",
            "reqps",
            &[("sum by (instance) (rate(mainstay_proxy_requests_total{SCOPE}[$__rate_interval]))", "{{instance}}")],
        ),
        lines(
            "Requests by endpoint",
            "reqps",
            &[("topk(10, sum by (endpoint) (rate(http_requests_total{SCOPE}[$__rate_interval])))", "{{endpoint}}")],
        )
        .needs("http_requests_total"),
        lines(
            "Slowest endpoints",
            "s",
            &[("topk(10, histogram_quantile(0.95, sum by (le, endpoint) (rate(http_request_duration_seconds_bucket{SCOPE}[$__rate_interval]))))", "{{endpoint}}")],
        )
        .needs("http_request_duration_seconds"),
        lines(
            "As Flask counts: 95 % answered within",
            "s",
            &[("histogram_quantile(0.95, sum by (le, path) (rate(flask_http_request_duration_seconds_bucket{SCOPE}[$__rate_interval])))", "{{path}}")],
        )
        .needs("flask_http"),
        lines(
            "As Flask counts: requests",
            "reqps",
            &[("sum by (status) (rate(flask_http_request_total{SCOPE}[$__rate_interval]))", "{{status}}")],
        )
        .needs("flask_http"),
        lines(
            "Processors by process",
            "none",
            &[("sum by (service, instance) (rate(process_cpu_seconds_total{SCOPE}[$__rate_interval]))", "{{service}} {{instance}}")],
        ),
        lines(
            "Memory by process",
            "bytes",
            &[("max by (service, instance) (process_resident_memory_bytes{SCOPE})", "{{service}} {{instance}}")],
        ),
        lines(
            "Open files by process",
            "none",
            &[("max by (service, instance) (process_open_fds{SCOPE})", "{{service}} {{instance}}")],
        ),
        lines(
            "Found in the cache, as the services count",
            "percentunit",
            &[(
                r#"sum by (service) (rate(cache_requests_total{SCOPE, result="hit"}[$__rate_interval])) / sum by (service) (rate(cache_requests_total{SCOPE}[$__rate_interval]))"#,
                "{{service}}",
            )],
        )
        .needs("cache_requests_total"),
        lines(
            "Uploads",
            "Bps",
            &[("sum by (service) (rate(upload_bytes_total{SCOPE}[$__rate_interval]))", "{{service}}")],
        )
        .needs("transcription_"),
    ],
};

pub(super) const API: Dashboard = Dashboard {
    name: "service-api",
    title: "Service API",
    about: "Requests as the services count them: by method and status, refused ones, what is slow.",
    panels: &[
        lines(
            "Requests by method and status",
            "reqps",
            &[("sum by (method, status) (rate(http_requests_total{SCOPE}[$__rate_interval]))", "{{method}} {{status}}")],
        )
        .needs("http_requests_total"),
        lines(
            "Response times",
            "s",
            &[
                ("histogram_quantile(0.5, sum by (le) (rate(http_request_duration_seconds_bucket{SCOPE}[$__rate_interval])))", "p50"),
                ("histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{SCOPE}[$__rate_interval])))", "p95"),
                ("histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{SCOPE}[$__rate_interval])))", "p99"),
            ],
        )
        .limits(2.0, 5.0)
        .needs("http_request_duration_seconds"),
        lines(
            "Answers by status, at the proxy",
            "reqps",
            &[("sum by (service, code) (rate(mainstay_proxy_requests_total{SCOPE}[$__rate_interval]))", "{{service}} {{code}}")],
        ),
        lines(
            "Refused for the client's sake (4xx), at the proxy",
            "percentunit",
            &[(
                r#"sum by (service) (rate(mainstay_proxy_requests_total{SCOPE, code=~"4.."}[$__rate_interval])) / sum by (service) (rate(mainstay_proxy_requests_total{SCOPE}[$__rate_interval]))"#,
                "{{service}}",
            )],
        )
        .limits(0.1, 0.2),
        lines(
            "Log-ins that failed",
            "ops",
            &[("sum by (reason) (rate(auth_failures_total{SCOPE}[$__rate_interval]))", "{{reason}}")],
        )
        .needs("auth_failures_total"),
        lines(
            "Held back by limits",
            "ops",
            &[("sum by (what) (rate(rate_limited_total{SCOPE}[$__rate_interval]))", "{{what}}")],
        )
        .needs("rate_limited_total"),
        lines(
            "Requests as WhisperCache counts them",
            "reqps",
            &[
                ("sum(rate(whispercache_requests_total{SCOPE}[$__rate_interval]))", "all"),
                ("sum(rate(whispercache_requests_error{SCOPE}[$__rate_interval]))", "failed"),
            ],
        )
        .needs("whispercache_"),
        lines(
            "Event loop behind",
            "ms",
            &[("max by (instance) (whispercache_event_loop_lag_ms{SCOPE})", "{{instance}}")],
        )
        .needs("whispercache_"),
        lines(
            "Documents and questions",
            "none",
            &[
                ("max by (service) (rag_documents{SCOPE})", "{{service}} documents"),
                ("sum by (service) (increase(rag_queries_total{SCOPE}[$__rate_interval]))", "{{service}} questions"),
            ],
        )
        .needs("rag_"),
    ],
};
