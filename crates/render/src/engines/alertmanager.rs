//! Who is told of an alert.
//!
//! The routing that Mainstay has built in: what is critical goes to PagerDuty, warnings to Slack, the rest by mail.
//! What gives access stands in files that are not written here. Source:
//! <https://prometheus.io/docs/alerting/latest/configuration/>, for 0.25 and later.

use super::place;
use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::Stack;
use mainstay_stack::policy::{Day, Window};
use mainstay_yaml::write::{Doc, Map};

const GROUPED: [&str; 4] = ["alertname", "stack", "environment", "service"];
const SECRETS: &str = "/etc/alertmanager/secrets";

const ABOUT: &str = "Silences are made while they are needed (`amtool silence add`, or in the console) and kept below \
                     `--storage.path`;\nwhat is quiet again and again stands in `time_intervals`.";
const WEBHOOK: &str = "From 0.26 on a webhook can be told as well, or instead:\nwebhook_configs: [{url_file: \
                       /etc/alertmanager/secrets/webhook_url}]";

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let muted: Vec<&Stack> = project
        .environments
        .values()
        .filter(|stack| stack.alerts.mute_in_windows && !stack.policy.windows.is_empty())
        .collect();
    let intervals: Vec<Map> = muted.iter().map(|stack| interval(stack)).collect();
    let mut routes: Vec<Map> = muted.iter().map(|stack| muted_route(stack)).collect();
    routes.extend(by_severity(None));
    let route = Map::new()
        .set("receiver", "email")
        .set("group_by", GROUPED)
        .set("group_wait", "30s")
        .set("group_interval", "5m")
        .set("repeat_interval", "4h")
        .set("routes", routes);
    let text = Map::new()
        .comment(ABOUT)
        .set("global", global(project, out))
        .set("route", route)
        .comment("Whoever is told that it is down need not be told that it is slow.")
        .set("inhibit_rules", inhibited())
        .some("time_intervals", intervals)
        .set("receivers", receivers(project));
    out.yaml("alertmanager.yml", &[Doc::from(text)]);
}

fn domain(project: &Project) -> Option<String> {
    place::domain(project.main())
}

fn global(project: &Project, out: &mut Rendering) -> Map {
    let named = domain(project);
    if named.is_none() {
        out.lost(
            "render.domain",
            "nothing says where mails are handed in and who gets them",
            "example.org is written; say `render: {domain: …, contact: …}` in mainstay.yaml",
        );
    }
    let domain = named.unwrap_or_else(|| "example.org".to_owned());
    Map::new()
        .set("resolve_timeout", "5m")
        .set("smtp_smarthost", format!("smtp.{domain}:587"))
        .set("smtp_from", format!("alertmanager@{domain}"))
        .set("smtp_auth_username", format!("alertmanager@{domain}"))
        .set(
            "smtp_auth_password_file",
            format!("{SECRETS}/smtp_password"),
        )
        .set("smtp_require_tls", true)
        .set("slack_api_url_file", format!("{SECRETS}/slack_api_url"))
}

/// Critical and warning; the rest falls to the receiver above. `mute`: the interval in which nobody is told.
fn by_severity(mute: Option<&str>) -> Vec<Map> {
    let told = [
        ("critical", "pagerduty", Some(("10s", "1h"))),
        ("warning", "slack", None),
    ];
    told.into_iter()
        .map(|(severity, receiver, pace)| {
            Map::new()
                .set("matchers", [format!("severity=\"{severity}\"")])
                .set("receiver", receiver)
                .maybe("group_wait", pace.map(|(wait, _)| wait))
                .maybe("repeat_interval", pace.map(|(_, repeat)| repeat))
                .maybe("mute_time_intervals", mute.map(|mute| vec![mute]))
        })
        .collect()
}

/// What belongs to an environment that is quiet in its windows. A route says for itself alone when it is.
fn muted_route(stack: &Stack) -> Map {
    let name = interval_name(stack);
    let mute = name.as_str();
    let matchers = [
        format!("stack=\"{}\"", stack.name),
        format!("environment=\"{}\"", stack.environment),
    ];
    Map::new()
        .set("matchers", matchers)
        .set("receiver", "email")
        .set("mute_time_intervals", [mute])
        .set("routes", by_severity(Some(mute)))
}

fn interval_name(stack: &Stack) -> String {
    format!("windows-of-{}-{}", stack.name, stack.environment)
}

