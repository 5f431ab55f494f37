//! `server.yaml`: what it means, and exactly what is said of one that is wrong.

#![allow(clippy::needless_raw_string_hashes, reason = "snapbox writes them so")]

use mainstay_model::Secret;
use mainstay_stack::server_file::{
    ChallengeKind, EXAMPLE, EscalationTarget, Given, Hsts, Redirect, ServerFile, read,
};
use snapbox::{assert_data_eq, str};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

fn problems(text: &str) -> String {
    let (_, problems) = read(text, Path::new("/data/server.yaml"), "server.yaml");
    problems.iter().fold(String::new(), |mut all, problem| {
        let _ = writeln!(all, "[{}] {problem}", problem.code);
        all
    })
}

fn good(text: &str) -> ServerFile {
    let (file, problems) = read(text, Path::new("/data/server.yaml"), "server.yaml");
    assert!(problems.is_empty(), "{problems}");
    file
}

#[test]
fn the_annotated_example_says_what_it_says() {
    let file = good(EXAMPLE);
    assert_eq!(file.https, Some("0.0.0.0:443".parse().unwrap()));
    let redirect = Redirect {
        port: 443,
        except: vec!["/health".to_owned()],
    };
    assert_eq!(file.redirect, Some(redirect));
    let year = Duration::from_secs(365 * 86_400);
    let hsts = Hsts {
        max_age: year,
        include_subdomains: false,
        preload: false,
    };
    assert_eq!((file.hsts, file.retention), (Some(hsts), year));
    let certificate = &file.tls.certificates[0];
    let path = Path::new("/data/certificates/example.org.pem");
    assert_eq!(certificate.certificate, path, "relative to the file");
    let acme = file.tls.acme.unwrap();
    assert_eq!(acme.challenge, ChallengeKind::Http01);
    assert_eq!(
        acme.directory,
        "https://acme-v02.api.letsencrypt.org/directory"
    );
    assert_eq!(file.log.as_deref(), Some("info"));
    let alerts = file.alerts;
    let key = Given::File("/data/secrets/pagerduty".into());
    assert_eq!(alerts.receivers.pagerduty, Some(key));
    let hook = Secret::new("https://hooks.example.org/alerts".to_owned());
    assert_eq!(alerts.receivers.webhook, Some(Given::Here(hook)));
    assert_eq!(alerts.rules, [Path::new("/data/rules/*.yml")]);
    assert_eq!(alerts.alertmanager, None, "`built-in` is no path");
    assert_eq!(alerts.rotas[0].people[1].0, "bob");
    let step = &alerts.escalations[0].steps[0];
    assert_eq!(step.target, EscalationTarget::Rota("ops".to_owned()));
}

#[test]
fn nothing_means_what_no_file_means() {
    for text in ["", "# nothing\n", "{}", "proxy:\n", "x-mine: 1"] {
        assert_eq!(good(text), ServerFile::default(), "{text}");
    }
}

#[test]
fn https_redirects_unless_told_otherwise() {
    let tls = "tls: {certificates: [{certificate: a, key: b}]}";
    let file = good(&format!("proxy: {{https: '127.0.0.1:8443'}}\n{tls}"));
    assert_eq!(file.redirect.unwrap().port, 8443);
    let no = "redirect: {enabled: false}";
    let text = format!("proxy: {{https: '127.0.0.1:8443', {no}}}\n{tls}");
    assert_eq!(good(&text).redirect, None);
}

const WRONG: &str = r"
api: {listen: localhost}
proxy:
  http: 0.0.0.0:443
  https: 127.0.0.1:443
  redirect: {port: 70000, except: [health]}
  hsts: {preload: true}
  htps: 1
tls:
  min_version: 1.1
  certificates:
    - certificate: a.pem
    - {certificate: a.pem, key: b.pem}
    - {certificate: a.pem, key: b.pem}
  acme: {directory: letsencript, email: nobody, terms_agreed: false}
journal: {retention: 1h}
metrics: {interval: 1h, retention: 1m}
";

const ALERTS: &str = r"
alerts:
  interval: 1h
  url: here
  routing: am.yml
  receivers:
    webhook: {}
    pagerduty: {routing_key: {value: a, file: b}}
    slack: {url: 'ftp://x'}
    email: {smarthost: mail}
  heartbeat: {url: 'gopher://x', interval: 2d}
  rotas: {ops: {people: [{name: ada}]}}
  escalations: [{matchers: a=b}, {steps: [{after: 5m}, {rota: ops}]}]
";

const MORE: &str = r"
proxy: {redirect: maybe, hsts: {}}
tls:
  certificates: [{certificate: a, key: b}]
  acme: {terms_agreed: true, challenge: tls-alpn-01}
---
second: document
";

