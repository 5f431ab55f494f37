//! Each function of Prometheus's template reference with the result that it documents, and the
//! same annotations expanded by promtool.

use mainstay_template::prometheus::{Annotation, Expansion, LabelMap, NAMES, NoQueries, Query};
use std::process::Command;

struct Series;

impl Query for Series {
    fn query(&self, expression: &str) -> Result<Vec<(LabelMap, f64)>, String> {
        match expression {
            "up" => Ok(["b", "a", "c"]
                .iter()
                .zip([1.0, 2.0, 3.5])
                .map(|(name, value)| (labels(&[("instance", name), ("__value__", "text")]), value))
                .collect()),
            "none" => Ok(Vec::new()),
            _ => Err("parse error".to_owned()),
        }
    }
}

fn labels(pairs: &[(&str, &str)]) -> LabelMap {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn expand(text: &str) -> Result<String, String> {
    let expansion = Expansion {
        labels: labels(&[
            ("__name__", "x"),
            ("instance", "web-1:9100"),
            ("job", "web"),
        ]),
        external_labels: labels(&[("cluster", "eu")]),
        external_url: "https://prometheus.example.com/prom".to_owned(),
        value: 1234.5,
        now_ms: 1_700_000_000_500,
        query: &Series,
    };
    let annotation = Annotation::parse("summary", text).map_err(|error| error.to_string())?;
    annotation.expand(&expansion).map_err(|error| error.message)
}

const DOCUMENTED: [(&str, &str); 82] = [
    (
        "{{ $labels.instance }} {{ .Labels.job }} {{ $value }} {{ .Value }}",
        "web-1:9100 web 1234.5 1234.5",
    ),
    (
        "{{ $externalLabels.cluster }} {{ .ExternalLabels.cluster }}",
        "eu eu",
    ),
    (
        "{{ $externalURL }} {{ .ExternalURL }} {{ externalURL }} {{ pathPrefix }}",
        "https://prometheus.example.com/prom https://prometheus.example.com/prom https://prometheus.example.com/prom /prom",
    ),
    ("{{ $labels.missing }}|", "|"),
    ("{{ query \"up\" | first | value }}", "1"),
    ("{{ query \"up\" | first | label \"instance\" }}", "b"),
    ("{{ query \"up\" | first | strvalue }}", "text"),
    (
        "{{ range query \"up\" }}{{ .Labels.instance }}={{ .Value }} {{ end }}",
        "b=1 a=2 c=3.5 ",
    ),
    (
        "{{ range query \"up\" | sortByLabel \"instance\" }}{{ .Labels.instance }}{{ end }}",
        "abc",
    ),
    (
        "{{ with query \"none\" }}some{{ else }}none{{ end }}",
        "none",
    ),
    ("{{ (query \"up\" | first).Labels.instance }}", "b"),
    ("{{ len (query \"up\") }}", "3"),
    ("{{ humanize 0 }}", "0"),
    ("{{ humanize 1234567.0 }}", "1.235M"),
    ("{{ humanize 0.0123 }}", "12.3m"),
    ("{{ humanize 999 }}", "999"),
    ("{{ humanize -1e24 }}", "-1Y"),
    ("{{ humanize \"5000\" }}", "5k"),
    ("{{ humanize \"NaN\" }}", "NaN"),
    ("{{ humanize \"+Inf\" }}", "+Inf"),
    ("{{ humanize 1e-7 }}", "100n"),
    ("{{ humanize1024 0 }}", "0"),
    ("{{ humanize1024 1048576.0 }}", "1Mi"),
    ("{{ humanize1024 1e9 }}", "953.7Mi"),
    ("{{ humanize1024 1 }}", "1"),
    ("{{ humanizeDuration 0 }}", "0s"),
    ("{{ humanizeDuration 1 }}", "1s"),
    ("{{ humanizeDuration 3600 }}", "1h 0m 0s"),
    ("{{ humanizeDuration 86400 }}", "1d 0h 0m 0s"),
    ("{{ humanizeDuration 90061 }}", "1d 1h 1m 1s"),
    ("{{ humanizeDuration -3661 }}", "-1h 1m 1s"),
    ("{{ humanizeDuration .0001 }}", "100us"),
    ("{{ humanizeDuration 899.99 }}", "14m 59s"),
    ("{{ humanizeDuration 12.345678 }}", "12.35s"),
    ("{{ humanizeDuration (toDuration 90) }}", "1m 30s"),
    ("{{ humanizePercentage 0.125 }}", "12.5%"),
    ("{{ humanizePercentage 1 }}", "100%"),
    ("{{ humanizePercentage 0.123456 }}", "12.35%"),
    (
        "{{ humanizeTimestamp 1435065584.128 }}",
        "2015-06-23 13:19:44.128 +0000 UTC",
    ),
    ("{{ humanizeTimestamp \"NaN\" }}", "NaN"),
    ("{{ humanizeTimestamp 0 }}", "1970-01-01 00:00:00 +0000 UTC"),
    (
        "{{ (toTime 1700000000).Format \"2006-01-02\" }}",
        "2023-11-14",
    ),
    ("{{ toDuration 1.5 }}", "1.5s"),
    ("{{ now }}", "1.7000000005e+09"),
    ("{{ (now | toTime).Year }}", "2023"),
    ("{{ title \"aa bb-cc d_e CCC\" }}", "Aa Bb-Cc D_e CCC"),
    ("{{ toUpper \"aBc\" }} {{ toLower \"aBc\" }}", "ABC abc"),
    (
        "{{ stripPort \"web:80\" }} {{ stripPort \"web\" }} {{ stripPort \"[::1]:80\" }} {{ stripPort \"::1\" }}",
        "web web ::1 ::1",
    ),
    ("{{ stripPort \"web:80:81\" }}", "web:80:81"),
    (
        "{{ stripDomain \"web.example.com:80\" }} {{ stripDomain \"web.example.com\" }}",
        "web:80 web",
    ),
    (
        "{{ stripDomain \"10.0.0.1:80\" }} {{ stripDomain \"10.0.0.1\" }} {{ stripDomain \"[::1]:80\" }}",
        "10.0.0.1:80 10.0.0.1 [::1]:80",
    ),
    (
        "{{ match \"a.c\" \"xabcx\" }} {{ match \"^b\" \"abc\" }}",
        "true false",
    ),
    ("{{ reReplaceAll \"(a)(b)\" \"$2$1\" \"abab\" }}", "baba"),
    (
        "{{ reReplaceAll \"localhost:(.*)\" \"my.domain:$1\" \"localhost:9090\" }}",
        "my.domain:9090",
    ),
    (
        "{{ reReplaceAll \"a(x*)b\" \"${1}W\" \"-ab-axxb-\" }}",
        "-W-xxW-",
    ),
    ("{{ reReplaceAll \"a(x*)b\" \"$1W\" \"-ab-axxb-\" }}", "---"),
    ("{{ \"x\" | reReplaceAll \"x\" \"y\" }}", "y"),
    (
        "{{ graphLink \"up > 1\" }}",
        "/graph?g0.expr=up+%3E+1&g0.tab=0",
    ),
    ("{{ tableLink \"up\" }}", "/graph?g0.expr=up&g0.tab=1"),
    (
        "{{ parseDuration \"1h30m\" }} {{ parseDuration \"-1d\" }} {{ parseDuration \"5ms\" }}",
        "5400 -86400 0.005",
    ),
    ("{{ parseDuration \"1w\" }}", "604800"),
    ("{{ urlQueryEscape \"a b&c/d\" }}", "a+b%26c%2Fd"),
    ("{{ safeHtml \"<b>\" }}", "<b>"),
    (
        "{{ (args 1 \"b\").arg1 }} {{ (args 1 \"b\").arg0 }} {{ (args).arg9 }}",
        "b 1 <no value>",
    ),
    (
        "{{ define \"x\" }}<{{ .arg0 }}>{{ end }}{{ template \"x\" (args 5) }}",
        "<5>",
    ),
    ("{{ if gt $value 1000.0 }}high{{ end }}", "high"),
    ("{{ printf \"%.2f\" $value }}", "1234.50"),
    ("{{ printf \"%.0f%%\" $value }}", "1234%"),
    ("{{ $value | humanize }}", "1.234k"),
    (
        "{{ with printf \"up{instance='%s'}\" $labels.instance }}{{ . }}{{ end }}",
        "up{instance='web-1:9100'}",
    ),
    (
        "{{ $labels }}",
        "map[__name__:x instance:web-1:9100 job:web]",
    ),
    (
        "{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}",
        "__name__=x;instance=web-1:9100;job=web;",
    ),
    ("{{ $labels.instance | toUpper }}", "WEB-1:9100"),
    ("no template", "no template"),
    ("{{ humanize $value }}", "1.234k"),
    ("{{ humanize 1e15 }}", "1P"),
    ("{{ humanize 123456789 }}", "123.5M"),
    ("{{ humanizeDuration 0.5 }}", "500ms"),
    ("{{ humanizeDuration 59.9999 }}", "60s"),
    ("{{ humanizePercentage \"0.5\" }}", "50%"),
    ("{{ title \"it's\" }}", "It's"),
    ("{{ printf \"%v\" (query \"none\") }}", "[]"),
];

#[test]
fn each_function_gives_what_is_documented() {
    for (text, wanted) in DOCUMENTED {
        assert_eq!(expand(text).as_deref(), Ok(wanted), "{text}");
    }
    for name in NAMES {
        let used = DOCUMENTED.iter().any(|(text, _)| text.contains(name));
        assert!(used, "{name} stands in no case");
    }
}

#[test]
fn mistakes_are_told() {
    for (text, wanted) in [
        (
            "{{ if gt $value 1000 }}{{ end }}",
            "error calling gt: incompatible types for comparison",
        ),
        (
            "{{ query \"nope nope\" }}",
            "error calling query: parse error",
        ),
        (
            "{{ query \"none\" | first }}",
            "error calling first: first() called on vector with no elements",
        ),
        (
            "{{ humanize \"x\" }}",
            "error calling humanize: parsing \"x\": not a number",
        ),
        (
            "{{ humanize $labels }}",
            "error calling humanize: can't convert map[string]string to float",
        ),
        (
            "{{ match \"(\" \"a\" }}",
            "error calling match: error parsing regexp",
        ),
        (
            "{{ toUpper 1 }}",
            "error calling toUpper: wrong type for value; expected string; got int",
        ),
        (
            "{{ stripPort }}",
            "error calling stripPort: wrong number of args: want 1 got 0",
        ),
        (
            "{{ parseDuration \"1x\" }}",
            "error calling parseDuration: not a valid duration string: \"1x\"",
        ),
        (
            "{{ toTime 1e30 }}",
            "error calling toTime: 1e+30 cannot be represented",
        ),
        (
            "{{ label \"a\" \"b\" }}",
            "error calling label: wrong type for value; expected *template.sample; got string",
        ),
        (
            "{{ tmpl \"a\" . }}",
            "summary:1:4: function \"tmpl\" is not supported",
        ),
        ("{{ $nope }}", "summary:1:4: undefined variable \"$nope\""),
    ] {
        let error = expand(text).unwrap_err();
        assert!(error.starts_with(wanted), "{text}: {error}");
    }
    let annotation = Annotation::parse("summary", "{{ query \"up\" }}").unwrap();
    let error = annotation.expand(&Expansion::new(&NoQueries)).unwrap_err();
    assert!(error.message.contains("nothing to query"), "{error}");
}

/// promtool expands annotations too: the rules and the test that compare it with us.
fn compare_with_promtool(cases: &[(&str, String)]) {
    let directory = tempfile::tempdir().unwrap();
    let annotations: Vec<_> = cases
        .iter()
        .enumerate()
        .map(|(index, (text, wanted))| {
            let text = serde_json::to_string(text).unwrap();
            let wanted = serde_json::to_string(wanted).unwrap();
            (format!("a{index}: {text}"), format!("a{index}: {wanted}"))
        })
        .collect();
    let list = |by: &str, of: fn(&(String, String)) -> &String| {
        let lines: Vec<_> = annotations
            .iter()
            .map(|pair| format!("{by}{}\n", of(pair)))
            .collect();
        lines.concat()
    };
    let rules = format!(
        "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: x > 1\n    annotations:\n{}",
        list("      ", |pair| &pair.0)
    );
    let test = format!(
        "rule_files: [rules.yml]\ntests:\n- interval: 1m\n  input_series:\n  - series: 'x{{instance=\"web-1:9100\",job=\"web\"}}'\n    values: '1234.5'\n  alert_rule_test:\n  - eval_time: 0m\n    alertname: A\n    exp_alerts:\n    - exp_labels: {{instance: 'web-1:9100', job: web}}\n      exp_annotations:\n{}",
        list("        ", |pair| &pair.1)
    );
    std::fs::write(directory.path().join("rules.yml"), rules).unwrap();
    std::fs::write(directory.path().join("test.yml"), test).unwrap();
    let output = Command::new("promtool")
        .args(["test", "rules", "test.yml"])
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn promtool_expands_as_we_do() {
    if Command::new("promtool").arg("--version").output().is_err() {
        let line = b"skipped for want of promtool: annotations expanded by it\n";
        let _ = std::io::Write::write_all(&mut std::io::stderr().lock(), line);
        return;
    }
    // What depends on the world that promtool has another one of, and what is newer than it is.
    let another = [
        "query",
        "xternal",
        "now",
        "toDuration",
        "urlQueryEscape",
        "pathPrefix",
        "parseDuration \"-1d\"",
        "title \"it's\"",
        "d_e",
    ];
    let cases: Vec<_> = DOCUMENTED
        .iter()
        .filter(|(text, _)| !another.iter().any(|other| text.contains(other)))
        .map(|(text, wanted)| (*text, (*wanted).to_owned()))
        .collect();
    assert!(cases.len() > 50);
    compare_with_promtool(&cases);
}
