//! Who is told: Alertmanager's file where there is one, else the built-in routing over the addresses
//! that `server.yaml` gives.

use super::extras;
use mainstay_alert::beyond::{Addresses, Extras, MailAddress, default_configuration};
use mainstay_alert::config::{Configuration, Receiver};
use mainstay_model::{Problem, Problems, SecretSource};
use mainstay_stack::server_file::{AlertsSettings, EmailAddress, Given, ReceiverAddresses};
use mainstay_template::Templates;
use std::path::Path;
use std::sync::Arc;

/// A file of Alertmanager, or of templates, is smaller.
const MOST_BYTES: u64 = 16 << 20;

/// What is in force.
#[derive(Debug, Clone)]
pub(crate) struct InForce {
    pub(crate) config: Arc<Configuration>,
    pub(crate) templates: Templates,
    /// Without the windows of environments, which come and go.
    pub(crate) extras: Extras,
}

/// Reads files: for a thread that may wait. Warnings go to the log.
pub(crate) fn load(settings: &AlertsSettings) -> Result<InForce, Problems> {
    let (in_force, warnings) = read_all(settings)?;
    for problem in &warnings {
        tracing::warn!(%problem, "who is told");
    }
    Ok(in_force)
}

/// Everything that is wrong with who is told, and what only deserves a warning.
pub(crate) fn problems(settings: &AlertsSettings) -> Problems {
    read_all(settings).map_or_else(|problems| problems, |(_, warnings)| warnings)
}

fn read_all(settings: &AlertsSettings) -> Result<(InForce, Problems), Problems> {
    let (config, mut problems) = match &settings.alertmanager {
        Some(path) => {
            let text = read(path).map_err(one)?;
            Configuration::read(&text, path, &path.display().to_string())
        }
        None => default_configuration(&addresses(&settings.receivers)),
    };
    let Some(mut config) = config else {
        return Err(problems);
    };
    if let Some(beat) = &settings.heartbeat {
        config.receivers.push(heartbeat(&beat.url)?);
    }
    let extras = extras::read(settings, &config).map_err(|wrong| {
        problems.extend(wrong);
        std::mem::take(&mut problems)
    })?;
    let templates = templates(&config)?;
    let in_force = InForce {
        config: Arc::new(config),
        templates,
        extras,
    };
    Ok((in_force, problems))
}

fn one(problem: Problem) -> Problems {
    let mut problems = Problems::default();
    problems.push(problem);
    problems
}

fn read(path: &Path) -> Result<String, Problem> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Problem::error(
            "alertmanager/unreadable",
            format!("{}: {error}", path.display()),
        )
    };
    let meta = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
    if meta.len() > MOST_BYTES {
        return Err(unreadable(&format!("{} bytes are too many", meta.len())));
    }
    std::fs::read_to_string(path).map_err(|error| unreadable(&error))
}

/// The defaults, and the user's own files over them.
fn templates(config: &Configuration) -> Result<Templates, Problems> {
    let mut files = Vec::new();
    for pattern in &config.templates {
        for path in crate::rules::paths(Path::new(pattern)).map_err(one)? {
            let text = read(&path).map_err(one)?;
            files.push((path.display().to_string(), text));
        }
    }
    let lent = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    mainstay_notify::templates(lent).map_err(|error| {
        let problem = Problem::error("alertmanager/template", error.to_string());
        one(match error.hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        })
    })
}

fn addresses(given: &ReceiverAddresses) -> Addresses {
    Addresses {
        pagerduty_routing_key: given.pagerduty.as_ref().map(secret),
        webhook_url: given.webhook.as_ref().map(secret),
        slack_api_url: given.slack.as_ref().map(|slack| secret(&slack.url)),
        slack_channel: given.slack.as_ref().and_then(|slack| slack.channel.clone()),
        mail: given.email.as_ref().map(mail),
    }
}

fn mail(email: &EmailAddress) -> MailAddress {
    MailAddress {
        to: email.to.join(", "),
        from: email.from.clone(),
        smarthost: email.smarthost.clone(),
        username: email.username.clone(),
        password: email.password.as_ref().map(secret),
        require_tls: email.require_tls,
    }
}

fn secret(given: &Given) -> SecretSource {
    match given {
        Given::Here(value) => SecretSource::Inline(value.clone()),
        Given::File(path) => SecretSource::File(path.clone()),
    }
}

