//! SARIF and Markdown.

use mainstay_audit::{Surroundings, dockerfile, dockerfile_findings, report};
use serde_json::Value;

fn sarif() -> Value {
    let text = "FROM debian\nRUN sudo a | b\nENV DB_PASSWORD=hunter2\n";
    let file = dockerfile::parse("./my app/Dockerfile", text);
    let findings = dockerfile_findings(&file, &Surroundings::default());
    report::sarif(&findings, "1.2.3")
}

/// The parts that SARIF 2.1.0 requires (sections 3.13, 3.14, 3.19, 3.27, 3.28, 3.49), and that what points
/// somewhere leads there.
#[test]
fn sarif_has_what_the_standard_requires() {
    let log = sarif();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!(
        (driver["name"].as_str(), driver["version"].as_str()),
        (Some("mainstay"), Some("1.2.3"))
    );
    let rules = driver["rules"].as_array().expect("rules");
    let results = run["results"].as_array().expect("results");
    assert!(results.len() >= 5 && !rules.is_empty());
    for result in results {
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["note", "warning", "error"].contains(&result["level"].as_str().expect("a level")));
        assert!(
            !result["message"]["text"]
                .as_str()
                .expect("a text")
                .is_empty()
        );
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "my%20app/Dockerfile");
        assert!(
            place["region"]["startLine"]
                .as_u64()
                .is_some_and(|line| line >= 1)
        );
    }
    assert!(!log.to_string().contains("hunter2"));
}

#[test]
fn markdown_is_a_table_with_the_worst_first() {
    let file = dockerfile::parse(
        "Dockerfile",
        "FROM debian:12\nRUN a | b\nENV DB_PASSWORD=x\nUSER 1\n",
    );
    let around = Surroundings {
        has_health_check: true,
        ..Surroundings::default()
    };
    let text = report::markdown(&dockerfile_findings(&file, &around));
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .collect();
    assert!(
        rows[0].starts_with("| critical | Dockerfile:3 | `dockerfile/secret-in-env` |"),
        "{text}"
    );
    assert_eq!(report::markdown(&[]), "## Audit\n\nNothing was found.\n");
}