#[test]
fn all_problems_are_told_at_once() {
    assert_data_eq!(
        problems(WRONG),
        str![[r#"
[server/address] error: server.yaml:2:15: `localhost` is not an address and a port
  hint: write `0.0.0.0:443` for every IPv4 address of the machine, `[::]:443` for every address, `127.0.0.1:8443` for this machine alone
[server/acme-port] warning: server.yaml:4:9: an authority asks on port 80, and `proxy.http` is another
  hint: listen there: `http: 0.0.0.0:80`; or see that something passes port 80 on to it
[server/address-twice] error: server.yaml:5:10: 127.0.0.1:443 is taken by 0.0.0.0:443 above
  hint: give it another port
[server/redirect] error: server.yaml:6:20: 70000 is not a port
[server/redirect] error: server.yaml:6:36: `health` is not a path
  hint: a path begins with `/`: `/health`
[server/hsts] error: server.yaml:7:9: `preload` asks for `include_subdomains: true` and a `max_age` of a year
  hint: it is hard to take back: see hstspreload.org before you add it
[server/unknown-key] error: server.yaml:8:3: unknown key `htps` in proxy
  hint: did you mean `https`?
[server/value] error: server.yaml:10:16: `min_version` must be `1.2` or `1.3`, found `1.1`
  hint: did you mean `1.2`?
[server/certificate] error: server.yaml:12:7: a certificate needs a `key`
[server/certificate] error: server.yaml:14:7: this certificate stands twice
[server/acme-directory] error: server.yaml:15:21: `letsencript` is no authority's directory
  hint: did you mean `letsencrypt`?
[server/acme-email] error: server.yaml:15:41: `nobody` is not an e-mail address
[server/acme-terms] error: server.yaml:15:63: the authority's terms are not agreed to
  hint: read them (the directory links to them) and write `terms_agreed: true`
[server/retention] error: server.yaml:16:22: events are kept for a day at least
  hint: write `365d` for a year
[server/metrics] error: server.yaml:17:21: `interval` is not between 1 s and 2 m
  hint: queries look five minutes back: longer ones leave holes
[server/metrics] error: server.yaml:17:36: samples are kept for three hours at least
  hint: write `15d` for as long as Prometheus does

"#]]
    );
    assert_data_eq!(
        problems(MORE),
        str![[r#"
[server/type] error: server.yaml:2:19: `redirect` must be a mapping, found a single value
[server/no-https] error: server.yaml:2:32: browsers are told to ask under https without `proxy.https`
  hint: give the address: `https: 0.0.0.0:443` under `proxy`
[server/acme-port] warning: server.yaml:4:3: an authority asks on port 443, and `proxy.https` is another
  hint: listen there: `https: 0.0.0.0:443`; or see that something passes port 443 on to it
[server/no-https] error: server.yaml:4:17: there are certificates without `proxy.https`
  hint: give the address: `https: 0.0.0.0:443` under `proxy`
[server/no-https] error: server.yaml:5:9: certificates are asked for without `proxy.https`
  hint: give the address: `https: 0.0.0.0:443` under `proxy`
[server/documents] error: server.yaml:7:1: server.yaml is one document

"#]]
    );
    assert_data_eq!(
        problems("proxy: {https: '[::]:443'}"),
        str![[r#"
[server/no-certificate] warning: server.yaml:1:16: `proxy.https` has no certificate to answer with
  hint: name files under `tls.certificates`, or have them made with `tls.acme`

"#]]
    );
}

#[test]
fn all_that_is_wrong_with_alerts_is_told_at_once() {
    assert_data_eq!(
        problems(ALERTS),
        str![[r#"
[server/alerts] error: server.yaml:3:13: `interval` is not between 1 s and 600 s
  hint: such as `1m`
[server/alerts] error: server.yaml:4:8: this is no `http://` or `https://` URL
  hint: write it whole: `https://host/path`
[server/alerts] error: server.yaml:7:5: `receivers` is for the built-in routing, and `routing` names a file
  hint: move them into that file, or take `routing` out
[server/alerts] error: server.yaml:7:14: `url` is missing
  hint: `url: {file: secrets/NAME}` keeps it out of this file
[server/alerts] error: server.yaml:8:30: `routing_key` has either a `value` or a `file`
  hint: keep one of them
[server/alerts] error: server.yaml:9:18: this is no `http://` or `https://` URL
  hint: write it whole: `https://host/path`
[server/alerts] error: server.yaml:10:12: e-mail needs `to`
  hint: see docs/alerts.md
[server/alerts] error: server.yaml:10:12: e-mail needs `from`
  hint: see docs/alerts.md
[server/alerts] error: server.yaml:10:24: `mail` is not a host and a port
  hint: such as `smtp.example.org:587`
[server/alerts] error: server.yaml:11:20: this is no `http://` or `https://` URL
  hint: write it whole: `https://host/path`
[server/alerts] error: server.yaml:11:44: `interval` is not between 1 s and 86400 s
  hint: such as `1m`
[server/alerts] error: server.yaml:12:16: `starts` is missing
  hint: see docs/alerting.md
[server/alerts] error: server.yaml:12:26: `receiver` is missing
  hint: see docs/alerting.md
[server/alerts] error: server.yaml:13:17: an escalation needs `steps`
  hint: such as `{after: 5m, rota: ops}`
[server/alerts] error: server.yaml:13:34: an escalation needs `steps`
  hint: such as `{after: 5m, rota: ops}`
[server/alerts] error: server.yaml:13:43: a step tells either a `rota` or a `receiver`
  hint: such as `{after: 5m, rota: ops}`
[server/alerts] error: server.yaml:13:56: `after` is missing
  hint: such as `after: 5m`

"#]]
    );
}

/// A code that no case shows is a message that nobody has read.
#[test]
fn every_code_has_a_case() {
    let mut all = [WRONG, ALERTS, MORE, "proxy: {https: '[::]:443'}"]
        .map(problems)
        .concat();
    all.push_str(&problems("api: ["));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server_file");
    let mut codes = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let found = text.split('"').filter(|part| part.starts_with("server/"));
        codes.extend(found.map(str::to_owned));
    }
    assert!(codes.len() > 8, "{codes:?}");
    for code in codes {
        assert!(all.contains(&format!("[{code}]")), "{code} is in no case");
    }
}
