//! What goes beyond Alertmanager, as `server.yaml` says it: who is on call, who is told next, signs of
//! life; and the windows of maintenance that the environments have.

use mainstay_alert::beyond::{
    EscalationPolicy, EscalationStep, Extras, Heartbeat, Person, Rota, Target, Window,
};
use mainstay_alert::config::Configuration;
use mainstay_alert::interval::{Location, TimeInterval, TimeRange};
use mainstay_alert::matcher::{Matchers, parse_matchers};
use mainstay_model::{Problem, Problems, Scope, did_you_mean};
use mainstay_series::{Labels, Matcher};
use mainstay_stack::policy::{Day, Policy};
use mainstay_stack::server_file::{
    AlertsSettings, EscalationSettings, EscalationTarget, RotaSettings,
};

/// The receiver of signs of life, where `server.yaml` has an address for them.
pub(super) const HEARTBEAT: &str = "mainstay-heartbeat";
/// Minutes of a day.
const DAY: i32 = 24 * 60;

/// All that is wrong with it is collected.
pub(super) fn read(settings: &AlertsSettings, config: &Configuration) -> Result<Extras, Problems> {
    let mut reader = Reader {
        config,
        problems: Problems::default(),
    };
    let rotas: Vec<Rota> = settings
        .rotas
        .iter()
        .filter_map(|rota| reader.rota(rota))
        .collect();
    let numbered = settings.escalations.iter().enumerate();
    let policies = numbered
        .filter_map(|(number, policy)| reader.policy(number, policy, &rotas))
        .collect();
    let heartbeats = settings.heartbeat.iter().map(|heartbeat| Heartbeat {
        name: HEARTBEAT.to_owned(),
        receiver: HEARTBEAT.to_owned(),
        every: heartbeat.interval,
        labels: Labels::from_pairs([("alertname", "Heartbeat"), ("severity", "none")]),
    });
    let extras = Extras {
        heartbeats: heartbeats.collect(),
        policies,
        rotas,
        windows: Vec::new(),
    };
    if reader.problems.has_errors() {
        return Err(reader.problems);
    }
    Ok(extras)
}

struct Reader<'a> {
    config: &'a Configuration,
    problems: Problems,
}

impl Reader<'_> {
    fn wrong(&mut self, message: String, hint: Option<String>) {
        let problem = Problem::error("server/alerts", message);
        self.problems.push(match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
    }

    fn receiver(&mut self, name: &str, whose: &str) {
        if self.config.receiver(name).is_some() {
            return;
        }
        let names = self.config.receivers.iter();
        let names: Vec<&str> = names.map(|receiver| receiver.name.as_str()).collect();
        let hint = match did_you_mean(name, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", names.join(", ")),
        };
        let message = format!("{whose}: there is no receiver `{name}`");
        self.wrong(message, Some(hint));
    }

    fn rota(&mut self, rota: &RotaSettings) -> Option<Rota> {
        let whose = format!("rota `{}`", rota.name);
        for (_, receiver) in &rota.people {
            self.receiver(receiver, &whose);
        }
        let people = rota.people.iter().map(|(name, receiver)| Person {
            name: name.clone(),
            receiver: receiver.clone(),
        });
        let days = i32::try_from(rota.days).unwrap_or(i32::MAX);
        let made = Rota::new(
            &rota.name,
            people.collect(),
            &rota.starts,
            days,
            &rota.handover,
            &rota.zone,
        );
        made.map_err(|error| self.wrong(error.to_string(), None))
            .ok()
    }

    fn policy(
        &mut self,
        number: usize,
        policy: &EscalationSettings,
        rotas: &[Rota],
    ) -> Option<EscalationPolicy> {
        let name = format!("escalation {}", number + 1);
        let mut matchers = Vec::new();
        for text in &policy.matchers {
            match parse_matchers(text) {
                Ok(read) => matchers.extend(read),
                Err(error) => self.wrong(format!("{name}: `{text}`: {error}"), None),
            }
        }
        let mut steps = Vec::new();
        for step in &policy.steps {
            let target = match &step.target {
                EscalationTarget::Receiver(receiver) => {
                    self.receiver(receiver, &name);
                    Target::Receiver(receiver.clone())
                }
                EscalationTarget::Rota(rota) => {
                    if !rotas.iter().any(|known| known.name() == rota) {
                        self.wrong(format!("{name}: there is no rota `{rota}`"), None);
                    }
                    Target::OnCall(rota.clone())
                }
            };
            steps.push(EscalationStep {
                after: step.after,
                target,
            });
        }
        if !steps.is_sorted_by_key(|step| step.after) {
            let hint = "write the earlier ones first".to_owned();
            self.wrong(
                format!("{name}: its steps are not in the order of their times"),
                Some(hint),
            );
            return None;
        }
        Some(EscalationPolicy {
            name,
            matchers: Matchers::new(matchers),
            steps,
        })
    }
}

/// The windows of maintenance of one environment: what belongs to it is not told in them.
pub(super) fn windows(scope: &Scope, policy: &Policy) -> Option<Window> {
    let intervals: Vec<TimeInterval> = policy.windows.iter().flat_map(intervals).collect();
    (!intervals.is_empty()).then(|| Window {
        name: format!("maintenance of {scope}"),
        matchers: Matchers::new(vec![
            Matcher::equal("stack", scope.stack.as_str()),
            Matcher::equal("environment", scope.environment.as_str()),
        ]),
        intervals,
    })
}

/// One over midnight is two.
fn intervals(window: &mainstay_stack::policy::Window) -> Vec<TimeInterval> {
    let location = Location::named(&window.zone);
    let on = |later: i32, start_minute: i32, end_minute: i32| TimeInterval {
        times: vec![TimeRange {
            start_minute,
            end_minute,
        }],
        weekdays: window
            .days
            .iter()
            .map(|day| (weekday(*day) + later) % 7)
            .map(|day| day..=day)
            .collect(),
        location: location.clone(),
        ..TimeInterval::default()
    };
    let (from, to) = (
        i32::from(window.from.minutes()),
        i32::from(window.to.minutes()),
    );
    let all = if from < to {
        vec![on(0, from, to)]
    } else {
        vec![on(0, from, DAY), on(1, 0, to)]
    };
    let holds =
        |interval: &TimeInterval| interval.times[0].start_minute < interval.times[0].end_minute;
    all.into_iter().filter(holds).collect()
}

/// 0 is Sunday.
fn weekday(day: Day) -> i32 {
    (day as i32 + 1) % 7
}
