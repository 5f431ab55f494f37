//! `compose.proxy.yaml`: nginx in front, where people come in.
//!
//! Its files are those of `mainstay render nginx`, in a folder `nginx` beside the file; certificates and their keys
//! lie in `nginx/tls/NAME/`, and are written by nobody here.

use super::extra::{name, read_only, service};
use super::ports::Ports;
use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::{NetworkMode, TargetKind};
use mainstay_yaml::write::{Doc, Map};
use std::collections::BTreeMap;

const NGINX: &str = "nginx:1.28.0-alpine";

pub(super) fn write(project: &Project, ports: &mut Ports, out: &mut Rendering) {
    let stack = project.main();
    // In front of processes nginx runs on the machine, as they do.
    if stack.routes.is_empty() || stack.target == TargetKind::Process {
        return;
    }
    let mut web = "web".to_owned();
    while stack.networks.contains_key(&web) {
        web.insert_str(0, "extra-");
    }
    let mut networks: BTreeMap<&str, Doc> = BTreeMap::from([(web.as_str(), Doc::Null)]);
    let mut waits: BTreeMap<&str, Map> = BTreeMap::new();
    for route in &stack.routes {
        let Some(routed) = stack.services.get(&route.service) else {
            continue;
        };
        if routed.container.network.mode == NetworkMode::Networks {
            let keys = routed.container.network.networks.keys();
            networks.extend(keys.map(|key| (key.as_str(), Doc::Null)));
        }
        let started = Map::new().set("condition", "service_started");
        waits.insert(routed.name.as_str(), started);
    }
    let published = [80, 443].map(|port| format!("{}:{port}", ports.take(port)));
    let nginx = service(NGINX, &[], "256m")
        .comment("The master opens ports and changes to a user without rights; it needs no more.")
        .set("cap_add", ["CHOWN", "NET_BIND_SERVICE", "SETGID", "SETUID"])
        .set("tmpfs", ["/run", "/var/cache/nginx"])
        .set("ports", published)
        .set("networks", networks.into_iter().collect::<Map>())
        .set(
            "volumes",
            vec![
                read_only("./nginx/nginx.conf", "/etc/nginx/nginx.conf"),
                read_only("./nginx/conf.d", "/etc/nginx/conf.d"),
                read_only("./nginx/snippets", "/etc/nginx/snippets"),
                read_only("./nginx/tls", "/etc/nginx/tls"),
                read_only("./nginx/acme", "/var/www/acme"),
            ],
        )
        .set("depends_on", waits.into_iter().collect::<Map>());
    let file = Map::new()
        .comment("docker compose -f compose.prod.yaml -f compose.proxy.yaml up --detach")
        .set("services", Map::new().set(name(stack, "nginx"), nginx))
        .set("networks", Map::new().set(web.clone(), Map::new()));
    out.yaml("compose.proxy.yaml", &[file.into()]);
}
