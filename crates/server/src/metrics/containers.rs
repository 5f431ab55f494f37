//! `docker_sd_configs`: containers of an engine as targets, ours or not, under the labels that
//! Prometheus documents.

use mainstay_model::SecretSource;
use mainstay_runtime::docker::{
    Attached, EngineAddress, OtherContainer, OtherNetwork, OtherPort, Tls, others,
};
use mainstay_scrape::{DockerTargets, LookUp};
use mainstay_series::Labels;
use mainstay_targets::{DockerDiscovery, Group};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Containers that share the network of one that shares the network of …
const SHARED: usize = 16;

/// Asks whichever engine is named.
pub(super) struct Engines;

impl DockerTargets for Engines {
    fn find<'a>(&'a self, wanted: &'a DockerDiscovery) -> LookUp<'a> {
        Box::pin(async move {
            let address = address(wanted)?;
            let found = others(&address, &wanted.filters).await;
            let (containers, networks) = found.map_err(|error| error.to_string())?;
            Ok(vec![group(wanted, &containers, &networks)])
        })
    }
}

fn address(wanted: &DockerDiscovery) -> Result<EngineAddress, String> {
    let client = &wanted.client;
    if client.basic_auth.is_some() || client.authorization.is_some() || !client.headers.is_empty() {
        return Err("an engine is asked without credentials; hint: use `tls_config`".to_owned());
    }
    let address: EngineAddress = wanted.host.parse().map_err(|error| format!("{error}"))?;
    let file = |source: &Option<SecretSource>| -> Result<Option<PathBuf>, String> {
        match source {
            None => Ok(None),
            Some(SecretSource::File(path)) => Ok(Some(path.clone())),
            Some(SecretSource::Inline(_)) => {
                Err("certificates of an engine are read from files; hint: use `ca_file`, `cert_file` and `key_file`".to_owned())
            }
        }
    };
    let (ca, cert) = (file(&client.tls.ca)?, file(&client.tls.certificate)?);
    match (ca, cert, file(&client.tls.key)?) {
        (None, None, None) if !wanted.host.starts_with("https://") => Ok(address),
        (Some(ca), Some(cert), Some(key)) => Ok(address.with_tls(Some(Tls { ca, cert, key }))),
        _ => Err("an engine over TLS needs `ca_file`, `cert_file` and `key_file`".to_owned()),
    }
}

fn group(
    wanted: &DockerDiscovery,
    containers: &[OtherContainer],
    networks: &[OtherNetwork],
) -> Group {
    let all: BTreeMap<&str, &OtherContainer> = containers
        .iter()
        .map(|one| (one.id.as_str(), one))
        .collect();
    let known: BTreeMap<&str, &OtherNetwork> =
        networks.iter().map(|one| (one.id.as_str(), one)).collect();
    let mut targets = Vec::new();
    for container in containers {
        for attached in chosen(wanted, container, &all) {
            let network = known.get(attached.network.as_str()).copied();
            let common = common(container, attached, network);
            if container.ports.is_empty() {
                targets.push(labels(common, fallback(wanted, container, attached), None));
                continue;
            }
            for port in &container.ports {
                let address = join(&attached.address, port.private);
                targets.push(labels(common.clone(), address, Some(port)));
            }
        }
    }
    Group {
        source: "Docker".to_owned(),
        labels: Labels::default(),
        targets,
    }
}

/// The networks by which it is reached: its own, or those of the container whose network it shares; one
/// of them where the configuration says so.
fn chosen<'a>(
    wanted: &DockerDiscovery,
    container: &'a OtherContainer,
    all: &BTreeMap<&str, &'a OtherContainer>,
) -> Vec<&'a Attached> {
    let mut owner = container;
    for _ in 0..SHARED {
        let other = owner.network_mode.strip_prefix("container:");
        match other.and_then(|id| all.get(id)) {
            Some(other) if owner.networks.is_empty() => owner = other,
            _ => break,
        }
    }
    if wanted.match_first_network && owner.networks.len() > 1 {
        let own = owner.networks.get(&owner.network_mode);
        return own.or(owner.networks.values().next()).into_iter().collect();
    }
    owner.networks.values().collect()
}

/// A container in the host's network has no address of its own.
fn fallback(wanted: &DockerDiscovery, container: &OtherContainer, attached: &Attached) -> String {
    if container.network_mode == "host" {
        wanted.host_networking_host.clone()
    } else {
        join(&attached.address, wanted.port)
    }
}

