//! A command that runs once beside the instances of a service. Pure.

use super::{Bundle, SpecError, instance_spec};
use crate::ways::Ways;
use mainstay_model::{InstanceId, Secret, ServiceName};
use mainstay_runtime::spec::InstanceSpec;
use mainstay_stack::RestartCondition;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The specification of `command` under the name `id`: with the service's program or image, its
/// variables, files, user, networks and limits, and without its ports, health check and restarts.
pub(crate) fn one_shot_spec(
    bundle: &Bundle,
    service: &ServiceName,
    id: &InstanceId,
    command: &[String],
    variables: &BTreeMap<String, String>,
    ways: &Ways,
    artifact: &dyn Fn(&str) -> Option<PathBuf>,
) -> Result<InstanceSpec, SpecError> {
    let mut bundle = bundle.clone();
    let known = bundle.stack.services.get(service);
    let mut once = known
        .cloned()
        .ok_or_else(|| SpecError::UnknownService(service.clone()))?;
    // A name of its own: it answers no request that is meant for the service.
    once.name = id.service.clone();
    if let Some(run) = &mut once.process {
        run.command = command.to_vec();
    }
    // An entry point of the image's own might not run what it is given.
    once.container.entrypoint = Some(Vec::new());
    once.container.command = Some(command.to_vec());
    once.ports.clear();
    once.health = None;
    once.restart.condition = RestartCondition::No;
    if let Some(image) = bundle.images.get(service).cloned() {
        bundle.images.insert(id.service.clone(), image);
    }
    bundle.stack.services.insert(id.service.clone(), once);
    let mut spec = instance_spec(&bundle, id, ways, artifact)?;
    let variables = variables.clone().into_iter();
    let variables = variables.map(|(key, value)| (key, Secret::new(value)));
    spec.environment.extend(variables);
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use mainstay_runtime::spec::Run;
    use mainstay_stack::ProcessRun;

    #[test]
    fn it_has_everything_of_its_service_but_port_health_and_restarts() {
        let mut app = testing::service("app", 1);
        app.process = Some(ProcessRun {
            build: None,
            artifacts: vec!["bin/app".into()],
            command: vec!["bin/app".into(), "--serve".into()],
        });
        let bundle = Bundle {
            stack: testing::stack([app]),
            artifacts: BTreeMap::from([("bin/app".into(), "abc".to_owned())]),
            images: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        let id: InstanceId = "app.migrate-r3-2".parse().unwrap();
        let service = ServiceName::new("app").unwrap();
        let command = ["bin/app".to_owned(), "migrate".to_owned()];
        let variables = BTreeMap::from([("MAINSTAY_SCHEMA_TO".to_owned(), "7".to_owned())]);
        let kept = |hash: &str| Some(format!("/kept/{hash}").into());
        let ways = Ways::default();
        let spec = one_shot_spec(&bundle, &service, &id, &command, &variables, &ways, &kept);
        let spec = spec.unwrap();
        let Run::Process(run) = &spec.run else {
            panic!("not a process: {:?}", spec.run)
        };
        assert_eq!(run.command, ["/kept/abc", "migrate"]);
        assert!(!run.wants_port && spec.health.is_none());
        assert_eq!(spec.id, id);
        let value = |key: &str| spec.environment.get(key).map(|v| v.expose().as_str());
        assert_eq!(value("MAINSTAY_SCHEMA_TO"), Some("7"));
        assert_eq!(
            value("MAINSTAY_INSTANCE"),
            Some("shop-dev-app.migrate-r3-2")
        );
        let missing = ServiceName::new("db").unwrap();
        let refused = one_shot_spec(&bundle, &missing, &id, &command, &variables, &ways, &kept);
        assert!(refused.is_err());
    }
}
