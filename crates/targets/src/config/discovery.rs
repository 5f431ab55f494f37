//! Where targets are found: `static_configs` and the `*_sd_configs` that are known.

use std::path::PathBuf;
use std::time::Duration;

use mainstay_model::HttpConfig;
use mainstay_series::Labels;
use mainstay_yaml::tree::Node;

use super::client::CLIENT_KEYS;
use super::fields::Fate::{Read, Refused};
use super::fields::{Fate, Fields, Keys};
use crate::group::Group;

/// One way to find targets.
#[derive(Debug, Clone, PartialEq)]
pub enum Discovery {
    Static(Vec<Group>),
    File(FileDiscovery),
    Dns(DnsDiscovery),
    Docker(Box<DockerDiscovery>),
    Http(Box<HttpDiscovery>),
}

/// `file_sd_configs`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiscovery {
    /// Absolute; `*` may stand in the last part.
    pub files: Vec<PathBuf>,
    pub refresh: Duration,
}

/// What is asked of the DNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsRecord {
    A,
    Aaaa,
    Srv,
    Mx,
    Ns,
}

/// `dns_sd_configs`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsDiscovery {
    pub names: Vec<String>,
    pub record: DnsRecord,
    /// Of records that have none.
    pub port: u16,
    pub refresh: Duration,
}

/// `docker_sd_configs`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerDiscovery {
    /// `unix:///…`, `tcp://…` or `http://…`.
    pub host: String,
    /// Of containers that expose none.
    pub port: u16,
    pub host_networking_host: String,
    pub match_first_network: bool,
    /// Name and values, as the engine's API takes them.
    pub filters: Vec<(String, Vec<String>)>,
    pub refresh: Duration,
    pub client: HttpConfig,
}

/// `http_sd_configs`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpDiscovery {
    pub url: String,
    pub refresh: Duration,
    pub client: HttpConfig,
}

const INSTEAD: Fate = Refused("write the targets to a file and use `file_sd_configs`");

/// The keys by which targets are found.
pub(super) const DISCOVERY_KEYS: [(&str, Fate); 32] = [
    ("static_configs", Read),
    ("file_sd_configs", Read),
    ("dns_sd_configs", Read),
    ("docker_sd_configs", Read),
    ("http_sd_configs", Read),
    ("azure_sd_configs", INSTEAD),
    ("consul_sd_configs", INSTEAD),
    ("digitalocean_sd_configs", INSTEAD),
    ("dockerswarm_sd_configs", INSTEAD),
    ("ec2_sd_configs", INSTEAD),
    ("ecs_sd_configs", INSTEAD),
    ("eureka_sd_configs", INSTEAD),
    ("gce_sd_configs", INSTEAD),
    ("hetzner_sd_configs", INSTEAD),
    ("ionos_sd_configs", INSTEAD),
    ("kubernetes_sd_configs", INSTEAD),
    ("kuma_sd_configs", INSTEAD),
    ("lightsail_sd_configs", INSTEAD),
    ("linode_sd_configs", INSTEAD),
    ("marathon_sd_configs", INSTEAD),
    ("msk_sd_configs", INSTEAD),
    ("nerve_sd_configs", INSTEAD),
    ("nomad_sd_configs", INSTEAD),
    ("openstack_sd_configs", INSTEAD),
    ("ovhcloud_sd_configs", INSTEAD),
    ("puppetdb_sd_configs", INSTEAD),
    ("scaleway_sd_configs", INSTEAD),
    ("serverset_sd_configs", INSTEAD),
    ("stackit_sd_configs", INSTEAD),
    ("triton_sd_configs", INSTEAD),
    ("uyuni_sd_configs", INSTEAD),
    ("vultr_sd_configs", INSTEAD),
];

const STATIC: &Keys = &[("targets", Read), ("labels", Read)];
const FILE: &Keys = &[("files", Read), ("refresh_interval", Read)];
const DNS: &Keys = &[
    ("names", Read),
    ("type", Read),
    ("port", Read),
    ("refresh_interval", Read),
];
const DOCKER: &Keys = &[
    ("host", Read),
    ("port", Read),
    ("host_networking_host", Read),
    ("match_first_network", Read),
    ("filters", Read),
    ("refresh_interval", Read),
];

