//! Alerts: what rules find and others post, told to those whom it concerns.
//!
//! `mainstay-alert` decides whom and when, `mainstay-notify` tells them. Here is the one task that owns
//! the engine ([`actor`]), what is kept over a restart ([`kept`]), and who is told ([`configuration`]).
//!
//! **Invariant:** what was answered is on disk; a receiver is told at least once of what it is to be
//! told of, also across crashes.

mod actor;
pub(crate) mod by_hand;
mod configuration;
mod extras;
mod kept;
mod outside;
pub(crate) mod source;
mod why;

use crate::control::now;
use crate::rules::Outlet;
use actor::{Actor, QUEUE, Turn, Work};
use configuration::InForce;
use mainstay_alert::beyond::{OnCall, Window};
use mainstay_alert::engine::{Event, PostedAlert};
use mainstay_journal::{JournalError, JournalHandle};
use mainstay_model::{Problems, Scope, Timestamp};
use mainstay_notify::Sender;
use mainstay_rules::Alert;
use mainstay_scrape::AlertSender;
use mainstay_stack::policy::Policy;
use mainstay_stack::server_file::AlertsSettings;
use mainstay_targets::Alerting;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Everything about alerts that a server has.
pub(crate) struct Alerts {
    settings: AlertsSettings,
    in_force: Mutex<InForce>,
    work: mpsc::Sender<Work>,
    /// Until it runs.
    waiting: Mutex<Option<mpsc::Receiver<Work>>>,
    /// In which nobody is told of what belongs to an environment.
    windows: Mutex<Vec<Window>>,
    /// How people reach this server; `None`: it does not run yet.
    url: Mutex<Option<String>>,
    started_at: Timestamp,
    reload_succeeded: AtomicBool,
    reloaded_at: AtomicI64,
}

impl std::fmt::Debug for Alerts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alerts").finish_non_exhaustive()
    }
}

/// What is wrong with a file of Alertmanager and its templates; it reads files.
pub fn alertmanager_problems(path: &Path) -> Problems {
    configuration::problems(&AlertsSettings {
        alertmanager: Some(path.to_owned()),
        ..AlertsSettings::default()
    })
}

/// What is wrong with the rules and receivers that `server.yaml` names; it reads files.
pub fn server_problems(settings: &AlertsSettings) -> Problems {
    let mut problems = configuration::problems(settings);
    problems.extend(crate::rules::server_problems(settings));
    problems
}

/// Why nothing could be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server is ending")]
pub(crate) struct Ending;

impl Alerts {
    /// Reads who is told.
    pub(crate) async fn open(settings: &AlertsSettings) -> Result<Arc<Self>, Problems> {
        let read = settings.clone();
        let loaded = tokio::task::spawn_blocking(move || configuration::load(&read)).await;
        let in_force = loaded.unwrap_or_else(|_| Err(Problems::default()))?;
        let (work, waiting) = mpsc::channel(QUEUE);
        Ok(Arc::new(Self {
            settings: settings.clone(),
            in_force: Mutex::new(in_force),
            work,
            waiting: Mutex::new(Some(waiting)),
            windows: Mutex::default(),
            url: Mutex::default(),
            started_at: now(),
            reload_succeeded: AtomicBool::new(true),
            reloaded_at: AtomicI64::new(now().as_millis()),
        }))
    }

    pub(crate) fn in_force(&self) -> InForce {
        let in_force = self.in_force.lock();
        in_force.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn reload_succeeded(&self) -> bool {
        self.reload_succeeded.load(Ordering::Relaxed)
    }

    /// When the configuration that is in force was read.
    pub(crate) fn reloaded_at(&self) -> Timestamp {
        Timestamp::from_millis(self.reloaded_at.load(Ordering::Relaxed))
    }

    pub(crate) fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// Goes on where the last server stopped, until this one does. `url` is how people reach it.
    pub(crate) async fn run(
        self: Arc<Self>,
        journal: JournalHandle,
        url: String,
        stop: CancellationToken,
    ) {
        let waiting = self
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(work) = waiting else { return };
        *self.url.lock().unwrap_or_else(PoisonError::into_inner) = Some(url.clone());
        let InForce {
            config,
            templates,
            extras,
        } = self.in_force();
        let sender = Arc::new(Sender::new(templates, url));
        match kept::restore(&journal, config, now()).await {
            Ok(mut engine) => {
                engine.set_extras(extras, now());
                Actor::new(engine, sender, journal, work).run(stop).await;
            }
            Err(error) => Self::cannot(&error, stop).await,
        }
    }

    async fn cannot(error: &JournalError, stop: CancellationToken) {
        tracing::error!(%error, "nobody is told of alerts until the server is started anew");
        stop.cancelled().await;
    }

    /// Does something with the engine. When this returns, what it changed is on disk.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Turn<'_>) -> T + Send + 'static,
    ) -> Result<T, Ending> {
        let (work, answered) = Self::work(ask);
        self.work.send(work).await.map_err(|_| Ending)?;
        answered.await.map_err(|_| Ending)
    }

