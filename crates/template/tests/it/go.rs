//! Every case rendered by Go's own `text/template` and `html/template`, and by ours: the same text,
//! or an error from both. What Go answered is kept beside the cases, so that the comparison holds
//! where no Go is installed.

use crate::cases::{HTML, TEXT};
use crate::world::render;
use mainstay_template::Escape;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What Go answers: a text, or that it fails.
type Answers = Vec<(String, String, Option<String>)>;

fn cases() -> Vec<(&'static str, String)> {
    let text = TEXT.iter().map(|case| ("text", (*case).to_owned()));
    text.chain(HTML.iter().map(|case| ("html", (*case).to_owned())))
        .collect()
}

/// Renders all of these with Go; `None` where there is none.
pub(crate) fn ask_go(cases: &[(&'static str, String)]) -> Option<Answers> {
    if Command::new("go").arg("version").output().is_err() {
        let line = b"skipped for want of Go: comparing templates with it anew\n";
        let _ = std::io::stderr().lock().write_all(line);
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let questions: Vec<_> = cases
        .iter()
        .map(|(mode, template)| format!("{}\n", json!({"mode": mode, "template": template})))
        .collect();
    // From a file: a pipe in both directions would fill up on both sides.
    let input = directory.path().join("questions");
    std::fs::write(&input, questions.concat()).unwrap();
    let output = Command::new("go")
        .arg("run")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer/main.go"))
        .env("GO111MODULE", "off")
        .env("GOCACHE", directory.path().join("cache"))
        .stdin(Stdio::from(File::open(input).unwrap()))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "the peer ended with {}",
        output.status
    );
    let lines = String::from_utf8(output.stdout).unwrap();
    let answers = lines.lines().map(|line| {
        let answer: Value = serde_json::from_str(line).unwrap();
        let out = answer["out"].as_str().unwrap().to_owned();
        (answer["failed"] == false).then_some(out)
    });
    let answers: Vec<_> = answers.collect();
    assert_eq!(answers.len(), cases.len());
    let asked = cases.iter().zip(answers);
    Some(
        asked
            .map(|((mode, template), answer)| ((*mode).to_owned(), template.clone(), answer))
            .collect(),
    )
}

/// Where we answer differently.
pub(crate) fn differences(answers: &Answers) -> Vec<String> {
    let mut wrong = Vec::new();
    for (mode, template, answer) in answers {
        let escape = if mode == "html" {
            Escape::Html
        } else {
            Escape::Text
        };
        let ours = render(template, escape);
        if ours.as_ref().ok() != answer.as_ref() {
            wrong.push(format!(
                "{mode}: {template}\n    Go:   {answer:?}\n    ours: {ours:?}"
            ));
        }
    }
    wrong
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
    let Some(answers) = ask_go(&cases()) else {
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
    let answers: Answers = kept
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let asked: Vec<_> = answers
        .iter()
        .map(|(mode, template, _)| (mode.as_str(), template.clone()))
        .collect();
    assert_eq!(asked, cases(), "write the answers anew");
    let wrong = differences(&answers);
    assert!(
        wrong.is_empty(),
        "{} differ\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