impl Fields<'_> {
    /// Every discovery of a job.
    pub(super) fn discovery(&mut self, node: &Node, job: &str) -> Vec<Discovery> {
        let mut all = Vec::new();
        let groups: Vec<Group> = (0..)
            .zip(self.list(node, "static_configs"))
            .filter_map(|(number, item)| self.static_group(item, job, number))
            .collect();
        // What relabelling makes of a target is judged later: jobs of blackbox_exporter begin with URLs.
        let rules = node.get("relabel_configs").map(Node::items);
        if rules.unwrap_or_default().is_empty() {
            for item in self.list(node, "static_configs") {
                self.addresses(item);
            }
        }
        if !groups.is_empty() {
            all.push(Discovery::Static(groups));
        }
        for item in self.list(node, "file_sd_configs") {
            all.extend(self.file(item).map(Discovery::File));
        }
        for item in self.list(node, "dns_sd_configs") {
            all.extend(self.dns(item).map(Discovery::Dns));
        }
        for item in self.list(node, "docker_sd_configs") {
            all.extend(self.docker(item).map(Box::new).map(Discovery::Docker));
        }
        for item in self.list(node, "http_sd_configs") {
            all.extend(self.http(item).map(Box::new).map(Discovery::Http));
        }
        all
    }

    pub(super) fn static_group(&mut self, node: &Node, job: &str, number: usize) -> Option<Group> {
        if !self.section(node, "static_configs", STATIC) {
            return None;
        }
        let labels = Labels::from_pairs(self.pairs(node, "labels"));
        let addresses = self.texts(node, "targets");
        Some(Group::of_addresses(
            format!("{job}/static/{number}"),
            labels,
            addresses,
        ))
    }

    /// A target is no URL.
    pub(super) fn addresses(&mut self, group: &Node) {
        for address in self.texts(group, "targets") {
            if address.contains('/') {
                let message = format!(
                    "target `{address}` is an address, `host:port`, without a scheme or path"
                );
                self.error(group, "target", message);
            }
        }
    }

    fn refresh(&mut self, node: &Node, seconds: u64) -> Duration {
        let default = Duration::from_secs(seconds);
        let refresh = self.duration(node, "refresh_interval").unwrap_or(default);
        refresh.max(Duration::from_secs(1))
    }

    fn file(&mut self, node: &Node) -> Option<FileDiscovery> {
        if !self.section(node, "file_sd_configs", FILE) {
            return None;
        }
        let files = self.texts(node, "files");
        if files.is_empty() {
            self.error(node, "file-sd", "`files` names at least one file");
        }
        for file in &files {
            let fits = [".yml", ".yaml", ".json"]
                .iter()
                .any(|end| file.ends_with(end));
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            if !fits || folder.contains('*') || file.matches('*').count() > 1 {
                let message = format!(
                    "`{file}` must end with .yml, .yaml or .json; one `*` may stand in its last part"
                );
                self.error(node, "file-sd", message);
            }
        }
        let files = files.iter().map(|file| node.at.path(file)).collect();
        Some(FileDiscovery {
            files,
            refresh: self.refresh(node, 300),
        })
    }

    fn dns(&mut self, node: &Node) -> Option<DnsDiscovery> {
        if !self.section(node, "dns_sd_configs", DNS) {
            return None;
        }
        let kinds = "`A`, `AAAA`, `SRV`, `MX` or `NS`";
        let record = self.parsed(node, "type", kinds, |text| {
            match text.to_uppercase().as_str() {
                "A" => Some(DnsRecord::A),
                "AAAA" => Some(DnsRecord::Aaaa),
                "SRV" => Some(DnsRecord::Srv),
                "MX" => Some(DnsRecord::Mx),
                "NS" => Some(DnsRecord::Ns),
                _ => None,
            }
        });
        let record = record.unwrap_or(DnsRecord::Srv);
        let names = self.texts(node, "names");
        if names.is_empty() {
            self.error(node, "dns-sd", "`names` has at least one name");
        }
        let port = self.port(node).unwrap_or(0);
        if record != DnsRecord::Srv && port == 0 {
            self.error(
                node,
                "dns-sd",
                "records of this type have no port: `port` is needed",
            );
        }
        Some(DnsDiscovery {
            names,
            record,
            port,
            refresh: self.refresh(node, 30),
        })
    }

    fn port(&mut self, node: &Node) -> Option<u16> {
        self.parsed(node, "port", "a port", |text| text.parse().ok())
    }

    fn docker(&mut self, node: &Node) -> Option<DockerDiscovery> {
        if !self.section(node, "docker_sd_configs", &[DOCKER, &CLIENT_KEYS].concat()) {
            return None;
        }
        let host = self.text(node, "host").unwrap_or_default();
        if !["unix://", "tcp://", "http://", "https://"]
            .iter()
            .any(|start| host.starts_with(start))
        {
            self.error(
                node,
                "docker-sd",
                "`host` is an address such as `unix:///var/run/docker.sock`",
            );
        }
        let mut filters = Vec::new();
        for item in self.list(node, "filters") {
            if self.section(item, "filters", &[("name", Read), ("values", Read)]) {
                let name = self.text(item, "name").unwrap_or_default();
                filters.push((name, self.texts(item, "values")));
            }
        }
        Some(DockerDiscovery {
            host,
            port: self.port(node).unwrap_or(80),
            host_networking_host: self
                .text(node, "host_networking_host")
                .unwrap_or_else(|| "localhost".to_owned()),
            match_first_network: self.flag(node, "match_first_network").unwrap_or(true),
            filters,
            refresh: self.refresh(node, 60),
            client: self.client(node),
        })
    }

    fn http(&mut self, node: &Node) -> Option<HttpDiscovery> {
        let own: &Keys = &[("url", Read), ("refresh_interval", Read)];
        if !self.section(node, "http_sd_configs", &[own, &CLIENT_KEYS].concat()) {
            return None;
        }
        let url = self.text(node, "url").unwrap_or_default();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            self.error(node, "http-sd", "`url` begins with `http://` or `https://`");
        }
        Some(HttpDiscovery {
            url,
            refresh: self.refresh(node, 60),
            client: self.client(node),
        })
    }
}
