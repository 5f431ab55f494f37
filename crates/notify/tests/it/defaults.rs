//! The texts that stand where a receiver says none, and how a user's file takes their place.

use crate::support::{NOW, alert, integration, notification};
use mainstay_alert::AlertStatus::{Firing, Resolved};
use mainstay_alert::config::Settings;
use mainstay_model::Secret;
use mainstay_notify::{DEFAULT_TEMPLATES, Sender, mail, requests, templates};

#[test]
fn each_name_is_defined_and_renders() {
    let templates = templates([]).unwrap();
    let names: Vec<_> = templates.names().collect();
    for name in DEFAULT_TEMPLATES {
        assert!(names.contains(name), "{name}");
    }
    let integration = integration("  webhook_configs: [{url: 'http://h/x'}]");
    for alerts in [
        vec![alert(Firing, "a")],
        vec![alert(Resolved, "a")],
        vec![alert(Firing, "a"), alert(Firing, "b"), alert(Resolved, "c")],
    ] {
        let notification = notification(&integration, alerts);
        for name in DEFAULT_TEMPLATES {
            let data = if name.contains("_list") || name.ends_with("instances") {
                ".Alerts"
            } else {
                "."
            };
            let text = format!("http://h/{{{{ template \"{name}\" {data} }}}}");
            let sender = Sender::new(templates.clone(), "http://x");
            let message = sender.message(&integration, &notification, NOW);
            let made = requests(&integration.settings, &message, &Secret::new(text));
            let url = made.unwrap().remove(0).url;
            assert!(
                !url.expose().contains("<no value>"),
                "{name}: {}",
                url.expose()
            );
        }
    }
}

#[test]
fn the_subject_says_what_matters() {
    let integration = integration("  slack_configs: [{api_url: 'http://h/x'}]");
    let sender = Sender::new(templates([]).unwrap(), "http://x");
    for (alerts, wanted) in [
        (vec![alert(Firing, "a")], "1 firing: Down (a, critical)"),
        (
            vec![alert(Firing, "a"), alert(Firing, "b"), alert(Resolved, "c")],
            "2 firing: Down (critical)",
        ),
        (vec![alert(Resolved, "a")], "Resolved: Down (a, critical)"),
    ] {
        let notification = notification(&integration, alerts);
        let message = sender.message(&integration, &notification, NOW);
        let made = requests(
            &integration.settings,
            &message,
            &Secret::new("http://h".to_owned()),
        );
        let body: serde_json::Value = serde_json::from_str(made.unwrap()[0].body.expose()).unwrap();
        assert_eq!(body["attachments"][0]["title"], wanted);
    }
}

#[test]
fn a_users_file_takes_their_place() {
    let own = "{{ define \"__subject\" }}mine: {{ .Status }}{{ end }}{{ define \"slack.default.text\" }}own text{{ end }}";
    let sender = Sender::new(templates([("own.tmpl", own)]).unwrap(), "http://x");
    let integration = integration("  slack_configs: [{api_url: 'http://h/x'}]");
    let notification = notification(&integration, vec![alert(Firing, "a")]);
    let message = sender.message(&integration, &notification, NOW);
    let made = requests(
        &integration.settings,
        &message,
        &Secret::new("http://h".to_owned()),
    )
    .unwrap();
    let body: serde_json::Value = serde_json::from_str(made[0].body.expose()).unwrap();
    assert_eq!(body["attachments"][0]["title"], "mine: firing");
    assert_eq!(body["attachments"][0]["text"], "own text");
    let error = templates([("own.tmpl", "{{ define \"x\" }}\n{{ nope }}{{ end }}")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "own.tmpl:2:4: function \"nope\" not defined"
    );
}

#[test]
fn a_template_that_fails_is_no_reason_to_try_again() {
    let integration =
        integration("  slack_configs: [{api_url: 'http://h/x', title: '{{ .Nope }}'}]");
    let sender = Sender::new(templates([]).unwrap(), "http://x");
    let notification = notification(&integration, vec![alert(Firing, "a")]);
    let message = sender.message(&integration, &notification, NOW);
    let failure = requests(
        &integration.settings,
        &message,
        &Secret::new("http://h".to_owned()),
    )
    .unwrap_err();
    assert!(!failure.retry);
    assert_eq!(
        failure.message,
        "template title:1:4: can't evaluate field Nope in type *template.Data"
    );
}

#[test]
fn the_mail_is_html_with_everything_escaped() {
    let integration = integration(
        "  email_configs: [{to: 'a@example.org', from: 'm@example.org', smarthost: 'h:25'}]",
    );
    let Settings::Email(email) = &integration.settings else {
        panic!()
    };
    let sender = Sender::new(templates([]).unwrap(), "http://x");
    let mut bad = alert(Firing, "a");
    bad.annotations.insert(
        "description".to_owned(),
        "<script>alert(1)</script>".to_owned(),
    );
    bad.generator_url = "javascript:alert(1)".to_owned();
    let notification = notification(&integration, vec![bad]);
    let message = sender.message(&integration, &notification, NOW);
    let mail = mail::mail(email, &message).unwrap();
    let text = String::from_utf8(mail.text).unwrap();
    let text = text.replace("=\r\n", "");
    assert!(
        !text.contains("<script") && !text.contains("javascript:"),
        "{text}"
    );
    assert!(text.contains("a is &lt;down&gt;"), "{text}");
}