/// The receiver of signs of life, as a file of Alertmanager would have it.
fn heartbeat(url: &Given) -> Result<Receiver, Problems> {
    let url = match url {
        Given::Here(value) => format!("url: {:?}", value.expose()),
        Given::File(path) => format!("url_file: {:?}", path.display().to_string()),
    };
    let name = extras::HEARTBEAT;
    let text = format!(
        "route: {{receiver: {name}}}\nreceivers: [{{name: {name}, webhook_configs: [{{{url}}}]}}]\n"
    );
    let (config, problems) = Configuration::read(&text, Path::new("/heartbeat"), "heartbeat");
    let receiver = config.and_then(|config| config.receivers.into_iter().next());
    receiver.ok_or(problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_model::Secret;
    use mainstay_series::Labels;
    use mainstay_stack::server_file::{
        EscalationSettings, EscalationStepSettings, EscalationTarget, Heartbeat, RotaSettings,
        SlackAddress,
    };
    use std::time::Duration;

    fn here(text: &str) -> Given {
        Given::Here(Secret::new(text.to_owned()))
    }

    /// Which kinds an alert of this severity is told by.
    fn told(settings: &AlertsSettings, severity: &str) -> Vec<&'static str> {
        let config = load(settings).unwrap().config;
        let labels = Labels::from_pairs([("alertname", "A"), ("severity", severity)]);
        let routes = config.route.matching(&labels);
        assert_eq!(routes.len(), 1);
        let receiver = config.receiver(&routes[0].receiver).unwrap();
        let kinds = receiver.integrations.iter();
        kinds
            .map(|integration| integration.kind().as_str())
            .collect()
    }

    #[test]
    fn the_built_in_routing_tells_whoever_has_an_address() {
        let mut settings = AlertsSettings::default();
        for severity in ["critical", "warning", "info"] {
            assert!(told(&settings, severity).is_empty(), "nobody has one");
        }
        settings.receivers.webhook = Some(here("http://127.0.0.1:1/hook"));
        for severity in ["critical", "warning", "info"] {
            assert_eq!(told(&settings, severity), ["webhook"]);
        }
        settings.receivers.pagerduty = Some(Given::File("/key".into()));
        settings.receivers.slack = Some(SlackAddress {
            url: here("http://127.0.0.1:1/slack-secret"),
            channel: Some("#ops".to_owned()),
        });
        settings.receivers.email = Some(EmailAddress {
            to: vec!["a@example.org".to_owned(), "b@example.org".to_owned()],
            from: "m@example.org".to_owned(),
            smarthost: "mail.example.org:587".to_owned(),
            username: Some("m".to_owned()),
            password: Some(here("mail-secret")),
            require_tls: true,
        });
        assert_eq!(told(&settings, "critical"), ["pagerduty"]);
        assert_eq!(told(&settings, "warning"), ["slack"]);
        assert_eq!(told(&settings, "info"), ["email"]);
        assert_eq!(told(&settings, ""), ["email"]);
        let shown = load(&settings).unwrap().config.printed().to_owned();
        assert!(!shown.contains("-secret"), "{shown}");
    }

    #[test]
    fn who_is_called_next_is_read_with_all_that_is_wrong() {
        let step = |target| EscalationStepSettings {
            after: Duration::from_mins(5),
            target,
        };
        let mut settings = AlertsSettings {
            receivers: ReceiverAddresses {
                webhook: Some(here("http://127.0.0.1:1/hook")),
                ..ReceiverAddresses::default()
            },
            heartbeat: Some(Heartbeat {
                url: here("http://127.0.0.1:1/beat-secret"),
                interval: Duration::from_mins(1),
            }),
            rotas: vec![RotaSettings {
                name: "ops".to_owned(),
                people: vec![("ada".to_owned(), "webhook".to_owned())],
                starts: "2026-01-05".to_owned(),
                days: 7,
                handover: "09:00".to_owned(),
                zone: "Europe/Zurich".to_owned(),
            }],
            escalations: vec![EscalationSettings {
                matchers: vec!["severity=critical".to_owned()],
                steps: vec![step(EscalationTarget::Rota("ops".to_owned()))],
            }],
            ..AlertsSettings::default()
        };
        let loaded = load(&settings).unwrap();
        let extras = &loaded.extras;
        assert_eq!((extras.rotas.len(), extras.policies.len()), (1, 1));
        let beat = &extras.heartbeats[0];
        assert!(loaded.config.receiver(&beat.receiver).is_some());
        assert!(!loaded.config.printed().contains("beat-secret"));
        settings.rotas[0].people[0].1 = "webhok".to_owned();
        settings.rotas[0].zone = "Mars".to_owned();
        settings.escalations[0].steps = vec![step(EscalationTarget::Rota("opps".to_owned()))];
        let wrong = load(&settings).unwrap_err().to_string();
        for words in [
            "did you mean `webhook`?",
            "no zone `Mars`",
            "no rota `opps`",
        ] {
            assert!(wrong.contains(words), "{wrong}");
        }
    }

    #[test]
    fn a_file_of_alertmanager_is_taken_with_its_templates_or_refused_with_all_that_is_wrong() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("am.yml");
        let settings = AlertsSettings {
            alertmanager: Some(path.clone()),
            ..AlertsSettings::default()
        };
        assert!(load(&settings).unwrap_err().to_string().contains("am.yml"));
        let good = "route: {receiver: ops}\nreceivers: [{name: ops}]\ntemplates: ['*.tmpl']\n";
        std::fs::write(&path, good).unwrap();
        std::fs::write(
            directory.path().join("a.tmpl"),
            "{{ define \"x\" }}y{{ end }}",
        )
        .unwrap();
        load(&settings).unwrap();
        std::fs::write(directory.path().join("b.tmpl"), "{{ if }}").unwrap();
        let error = load(&settings).unwrap_err().to_string();
        assert!(error.contains("b.tmpl"), "{error}");
        std::fs::write(&path, "route: {reciever: ops}\nreceivers: [{nam: x}]\n").unwrap();
        let error = load(&settings).unwrap_err().to_string();
        assert!(error.contains(":1:9") && error.contains(":2:"), "{error}");
    }
}
