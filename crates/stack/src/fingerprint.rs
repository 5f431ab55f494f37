//! Whether a service is the same in two releases.

use crate::resolved::{Container, Service, Value};
use ring::hmac;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

impl Service {
    /// HMAC-SHA-256 in hex of everything that makes an instance what it is; `artifacts` are the
    /// SHA-256 of the files it runs. The number of instances is not part of it, nor are routes
    /// and deploy rules: changing those restarts nothing.
    ///
    /// Keyed, so that a fingerprint does not give away a secret that could be guessed.
    pub fn fingerprint(&self, artifacts: &BTreeMap<PathBuf, String>, key: &[u8]) -> String {
        // Maps are sorted and numbers have one form, so that equal services have equal bytes.
        let bytes = serde_json::to_vec(&self.identity(artifacts)).unwrap_or_default();
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let mut text = String::new();
        for byte in hmac::sign(&key, &bytes).as_ref() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl Service {
    /// Every field is named here, so that a new one cannot be forgotten: it goes into the result,
    /// or is let go with its reason.
    fn identity<'a>(&'a self, artifacts: &'a BTreeMap<PathBuf, String>) -> impl Serialize + 'a {
        let Self {
            name,
            image,
            process,
            container,
            environment,
            working_directory,
            user,
            group,
            // Another number of instances is not another instance.
            replicas: _,
            singleton,
            // Follows from the mounts, the image and what the files say of them.
            stateful: _,
            limits,
            ports,
            depends_on,
            health,
            restart,
            stop_signal,
            stop_grace,
            mounts,
            log,
            labels,
            files,
            // How it is looked at changes nothing of what it is.
            metrics: _,
            // Their values stand in the environment.
            secrets: _,
        } = self;
        let own: Vec<&String> = process
            .iter()
            .flat_map(|process| &process.artifacts)
            .filter_map(|path| artifacts.get(path))
            .collect();
        let what = (name, image, process, container.identity(), own);
        let within = (
            environment,
            working_directory,
            user,
            group,
            limits,
            mounts,
            files,
        );
        let around = (singleton, ports, depends_on, health, restart, log, labels);
        (what, within, around, stop_signal, stop_grace)
    }
}

impl Container {
    /// As for the service.
    fn identity(&self) -> impl Serialize + '_ {
        let Self {
            build,
            entrypoint,
            command,
            // When an image is asked for changes nothing of what it is.
            pull: _,
            ignore_image_health,
            platform,
            runtime,
            init,
            tty,
            stdin_open,
            network,
            isolation,
            resources,
            logging,
            tmpfs,
            devices,
            device_cgroup_rules,
            gpus,
            annotations,
            storage_options,
        } = self;
        let what = (build, entrypoint, command, platform, runtime, init);
        let streams = (tty, stdin_open, logging, ignore_image_health);
        let around = (network, isolation, resources, tmpfs, storage_options);
        let hardware = (devices, device_cgroup_rules, gpus);
        (what, streams, around, hardware, annotations)
    }
}

impl Value {
    /// What may be shown: the text itself, or dots.
    pub fn shown(&self) -> &str {
        if self.secret {
            crate::redact::HIDDEN
        } else {
            self.text.expose()
        }
    }
}
