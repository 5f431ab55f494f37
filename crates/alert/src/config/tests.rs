//! What flows from `global` and from parents, and what stands where nothing is said.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use mainstay_model::SecretSource;

use super::{Configuration, GroupBy, Settings};

fn read(text: &str) -> Configuration {
    let (config, problems) = Configuration::read(text, Path::new("/etc/am/a.yml"), "a.yml");
    config.unwrap_or_else(|| panic!("{problems}"))
}

#[test]
fn routes_inherit_all_but_matchers_and_intervals() {
    let config = read(
        "\
route:
  receiver: a
  group_by: [x]
  repeat_interval: 1h
  routes:
  - matchers: [t=1]
    group_wait: 5s
    mute_time_intervals: [n]
    routes:
    - {receiver: b, group_by: ['...'], match: {u: '2'}}
    - {group_by: []}
time_intervals: [{name: n}]
receivers: [{name: a}, {name: b}]
",
    );
    let routes = config.route.walk();
    let shown: Vec<_> = routes
        .iter()
        .map(|r| (r.index, r.key.as_str(), r.receiver.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            (0, "{}", "a"),
            (1, r#"{}/{t="1"}"#, "a"),
            (2, r#"{}/{t="1"}/{u="2"}"#, "b"),
            (3, r#"{}/{t="1"}/{}"#, "a"),
        ]
    );
    let x = GroupBy::Labels(BTreeSet::from(["x".to_owned()]));
    assert_eq!(
        [&routes[2].group_by, &routes[3].group_by],
        [&GroupBy::All, &x]
    );
    assert_eq!(routes[3].group_wait, Duration::from_secs(5));
    assert_eq!(routes[3].group_interval, Duration::from_mins(5));
    assert_eq!(routes[3].repeat_interval, Duration::from_hours(1));
    assert_eq!(
        (
            routes[1].mute_time_intervals.len(),
            routes[2].mute_time_intervals.len()
        ),
        (1, 0)
    );
}

#[test]
fn receivers_take_from_global_what_they_do_not_say() {
    let config = read(
        "\
global:
  smtp_smarthost: 'h:25'
  smtp_from: f@x
  smtp_require_tls: false
  slack_api_url_file: slack
  http_config: {follow_redirects: false}
route: {receiver: r}
receivers:
- name: r
  email_configs: [{to: t@x, headers: {reply-to: a@x}}]
  slack_configs: [{}, {send_resolved: true, title: ''}]
  webhook_configs: [{url: 'http://h', http_config: {}}]
  opsgenie_configs: [{api_key: k, api_url: 'http://o'}]
  pagerduty_configs: [{routing_key: k, client: me, details: {firing: mine}}]
",
    );
    let mut seen = 0;
    for integration in &config.receiver("r").unwrap().integrations {
        seen += 1;
        match &integration.settings {
            Settings::Email(email) => {
                assert_eq!((email.from.as_str(), email.require_tls), ("f@x", false));
                assert!(email.headers.contains_key("Reply-To"));
                assert!(!integration.send_resolved);
            }
            Settings::Slack(slack) => {
                assert_eq!(slack.api_url, SecretSource::File("/etc/am/slack".into()));
                assert!(!slack.http.follow_redirects);
                assert_eq!(integration.send_resolved, integration.index == 1);
                assert_eq!(slack.title.is_empty(), integration.index == 1);
            }
            Settings::Webhook(webhook) => {
                assert!(webhook.http.follow_redirects && integration.send_resolved);
            }
            Settings::Opsgenie(opsgenie) => assert_eq!(opsgenie.api_url, "http://o/"),
            Settings::Pagerduty(pagerduty) => {
                assert_eq!(
                    (
                        pagerduty.source.as_str(),
                        pagerduty.details["firing"].as_str()
                    ),
                    ("me", "mine")
                );
                assert_eq!(pagerduty.details.len(), 4);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, 6);
}