    /// The same, on a thread that may wait.
    pub(crate) fn ask_blocking<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Turn<'_>) -> T + Send + 'static,
    ) -> Result<T, Ending> {
        let (work, answered) = Self::work(ask);
        self.work.blocking_send(work).map_err(|_| Ending)?;
        answered.blocking_recv().map_err(|_| Ending)
    }

    fn work<T: Send + 'static>(
        ask: impl FnOnce(&mut Turn<'_>) -> T + Send + 'static,
    ) -> (Work, oneshot::Receiver<T>) {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |turn| {
            let value = ask(turn);
            // Whoever asked may have gone.
            Box::new(move || drop(answer.send(value)))
        });
        (work, answered)
    }

    /// Reads the configuration again; what was in force stays where it is wrong.
    pub(crate) async fn reload(&self) -> Result<(), Problems> {
        let settings = self.settings.clone();
        let loaded = tokio::task::spawn_blocking(move || configuration::load(&settings)).await;
        let loaded = loaded.unwrap_or_else(|_| Err(Problems::default()));
        self.reload_succeeded
            .store(loaded.is_ok(), Ordering::Relaxed);
        let in_force = loaded?;
        self.reloaded_at.store(now().as_millis(), Ordering::Relaxed);
        *self.in_force.lock().unwrap_or_else(PoisonError::into_inner) = in_force.clone();
        let windows = self
            .windows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let InForce {
            config,
            templates,
            mut extras,
        } = in_force;
        extras.windows = windows;
        let url = self
            .url
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let sender = Arc::new(Sender::new(templates, url.unwrap_or_default()));
        // A server that ends needs no other configuration.
        let _ = self
            .ask(move |turn| {
                turn.sender = Some(sender);
                turn.step(Event::Reload(config));
                turn.engine.set_extras(extras, turn.now);
            })
            .await;
        Ok(())
    }

    /// The windows of maintenance of the environments that want to be quiet in them, from now on. On a
    /// runtime: what is asked is not waited for.
    pub(crate) async fn set_windows<'a>(
        &self,
        environments: impl Iterator<Item = (&'a Scope, &'a Policy)>,
    ) {
        let windows: Vec<Window> = environments
            .filter_map(|(scope, policy)| extras::windows(scope, policy))
            .collect();
        self.keep_windows(&windows);
        let mut extras = self.in_force().extras;
        extras.windows = windows;
        // A server that ends needs none.
        let _ = self
            .ask(move |turn| {
                let now = turn.now;
                turn.engine.set_extras(extras, now);
            })
            .await;
    }

    fn keep_windows(&self, windows: &[Window]) {
        let mut kept = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.clone_into(&mut kept);
    }

    /// Who is on call in each rota at that time.
    pub(crate) fn on_call(&self, at: Timestamp) -> Vec<(String, Option<OnCall>)> {
        let rotas = self.in_force().extras.rotas;
        let who = rotas.iter();
        who.map(|rota| (rota.name().to_owned(), rota.who(at)))
            .collect()
    }
}

/// From the rules of this server; on a thread that may wait.
impl Outlet for Alerts {
    fn take(&self, alerts: Vec<Alert>) {
        let posted: Vec<PostedAlert> = alerts.into_iter().map(posted).collect();
        let work: Work = Box::new(move |turn| {
            turn.step(Event::Alerts(posted));
            Box::new(|| {})
        });
        // Only an ending server takes nothing; its rules say it again after the next start.
        let _ = self.work.blocking_send(work);
    }

    fn addresses(&self) -> Vec<String> {
        let url = self.url.lock().unwrap_or_else(PoisonError::into_inner);
        let url = url.iter();
        url.map(|url| format!("{url}/alertmanager/api/v2/alerts"))
            .collect()
    }
}

fn posted(alert: Alert) -> PostedAlert {
    PostedAlert {
        labels: alert.labels,
        annotations: alert.annotations,
        starts_at: Some(Timestamp::from_millis(alert.starts_at_ms)),
        ends_at: Some(Timestamp::from_millis(alert.ends_at_ms)),
        generator_url: alert.generator_url,
    }
}

