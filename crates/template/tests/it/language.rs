//! What only newer versions of Go take, what is refused, and where errors say they are.

use crate::world::{data, render};
use mainstay_template::alertmanager::NAMES;
use mainstay_template::{Escape, Functions, TemplateError, Templates, Value};

fn text(template: &str) -> String {
    render(template, Escape::Text).unwrap()
}

fn fails(template: &str) -> TemplateError {
    render(template, Escape::Text).unwrap_err()
}

#[test]
fn newer_than_the_peer() {
    for (template, wanted) in [
        ("{{range 3}}{{.}}{{end}}", "012"),
        ("{{range $i := 2}}{{$i}}{{else}}none{{end}}", "01"),
        ("{{range 0}}x{{else}}none{{end}}", "none"),
        (
            "{{with .Empty}}a{{else with .Text}}{{.}}{{end}}",
            "héllo wörld",
        ),
        ("{{with .Empty}}a{{else with .Nil}}b{{else}}c{{end}}", "c"),
    ] {
        assert_eq!(text(template), wanted, "{template}");
    }
    let html = render("<p title={{.Empty}}>x</p>", Escape::Html).unwrap();
    assert_eq!(html, "<p title=ZgotmplZ>x</p>");
}

#[test]
fn errors_say_where_and_what_to_do() {
    for (template, place, message, hint) in [
        (
            "a\n  {{ .Text.x }}",
            (2, 6),
            "can't evaluate field x in type string",
            None,
        ),
        (
            "{{ toUper .Text }}",
            (1, 4),
            "function \"toUper\" not defined",
            Some("did you mean \"toUpper\"?"),
        ),
        ("é{{ $x }}", (1, 5), "undefined variable \"$x\"", None),
        (
            "{{ 1i }}",
            (1, 4),
            "imaginary number 1i is not supported",
            None,
        ),
        (
            "{{ call .Text }}",
            (1, 4),
            "function \"call\" is not supported: no value here is a function",
            None,
        ),
        (
            "{{ tmpl \"a\" . }}",
            (1, 4),
            "function \"tmpl\" is not supported: it is there in console templates only",
            None,
        ),
        ("{{ if true }}", (1, 14), "a if without {{end}}", None),
        (
            "{{ 1",
            (1, 1),
            "unclosed action",
            Some("close it with `}}`"),
        ),
        (
            "x\ny {{ fail }}",
            (2, 6),
            "error calling fail: failed",
            None,
        ),
        (
            "{{define \"abc\"}}{{end}}{{template \"abd\"}}",
            (1, 24),
            "template \"abd\" not defined",
            Some("did you mean \"abc\"?"),
        ),
        (
            "{{if true}}{{define \"a\"}}{{end}}{{end}}",
            (1, 12),
            "a definition inside of a block",
            Some("move `define` out of every if, with, range and define"),
        ),
    ] {
        let error = fails(template);
        assert_eq!((error.line, error.column), place, "{template}: {error}");
        assert_eq!(error.message, message, "{template}");
        assert_eq!(error.hint.as_deref(), hint, "{template}");
        assert_eq!(
            error.to_string(),
            format!("case:{}:{}: {message}", place.0, place.1)
        );
    }
}

#[test]
fn html_that_cannot_be_escaped_is_refused() {
    for (template, message) in [
        (
            "<script>{{.Text}}</script>",
            "a value inside of <script> is not supported",
        ),
        (
            "<style>{{.Text}}</style>",
            "a value inside of <style> is not supported",
        ),
        (
            "<p onclick=\"{{.Text}}\">x</p>",
            "a value inside of a script is not supported",
        ),
        (
            "<p title={{.Text | html}}>x</p>",
            "`html` in an attribute without quotes is not supported",
        ),
        (
            "<p {{.Text}}>x</p>",
            "a value as the name of an attribute is not supported",
        ),
        (
            "<p style=\"a: url({{.Text}})\">x</p>",
            "a value inside of quotes or parentheses of a style is not supported",
        ),
        (
            "<img srcset=\"{{.Text}}\">",
            "a value inside of srcset is not supported",
        ),
        ("<p title=\"{{.Text}}", "the HTML ends inside of a tag"),
        ("<!-- {{.Text}}", "the HTML ends inside of a comment"),
        ("<title>", "the HTML ends inside of <title>"),
    ] {
        let error = render(template, Escape::Html).unwrap_err();
        assert_eq!(error.message, message, "{template}");
    }
}

struct Nothing;

impl Functions for Nothing {
    fn names(&self) -> &'static [&'static str] {
        NAMES
    }

    fn call(&self, name: &str, _: &[Value]) -> Result<Value, String> {
        Err(format!("{name} was called"))
    }
}

fn with(templates: &Templates, text: &str) -> Result<String, TemplateError> {
    let template = templates.parse("text", text, &["$seen"])?;
    let variables = [("$seen", Value::Int(7))];
    templates.render(&template, &data(), &variables, &Nothing, Escape::Text)
}

#[test]
fn later_files_take_the_place_of_earlier_ones() {
    let mut templates = Templates::new(NAMES);
    templates
        .add(
            "a.tmpl",
            "{{define \"x\"}}first{{end}}{{define \"y\"}}y{{end}}outside",
        )
        .unwrap();
    assert_eq!(
        with(&templates, "{{template \"x\"}} {{template \"a.tmpl\"}}").unwrap(),
        "first outside"
    );
    templates
        .add(
            "b.tmpl",
            "{{define \"x\"}}second{{end}}{{define \"y\"}}  {{end}}",
        )
        .unwrap();
    assert_eq!(
        with(&templates, "{{template \"x\"}} {{template \"y\"}}").unwrap(),
        "second y"
    );
    // What a text defines is there for that text alone.
    assert_eq!(
        with(&templates, "{{define \"x\"}}own{{end}}{{template \"x\"}}").unwrap(),
        "own"
    );
    assert_eq!(
        with(&templates, "{{template \"x\"}} {{$seen}}").unwrap(),
        "second 7"
    );
    let error = templates.add("c.tmpl", "\n{{nope}}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "c.tmpl:2:3: function \"nope\" not defined"
    );
    let names: Vec<_> = templates.names().collect();
    assert_eq!(names, ["a.tmpl", "b.tmpl", "x", "y"]);
}

#[test]
fn an_error_in_a_template_names_its_file() {
    let mut templates = Templates::new(NAMES);
    templates
        .add("a.tmpl", "{{define \"x\"}}\n{{.Nil.b}}{{end}}")
        .unwrap();
    let error = with(&templates, "{{template \"x\" .}}").unwrap_err();
    assert_eq!(error.to_string(), "a.tmpl:2:3: no value; it has no field b");
}
