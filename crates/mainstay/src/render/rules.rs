//! Rule files as people read about them: what is wrong, which tests failed and how.

use super::problems;
use crate::look::{Look, Tone};
use crate::render::quantity::count;
use crate::render::table::{Entry, table};
use mainstay_model::{Place, Problems};
use mainstay_rules::unit::{Failure, TestReport};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// `rules check --json`
#[derive(Debug, Default, Serialize)]
pub struct Checked {
    pub usable: bool,
    pub files: Vec<CheckedFile>,
    pub problems: Problems,
}

#[derive(Debug, Serialize)]
pub struct CheckedFile {
    pub file: String,
    pub usable: bool,
    pub groups: usize,
    pub rules: usize,
}

/// `rules test --json`, one for each file.
#[derive(Debug, Default, Serialize)]
pub struct Tested {
    pub file: String,
    pub passed: bool,
    /// Where one is an error, no test was run.
    pub problems: Problems,
    pub tests: Vec<Test>,
}

#[derive(Debug, Serialize)]
pub struct Test {
    pub name: String,
    pub passed: bool,
    /// How many alerts and expressions were compared.
    pub compared: usize,
    pub failures: Vec<Mismatch>,
}

#[derive(Debug, Serialize)]
pub struct Mismatch {
    pub place: Place,
    pub what: String,
    pub difference: Vec<String>,
}

impl From<TestReport> for Test {
    fn from(report: TestReport) -> Self {
        Self {
            name: report.name,
            passed: report.failures.is_empty(),
            compared: report.compared,
            failures: report.failures.into_iter().map(Mismatch::from).collect(),
        }
    }
}

impl From<Failure> for Mismatch {
    fn from(failure: Failure) -> Self {
        Self {
            place: failure.place,
            what: failure.what,
            difference: failure.difference,
        }
    }
}

pub fn checked(checked: &Checked, look: Look) -> String {
    let mut text = problems::text(&checked.problems, look);
    if !text.is_empty() {
        text.push('\n');
    }
    for file in &checked.files {
        let word = if file.usable {
            look.paint(Tone::Good, "ok")
        } else {
            look.paint(Tone::Bad, "not usable")
        };
        let (rules, groups) = (count(file.rules, "rule"), count(file.groups, "group"));
        let _ = write!(text, "{word}: {}", file.file);
        if file.usable {
            let _ = write!(text, " with {rules} in {groups}");
        }
        text.push('\n');
    }
    if !checked.problems.is_empty() {
        let _ = writeln!(text, "{}", problems::tally(&checked.problems));
    }
    text
}

pub fn tested(files: &[Tested], look: Look) -> String {
    let mut text = String::new();
    for file in files {
        let _ = writeln!(text, "{}", look.paint(Tone::Strong, &file.file));
        text.push_str(&problems::text(&file.problems, look));
        for test in &file.tests {
            one(test, look, &mut text);
        }
    }
    let tests = files.iter().flat_map(|file| &file.tests);
    let (failed, all) = tests.fold((0, 0), |(failed, all), test| {
        (failed + usize::from(!test.passed), all + 1)
    });
    let unusable = files.iter().filter(|file| file.problems.has_errors());
    match unusable.count() {
        0 => {}
        number => {
            let word = look.paint(Tone::Bad, "not usable");
            let _ = writeln!(text, "{word}: {}", count(number, "file"));
        }
    }
    let all = count(all, "test");
    let _ = match failed {
        0 => writeln!(text, "{}: {all}", look.paint(Tone::Good, "passed")),
        failed => writeln!(
            text,
            "{}: {failed} of {all}",
            look.paint(Tone::Bad, "failed")
        ),
    };
    text
}