/// Where alerts go when nobody can be told: nowhere, which was said when it began.
pub(crate) struct Nobody;

impl Outlet for Nobody {
    fn take(&self, _: Vec<Alert>) {}

    fn addresses(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Where this server's rules hand their alerts: to the Alertmanagers that the file of Prometheus names,
/// else to its own.
pub(crate) fn outlet(
    alerts: Option<&Arc<Alerts>>,
    outside: Option<&Alerting>,
    external: BTreeMap<String, String>,
) -> Arc<dyn Outlet> {
    if let Some(outside) = outside.filter(|outside| !outside.alertmanagers.is_empty()) {
        match AlertSender::start(outside, external) {
            Ok(sender) => return Arc::new(sender),
            Err(error) => {
                tracing::error!(%error, "`alerting` of the file of Prometheus cannot be used");
            }
        }
    }
    match alerts {
        Some(alerts) => Arc::<Alerts>::clone(alerts),
        None => Arc::new(Nobody),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::packs::PACKS;
    use mainstay_alert::AlertStatus;
    use mainstay_alert::engine::{Action, Engine};
    use mainstay_model::Secret;
    use mainstay_rules::RuleFile;
    use mainstay_series::Labels;
    use mainstay_stack::server_file::{EmailAddress, Given, ReceiverAddresses, SlackAddress};
    use std::time::Duration;

    fn everybody() -> AlertsSettings {
        let here = |text: &str| Given::Here(Secret::new(text.to_owned()));
        AlertsSettings {
            receivers: ReceiverAddresses {
                webhook: None,
                pagerduty: Some(here("key")),
                slack: Some(SlackAddress {
                    url: here("http://127.0.0.1:1/slack"),
                    channel: Some("#ops".to_owned()),
                }),
                email: Some(EmailAddress {
                    to: vec!["ops@example.org".to_owned()],
                    from: "mainstay@example.org".to_owned(),
                    smarthost: "127.0.0.1:25".to_owned(),
                    username: None,
                    password: None,
                    require_tls: false,
                }),
            },
            ..AlertsSettings::default()
        }
    }

    /// Goes on until something is to be delivered; by what, and in which state.
    fn delivered(engine: &mut Engine, now: &mut Timestamp) -> (String, AlertStatus) {
        for _ in 0..1_000 {
            *now = engine.next_deadline().unwrap();
            for action in engine.step(Event::Tick, *now) {
                let Action::Deliver(delivery) = action else {
                    continue;
                };
                engine.step(Event::Delivered(delivery.attempt), *now);
                let notification = &delivery.notification;
                let kind = notification.integration.kind.as_str();
                return (kind.to_owned(), notification.status());
            }
        }
        panic!("nothing is delivered");
    }

    /// Every alert of every pack, from firing to resolved, with the routing of those who have none.
    #[test]
    fn each_alert_of_the_packs_is_told_by_its_route_and_told_to_be_over() {
        let config = configuration::load(&everybody()).unwrap().config;
        let mut told = 0;
        for file in PACKS.iter().flat_map(|pack| pack.files) {
            let (file, problems) = RuleFile::read(file.text, Path::new("/pack.yaml"), file.name);
            assert!(!problems.has_errors(), "{problems}");
            for rule in file.groups.iter().flat_map(|group| &group.rules) {
                if rule.alerting().is_none() {
                    continue;
                }
                let mut labels = rule.labels.to_builder();
                labels.set("alertname", &rule.name);
                let labels: Labels = labels.build();
                let mut now = now();
                let mut engine = Engine::new(Arc::clone(&config), now);
                let mut posted = PostedAlert {
                    labels: labels.clone(),
                    annotations: BTreeMap::new(),
                    starts_at: Some(now),
                    ends_at: Some(now + Duration::from_hours(1)),
                    generator_url: String::new(),
                };
                engine.step(Event::Alerts(vec![posted.clone()]), now);
                let by = match labels.get("severity") {
                    Some("critical") => "pagerduty",
                    Some("warning") => "slack",
                    _ => "email",
                };
                let firing = (by.to_owned(), AlertStatus::Firing);
                assert_eq!(delivered(&mut engine, &mut now), firing, "{labels}");
                posted.ends_at = Some(now);
                engine.step(Event::Alerts(vec![posted]), now);
                let over = (by.to_owned(), AlertStatus::Resolved);
                assert_eq!(delivered(&mut engine, &mut now), over, "{labels}");
                told += 1;
            }
        }
        assert!(told > 60, "{told}");
    }
}
