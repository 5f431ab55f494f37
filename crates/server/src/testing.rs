//! Values for the tests of this crate: small stacks that mean nothing.

use mainstay_journal::{Release, ReleaseStatus};
use mainstay_model::{Bytes, EnvironmentName, ReleaseNumber, ServiceName, StackName, Timestamp};
use mainstay_stack::policy::{Monitoring, Policy};
use mainstay_stack::{
    Container, Deploy, DeployPolicy, Hooks, Log, PipelineMode, Port, PortProtocol, Purpose,
    Restart, RestartCondition, Service, ServiceLimits, Stack, Strategy, TargetKind,
};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) fn stack<const N: usize>(services: [Service; N]) -> Stack {
    Stack {
        name: StackName::new("shop").unwrap(),
        environment: EnvironmentName::new("dev").unwrap(),
        purpose: Purpose::Development,
        monitoring: Monitoring::Basic,
        policy: Policy::default(),
        directory: "/nowhere".into(),
        target: TargetKind::Process,
        services: services
            .into_iter()
            .map(|service| (service.name.clone(), service))
            .collect(),
        volumes: BTreeMap::new(),
        networks: BTreeMap::new(),
        engine: None,
        routes: Vec::new(),
        probes: Vec::new(),
        deploy: Deploy {
            default: DeployPolicy {
                strategy: Strategy::Rolling {
                    surge: 1,
                    parallelism: 1,
                },
                healthy_deadline: Duration::from_secs(60),
                minimum_healthy_time: Duration::from_secs(1),
                drain: Duration::from_secs(10),
            },
            services: BTreeMap::new(),
            progress_deadline: Duration::from_secs(600),
            watch: Duration::from_secs(5),
            keep_releases: 5,
            hooks: Hooks::default(),
            pipeline: PipelineMode::None,
            steps: BTreeMap::new(),
            migrations: None,
        },
        alerts: mainstay_stack::Alerts::default(),
        backups: mainstay_stack::Backups::default(),
        secrets: BTreeMap::new(),
        render: mainstay_stack::Render::default(),
    }
}

pub(crate) fn service(name: &str, replicas: u32) -> Service {
    Service {
        name: ServiceName::new(name).unwrap(),
        image: None,
        process: None,
        container: Container::default(),
        environment: BTreeMap::new(),
        working_directory: None,
        user: None,
        group: None,
        replicas,
        singleton: false,
        stateful: None,
        limits: ServiceLimits::default(),
        ports: vec![Port {
            target: 8000,
            published: None,
            host_ip: None,
            protocol: PortProtocol::Http,
        }],
        depends_on: BTreeMap::new(),
        health: None,
        metrics: mainstay_stack::MetricsRule::default(),
        restart: Restart {
            condition: RestartCondition::Always,
            delay: Duration::from_millis(100),
            max_attempts: 5,
            window: Duration::from_secs(60),
        },
        stop_signal: "SIGTERM".to_owned(),
        stop_grace: Duration::from_secs(10),
        mounts: Vec::new(),
        log: Log {
            max_size: Bytes(1 << 20),
            max_files: 3,
            max_age: Duration::from_secs(86_400),
        },
        labels: BTreeMap::new(),
        files: Vec::new(),
        secrets: BTreeMap::new(),
    }
}

/// A release with tag `v0.N` and a commit that ends with its number.
pub(crate) fn stored_release(number: u32, status: ReleaseStatus) -> Release {
    Release {
        scope: stack([]).scope(),
        number: ReleaseNumber(number),
        created_at: Timestamp::from_millis(0),
        by: "user 0".to_owned(),
        description: None,
        tag: Some(format!("v0.{number}")),
        commit: Some(format!("{number:08}aaaa")),
        definition: serde_json::Value::Null,
        services: BTreeMap::new(),
        artifacts: BTreeMap::new(),
        status,
        record: serde_json::Value::Null,
        verified_at: None,
    }
}
