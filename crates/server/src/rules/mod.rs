//! Rules: evaluated on time over the store of metrics, their samples stored, their alerts handed on.
//!
//! `mainstay-rules` knows what a rule means; here is when, over what, and where to. [`files`] finds
//! the rules, [`scoped`] keeps those of one environment to its own series, [`evaluate`] does one
//! group, [`shown`] answers Prometheus's API.
//!
//! **Invariant:** a file that is wrong takes no other down; a group that takes long holds up no
//! other, as long as less than [`PARALLEL`] do; nothing is evaluated twice for one moment.

mod evaluate;
mod files;
pub mod packs;
mod scoped;
mod shown;

use crate::control::{Control, now};
use crate::metrics::Metrics;
use evaluate::Kept;
use files::Found;
pub(crate) use files::{OfPrometheus, paths};
use mainstay_model::{Problems, Scope, Severity};
use mainstay_rules::{Alert, Departed, Group, Settings, Turn, reload};
use mainstay_series::Labels;
use mainstay_stack::Alerts;
use mainstay_stack::server_file::AlertsSettings;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// Groups that are evaluated at once.
const PARALLEL: usize = 2;
/// Between two looks at what the stacks bring along.
const LOOK: Duration = Duration::from_secs(1);

/// What is wrong with the rules that a stack brings along, places as the stack names its files.
pub fn problems(alerts: &Alerts) -> Problems {
    files::of_stack(alerts, None).1
}

/// What is wrong with the rules that `server.yaml` names; it reads files.
pub(crate) fn server_problems(settings: &AlertsSettings) -> Problems {
    files::of_server(settings, None).1
}

/// Where alerts go.
pub(crate) trait Outlet: Send + Sync {
    /// Firing and resolved ones. They come again every minute as long as they hold.
    fn take(&self, alerts: Vec<Alert>);

    /// Of the APIs that get them.
    fn addresses(&self) -> Vec<String>;
}

/// Everything about rules that a server has.
pub(crate) struct Rules {
    metrics: Arc<Metrics>,
    settings: AlertsSettings,
    outlet: Arc<dyn Outlet>,
    state: Mutex<State>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    groups: Vec<Arc<Kept>>,
    /// Samples of groups that are gone, until they may be stored.
    departed: Vec<Departed>,
    /// What is wrong with files that are not in force.
    problems: Problems,
    /// The server's own, as they were read last.
    own: Vec<Found>,
    /// What was wrong with them then: said as long as they are not read again.
    own_problems: Problems,
    /// Which reading of them that is.
    version: u64,
}