fn join(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

type Pairs = Vec<(String, String)>;

fn common(
    container: &OtherContainer,
    attached: &Attached,
    network: Option<&OtherNetwork>,
) -> Pairs {
    let mut pairs = Pairs::new();
    let mut meta = |name: &str, value: &str| {
        pairs.push((format!("__meta_docker_{name}"), value.to_owned()));
    };
    meta("container_id", &container.id);
    meta("container_name", &container.name);
    meta("container_network_mode", &container.network_mode);
    for (name, value) in &container.labels {
        meta(&format!("container_label_{}", sanitized(name)), value);
    }
    meta("network_ip", &attached.address);
    if let Some(network) = network {
        meta("network_id", &network.id);
        meta("network_name", &network.name);
        meta("network_scope", &network.scope);
        meta("network_internal", &network.internal.to_string());
        meta("network_ingress", &network.ingress.to_string());
        for (name, value) in &network.labels {
            meta(&format!("network_label_{}", sanitized(name)), value);
        }
    }
    pairs
}

fn labels(mut pairs: Pairs, address: String, port: Option<&OtherPort>) -> Labels {
    pairs.push(("__address__".to_owned(), address));
    if let Some(port) = port {
        let private = (
            "__meta_docker_port_private".to_owned(),
            port.private.to_string(),
        );
        pairs.push(private);
        if let Some((public, ip)) = &port.public {
            pairs.push(("__meta_docker_port_public".to_owned(), public.to_string()));
            pairs.push(("__meta_docker_port_public_ip".to_owned(), ip.clone()));
        }
    }
    Labels::from_pairs(pairs)
}

/// A label's name for Prometheus: anything else is an underscore.
fn sanitized(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars()
        .map(|c| if fits(c) { c } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> DockerDiscovery {
        let text = format!(
            "scrape_configs: [{{job_name: d, docker_sd_configs: [{{host: 'unix:///d.sock'{text}}}]}}]"
        );
        let path = std::path::Path::new("/p.yml");
        let (read, problems) = mainstay_targets::Configuration::read(&text, path, "p.yml");
        assert!(!problems.has_errors(), "{problems}");
        match &read.jobs[0].discovery[0] {
            mainstay_targets::Discovery::Docker(docker) => (**docker).clone(),
            other => panic!("{other:?}"),
        }
    }

    fn container(id: &str, mode: &str, networks: &[(&str, &str)]) -> OtherContainer {
        let attached = |address: &str| Attached {
            network: "n1".to_owned(),
            address: address.to_owned(),
        };
        OtherContainer {
            id: id.to_owned(),
            name: format!("/{id}"),
            network_mode: mode.to_owned(),
            labels: BTreeMap::from([("com.example/x".to_owned(), "y".to_owned())]),
            networks: networks
                .iter()
                .map(|(name, address)| ((*name).to_owned(), attached(address)))
                .collect(),
            ports: Vec::new(),
        }
    }

    fn addresses(more: &str, containers: &[OtherContainer]) -> Vec<String> {
        let group = group(&wanted(more), containers, &[]);
        let address = |target: &Labels| target.get("__address__").unwrap().to_owned();
        group.targets.iter().map(address).collect()
    }

    #[test]
    fn a_container_is_a_target_under_the_labels_that_prometheus_documents() {
        let mut web = container("web", "shop", &[("shop", "10.0.0.2")]);
        let public = Some((8080, "0.0.0.0".to_owned()));
        web.ports = vec![OtherPort {
            private: 80,
            public,
        }];
        let network = OtherNetwork {
            id: "n1".to_owned(),
            name: "shop".to_owned(),
            scope: "local".to_owned(),
            ..OtherNetwork::default()
        };
        let found = group(&wanted(""), &[web], &[network]);
        assert_eq!(
            found.targets[0].to_string(),
            "{__address__=\"10.0.0.2:80\", __meta_docker_container_id=\"web\", __meta_docker_container_label_com_example_x=\"y\", __meta_docker_container_name=\"/web\", __meta_docker_container_network_mode=\"shop\", __meta_docker_network_id=\"n1\", __meta_docker_network_ingress=\"false\", __meta_docker_network_internal=\"false\", __meta_docker_network_ip=\"10.0.0.2\", __meta_docker_network_name=\"shop\", __meta_docker_network_scope=\"local\", __meta_docker_port_private=\"80\", __meta_docker_port_public=\"8080\", __meta_docker_port_public_ip=\"0.0.0.0\"}"
        );
    }

    #[test]
    fn which_network_and_which_port_are_chosen_as_prometheus_does() {
        let two = container("a", "back", &[("back", "10.0.0.3"), ("aaa", "10.1.0.3")]);
        assert_eq!(addresses("", std::slice::from_ref(&two)), ["10.0.0.3:80"]);
        assert_eq!(
            addresses(
                ", match_first_network: false, port: 9",
                std::slice::from_ref(&two)
            ),
            ["10.1.0.3:9", "10.0.0.3:9"]
        );
        let none = container("a", "none", &[("b", "10.0.0.4"), ("c", "10.1.0.4")]);
        assert_eq!(addresses("", &[none]), ["10.0.0.4:80"]);
        let host = container("h", "host", &[("host", "")]);
        assert_eq!(addresses("", std::slice::from_ref(&host)), ["localhost"]);
        assert_eq!(addresses(", host_networking_host: me", &[host]), ["me"]);
        let beside = container("s", "container:a", &[]);
        assert_eq!(
            addresses("", &[two, beside]),
            ["10.0.0.3:80", "10.0.0.3:80"]
        );
        let circle = [
            container("x", "container:y", &[]),
            container("y", "container:x", &[]),
        ];
        assert!(addresses("", &circle).is_empty());
    }

    #[test]
    fn what_an_engine_is_not_asked_with_is_refused() {
        for (more, said) in [
            (
                ", basic_auth: {username: a, password: b}",
                "without credentials",
            ),
            (", tls_config: {ca_file: /ca}", "`key_file`"),
        ] {
            let error = address(&wanted(more)).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
        assert!(address(&wanted("")).is_ok());
    }
}
