//! Every target by its word, and the module that writes it.

use crate::output::Rendering;
use crate::project::Project;
use crate::{ci, cloud, containers, engines, kubernetes, load, scripts};
use mainstay_model::did_you_mean;
use std::fmt;
use std::str::FromStr;

/// Something that reads files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    Dockerfile,
    Compose,
    Swarm,
    Kubernetes,
    Kustomize,
    Helm,
    ArgoRollouts,
    Istio,
    Terraform,
    Ansible,
    Systemd,
    GithubActions,
    Nginx,
    Prometheus,
    Alertmanager,
    Grafana,
    Loki,
    Filebeat,
    Logstash,
    Postgresql,
    Redis,
    Artillery,
    Locust,
    Scripts,
}

/// What is to be known of a target.
struct Entry {
    target: Target,
    word: &'static str,
    about: &'static str,
    write: fn(&Project, &mut Rendering),
}

/// In the order in which they are listed.
const TARGETS: [Entry; 24] = [
    Entry {
        target: Target::Dockerfile,
        word: "dockerfile",
        about: "Dockerfiles and what they leave out, for services that say their language",
        write: containers::dockerfile::write,
    },
    Entry {
        target: Target::Compose,
        word: "compose",
        about: "files for Docker Compose: production, monitoring, logging, debugging",
        write: containers::compose::write,
    },
    Entry {
        target: Target::Swarm,
        word: "swarm",
        about: "a stack for Docker Swarm",
        write: containers::swarm::write,
    },
    Entry {
        target: Target::Kubernetes,
        word: "kubernetes",
        about: "manifests, a folder for each environment",
        write: kubernetes::manifests::write,
    },
    Entry {
        target: Target::Kustomize,
        word: "kustomize",
        about: "a base and an overlay for each environment",
        write: kubernetes::kustomize::write,
    },
    Entry {
        target: Target::Helm,
        word: "helm",
        about: "a chart with values for each environment",
        write: kubernetes::helm::write,
    },
    Entry {
        target: Target::ArgoRollouts,
        word: "argo-rollouts",
        about: "canary and blue-green rollouts with their analysis",
        write: kubernetes::argo_rollouts::write,
    },
    Entry {
        target: Target::Istio,
        word: "istio",
        about: "gateway, traffic policies, mutual TLS and who may speak to whom",
        write: kubernetes::istio::write,
    },
    Entry {
        target: Target::Terraform,
        word: "terraform",
        about: "modules for AWS, and each environment made of them",
        write: cloud::terraform::write,
    },
    Entry {
        target: Target::Ansible,
        word: "ansible",
        about: "a playbook that sets up a machine",
        write: cloud::ansible::write,
    },
    Entry {
        target: Target::Systemd,
        word: "systemd",
        about: "units that keep the stack running on a machine",
        write: cloud::systemd::write,
    },
    Entry {
        target: Target::GithubActions,
        word: "github-actions",
        about: "workflows: checks, staging, production, rollback",
        write: ci::github_actions::write,
    },
    Entry {
        target: Target::Nginx,
        word: "nginx",
        about: "a web server in front of the stack",
        write: engines::nginx::write,
    },
    Entry {
        target: Target::Prometheus,
        word: "prometheus",
        about: "what is scraped, and the rules",
        write: engines::prometheus::write,
    },
    Entry {
        target: Target::Alertmanager,
        word: "alertmanager",
        about: "who is told of an alert",
        write: engines::alertmanager::write,
    },
    Entry {
        target: Target::Grafana,
        word: "grafana",
        about: "data sources, provisioning and dashboards",
        write: engines::grafana::write,
    },
    Entry {
        target: Target::Loki,
        word: "loki",
        about: "Loki and Promtail",
        write: engines::loki::write,
    },
    Entry {
        target: Target::Filebeat,
        word: "filebeat",
        about: "logs on their way to Logstash or Elasticsearch",
        write: engines::filebeat::write,
    },
    Entry {
        target: Target::Logstash,
        word: "logstash",
        about: "logs taken apart and indexed by day",
        write: engines::logstash::write,
    },
    Entry {
        target: Target::Postgresql,
        word: "postgresql",
        about: "settings for the size of the machine",
        write: engines::postgresql::write,
    },
    Entry {
        target: Target::Redis,
        word: "redis",
        about: "settings for the size of the machine",
        write: engines::redis::write,
    },
    Entry {
        target: Target::Artillery,
        word: "artillery",
        about: "load tests for Artillery",
        write: load::artillery::write,
    },
    Entry {
        target: Target::Locust,
        word: "locust",
        about: "load tests for Locust",
        write: load::locust::write,
    },
    Entry {
        target: Target::Scripts,
        word: "scripts",
        about: "scripts under the names that people know, each verb a command of Mainstay",
        write: scripts::write,
    },
];

impl Target {
    /// Every target, in the order in which they are listed.
    pub fn all() -> impl Iterator<Item = Self> {
        TARGETS.iter().map(|entry| entry.target)
    }

    fn entry(self) -> &'static Entry {
        // Every variant has its line: a test goes through them.
        let mut found = TARGETS.iter().filter(|entry| entry.target == self);
        found.next().unwrap_or(&TARGETS[0])
    }

    /// As it is typed.
    pub fn word(self) -> &'static str {
        self.entry().word
    }

    /// What is written, in a few words.
    pub fn about(self) -> &'static str {
        self.entry().about
    }

    pub(crate) fn write(self, project: &Project, out: &mut Rendering) {
        (self.entry().write)(project, out);
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        if let Some(entry) = TARGETS.iter().find(|entry| entry.word == word) {
            return Ok(entry.target);
        }
        let words = TARGETS.map(|entry| entry.word);
        Err(match did_you_mean(word, words) {
            Some(meant) => format!("no target `{word}`: did you mean `{meant}`?"),
            None => format!("no target `{word}`: there are {}", words.join(", ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_its_line_and_is_found_by_its_word() {
        assert_eq!(Target::all().count(), Target::Scripts as usize + 1);
        for target in Target::all() {
            assert_eq!(target.word().parse(), Ok(target));
        }
        let wrong = "kubernets".parse::<Target>().unwrap_err();
        assert_eq!(wrong, "no target `kubernets`: did you mean `kubernetes`?");
    }
}
