//! What nginx cannot do of what the stack says.

use crate::output::Rendering;
use mainstay_stack::{PortProtocol, Stack, Strategy, TargetKind};

pub(super) fn name(stack: &Stack, out: &mut Rendering) {
    let mut routed = stack.services.values().filter(|service| {
        let mut routes = stack.routes.iter();
        routes.any(|route| route.service == service.name)
    });
    if stack.target == TargetKind::Process {
        out.lost(
            "target: process",
            "instances listen on free ports, which change with every release",
            "nginx passes requests to Mainstay's own proxy at 127.0.0.1:8080, which balances and probes",
        );
    } else {
        for service in routed.clone().filter(|service| service.health.is_some()) {
            out.lost(
                &format!("services.{}.health", service.name),
                "this nginx asks no instance whether it is well",
                "an instance is passed over for 30 s after three failed requests",
            );
        }
        let shifts = |strategy: &Strategy| matches!(strategy, Strategy::BlueGreen { .. });
        let policies = &stack.deploy.services;
        if routed.any(|service| {
            let policy = policies.get(&service.name).unwrap_or(&stack.deploy.default);
            shifts(&policy.strategy)
        }) {
            out.lost(
                "deploy.strategy: blue-green",
                "nginx shifts no traffic step by step",
                "reload it once the new instances are there: `nginx -s reload`",
            );
        }
    }
    for service in stack.services.values() {
        let tcp = service.ports.iter().filter(|port| {
            let published = port.published.is_some();
            published && port.protocol == PortProtocol::Tcp
        });
        for port in tcp {
            out.lost(
                &format!("services.{}.ports: {}", service.name, port.target),
                "it speaks no HTTP, and bytes are passed by the stream module, which is not everywhere",
                "publish the port of the service itself",
            );
        }
    }
}
