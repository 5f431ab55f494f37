//! From a file to targets and to the labels of samples.

use mainstay_series::Labels;
use std::path::Path;

use crate::{Configuration, Discovery, Found, SampleLabels, targets};

fn found(job: &str) -> Found {
    let text = format!("scrape_configs:\n- job_name: j\n{job}");
    let (config, problems) = Configuration::read(&text, Path::new("/p.yml"), "p.yml");
    assert!(problems.is_empty(), "{problems}");
    let Discovery::Static(groups) = &config.jobs[0].discovery[0] else {
        panic!("static targets come first")
    };
    targets(&config.jobs[0], groups)
}

#[test]
fn a_target_is_made_of_its_labels() {
    let found = found(concat!(
        "  params: {module: [a, b], 'x y': ['ü&']}\n",
        "  static_configs:\n",
        "  - {targets: [h], labels: {env: dev, __meta_x: m, instance: ''}}\n",
        "  relabel_configs:\n",
        "  - {source_labels: [__meta_x], target_label: __param_module}\n",
        "  - {source_labels: [__meta_x], target_label: __metrics_path__, replacement: '/a b/$1?q=1'}\n",
        "  - {target_label: __scheme__, replacement: https}\n",
        "  - {target_label: __scrape_interval__, replacement: 30s}\n",
    ));
    let target = &found.active[0];
    assert_eq!(
        target.url,
        "https://h/a%20b/m?q=1&module=m&module=b&x%20y=%C3%BC%26"
    );
    assert_eq!(
        target.labels.to_string(),
        r#"{env="dev", instance="h", job="j"}"#
    );
    assert_eq!(
        (target.interval.as_secs(), target.timeout.as_secs()),
        (30, 10)
    );
    assert_eq!(target.discovered.get("__scrape_interval__"), Some("1m"));
    assert_eq!(target.discovered.get("__param_module"), Some("a"));
}

#[test]
fn targets_are_dropped_refused_and_each_there_once() {
    let found = found(concat!(
        "  static_configs:\n",
        "  - targets: [a, b, a, c, d, e]\n",
        "  relabel_configs:\n",
        "  - {source_labels: [__address__], regex: b, action: drop}\n",
        "  - {source_labels: [__address__], regex: c, target_label: __address__, replacement: ''}\n",
        "  - {source_labels: [__address__], regex: d, target_label: __address__, replacement: 'd/x'}\n",
        "  - {source_labels: [__address__], regex: e, target_label: __scrape_timeout__, replacement: 2m}\n",
    ));
    let active: Vec<_> = found
        .active
        .iter()
        .map(|target| target.address.as_str())
        .collect();
    assert_eq!(active, ["a"]);
    assert_eq!(found.dropped[0].discovered.get("__address__"), Some("b"));
    let errors: Vec<_> = found
        .errors
        .iter()
        .map(|error| error.reason.as_str())
        .collect();
    assert_eq!(
        errors,
        [
            "no address",
            "`d/x` is not a valid hostname",
            "the scrape's timeout is longer than its interval"
        ]
    );
}

fn sample_labels(job: &str) -> SampleLabels {
    let text = format!("scrape_configs:\n- job_name: j\n{job}");
    let (config, problems) = Configuration::read(&text, Path::new("/p.yml"), "p.yml");
    assert!(problems.is_empty(), "{problems}");
    SampleLabels::new(
        &config.jobs[0],
        Labels::from_pairs([("job", "j"), ("instance", "i")]),
    )
}

fn of(labels: &SampleLabels, scraped: &str, empty: &[&str]) -> Result<Option<String>, String> {
    let pairs = scraped.split(' ').filter_map(|pair| pair.split_once('='));
    let empty: Vec<String> = empty.iter().map(ToString::to_string).collect();
    let labels = labels.of(&Labels::from_pairs(pairs), &empty)?;
    Ok(labels.map(|labels| labels.to_string()))
}

#[test]
fn labels_of_the_target_win_unless_the_job_honours_theirs() {
    let own = sample_labels("");
    let shown = |labels, scraped, empty: &[&str]| of(labels, scraped, empty).unwrap().unwrap();
    assert_eq!(
        shown(&own, "__name__=m a=1", &[]),
        r#"m{a="1", instance="i", job="j"}"#
    );
    assert_eq!(
        shown(&own, "__name__=m job=x exported_job=y", &[]),
        r#"m{exported_exported_job="x", exported_job="y", instance="i", job="j"}"#
    );
    let theirs = sample_labels("  honor_labels: true\n");
    assert_eq!(
        shown(&theirs, "__name__=m job=x", &[]),
        r#"m{instance="i", job="x"}"#
    );
    assert_eq!(
        shown(&theirs, "__name__=m job=x", &["instance"]),
        r#"m{job="x"}"#
    );
    assert_eq!(
        own.of_report("up").to_string(),
        r#"up{instance="i", job="j"}"#
    );
}

#[test]
fn metrics_are_relabelled_and_limited() {
    let labels = sample_labels(concat!(
        "  metric_relabel_configs:\n",
        "  - {source_labels: [__name__], regex: go_.*, action: drop}\n",
        "  - {source_labels: [code], regex: '(.)..', target_label: class, replacement: '${1}xx'}\n",
        "  label_limit: 5\n  label_name_length_limit: 12\n  label_value_length_limit: 10\n",
    ));
    assert_eq!(of(&labels, "__name__=go_gc", &[]), Ok(None));
    let kept = of(&labels, "__name__=m code=404", &[]).unwrap().unwrap();
    assert_eq!(kept, r#"m{class="4xx", code="404", instance="i", job="j"}"#);
    for (scraped, error) in [
        (
            "__name__=m a=1 b=2 c=3",
            "label_limit exceeded (metric: m, number of labels: 6, limit: 5)",
        ),
        ("__name__=m a_long_name_=1", ""),
        (
            "__name__=m a_longer_name=1",
            "label_name_length_limit exceeded (metric: m, label: a_longer_name, length: 13, limit: 12)",
        ),
        (
            "__name__=m a=12345678901",
            "label_value_length_limit exceeded (metric: m, label: a, length: 11, limit: 10)",
        ),
    ] {
        let error = if error.is_empty() {
            None
        } else {
            Some(error.to_owned())
        };
        assert_eq!(of(&labels, scraped, &[]).err(), error, "{scraped}");
    }
}
