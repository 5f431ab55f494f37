//! Every case rendered by Go's own `text/template` and `html/template`, and by ours: the same text,
//! or an error from both. What Go answered is kept beside the cases, so that the comparison holds
//! where no Go is installed.

use crate::cases::{HTML, TEXT};
use crate::world::render;
use mainstay_template::Escape;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What Go answers: a text, or that it fails.
type Answers = Vec<(String, &'static str, Option<String>)>;

fn cases() -> impl Iterator<Item = (&'static str, &'static str)> {
    let text = TEXT.iter().map(|case| ("text", *case));
    text.chain(HTML.iter().map(|case| ("html", *case)))
}

/// `None` without Go.
fn ask_go() -> Option<Answers> {
    if Command::new("go").arg("version").output().is_err() {
        return None;
    }
    let cache = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer/main.go");
    let mut child = Command::new("go")
        .arg("run")
        .arg(program)
        .env("GO111MODULE", "off")
        .env("GOCACHE", cache.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    for (mode, template) in cases() {
        let question = json!({"mode": mode, "template": template});
        writeln!(input, "{question}").unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "the peer ended with {}",
        output.status
    );
    let lines = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), cases().count());
    Some(
        cases()
            .zip(answers)
            .map(|((mode, template), answer)| {
                let failed = answer["failed"] == true;
                let out = answer["out"].as_str().unwrap().to_owned();
                (mode.to_owned(), template, (!failed).then_some(out))
            })
            .collect(),
    )
}

/// One line a case: mode, template, answer (null where Go fails).
fn kept() -> String {
    format!("{}/tests/peer/answers.jsonl", env!("CARGO_MANIFEST_DIR"))
}

fn written(answers: &Answers) -> String {
    let lines: Vec<_> = answers
        .iter()
        .map(|(mode, template, out)| format!("{}\n", json!([mode, template, out])))
        .collect();
    lines.concat()
}

/// With `MAINSTAY_WRITE_ANSWERS` set the answers are written anew.
#[test]
fn go_answers_what_is_kept() {
    let Some(answers) = ask_go() else {
        println!("skipped: Go is not installed (apt-get install golang-go)");
        return;
    };
    let answers = written(&answers);
    if std::env::var_os("MAINSTAY_WRITE_ANSWERS").is_some() {
        std::fs::write(kept(), &answers).unwrap();
    }
    assert_eq!(std::fs::read_to_string(kept()).unwrap(), answers);
}

#[test]
fn we_answer_as_go_does() {
    let kept = std::fs::read_to_string(kept()).unwrap();
    let mut wrong = Vec::new();
    let mut lines = kept.lines();
    for (mode, template) in cases() {
        let line = lines.next().expect("an answer for each case");
        let answer: (String, String, Option<String>) = serde_json::from_str(line).unwrap();
        assert_eq!((answer.0.as_str(), answer.1.as_str()), (mode, template));
        let escape = if mode == "html" {
            Escape::Html
        } else {
            Escape::Text
        };
        let ours = render(template, escape);
        if ours.as_ref().ok() != answer.2.as_ref() {
            wrong.push(format!(
                "{mode}: {template}\n    Go:   {:?}\n    ours: {ours:?}",
                answer.2
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ\n{}",
        wrong.len(),
        cases().count(),
        wrong.join("\n")
    );
}