fn one(test: &Test, look: Look, text: &mut String) {
    let compared = look.paint(Tone::Faint, format!("{} compared", test.compared));
    let word = if test.passed {
        look.paint(Tone::Good, "ok    ")
    } else {
        look.paint(Tone::Bad, "failed")
    };
    let _ = writeln!(text, "  {word} {}, {compared}", test.name);
    for failure in &test.failures {
        let _ = writeln!(text, "    {}: {}", failure.place, failure.what);
        for line in &failure.difference {
            let tone = match line.as_bytes().first() {
                Some(b'-') => Tone::Bad,
                Some(b'+') => Tone::Good,
                _ => Tone::Strong,
            };
            let _ = writeln!(text, "      {}", look.paint(tone, line));
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_raw_string_hashes, reason = "snapbox writes them so")]

    use super::*;
    use mainstay_model::Problem;
    use snapbox::{assert_data_eq, str};

    #[test]
    fn a_check_says_what_is_in_each_file() {
        let mut shown = Checked {
            usable: true,
            files: vec![CheckedFile {
                file: "a.yml".to_owned(),
                usable: true,
                groups: 1,
                rules: 12,
            }],
            problems: Problems::default(),
        };
        assert_data_eq!(
            checked(&shown, Look::PLAIN),
            str![[r#"
ok: a.yml with 12 rules in 1 group

"#]]
        );
        shown.files.push(CheckedFile {
            file: "b.yml".to_owned(),
            usable: false,
            groups: 0,
            rules: 0,
        });
        shown
            .problems
            .push(Problem::error("rules/no-expr", "a rule has no `expr`"));
        assert_data_eq!(
            checked(&shown, Look::PLAIN),
            str![[r#"
error[rules/no-expr]: a rule has no `expr`

ok: a.yml with 12 rules in 1 group
not usable: b.yml
1 error

"#]]
        );
    }

    #[test]
    fn a_test_that_fails_shows_the_difference() {
        let place = Place {
            file: "t.yml".to_owned(),
            line: 7,
            column: 3,
        };
        let test = |name: &str, failures| Test {
            name: name.to_owned(),
            passed: false,
            compared: 2,
            failures,
        };
        let failure = Mismatch {
            place,
            what: "alert `Down` at 5m".to_owned(),
            difference: vec!["- {job=\"a\"}".to_owned(), "+ {job=\"b\"}".to_owned()],
        };
        let files = [Tested {
            file: "t.yml".to_owned(),
            passed: false,
            problems: Problems::default(),
            tests: vec![
                Test {
                    passed: true,
                    ..test("quiet", Vec::new())
                },
                test("loud", vec![failure]),
            ],
        }];
        assert_data_eq!(
            tested(&files, Look::PLAIN),
            str![[r#"
t.yml
  ok     quiet, 2 compared
  failed loud, 2 compared
    t.yml:7:3: alert `Down` at 5m
      - {job="a"}
      + {job="b"}
failed: 1 of 2 tests

"#]]
        );
    }
}

/// Of Prometheus's `/api/v1/rules`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Groups {
    pub groups: Vec<Group>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Group {
    pub name: String,
    pub file: String,
    /// Seconds.
    pub interval: f64,
    pub rules: Vec<Rule>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    pub name: String,
    pub query: String,
    /// `ok`, `err`, `unknown`
    pub health: String,
    #[serde(default)]
    pub last_error: String,
    /// Of those that alert: `firing`, `pending`, `inactive`.
    #[serde(default)]
    pub state: Option<String>,
}

pub fn groups(groups: &[Group], failed: bool, look: Look) -> String {
    if groups.is_empty() {
        let words = if failed {
            "every rule could be evaluated"
        } else {
            "no rule is evaluated; see `alerts` in mainstay.yaml and server.yaml"
        };
        return words.to_owned();
    }
    let rows = groups.iter().flat_map(|group| {
        group.rules.iter().map(|rule| {
            let state = rule.state.as_deref().unwrap_or("records");
            let tone = match (rule.health.as_str(), state) {
                ("err", _) => Tone::Bad,
                (_, "firing") => Tone::Warning,
                (_, "pending") => Tone::Accent,
                _ => Tone::Faint,
            };
            let state = if rule.health == "err" {
                "failed"
            } else {
                state
            };
            let what = match rule.last_error.as_str() {
                "" => &rule.query,
                error => error,
            };
            vec![
                Entry::new(&rule.name).tone(Tone::Strong),
                Entry::new(state).tone(tone),
                Entry::new(&group.name),
                Entry::new(&group.file).tone(Tone::Faint),
                Entry::new(what.split_whitespace().collect::<Vec<_>>().join(" ")),
            ]
        })
    });
    let heads = ["RULE", "STATE", "GROUP", "FILE", "EXPRESSION, OR ERROR"];
    table(look, &heads, rows.collect())
}

/// Names, and what each is about.
pub fn packs(packs: &[(&str, &str)], look: Look) -> String {
    let rows = packs
        .iter()
        .map(|(name, about)| vec![Entry::new(name).tone(Tone::Strong), Entry::new(about)]);
    table(look, &["PACK", "ABOUT"], rows.collect())
}
