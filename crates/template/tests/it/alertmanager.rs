//! Each function and method of Alertmanager's template reference with the result that it documents.

use mainstay_template::alertmanager::{Alert, Data, LabelMap, NAMES, Renderer, Status, templates};
use mainstay_template::{TemplateError, Time};

const NOW_MS: i64 = 1_700_000_000_000;

fn labels(pairs: &[(&str, &str)]) -> LabelMap {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn alert(status: Status, instance: &str, severity: &str) -> Alert {
    Alert {
        status,
        labels: labels(&[
            ("alertname", "Down"),
            ("instance", instance),
            ("severity", severity),
        ]),
        annotations: labels(&[("summary", "it is <down>")]),
        starts_at: Time::from_millis(NOW_MS - 90_000).unwrap(),
        ends_at: Time::zero(),
        generator_url: "http://p/graph?g0.expr=up".to_owned(),
        fingerprint: "0123456789abcdef".to_owned(),
    }
}

fn data() -> Data {
    let alerts = vec![
        alert(Status::Firing, "a", "critical"),
        alert(Status::Firing, "b", "critical"),
        alert(Status::Resolved, "c", "critical"),
    ];
    Data::new(
        "web.hook",
        "http://am:9093",
        labels(&[("alertname", "Down")]),
        alerts,
    )
}

fn text(template: &str) -> Result<String, TemplateError> {
    Renderer::new(&templates(), &data(), NOW_MS).text("text", template)
}

const DOCUMENTED: [(&str, &str); 53] = [
    (
        "{{ .Receiver }} {{ .Status }} {{ .ExternalURL }}",
        "web\\.hook firing http://am:9093",
    ),
    (
        "{{ len .Alerts }} {{ .Alerts | len }} {{ .Alerts.Firing | len }} {{ len .Alerts.Resolved }}",
        "3 3 2 1",
    ),
    (
        "{{ range .Alerts }}{{ .Labels.instance }}:{{ .Status }} {{ end }}",
        "a:firing b:firing c:resolved ",
    ),
    (
        "{{ range .Alerts.Firing }}{{ .Labels.instance }}{{ end }}",
        "ab",
    ),
    (
        "{{ (index .Alerts 0).Fingerprint }} {{ (index .Alerts 0).GeneratorURL }}",
        "0123456789abcdef http://p/graph?g0.expr=up",
    ),
    (
        "{{ .GroupLabels }} {{ .CommonLabels }} {{ .CommonAnnotations }}",
        "alertname=Down alertname=Down, severity=critical summary=it is <down>",
    ),
    (
        "{{ .CommonLabels.severity }} {{ .CommonLabels.missing }}|",
        "critical |",
    ),
    (
        "{{ .GroupLabels.alertname }} {{ index .CommonLabels \"severity\" }}",
        "Down critical",
    ),
    (
        "{{ range (index .Alerts 0).Labels.SortedPairs }}{{ .Name }}={{ .Value }};{{ end }}",
        "alertname=Down;instance=a;severity=critical;",
    ),
    (
        "{{ .CommonLabels.Names }} {{ .CommonLabels.Values }}",
        "[alertname severity] [Down critical]",
    ),
    (
        "{{ .CommonLabels.Names.Join \"-\" }} {{ .CommonLabels.SortedPairs.Values | join \" \" }}",
        "alertname-severity Down critical",
    ),
    (
        "{{ .CommonLabels.SortedPairs }} {{ .CommonLabels.SortedPairs.Names }}",
        "alertname=Down, severity=critical [alertname severity]",
    ),
    (
        "{{ .CommonLabels.Remove .GroupLabels.Names }}",
        "severity=critical",
    ),
    (
        "{{ .CommonLabels.Remove (stringSlice \"alertname\" \"severity\") }}|",
        "|",
    ),
    (
        "{{ with .CommonLabels.Remove .GroupLabels.Names }}{{ .Values | join \" \" }}{{ end }}",
        "critical",
    ),
    (
        "{{ if gt (len .CommonLabels) (len .GroupLabels) }}more{{ end }}",
        "more",
    ),
    (
        "{{ range $name, $value := .CommonLabels }}{{ $name }}={{ $value }};{{ end }}",
        "alertname=Down;severity=critical;",
    ),
    ("{{ toUpper \"aB\" }} {{ toLower \"aB\" }}", "AB ab"),
    ("{{ title \"aa bB-cc\" }}", "Aa Bb-Cc"),
    ("{{ trimSpace \"  a b \" }}|", "a b|"),
    ("{{ join \",\" (stringSlice \"a\" \"b\") }}", "a,b"),
    ("{{ match \"^a\" \"abc\" }}", "true"),
    ("{{ reReplaceAll \"(b)\" \"<$1>\" \"abc\" }}", "a<b>c"),
    ("{{ safeHtml \"<b>\" }} {{ safeUrl \"a:b\" }}", "<b> a:b"),
    ("{{ urlUnescape \"a+b%20c%2Fd\" }}", "a b c/d"),
    (
        "{{ (index .Alerts 0).StartsAt | date \"15:04:05\" }}",
        "22:11:50",
    ),
    (
        "{{ (index .Alerts 0).StartsAt | tz \"Europe/Paris\" | date \"15:04:05 MST\" }}",
        "23:11:50 CET",
    ),
    (
        "{{ (index .Alerts 0).StartsAt.Format \"2006-01-02 15:04:05 MST\" }}",
        "2023-11-14 22:11:50 UTC",
    ),
    (
        "{{ (index .Alerts 0).StartsAt }}",
        "2023-11-14 22:11:50 +0000 UTC",
    ),
    ("{{ since (index .Alerts 0).StartsAt }}", "1m30s"),
    (
        "{{ since (index .Alerts 0).StartsAt | humanizeDuration }}",
        "1m 30s",
    ),
    ("{{ humanizeDuration 90061 }}", "1d 1h 1m 1s"),
    (
        "{{ now.Unix }} {{ now | date \"2006\" }}",
        "1700000000 2023",
    ),
    (
        "{{ (index .Alerts 0).EndsAt.IsZero }} {{ (index .Alerts 0).EndsAt }}",
        "true 0001-01-01 00:00:00 +0000 UTC",
    ),
    (
        "{{ toJson .CommonLabels }}",
        "{\"alertname\":\"Down\",\"severity\":\"critical\"}",
    ),
    (
        "{{ toJson .CommonAnnotations }}",
        "{\"summary\":\"it is \\u003cdown\\u003e\"}",
    ),
    (
        "{{ list 1 \"a\" | toJson }} {{ list | toJson }} {{ dict \"a\" 1.5 \"b\" nil | toJson }}",
        "[1,\"a\"] [] {\"a\":1.5,\"b\":null}",
    ),
    (
        "{{ append (list 1) 2 3 }} {{ len (append (list) \"a\") }}",
        "[1 2 3] 1",
    ),
    (
        "{{ (dict \"a\" 1).a }} {{ (dict \"a\" (list 1 2)).a }}",
        "1 [1 2]",
    ),
    (
        "{{ base64encode \"a?b>\" }} {{ base64decode \"YT9iPg==\" }}",
        "YT9iPg== a?b>",
    ),
    ("{{ .Receiver | urlquery }}", "web%5C.hook"),
    (
        "{{ .Status | toUpper }}{{ if eq .Status \"firing\" }}:{{ .Alerts.Firing | len }}{{ end }}",
        "FIRING:2",
    ),
    (
        "{{ range .Alerts }}{{ if eq .Labels.severity \"critical\" }}!{{ end }}{{ end }}",
        "!!!",
    ),
    (
        "{{ $n := 0 }}{{ range .Alerts }}{{ $n = len .Labels }}{{ end }}{{ $n }}",
        "3",
    ),
    (
        "{{ printf \"%s\" .CommonLabels }}",
        "alertname=Down, severity=critical",
    ),
    ("{{ .CommonLabels.Values.Join \", \" }}", "Down, critical"),
    ("{{ stringSlice }} {{ stringSlice \"a\" }}", "[] [a]"),
    (
        "{{ toJson (index .Alerts 0).StartsAt }}",
        "\"2023-11-14T22:11:50Z\"",
    ),
    ("{{ title \"o'neil's x.y 3rd\" }}", "O'neil's X.y 3Rd"),
    (
        "{{ range .Alerts.Resolved }}{{ .Annotations.summary }}{{ end }}",
        "it is <down>",
    ),
    ("{{ slice .Receiver 0 3 }}", "web"),
    (
        "{{ define \"x\" }}{{ .Status }}{{ end }}{{ template \"x\" . }}",
        "firing",
    ),
    ("plain", "plain"),
];

#[test]
fn each_function_gives_what_is_documented() {
    for (template, wanted) in DOCUMENTED {
        assert_eq!(text(template).as_deref(), Ok(wanted), "{template}");
    }
    for name in NAMES {
        let used = DOCUMENTED
            .iter()
            .any(|(template, _)| template.contains(name));
        assert!(used, "{name} stands in no case");
    }
}

#[test]
fn all_data_in_json_is_what_a_webhook_gets() {
    let json: serde_json::Value = serde_json::from_str(&text("{{ toJson . }}").unwrap()).unwrap();
    assert_eq!(json["receiver"], "web\\.hook");
    assert_eq!(json["alerts"][2]["status"], "resolved");
    assert_eq!(json["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
    assert_eq!(json["commonLabels"]["severity"], "critical");
}

#[test]
fn mistakes_are_told() {
    for (template, wanted) in [
        (
            "{{ join \",\" 1 }}",
            "error calling join: wrong type for value; expected []string; got int",
        ),
        (
            "{{ tz \"Nowhere/Land\" now }}",
            "error calling tz: unknown time zone Nowhere/Land",
        ),
        (
            "{{ date \"15\" 1 }}",
            "error calling date: wrong type for value; expected time.Time; got int",
        ),
        (
            "{{ dict \"a\" }}",
            "error calling dict: dict requires an even number of arguments",
        ),
        (
            "{{ dict 1 2 }}",
            "error calling dict: dict keys must be strings",
        ),
        (
            "{{ urlUnescape \"%zz\" }}",
            "error calling urlUnescape: invalid URL escape \"%zz\"",
        ),
        (
            "{{ base64decode \"*\" }}",
            "error calling base64decode: illegal base64 data",
        ),
        (
            "{{ append 1 2 }}",
            "error calling append: wrong type for value; expected []interface {}; got int",
        ),
        (
            "{{ .Nope }}",
            "can't evaluate field Nope in type *template.Data",
        ),
        (
            "{{ range .Alerts }}{{ .Nope }}{{ end }}",
            "can't evaluate field Nope in type template.Alert",
        ),
        (
            "{{ $l := list }}{{ range 40 }}{{ $l = list $l }}{{ end }}",
            "list gives a value that is too large",
        ),
        (
            "{{ $l := list 1 }}{{ range 31 }}{{ $l = list $l $l }}{{ end }}{{ toJson $l }}",
            "the arguments of list are too large",
        ),
        (
            "{{ $l := list . . . . }}{{ range 12 }}{{ $l = list $l $l }}{{ end }}{{ toJson $l }}",
            "error calling toJson: more than 4194304 bytes",
        ),
        (
            "{{ $x := \"a\" }}{{ range 40 }}{{ $x = print $x $x }}{{ end }}",
            "the arguments of print are too large",
        ),
        (
            "{{ $l := list }}{{ range 100000 }}{{ $l = append $l 1 }}{{ end }}",
            "more than 1000000 steps",
        ),
        (
            "{{ range 2000 }}{{ match \"a\" \"b\" }}{{ end }}",
            "more than 1000000 steps",
        ),
    ] {
        let error = text(template).unwrap_err();
        assert!(error.message.starts_with(wanted), "{template}: {error}");
    }
}

#[test]
fn html_is_escaped_and_text_is_not() {
    let (templates, data) = (templates(), data());
    let renderer = Renderer::new(&templates, &data, NOW_MS);
    let template =
        "<p title=\"{{ .CommonAnnotations.summary }}\">{{ .CommonAnnotations.summary }}</p>";
    assert_eq!(
        renderer.html("html", template).unwrap(),
        "<p title=\"it is &lt;down&gt;\">it is &lt;down&gt;</p>"
    );
    assert_eq!(
        renderer.text("text", template).unwrap(),
        "<p title=\"it is <down>\">it is <down></p>"
    );
}

#[test]
fn what_alerts_have_in_common() {
    let mut alerts = data().alerts;
    alerts[1]
        .labels
        .insert("severity".to_owned(), "warning".to_owned());
    alerts[2].annotations.clear();
    let data = Data::new("r", "", LabelMap::new(), alerts);
    assert_eq!(data.common_labels, labels(&[("alertname", "Down")]));
    assert_eq!(data.common_annotations, LabelMap::new());
    let resolved = Data::new(
        "r",
        "",
        LabelMap::new(),
        vec![alert(Status::Resolved, "a", "x")],
    );
    assert_eq!(resolved.status, Status::Resolved);
}