fn interval(stack: &Stack) -> Map {
    let windows = stack.policy.windows.iter();
    let stretches: Vec<Map> = windows.flat_map(stretches).collect();
    Map::new()
        .set("name", interval_name(stack))
        .set("time_intervals", stretches)
}

/// A window within days: one that goes on after midnight is two.
fn stretches(window: &Window) -> Vec<Map> {
    let same: Vec<&str> = window.days.iter().map(|day| word(*day)).collect();
    let midnight = "24:00".to_owned();
    if window.to > window.from {
        return vec![stretch(
            same,
            window.from.to_string(),
            window.to.to_string(),
            window,
        )];
    }
    let next: Vec<&str> = window.days.iter().map(|day| word(after(*day))).collect();
    let mut all = vec![stretch(same, window.from.to_string(), midnight, window)];
    if window.to.minutes() > 0 {
        all.push(stretch(
            next,
            "00:00".to_owned(),
            window.to.to_string(),
            window,
        ));
    }
    all
}

fn stretch(days: Vec<&str>, from: String, to: String, window: &Window) -> Map {
    let times = Map::new().set("start_time", from).set("end_time", to);
    let zone = (window.zone != "UTC").then_some(window.zone.as_str());
    Map::new()
        .set("weekdays", days)
        .set("times", [times])
        .maybe("location", zone)
}

fn word(day: Day) -> &'static str {
    match day {
        Day::Mon => "monday",
        Day::Tue => "tuesday",
        Day::Wed => "wednesday",
        Day::Thu => "thursday",
        Day::Fri => "friday",
        Day::Sat => "saturday",
        Day::Sun => "sunday",
    }
}

fn after(day: Day) -> Day {
    Day::ALL[(day as usize + 1) % Day::ALL.len()]
}

fn inhibited() -> Vec<Map> {
    let rule = |source: &str, target: &str, equal: &[&str]| {
        Map::new()
            .set("source_matchers", [source])
            .set("target_matchers", [target])
            .set("equal", equal)
    };
    vec![
        rule("severity=\"critical\"", "severity=\"warning\"", &GROUPED),
        rule(
            "alertname=\"ServiceDown\"",
            "category=~\"latency|error-rate\"",
            &["stack", "environment", "service"],
        ),
    ]
}

fn receivers(project: &Project) -> Vec<Map> {
    let domain = domain(project).unwrap_or_else(|| "example.org".to_owned());
    let contact = project.main().render.contact.clone();
    let to = contact.unwrap_or_else(|| format!("alerts@{domain}"));
    let pagerduty = Map::new()
        .set(
            "routing_key_file",
            format!("{SECRETS}/pagerduty_routing_key"),
        )
        .set("severity", "{{ .CommonLabels.severity }}");
    let slack = Map::new()
        .set("send_resolved", true)
        .set("channel", "#alerts")
        .set("title", "{{ .Status | toUpper }}: {{ .CommonLabels.alertname }} in {{ .CommonLabels.environment }}")
        .set(
            "text",
            "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ .Annotations.description }}\n{{ .Annotations.runbook_url }}\n{{ end }}",
        );
    let email = Map::new().set("to", to).set("send_resolved", true);
    vec![
        Map::new()
            .set("name", "pagerduty")
            .comment(WEBHOOK)
            .set("pagerduty_configs", [pagerduty]),
        Map::new()
            .set("name", "slack")
            .set("slack_configs", [slack]),
        Map::new()
            .set("name", "email")
            .set("email_configs", [email]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_stack::policy::Clock;

    #[test]
    fn a_window_over_midnight_is_two() {
        let window = |from: &str, to: &str| Window {
            days: vec![Day::Sat, Day::Sun],
            from: from.parse::<Clock>().unwrap(),
            to: to.parse::<Clock>().unwrap(),
            zone: "Europe/Zurich".to_owned(),
        };
        let text = |window: &Window| Doc::from(stretches(window)).text();
        let night = text(&window("22:00", "02:00"));
        for part in [
            "- saturday\n    - sunday",
            "\"24:00\"",
            "- sunday\n    - monday",
            "Europe/Zurich",
        ] {
            assert!(night.contains(part), "{part}\n{night}");
        }
        assert_eq!(stretches(&window("22:00", "00:00")).len(), 1);
        assert_eq!(stretches(&window("04:00", "24:00")).len(), 1);
    }
}
