//! `compose.logging.yaml`: Loki, and Promtail that reads what the engine keeps of every container.
//!
//! Their files are those of `mainstay render loki`, in a folder of this name beside the file.

use super::extra::{name, network, published, read_only, service};
use super::ports::Ports;
use crate::output::Rendering;
use crate::project::Project;
use mainstay_yaml::write::Map;

const LOKI: &str = "grafana/loki:3.5.3";
const PROMTAIL: &str = "grafana/promtail:3.5.3";

pub(super) fn write(project: &Project, ports: &mut Ports, out: &mut Rendering) {
    let stack = project.main();
    let own = network(stack);
    let loki_name = name(stack, "loki");
    let loki = service(LOKI, &["-config.file=/etc/loki/loki.yml".to_owned()], "1g")
        .set("user", "10001:10001")
        .set("ports", published(ports.take(3100), 3100))
        .set("networks", [own.as_str()])
        .set("tmpfs", ["/tmp"])
        .set(
            "volumes",
            vec![read_only("./loki", "/etc/loki"), "loki-data:/loki".into()],
        );
    let promtail = service(
        PROMTAIL,
        &["-config.file=/etc/promtail/promtail.yml".to_owned()],
        "256m",
    )
    .set("networks", [own.as_str()])
    .comment("Root's own files, and the engine's socket to learn which container they are of: read only.")
    .set("cap_add", ["DAC_READ_SEARCH"])
    .set(
        "volumes",
        vec![
            read_only("./loki", "/etc/promtail"),
            read_only("/var/lib/docker/containers", "/var/lib/docker/containers"),
            read_only("/var/run/docker.sock", "/var/run/docker.sock"),
            "promtail-data:/var/lib/promtail".into(),
        ],
    )
    .set(
        "depends_on",
        Map::new().set(loki_name.as_str(), Map::new().set("condition", "service_started")),
    );
    let volume = |key: &str| {
        let full = format!("{}-{}_{key}", project.name, stack.environment);
        Map::new().set("name", full)
    };
    let file = Map::new()
        .comment("docker compose -f compose.prod.yaml -f compose.logging.yaml up --detach")
        .set(
            "services",
            Map::new()
                .set(loki_name.clone(), loki)
                .set(name(stack, "promtail"), promtail),
        )
        .set("networks", Map::new().set(own.clone(), Map::new()))
        .set(
            "volumes",
            Map::new()
                .set("loki-data", volume("loki-data"))
                .set("promtail-data", volume("promtail-data")),
        );
    out.yaml("compose.logging.yaml", &[file.into()]);
}