impl Rules {
    pub(crate) fn new(
        metrics: Arc<Metrics>,
        settings: AlertsSettings,
        outlet: Arc<dyn Outlet>,
    ) -> Arc<Self> {
        Arc::new(Self {
            metrics,
            settings,
            outlet,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn groups(&self) -> Vec<Arc<Kept>> {
        self.state().groups.clone()
    }

    /// What is wrong with rule files that are therefore not in force.
    pub(crate) fn problems(&self) -> Problems {
        self.state().problems.clone()
    }

    /// Reads the server's own files again. Where one is wrong, all stays as it was.
    pub(crate) async fn reload(&self) -> Result<(), Problems> {
        let (own, problems) = self.read_own().await;
        if problems.has_errors() {
            return Err(problems);
        }
        let mut state = self.state();
        (state.own, state.own_problems) = (own, problems);
        state.version += 1;
        Ok(())
    }

    async fn read_own(&self) -> (Vec<Found>, Problems) {
        let settings = self.settings.clone();
        let prometheus = self.metrics.rules_of_prometheus();
        let read =
            tokio::task::spawn_blocking(move || files::of_server(&settings, Some(&prometheus)));
        read.await.unwrap_or_default()
    }

    fn keep_own(&self, own: Vec<Found>, problems: Problems) {
        let mut state = self.state();
        (state.own, state.own_problems) = (own, problems);
    }

    /// Evaluates until the server stops.
    pub(crate) async fn run(self: Arc<Self>, control: Arc<Control>) {
        // At a start there is nothing to stay with: the files that are right are in force.
        let (own, problems) = self.read_own().await;
        self.keep_own(own, problems);
        let settings = Arc::new(self.rule_settings(&control));
        let mut known = None;
        let mut running = JoinSet::new();
        loop {
            let quiet = files::quiet_in_windows(&control);
            let wanted = (files::brought(&control), quiet, self.state().version);
            let wait = if known.as_ref() == Some(&wanted) {
                // Another release may have brought the same; the one before is held no longer.
                known = Some(wanted);
                self.begin_due(&mut running, &control)
            } else if running.is_empty() {
                let brought = wanted.0.iter().map(|of| (&of.scope, of.alerts()));
                self.take_up(brought, &settings, known.is_none());
                if let Some(alerts) = &control.alerts {
                    let quiet = wanted.1.iter().map(|(scope, policy)| (scope, policy));
                    alerts.set_windows(quiet).await;
                }
                known = Some(wanted);
                Duration::ZERO
            } else {
                LOOK
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                Some(_) = running.join_next() => {}
                () = control.stopping() => break,
            }
        }
        // One that runs has its samples to store; its queries are told to stop.
        while running.join_next().await.is_some() {}
    }

    fn rule_settings(&self, control: &Control) -> Settings {
        Settings {
            interval_ms: self.settings.interval.as_millis() as i64,
            external_labels: Labels::from_pairs(self.metrics.external_labels()),
            external_url: format!("{}/prometheus", control.url()),
            ..Settings::default()
        }
    }

    /// Puts new groups in the place of old ones; what both have goes on.
    fn take_up<'a>(
        &self,
        brought: impl IntoIterator<Item = (&'a Scope, &'a Alerts)>,
        settings: &Arc<Settings>,
        at_start: bool,
    ) {
        let (mut wanted, mut problems) = {
            let state = self.state();
            (state.own.clone(), state.own_problems.clone())
        };
        for (scope, alerts) in brought {
            let (found, wrong) = files::of_stack(alerts, Some(scope));
            wanted.extend(found);
            problems.extend(wrong);
        }
        for problem in &problems {
            match problem.severity {
                Severity::Error => tracing::error!(%problem, "rules"),
                Severity::Warning => tracing::warn!(%problem, "rules"),
            }
        }
        // What comes with a later deploy has no past to be restored.
        let make = if at_start {
            Group::new
        } else {
            Group::without_past
        };
        let mut scopes = BTreeMap::new();
        let mut new = Vec::new();
        for found in &wanted {
            let file = &found.file;
            scopes.insert(file.name.as_str(), found.scope.as_ref());
            new.extend(
                file.groups
                    .iter()
                    .map(|spec| make(&file.name, spec, settings)),
            );
        }
        let mut state = self.state();
        let old = state.groups.iter().map(|kept| kept.group().clone());
        let reloaded = reload(old.collect(), new, now().as_millis());
        let kept = reloaded.groups.into_iter().map(|group| {
            let scope = scopes.get(group.file()).copied().flatten().cloned();
            Arc::new(Kept::new(group, scope))
        });
        state.groups = kept.collect();
        state.departed.extend(reloaded.departed);
        state.problems = problems;
        tracing::info!(groups = state.groups.len(), "rules are in force");
    }

    /// Begins what is due; how long there is nothing else to begin.
    fn begin_due(self: &Arc<Self>, running: &mut JoinSet<()>, control: &Arc<Control>) -> Duration {
        let now_ms = now().as_millis();
        self.store_departed(now_ms);
        let mut wait = LOOK;
        for kept in self.groups() {
            if running.len() >= PARALLEL {
                break;
            }
            if kept.is_busy() {
                continue;
            }
            let turn = kept.group().turn(now_ms);
            match turn {
                Turn::Wait { until_ms } => {
                    let left = (until_ms - now_ms).max(1).unsigned_abs();
                    wait = wait.min(Duration::from_millis(left));
                }
                Turn::Evaluate { at_ms } => {
                    let busy = kept.busy();
                    let (rules, control) = (Arc::clone(self), Arc::clone(control));
                    running.spawn_blocking(move || {
                        let stopping = || control.stop_token().is_cancelled();
                        kept.evaluate(&rules.metrics, &*rules.outlet, at_ms, &stopping);
                        drop(busy);
                    });
                }
            }
        }
        wait
    }

    fn store_departed(&self, now_ms: i64) {
        let mut state = self.state();
        let (due, later) = std::mem::take(&mut state.departed)
            .into_iter()
            .partition(|departed| departed.at_ms <= now_ms);
        state.departed = later;
        drop(state);
        let due: Vec<Departed> = due;
        for departed in due {
            let refused = self.metrics.record(departed.samples.iter());
            if let Err(error) = refused {
                tracing::warn!(
                    file = departed.file,
                    group = departed.name,
                    error,
                    "rules that are gone leave series behind"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::Nobody;
    use mainstay_stack::RuleText;
    use mainstay_stack::server_file::MetricsSettings;
    use tokio_util::sync::CancellationToken;

    #[tokio::test]
    async fn what_is_wrong_with_the_servers_files_is_said_until_they_are_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules.yml");
        let (collected, stop) = (MetricsSettings::default(), CancellationToken::new());
        let store = directory.path().join("metrics");
        let metrics = Metrics::open(&store, &collected, stop).await.unwrap();
        let settings = AlertsSettings {
            rules: vec![path.clone()],
            packs: Vec::new(),
            ..AlertsSettings::default()
        };
        let rules = Rules::new(metrics, settings, Arc::new(Nobody));
        let (own, problems) = rules.read_own().await;
        rules.keep_own(own, problems);
        let of_rules = Arc::new(Settings::default());
        rules.take_up([], &of_rules, true);
        assert_eq!(rules.problems().len(), 1);
        // Somebody deploys meanwhile.
        let scope = Scope {
            stack: "shop".parse().unwrap(),
            environment: "dev".parse().unwrap(),
        };
        let good = "groups:\n- name: a\n  rules:\n  - alert: Down\n    expr: up == 0\n";
        let alerts = Alerts {
            rules: vec![RuleText {
                path: "a.yml".to_owned(),
                text: good.to_owned(),
            }],
            ..Alerts::default()
        };
        rules.take_up([(&scope, &alerts)], &of_rules, false);
        assert_eq!((rules.groups().len(), rules.problems().len()), (1, 1));
        let mut text = String::new();
        rules.text(&mut text);
        assert!(text.contains("mainstay_rule_problems 1"), "{text}");
        assert!(rules.reload().await.is_err(), "it is still not there");
        std::fs::write(&path, good).unwrap();
        rules.reload().await.unwrap();
        rules.take_up([], &of_rules, false);
        assert!(rules.problems().is_empty());
    }

    #[test]
    fn a_group_is_free_again_however_its_evaluation_ends() {
        let spec = mainstay_rules::RuleFile::read(
            "groups: [{name: a}]",
            std::path::Path::new("/a.yml"),
            "a.yml",
        );
        let settings = Arc::new(Settings::default());
        let group = Group::new("a.yml", &spec.0.groups[0], &settings);
        let kept = Arc::new(Kept::new(group, None));
        let busy = kept.busy();
        assert!(kept.is_busy());
        let ended = std::thread::spawn(move || {
            let _busy = busy;
            panic!("as a bug would");
        });
        assert!(ended.join().is_err());
        assert!(!kept.is_busy());
    }
}
