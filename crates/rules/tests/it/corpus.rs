//! The fuzz target's corpus, replayed.

use std::path::Path;

use mainstay_rules::RuleFile;
use mainstay_rules::unit::TestFile;

#[test]
fn files_are_read_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/rule_file");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let (rules, of_rules) = RuleFile::read(&text, Path::new("/r.yml"), "r.yml");
        let (tests, of_tests) = TestFile::read(&text, Path::new("/t.yml"), "t.yml");
        seen += 1;
        match entry.file_name().to_string_lossy().as_ref() {
            "rules" => {
                assert!(of_rules.is_empty(), "{of_rules}");
                assert_eq!(rules.groups[0].rules.len(), 2);
            }
            "tests" => {
                assert!(of_tests.is_empty(), "{of_tests}");
                assert!(!tests.run(&[]).passed());
            }
            "wrong_everywhere" => assert!(of_rules.len() > 8, "{of_rules}"),
            _ => {}
        }
    }
    assert!(seen >= 3);
}

#[test]
fn short_texts_do_not_become_many_values() {
    let series = "  - {series: x, values: '1x900000'}\n".repeat(20);
    let text = format!("tests:\n- input_series:\n{series}");
    let (_, problems) = TestFile::read(&text, Path::new("/t.yml"), "t.yml");
    assert_eq!(problems.len(), 1);
    assert!(problems.to_string().contains("more than 5000000 values"));
}
