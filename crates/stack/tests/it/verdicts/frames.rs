//! Where each key of the table stands in a file, and which value is tried there.

use mainstay_stack::TargetKind;
use mainstay_stack::grammar::{Section, Shape};

/// A value of the shape, as YAML in one line.
pub(super) fn sample(shape: &Shape) -> String {
    match shape {
        Shape::Any | Shape::Text => "x".to_owned(),
        Shape::Bool => "true".to_owned(),
        Shape::Integer => "3".to_owned(),
        Shape::Number => "1.5".to_owned(),
        Shape::Duration => "7s".to_owned(),
        Shape::Size => "5m".to_owned(),
        Shape::Word(words) => words[0].to_owned(),
        Shape::Section(section) => {
            let key = &section.keys[0];
            format!("{{{}: {}}}", key.name, sample(&key.shape))
        }
        Shape::Named(inner) => format!("{{n: {}}}", sample(inner)),
        Shape::List(inner) => format!("[{}]", sample(inner)),
        Shape::OneOrMore(inner) | Shape::Short(inner) => sample(inner),
        Shape::Pairs => "{A: b}".to_owned(),
        Shape::Names(_) => "[n]".to_owned(),
        Shape::Command => "[x, y]".to_owned(),
    }
}

/// The frame of a section for a target: containers have images where processes have commands.
pub(super) fn frame_for(section: &str, target: TargetKind) -> String {
    let frame = frame(section);
    if !target.runs_containers() {
        return frame;
    }
    frame
        .replace("x-mainstay: {command: a}", "image: a")
        .replace("x-mainstay: {command: db}", "image: db")
        .replace("entrypoint: [e]", "image: a")
}

/// Where a key of the section stands in a Compose file; `%` is the key with its value.
#[expect(clippy::too_many_lines, reason = "a table")]
fn frame(section: &str) -> String {
    let service = |rest: &str| {
        format!(
            "name: shop\nservices:\n  app:\n    x-mainstay: {{command: a}}\n    {rest}\n  db: {{x-mainstay: {{command: db}}, expose: [1]}}\nvolumes: {{data: {{x-mainstay: {{shared: true}}}}}}\nnetworks: {{n: {{}}}}\nsecrets: {{s: {{environment: THERE}}, t: {{environment: OTHER}}}}\nconfigs: {{c: {{content: x}}}}\n"
        )
    };
    let top = |rest: &str| {
        format!(
            "services: {{app: {{x-mainstay: {{command: a}}, volumes: ['v:/v'], networks: [default, n]}}}}\n{rest}\n"
        )
    };
    let granted = |rest: &str| {
        let what = rest.split(':').next().unwrap_or_default();
        format!("services: {{app: {{x-mainstay: {{command: a}}, {what}: [n]}}}}\n{rest}\n")
    };
    match section {
        "compose file" => "services: {app: {x-mainstay: {command: a}}}\n%\n".to_owned(),
        "include" => {
            "include: [{path: sub/inc.yaml, %}]\nservices: {app: {x-mainstay: {command: a}}}\n"
                .to_owned()
        }
        "service" => service("%"),
        "x-mainstay" => "services: {app: {entrypoint: [e], x-mainstay: {%}}}\nsecrets: {n: {environment: THERE}}\n".to_owned(),
        "port" => service("ports: [{target: 80, %}]"),
        "volume mount" => service("volumes: [{target: /v, %}]"),
        "dependency" => service("depends_on: {db: {%}}"),
        "env_file" => service("env_file: [{%}]"),
        "ulimit" => service("ulimits: {nofile: {%}}"),
        "healthcheck" => service("healthcheck: {%, test: [CMD, t]}"),
        "logging" | "build" | "deploy" | "extends" | "develop" | "blkio_config"
        | "credential_spec" | "provider" => service(&format!("{section}: {{%}}")),
        "watch" => service("develop: {watch: [{%}]}"),
        "secret or config of a service" => service("secrets: [{source: s, %}]"),
        "hook" => service("post_start: [{%}]"),
        "network of a service" => service("networks: {n: {%}}"),
        "model of a service" => service("models: {n: {%}}"),
        "bind of a volume mount" => {
            service("volumes: [{type: bind, source: /s, target: /v, bind: {%}}]")
        }
        "volume of a volume mount" => {
            service("volumes: [{type: volume, source: data, target: /v, volume: {%}}]")
        }
        "tmpfs of a volume mount" => service("volumes: [{type: tmpfs, target: /v, tmpfs: {%}}]"),
        "image of a volume mount" => {
            service("volumes: [{type: image, source: i, target: /v, image: {%}}]")
        }
        "device" => service("devices: [{source: /dev/a, %}]"),
        "device request" => service("gpus: [{%}]"),
        "blkio rate" => service("blkio_config: {device_read_bps: [{%}]}"),
        "blkio weight" => service("blkio_config: {weight_device: [{%}]}"),
        "update_config" | "rollback_config" | "restart_policy" | "resources" | "placement" => {
            service(&format!("deploy: {{{section}: {{%}}}}"))
        }
        "limits" | "reservations" => {
            service(&format!("deploy: {{resources: {{{section}: {{%}}}}}}"))
        }
        "generic resource" => {
            service("deploy: {resources: {reservations: {generic_resources: [{%}]}}}")
        }
        "discrete resource" => service(
            "deploy: {resources: {reservations: {generic_resources: [{discrete_resource_spec: {%}}]}}}",
        ),
        "preference" => service("deploy: {placement: {preferences: [{%}]}}"),
        "volume" => top("volumes: {v: {%}}\nnetworks: {n: {}}"),
        "x-mainstay of a volume" => top("volumes: {v: {x-mainstay: {%}}}\nnetworks: {n: {}}"),
        "ipam" => top("volumes: {v: {}}\nnetworks: {n: {ipam: {%}}}"),
        "ipam pool" => top("volumes: {v: {}}\nnetworks: {n: {ipam: {config: [{%}]}}}"),
        "network" => top("volumes: {v: {}}\nnetworks: {n: {%}}"),
        "secret" => granted("secrets: {n: {%}}"),
        "config" => granted("configs: {n: {%}}"),
        "model" => top("volumes: {v: {}}\nnetworks: {n: {}}\nmodels: {n: {%}}"),
        other => panic!("section `{other}` has no frame here: write one"),
    }
}

