//! Our scripts in Prometheus's test language, each of them whole.

use mainstay_promql::promqltest::{Outcome, run};
use std::path::Path;

/// The scripts of a folder beside this file, by name.
fn scripts(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut scripts: Vec<(String, String)> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "test"))
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            (
                name.into_owned(),
                std::fs::read_to_string(&path).expect("a script"),
            )
        })
        .collect();
    scripts.sort();
    scripts
}

#[test]
fn every_case_passes() {
    let (mut cases, mut failures) = (0, Vec::new());
    for (name, text) in scripts("tests/scripts") {
        let report = run(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!report.cases.is_empty(), "{name} has no case");
        cases += report.cases.len();
        for case in report.cases {
            if case.outcome != Outcome::Passed {
                failures.push(format!(
                    "{name}:{}: {}: {:?}",
                    case.line, case.expr, case.outcome
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(cases > 300, "{cases} cases");
}

#[test]
fn a_wrong_expectation_fails() {
    let load = "load 1m\n  x{a=\"1\"} 1 2 3\n  x{a=\"2\"} 4\n\n";
    for wrong in [
        "eval instant at 0 x\n  x{a=\"1\"} 1\n",
        "eval instant at 0 x\n  x{a=\"1\"} 1\n  x{a=\"2\"} 5\n",
        "eval instant at 0 x\n  x{a=\"1\"} 1\n  x{a=\"2\"} 4\n  x{a=\"3\"} 4\n",
        "eval instant at 0 1 + 1\n  3\n",
        "eval instant at 0 \"a\"\n  expect string \"b\"\n",
        "eval_fail instant at 0 x\n",
        "eval_ordered instant at 0 sort(x)\n  {a=\"2\"} 4\n  {a=\"1\"} 1\n",
        "eval instant at 0 x\n  expect warn\n  x{a=\"1\"} 1\n  x{a=\"2\"} 4\n",
        "eval instant at 1m rate(x[2m])\n  expect no_info\n  {a=\"1\"} 0.0166667\n",
        "eval range from 0 to 2m step 1m x{a=\"1\"}\n  x{a=\"1\"} 1 2 4\n",
        "eval range from 0 to 2m step 1m x{a=\"1\"}\n  x{a=\"1\"} 1 _ 3\n",
        "eval instant at 0 x +\n",
    ] {
        let report = run(&format!("{load}{wrong}")).expect("a script");
        assert_eq!(report.counts(), (0, 1, 0), "{wrong}");
    }
}

#[test]
fn what_is_not_supported_is_refused_and_not_passed() {
    let load = "load 1m\n  h {{schema:0 sum:1 count:1}}\n  x 1\n\n";
    for refused in [
        "eval instant at 0 h\n",
        "eval instant at 0 {__name__=~\"x|h\"}\n  x 1\n",
        "eval instant at 0 histogram_sum(x)\n",
        "eval instant at 0 start_timestamp(x)\n",
        "eval instant at 0 x anchored\n  x 1\n",
        "eval instant at 0 limitk(1, x)\n  x 1\n",
        "eval instant at 0 sum_over_time(x[1m + 1m])\n",
        "eval instant at 0 x + fill(0) x\n",
        "eval instant at 0 x </ 1\n",
        "eval_fail instant at 0 info(x)\n",
        "eval instant at 0 x\n  {{schema:0}}\n",
    ] {
        let report = run(&format!("{load}{refused}")).expect("a script");
        assert_eq!(report.counts(), (0, 0, 1), "{refused}: {report:?}");
    }
}