/// Better samples than the shape gives, for keys that are honoured.
#[expect(clippy::match_same_arms, clippy::too_many_lines, reason = "a table")]
pub(super) fn special(section: &str, key: &str) -> Option<&'static str> {
    Some(match (section, key) {
        ("compose file", "name") => "other",
        ("compose file", "include") => "[sub/inc.yaml]",
        ("compose file", "services") => "{}",
        ("compose file", "secrets") => "{n: {external: true}}",
        ("service", "secrets") => "[s]",
        ("service", "configs") => "[c]",
        ("x-mainstay", "secrets") => "{VARIABLE: n}",
        ("secret or config of a service", "source") => "t",
        ("secret or config of a service", "target") => "elsewhere",
        ("secret or config of a service", "mode") => "0400",
        ("compose file", "configs") => "{n: {content: x}}",
        ("config", "name") => "x, content: x",
        ("config", "file") => "secret.txt",
        ("config", "environment") => "THERE",
        ("compose file", "networks") => "{default: {internal: true}}",
        ("compose file", "volumes") => "{n: {}}",
        ("include", "path") => "other.yaml",
        ("include", "env_file") => "x.env",
        ("include", "project_directory") => "sub2",
        ("service", "depends_on") => "[db]",
        ("service", "env_file") => "x.env",
        ("service", "expose") => "['81']",
        ("service", "extends") => "{file: other.yaml, service: o}",
        ("service", "healthcheck") => "{test: [CMD, t]}",
        ("service", "logging") => "{options: {max-size: 5m}}",
        ("service", "pids_limit") => "7",
        ("service", "ports") => "['8000:80']",
        ("service", "profiles") => "[off]",
        ("service", "restart") => "'no'",
        ("service", "stop_signal") => "INT",
        ("service", "ulimits") => "{nofile: 9}",
        ("service", "volumes") => "['data:/d']",
        ("service", "command" | "entrypoint") => "[c]",
        ("service", "x-mainstay") => "{command: other}",
        ("x-mainstay", "artifacts") => "[a]",
        ("port", "host_ip") => "127.0.0.1",
        ("port", "target") => "81",
        ("port", "published") => "8081",
        ("port", "app_protocol") => "tcp",
        ("volume mount", "type") => "tmpfs",
        ("volume mount", "source") => "data",
        ("volume mount", "target") => "/w",
        ("dependency", "condition") => "service_healthy",
        ("dependency", "required") => "false",
        ("env_file", "path") => "x.env",
        ("env_file", "required") => "false, path: gone.env",
        ("env_file", "format") => "raw, path: x.env",
        ("extends", "service") => "o, file: other.yaml",
        ("extends", "file") => "other.yaml, service: o",
        ("logging", "driver") => "syslog",
        ("logging", "options") => "{max-file: 2}",
        ("healthcheck", "retries") => "7",
        ("healthcheck", "test") => "[CMD, other]",
        ("deploy", "update_config") => "{parallelism: 2}",
        ("deploy", "resources") => "{limits: {memory: 1g}}",
        ("deploy", "restart_policy") => "{condition: none}",
        ("update_config", "order") => "stop-first",
        ("update_config", "failure_action") => "pause",
        ("resources", "limits") => "{memory: 1g}",
        ("volume", "x-mainstay") => "{shared: true}",
        ("ulimit", "soft" | "hard") => "7",
        ("service", "build") => "{context: x}",
        ("service", "dns") => "[1.1.1.1]",
        ("service", "devices") => "['/dev/a:/dev/b']",
        ("service", "gpus") => "all",
        ("service", "networks") => "[n]",
        ("service", "ipc" | "pid" | "uts" | "userns_mode" | "network_mode") => "host",
        ("service", "pull_policy") => "always",
        ("service", "memswap_limit") => "1g",
        ("service", "cpu_shares" | "cpu_quota" | "cpu_period" | "oom_score_adj") => "7",
        ("service" | "build", "extra_hosts") => "[a=1.1.1.1]",
        ("x-mainstay", "stateful") => "true",
        ("volume mount", "bind") => "{create_host_path: false}, type: bind, source: /s",
        ("volume mount", "volume") => "{nocopy: true}, source: data",
        ("volume mount", "tmpfs") => "{size: 5m}, type: tmpfs",
        ("bind of a volume mount", "create_host_path") => "false",
        ("tmpfs of a volume mount", "mode") => "1770",
        ("volume" | "network", "external") => "true",
        ("network", "enable_ipv4") => "false",
        ("network of a service", "ipv4_address") => "10.0.0.2",
        ("network of a service", "ipv6_address") => "fd00::2",
        ("network of a service", "priority") => "7",
        ("device", "source") => "/dev/b",
        ("device request", "count") => "2",
        ("resources", "reservations") => "{memory: 1g}",
        ("secret", "environment") => "GONE",
        ("secret", "file") => "gone.txt",
        ("secret", "external") => "true",
        _ => return None,
    })
}

/// Keys that are honoured by changing nothing.
pub(super) fn changes_nothing(section: &str, key: &str, target: TargetKind) -> bool {
    let containers = target.runs_containers();
    match section {
        // Of the other kind of target: an image is built for containers only …
        "build" => !containers,
        "service" if key == "build" => !containers,
        // … and a command of its own is had by processes only.
        "x-mainstay" => containers && matches!(key, "build" | "artifacts" | "command"),
        "service" if key == "x-mainstay" => containers,
        // What the shim always does.
        "service" => key == "init" && !containers,
        // TCP is the default; UDP is refused, with a golden text.
        "port" => matches!(key, "protocol" | "name"),
        // Its name in an engine; of a secret, in mainstay.yaml, where it is external.
        "config" | "secret" => key == "name",
        // Nothing is to be told of one that no service has.
        "compose file" => key == "configs",
        _ => false,
    }
}

/// Takes the frame's own value of the key away.
pub(super) fn deduplicated(text: &str, section: &Section, key: &str) -> String {
    match (section.name, key) {
        ("port", "target") => text.replace("target: 80, ", ""),
        ("volume mount", "target") => text.replace("target: /v, ", ""),
        ("healthcheck", "test") => text.replace(", test: [CMD, t]", ""),
        ("device", "source") => text.replace("source: /dev/a, ", ""),
        ("volume mount", "source") if text.contains("image: a") => text.to_owned(),
        ("service", "image") => text.replacen("    image: a\n", "", 1),
        ("include", "path") => text.replace("path: sub/inc.yaml, ", ""),
        ("secret or config of a service", "source") => text.replace("source: s, ", ""),
        ("compose file", "services") => {
            text.replacen("services: {app: {x-mainstay: {command: a}}}\n", "", 1)
        }
        ("service", "x-mainstay") => text.replacen("x-mainstay: {command: a}\n    ", "", 1),
        ("service", "command" | "entrypoint") => text.replacen(
            "x-mainstay: {command: a}",
            "x-mainstay: {singleton: false}",
            1,
        ),
        _ => text.to_owned(),
    }
}
